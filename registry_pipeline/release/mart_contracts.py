"""The mart contracts: what analysts may rely on, and the disclosure role of every column.

What belongs here: reading `data_contracts/marts/*.odcs.yaml` into dataclasses. What does not: applying them
(`disclosure.py`, `gate.py`, `dictionary.py`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from registry_pipeline.content import content_path
from registry_pipeline.contracts.checks import parse_check
from registry_pipeline.contracts.model import (
    Check,
    Compare,
    Expression,
    MaxLength,
    OneOf,
    Pattern,
    Range,
    Severity,
    Source,
)
from registry_pipeline.contracts.vocabulary import VocabularyPath
from registry_pipeline.errors import ContractError
from registry_pipeline.settings import Settings
from registry_pipeline.yaml_source import Location, YamlSource, read_yaml

Role = Literal["key", "count", "measure", "flag"]
"""key: names the cell. count: people or events, hidden when small. measure: derived from counts. flag: always shown."""

MartCheck = Range | OneOf | Pattern | MaxLength | Compare | Expression
"""The checks that a mart may use; the others need a clinic's delivery around them."""

SUPPRESSION_FLAGS = ("is_suppressed", "suppression_reason")
"""Every mart carries them; disclosure control writes them."""

_CUSTOM: Location = ("schema", 0, "customProperties")
_NUMERIC = re.compile(r"TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT|FLOAT|DOUBLE|DECIMAL\(\d+,\s*\d+\)")
_OTHER = re.compile(r"VARCHAR|BOOLEAN|DATE|TIMESTAMP")


@dataclass(frozen=True)
class MartColumn:
    """A column of a public mart."""

    name: str
    physical_type: str
    description: str
    role: Role
    is_required: bool = False
    rounding: float | None = None
    """What the public figure is a multiple of: a count is rounded down to it, a measure to the nearest."""

    @property
    def is_numeric(self) -> bool:
        """Tell whether the column holds numbers."""
        return _NUMERIC.fullmatch(self.physical_type) is not None


@dataclass(frozen=True)
class MartRule:
    """One thing that every row of a mart must fulfil."""

    id: str
    """`<mart>.<name>`, such as `response_rates.rate_range`."""
    column: str | None
    severity: Severity
    """`reject` blocks the release, `warn` does not."""
    sentence: str
    check: MartCheck


@dataclass(frozen=True)
class Nested:
    """Two rows that differ in one key, where the patients of the one are among those of the other."""

    key: str
    firm: str
    """The key's value in the row that stays when the difference of the two is small."""
    yielding: str
    """Its value in the row that is hidden then."""
    count: str


@dataclass(frozen=True)
class MartContract:
    """What analysts may rely on in one mart, and what of it may be shown."""

    name: str
    version: str
    description: str
    columns: tuple[MartColumn, ...]
    grain: tuple[str, ...]
    complements: tuple[tuple[str, str], ...]
    """(whole, part): the difference of the two is a cell too."""
    nested: tuple[Nested, ...]
    """So is the difference of two rows of which one's patients are among the other's."""
    drawn_from: str | None
    """The mart of which each row puts two rows side by side: those of `level` and of `reference_level`."""
    pooled_from: str | None
    """The mart whose clinics it pools; in a release only those that are shown, and the others as one."""
    rules: tuple[MartRule, ...]
    file: Path

    @property
    def column_names(self) -> tuple[str, ...]:
        """Return the columns in their order."""
        return tuple(column.name for column in self.columns)

    def with_role(self, *roles: Role) -> tuple[str, ...]:
        """Return the columns that have one of `roles`, in their order."""
        return tuple(column.name for column in self.columns if column.role in roles)


def load_mart_contracts(settings: Settings, folder: Path | None = None) -> dict[str, MartContract]:
    """Read every mart contract, by the mart's name.

    Args:
        settings: Says where reference vocabularies lie.
        folder: Where the contracts lie; the shipped ones when None.

    Raises:
        ContractError: If a contract cannot be read or compiled, or leaves the role of a column open.
    """
    folder = folder or content_path("data_contracts/marts")
    files = sorted(folder.glob("*.odcs.yaml"))
    if not files:
        raise ContractError("There are no mart contracts.", remedy="Restore data_contracts/marts.", file=folder)
    contracts = [load_mart_contract(file, settings.vocabulary_path) for file in files]
    return {contract.name: contract for contract in contracts}


def load_mart_contract(file: Path, vocabulary_path: VocabularyPath) -> MartContract:
    """Read one mart contract.

    Raises:
        ContractError: If it is not a valid mart contract, naming the line.
    """
    try:
        return _Reader(read_yaml(file), vocabulary_path).mart()
    except (KeyError, TypeError, IndexError) as error:
        raise ContractError(
            f"The mart contract lacks {error}.", remedy="Compare it with another mart contract.", file=file, line=1
        ) from error


class _Reader:
    """Reads one contract, keeping the line of what it reads."""

    def __init__(self, yaml: YamlSource, vocabulary_path: VocabularyPath) -> None:
        self.yaml = yaml
        self.vocabulary_path = vocabulary_path
        self.schema: dict[str, Any] = yaml.data["schema"][0]
        self.name = str(self.schema["name"])

    def fail(self, message: str, location: Location, remedy: str = "Mend the line.") -> ContractError:
        return ContractError(message, remedy=remedy, file=self.yaml.file, line=self.yaml.line(location))

    def mart(self) -> MartContract:
        columns = tuple(self.column(index, prop) for index, prop in enumerate(self.schema["properties"]))
        custom = _custom(self.schema)
        contract = MartContract(
            name=self.name,
            version=str(self.yaml.data["version"]),
            description=_text(self.schema["description"]),
            columns=columns,
            grain=tuple(custom["grain"]),
            complements=tuple((str(whole), str(part)) for whole, part in self.pairs(custom.get("complements"))),
            nested=tuple(self.nested(custom)),
            drawn_from=custom.get("drawn_from"),
            pooled_from=custom.get("pooled_from"),
            rules=tuple(self.rules()),
            file=self.yaml.file,
        )
        self.check_names(contract)
        return contract

    def pairs(self, pairs: Any) -> list[list[str]]:
        pairs = pairs or []
        if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):  # noqa: PLR2004 - a pair is two
            raise self.fail("Complements and nested rows must be lists of pairs.", _CUSTOM)
        return cast("list[list[str]]", pairs)

    def nested(self, custom: dict[str, Any]) -> Iterator[Nested]:
        for group in custom.get("nested") or []:
            for firm, yielding in self.pairs(group["pairs"]):
                for count in group["counts"]:
                    yield Nested(str(group["key"]), str(firm), str(yielding), str(count))

    def column(self, index: int, prop: dict[str, Any]) -> MartColumn:
        here: Location = ("schema", 0, "properties", index)
        name, physical_type = str(prop["name"]), str(prop.get("physicalType", "")).upper()
        is_numeric = _NUMERIC.fullmatch(physical_type) is not None
        if not is_numeric and not _OTHER.fullmatch(physical_type):
            raise self.fail(f"`{physical_type}` is not a type a mart may have.", (*here, "physicalType"))
        custom = _custom(prop)
        role = custom.get("disclosure")
        if role not in get_args(Role):
            kind = "numeric column" if is_numeric else "column"
            raise self.fail(
                f"The {kind} `{name}` has no disclosure role.",
                here,
                "Give it the custom property `disclosure`: key, count, measure or flag.",
            )
        if is_numeric and role == "flag":
            raise self.fail(
                f"The numeric column `{name}` is declared a flag, which stays visible in a hidden row.",
                here,
                "Declare it a count or a measure.",
            )
        return MartColumn(
            name=name,
            physical_type=physical_type,
            description=_text(prop["description"]),
            role=cast("Role", role),
            is_required=bool(prop.get("required", False)),
            rounding=float(custom["rounding"]) if "rounding" in custom else None,
        )

    def rules(self) -> Iterator[MartRule]:
        for index, prop in enumerate(self.schema["properties"]):
            for number, quality in enumerate(prop.get("quality", [])):
                yield self.rule(quality, str(prop["name"]), ("schema", 0, "properties", index, "quality", number))
        for number, quality in enumerate(self.schema.get("quality", [])):
            yield self.rule(quality, None, ("schema", 0, "quality", number))

    def rule(self, quality: dict[str, Any], column: str | None, here: Location) -> MartRule:
        if quality.get("severity") not in get_args(Severity):
            raise self.fail("`severity` must be reject or warn.", (*here, "severity"))
        source = Source(self.yaml.file, self.yaml.line(here))
        check: Check = parse_check(quality.get("implementation"), source, self.vocabulary_path)
        if not isinstance(check, MartCheck):
            raise self.fail(f"The check of `{quality['id']}` cannot be used in a mart.", here, "Use another check.")
        if column is None and not isinstance(check, Compare | Expression):
            raise self.fail(f"The check of `{quality['id']}` needs a column.", here, "Move it to its column.")
        return MartRule(
            id=f"{self.name}.{quality['id']}",
            column=column,
            severity=cast("Severity", quality["severity"]),
            sentence=_text(quality["description"]),
            check=check,
        )

    def check_names(self, contract: MartContract) -> None:
        properties: Location = ("schema", 0, "properties")
        names = contract.column_names
        if len(set(names)) != len(names):
            raise self.fail("A column is listed twice.", properties)
        if missing := sorted(set(SUPPRESSION_FLAGS) - set(contract.with_role("flag"))):
            raise self.fail(f"The mart lacks the flag `{missing[0]}`.", properties, "Every mart carries it.")
        if not contract.grain or set(contract.grain) != set(contract.with_role("key")):
            raise self.fail(
                "The grain and the columns with the role key differ.",
                _CUSTOM,
                "List the same columns in both.",
            )
        counts = contract.with_role("count")
        nested = [one.count for one in contract.nested]
        for column in (*(column for pair in contract.complements for column in pair), *nested):
            if column not in counts:
                raise self.fail(f"`{column}` in complements or nested is not a count.", _CUSTOM)
        for one in contract.nested:
            if one.key not in contract.grain:
                raise self.fail(f"`{one.key}` in nested is not a key.", _CUSTOM)
        if contract.drawn_from and (missing := sorted({"dimension", "level", "reference_level"} - set(names))):
            raise self.fail(f"A mart that is drawn from another needs `{missing[0]}`.", _CUSTOM)
        self.check_rules(contract)

    def check_rules(self, contract: MartContract) -> None:
        ids = [rule.id for rule in contract.rules]
        if len(set(ids)) != len(ids):
            raise self.fail("Two rules share an id.", ("schema", 0), "Give each rule its own id.")
        for rule in contract.rules:
            compared = (rule.check.left, rule.check.right) if isinstance(rule.check, Compare) else ()
            for column in compared:
                if column not in contract.column_names:
                    raise self.fail(f"`{rule.id}` names `{column}`, which the mart has not.", ("schema", 0, "quality"))


def _custom(node: dict[str, Any]) -> dict[str, Any]:
    return {str(item["property"]): item["value"] for item in node.get("customProperties") or []}


def _text(value: Any) -> str:
    return " ".join(str(value).split())
