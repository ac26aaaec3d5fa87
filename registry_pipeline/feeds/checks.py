"""Whether a feed fits the contracts and itself, told with the line of the YAML before any file is read.

What does not belong here: whether a file fits the feed (mapping), and the form of the YAML (model).
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from registry_pipeline.contracts.load import Contracts
from registry_pipeline.contracts.model import Column, OneOf, TableContract
from registry_pipeline.errors import FeedError
from registry_pipeline.feeds.model import PLACEHOLDER, SYSTEM_COLUMNS, ColumnMapping, Feed, FileFeed, TableMapping
from registry_pipeline.feeds.units import convertible, factor
from registry_pipeline.yaml_source import Location, YamlSource

_NUMERIC = ("DECIMAL", "SMALLINT", "INTEGER")


def check_feed(feed: Feed, contracts: Contracts, yaml: YamlSource) -> None:
    """Hold a feed against the contracts.

    Raises:
        FeedError: At the first mistake, with its line.
    """
    rule = contracts.rules.get("clinic.clinic_type_allowed")
    if rule and isinstance(rule.check, OneOf) and feed.clinic_type not in rule.check.values:
        raise FeedError(
            "The clinic type is not one of the contract's.",
            remedy=f"Use {', '.join(rule.check.values)}.",
            file=yaml.file,
            line=yaml.line(("clinic_type",)),
        )
    for index, entry in enumerate(feed.files):
        here: Location = ("files", index)
        _Place(yaml, here).check_entry(entry)
        for number, mapping in enumerate(entry.tables):
            place = _Place(yaml, (*here, "tables", number))
            _TableCheck(place, mapping, place.contract_of(mapping, contracts), feed.deid_method).run()


@dataclass(frozen=True)
class _Place:
    """A place in the feed's YAML, where mistakes are found."""

    yaml: YamlSource
    here: Location

    def fail(self, message: str, remedy: str, *below: str) -> FeedError:
        return FeedError(message, remedy=remedy, file=self.yaml.file, line=self.yaml.line((*self.here, *below)))

    def check_entry(self, entry: FileFeed) -> None:
        try:
            "".encode(entry.csv.encoding)
        except LookupError as error:
            raise self.fail(
                "The encoding is not known.", "Use a name such as utf-8 or latin-1.", "csv", "encoding"
            ) from error
        for pattern in entry.ignore:
            if pattern and not pattern.strip("*?"):
                raise self.fail(
                    f"`{pattern}` under `ignore` would drop every column silently.", "Name the columns.", "ignore"
                )
        if entry.sequence is not None:
            self._check_sequence(entry.sequence)

    def _check_sequence(self, pattern: str) -> None:
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise self.fail("The sequence is not a regular expression.", "Mend it.", "sequence") from error
        if groups != 1:
            raise self.fail("The sequence needs exactly one group.", r"Write it such as _(\d+)\.csv$.", "sequence")

    def contract_of(self, mapping: TableMapping, contracts: Contracts) -> TableContract:
        contract = contracts.tables.get(mapping.table)
        if contract is None or not contract.is_delivered:
            names = ", ".join(sorted(name for name, table in contracts.tables.items() if table.is_delivered))
            raise self.fail(f"`{mapping.table}` is not a table that clinics send.", f"Use {names}.", "table")
        return contract


@dataclass(frozen=True)
class _TableCheck:
    """Checks one table of one entry."""

    place: _Place
    mapping: TableMapping
    contract: TableContract
    deid_method: str

    def run(self) -> None:
        for name, column in self.mapping.columns.items():
            self._check_column(name, column)
        self._check_lookup()
        self._check_unpivot()
        self._check_dates_stay()

    def _target(self, name: str, *below: str) -> Column | None:
        column = self.contract.column(name)
        if column is None and name not in SYSTEM_COLUMNS:
            raise self.place.fail(
                f"The table {self.contract.name} has no column `{name}`.", "Use one of the contract's columns.", *below
            )
        return column

    def _check_column(self, name: str, column: ColumnMapping) -> None:
        below = ("columns", name)
        target = self._target(name, *below)
        if column.template is not None:
            self._check_template(column.template, *below)
        computed = [word for word in ("minus", "unit", "sum_of", "count_of") if getattr(column, word) is not None]
        if computed and (target is None or not target.physical_type.startswith(_NUMERIC)):
            raise self.place.fail(
                f"`{computed[0]}` gives a number, and {name} is none.", f"Leave `{computed[0]}` out.", *below
            )
        if target is not None and column.unit is not None:
            self._check_unit(target, column, *below)
        elif column.weight is not None:
            raise self.place.fail("`weight` needs `unit: mg/kg`.", "Say the unit, or leave `weight` out.", *below)
        if column.dates is not None:
            self._check_dates(column.dates, target, *below)

    def _check_template(self, template: str, *below: str) -> None:
        if not PLACEHOLDER.search(template):
            raise self.place.fail("The template names no column.", "Write `{column}` in it, or use `constant`.", *below)
        if "{" in (rest := PLACEHOLDER.sub("", template)) or "}" in rest:
            raise self.place.fail("The template has a brace that stands alone.", "Write `{column}`.", *below)

    def _check_unit(self, target: Column, column: ColumnMapping, *below: str) -> None:
        found = factor(str(column.unit), target.unit)
        if found is None:
            into = f"into {target.unit}, the unit of {target.name}" if target.unit else f"for {target.name}"
            known = ", ".join(convertible(target.unit))
            raise self.place.fail(
                f"There is no conversion of `{column.unit}` {into}.",
                f"Use {known}, or send {target.unit} and leave `unit` out." if known else "Leave `unit` out.",
                *below,
            )
        if found.needs_weight != (column.weight is not None):
            raise self.place.fail(
                "A dose per kg needs the patient's weight." if found.needs_weight else "`weight` has no use here.",
                "Name its column, in kg, under `weight`." if found.needs_weight else "Leave `weight` out.",
                *below,
            )

    def _check_dates(self, written: str, target: Column | None, *below: str) -> None:
        if self.deid_method != "expert_determination":
            raise self.place.fail(
                "A feed under safe_harbor must not take calendar dates, not even to count days.",
                "Let the clinic send days since the first session, or declare expert_determination.",
                *below,
            )
        if target is None or target.unit != "day":
            raise self.place.fail("Dates become days, and this column holds none.", "Leave `dates` out.", *below)
        example = datetime(2001, 12, 31, tzinfo=UTC)
        try:
            is_date = datetime.strptime(example.strftime(written), written).date() == example.date()  # noqa: DTZ007
        except ValueError:
            is_date = False
        if not is_date:
            raise self.place.fail(
                "`dates` does not say how a day, a month and a year are written.",
                'Write it such as "%Y-%m-%d" or "%d.%m.%Y".',
                *below,
            )

    def _check_lookup(self) -> None:
        for source, words in self.mapping.lookup.items():
            if not words:
                raise self.place.fail("The lookup has no words.", "List them.", "lookup", source)
            first = next(iter(words.values()))
            for word, constants in words.items():
                if set(constants) != set(first):
                    raise self.place.fail(
                        "Every word of a lookup must set the same columns.",
                        f'Set {", ".join(first)}; "" leaves one empty.',
                        *("lookup", source, word),
                    )
            self._check_set_names(set(first), "lookup", source)
        setters = [set(next(iter(words.values()))) for words in self.mapping.lookup.values()]
        setters += [self.mapping.unpivot.sets] if self.mapping.unpivot else []
        setters.append(set(self.mapping.columns))
        seen: set[str] = set()
        for names in setters:
            if both := sorted(names & seen):
                raise self.place.fail(f"`{both[0]}` is set twice.", "Keep one of the two.")
            seen |= names

    def _check_unpivot(self) -> None:
        unpivot = self.mapping.unpivot
        if unpivot is None:
            return
        self._target(unpivot.into, "unpivot", "into")
        self._check_set_names(unpivot.sets, "unpivot", "columns")

    def _check_set_names(self, names: set[str], *below: str) -> None:
        used = set().union(*(column.sources for column in self.mapping.columns.values())) | set(self.mapping.lookup)
        for name in sorted(names - used):
            if self.contract.column(name) is None:
                raise self.place.fail(
                    f"`{name}` is no column of {self.contract.name}, and nothing here uses it.",
                    "Use one of the contract's columns, or name it in a template.",
                    *below,
                )

    def _check_dates_stay(self) -> None:
        dated = self.mapping.date_columns
        others = [column.sources for column in self.mapping.columns.values() if column.dates is None]
        unpivoted = set(self.mapping.unpivot.columns) if self.mapping.unpivot else set()
        used = set().union(*others, self.mapping.where, self.mapping.lookup, unpivoted)
        names = {column.name for column in self.contract.columns} - set(self.mapping.columns) - self.mapping.sets
        if leaking := sorted(dated & (used | names | self.mapping.sets)):
            raise self.place.fail(
                f"`{leaking[0]}` holds calendar dates and is used for something else as well.",
                "A date may only be counted in days; give each such column of the contract a source of its own.",
            )
