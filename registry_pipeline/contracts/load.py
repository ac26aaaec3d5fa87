"""The table contracts, read from ODCS YAML. A rule that cannot be understood is an error here, never a skip."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, cast, get_args

from registry_pipeline.content import reference_path
from registry_pipeline.contracts.checks import parse_check
from registry_pipeline.contracts.compile import CompiledTable, compile_table
from registry_pipeline.contracts.model import (
    PHYSICAL_TYPE,
    Across,
    Column,
    Dimension,
    ForeignKey,
    Layer,
    Origin,
    Required,
    Rule,
    Severity,
    Source,
    TableContract,
    TypeCheck,
    type_in_words,
)
from registry_pipeline.contracts.vocabulary import VocabularyPath
from registry_pipeline.errors import ContractError
from registry_pipeline.settings import Settings
from registry_pipeline.yaml_source import Location, YamlSource, read_yaml

_KAHN: dict[str, Dimension] = {
    "conformity": "conformance",
    "completeness": "completeness",
    "accuracy": "plausibility",
    "consistency": "plausibility",
    "uniqueness": "plausibility",
}
"""ODCS's words for dimensions, in those of Kahn's framework."""

_SEMVER = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True)
class Contracts:
    """The set of table contracts in force."""

    tables: dict[str, TableContract]
    version: str
    digest: str
    """SHA-256 of the bytes of the contract files and of the vocabularies they use."""

    @property
    def fingerprint(self) -> str:
        """Return what changes when any contract or vocabulary changes."""
        return self.digest

    @cached_property
    def compiled(self) -> dict[str, CompiledTable]:
        """Return what judges the rows of each table."""
        return {name: compile_table(table) for name, table in self.tables.items()}

    @cached_property
    def rules(self) -> dict[str, Rule]:
        """Return every rule by its id, those of the warehouse too; what follows from pointers is not among them."""
        return {rule.id: rule for table in self.tables.values() for rule in table.rules}

    @cached_property
    def cross_table_sentences(self) -> dict[str, str]:
        """Return the sentence of every rule that the warehouse judges, by its id: pointers, then other rules."""
        tables = self.tables.values()
        pointers = {key.rule_id: key.sentence for table in tables for key in table.foreign_keys}
        return pointers | {rule.id: rule.sentence for table in tables for rule in table.cross_table_rules}


def load_contracts(settings: Settings) -> Contracts:
    """Read every `*.odcs.yaml` of the contracts folder in force.

    Raises:
        ContractError: If a contract cannot be read or compiled, naming file and line; if the versions differ.
    """
    files = sorted(settings.contracts_dir.glob("*.odcs.yaml"))
    if not files:
        raise ContractError(
            "There are no table contracts.", remedy="Point REGISTRY_CONTRACTS at them.", file=settings.contracts_dir
        )
    return _load(tuple(files), settings.reference, _digest(files, settings))


# Every stage of a night asks for the contracts, and to try all of their rules each time would take seconds.
@lru_cache(maxsize=8)
def _load(files: tuple[Path, ...], reference: Path | None, digest: str) -> Contracts:
    tables = [load_table(file, partial(reference_path, reference)) for file in files]
    for table, file in zip(tables, files, strict=True):
        if table.version != tables[0].version:
            raise ContractError(
                f"Version {table.version} differs from {tables[0].version} of {files[0].name}.",
                remedy="The table contracts share one version: raise it in all of them.",
                file=file,
            )
    contracts = Contracts({table.name: table for table in tables}, tables[0].version, digest)
    _ = contracts.compiled
    _check_parents(contracts.tables, files[0].parent)
    return contracts


def _digest(files: list[Path], settings: Settings) -> str:
    digest = hashlib.sha256()
    names = {path.name for path in settings.vocabulary_path("instruments.csv").parent.glob("*.csv")}
    # Synonyms only help to draft a feed; they judge nothing.
    names = {name for name in names if not name.endswith("_synonyms.csv")}
    for path in [*files, *(settings.vocabulary_path(name) for name in sorted(names))]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _check_parents(tables: dict[str, TableContract], folder: Path) -> None:
    for table in tables.values():
        for key in table.foreign_keys:
            parent = tables.get(key.parent_table)
            if parent is None or parent.column(key.parent_column) is None:
                raise ContractError(
                    f"{key.rule_id} points to {key.parent_table}.{key.parent_column}, which does not exist.",
                    remedy="Mend the relationship.",
                    file=folder / f"{table.name}.odcs.yaml",
                )


def load_table(file: Path, vocabulary_path: VocabularyPath) -> TableContract:
    """Read one contract file.

    Raises:
        ContractError: If it is not a valid contract, naming the line.
    """
    yaml = read_yaml(file)
    reader = _Reader(yaml, vocabulary_path)
    try:
        return reader.table()
    except (KeyError, TypeError, IndexError) as error:
        raise ContractError(
            f"The contract lacks {error}.", remedy="Compare it with another contract.", file=file, line=1
        ) from error


class _Reader:
    """Reads one contract, keeping the line of what it reads."""

    def __init__(self, yaml: YamlSource, vocabulary_path: VocabularyPath) -> None:
        self.yaml = yaml
        self.vocabulary_path = vocabulary_path
        self.name = str(yaml.data["schema"][0]["name"])

    def fail(self, message: str, location: Location, remedy: str = "Mend the line.") -> ContractError:
        return ContractError(message, remedy=remedy, file=self.yaml.file, line=self.yaml.line(location))

    def table(self) -> TableContract:
        data = self.yaml.data
        schema = data["schema"][0]
        if not _SEMVER.fullmatch(str(data["version"])):
            raise self.fail("The version must be semantic, such as 1.2.0.", ("version",))
        columns = [self.column(index, prop) for index, prop in enumerate(schema["properties"])]
        rules = list(self.rules(schema))
        self.check_unique(rules)
        names = {column.name for column in columns}
        if len(names) != len(columns):
            raise self.fail("A column is listed twice.", ("schema", 0, "properties"))
        return TableContract(
            name=self.name,
            version=str(data["version"]),
            description=str(schema["description"]).strip(),
            columns=tuple(columns),
            rules=tuple(rules),
            foreign_keys=tuple(self.foreign_keys(schema)),
            origin=self.origin(schema),
            quality_thresholds=self.quality_thresholds(schema),
        )

    def origin(self, schema: dict[str, Any]) -> Origin:
        origin, here = self.custom(schema, "origin")
        if origin is not None and origin not in get_args(Origin):
            raise self.fail(f"`origin` must be one of {', '.join(get_args(Origin))}.", here)
        return cast("Origin", origin or "clinic")

    def quality_thresholds(self, schema: dict[str, Any]) -> dict[Dimension, Decimal]:
        shares, here = self.custom(schema, "quality_threshold")
        for dimension, share in (shares or {}).items():
            if dimension not in get_args(Dimension) or not isinstance(share, int | float) or not 0 <= share <= 1:
                raise self.fail(f"A threshold is a share from 0 to 1 for {', '.join(get_args(Dimension))}.", here)
        return {dimension: Decimal(str(share)) for dimension, share in (shares or {}).items()}

    def custom(self, schema: dict[str, Any], name: str) -> tuple[Any, Location]:
        """Return a custom property of the table, or None, and where it stands."""
        for index, item in enumerate(schema.get("customProperties", [])):
            if item["property"] == name:
                return item["value"], ("schema", 0, "customProperties", index)
        return None, ("schema", 0)

    def check_unique(self, rules: list[Rule]) -> None:
        seen: dict[str, Rule] = {}
        for rule in rules:
            if rule.id in seen:
                raise ContractError(
                    f"The rule id `{rule.id}` is used twice.",
                    remedy="Give each rule its own id.",
                    file=rule.source.file,
                    line=rule.source.line,
                )
            seen[rule.id] = rule

    def column(self, index: int, prop: dict[str, Any]) -> Column:
        here: Location = ("schema", 0, "properties", index)
        physical_type = str(prop.get("physicalType", ""))
        if not PHYSICAL_TYPE.fullmatch(physical_type):
            raise self.fail(
                f"`{physical_type}` is not a type of the registry.",
                (*here, "physicalType"),
                "Use VARCHAR, SMALLINT, INTEGER, BOOLEAN or DECIMAL(p,s).",
            )
        layer = str(prop.get("classification"))
        if layer not in get_args(Layer):
            raise self.fail("`classification` must be shared, restricted or internal.", (*here, "classification"))
        custom = {item["property"]: item["value"] for item in prop.get("customProperties", [])}
        return Column(
            name=str(prop["name"]),
            physical_type=physical_type,
            description=str(prop["description"]).strip(),
            layer=cast("Layer", layer),
            is_key=bool(prop.get("primaryKey", False)),
            is_required=bool(prop.get("required", False)),
            unit=custom.get("unit"),
            example=next((str(example) for example in prop.get("examples", [])), None),
        )

    def rules(self, schema: dict[str, Any]) -> Iterator[Rule]:
        for index, prop in enumerate(schema["properties"]):
            here: Location = ("schema", 0, "properties", index)
            yield from self.implicit_rules(prop, Source(self.yaml.file, self.yaml.line(here)))
            for number, quality in enumerate(prop.get("quality", [])):
                yield self.rule(quality, str(prop["name"]), (*here, "quality", number))
        for number, quality in enumerate(schema.get("quality", [])):
            yield self.rule(quality, None, ("schema", 0, "quality", number))

    def implicit_rules(self, prop: dict[str, Any], source: Source) -> Iterator[Rule]:
        name, physical_type = str(prop["name"]), str(prop.get("physicalType"))
        if physical_type != "VARCHAR":
            yield Rule(
                id=f"{self.name}.{name}_type",
                table=self.name,
                column=name,
                severity="reject",
                dimension="conformance",
                sentence=f"{name} must be {type_in_words(physical_type)}.",
                check=TypeCheck(),
                source=source,
            )
        if prop.get("required", False):
            yield Rule(
                id=f"{self.name}.{name}_required",
                table=self.name,
                column=name,
                severity="reject",
                dimension="completeness",
                sentence=f"{name} must not be empty.",
                check=Required(),
                source=source,
            )

    def rule(self, quality: dict[str, Any], column: str | None, here: Location) -> Rule:
        source = Source(self.yaml.file, self.yaml.line(here))
        if quality.get("type") != "custom" or quality.get("engine") != "registry":
            raise self.fail(
                "Only rules of type custom, engine registry, can be compiled.",
                here,
                "Write it as a check of the registry, or delete it.",
            )
        if quality.get("severity") not in get_args(Severity):
            raise self.fail("`severity` must be reject or warn.", (*here, "severity"))
        if quality.get("dimension") not in _KAHN:
            raise self.fail(f"`dimension` must be one of {', '.join(_KAHN)}.", (*here, "dimension"))
        for field in ("id", "description"):
            if not quality.get(field):
                raise self.fail(f"The rule lacks `{field}`.", here)
        check = parse_check(quality.get("implementation"), source, self.vocabulary_path)
        if isinstance(check, Across) and column is None:
            raise self.fail("A rule across tables needs a column.", here, "Write it under the column that it judges.")
        return Rule(
            id=f"{self.name}.{quality['id']}",
            table=self.name,
            column=column,
            severity=quality["severity"],
            dimension=_KAHN[quality["dimension"]],
            sentence=str(quality["description"]).strip(),
            check=check,
            source=source,
        )

    def foreign_keys(self, schema: dict[str, Any]) -> Iterator[ForeignKey]:
        for index, prop in enumerate(schema["properties"]):
            for number, relationship in enumerate(prop.get("relationships", [])):
                table, dot, column = str(relationship.get("to", "")).partition(".")
                if not dot:
                    here: Location = ("schema", 0, "properties", index, "relationships", number)
                    raise self.fail("`to` must be written table.column.", here)
                name = str(prop["name"])
                yield ForeignKey(
                    rule_id=f"{self.name}.{name}_orphan",
                    column=name,
                    parent_table=table,
                    parent_column=column,
                    sentence=f"{name} must name a {table} that the clinic has sent and that was accepted.",
                )
