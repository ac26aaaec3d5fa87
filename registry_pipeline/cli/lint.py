"""What `registry contracts lint` checks: that all content can be read, compiled, and fits together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from registry_pipeline.content import content_path
from registry_pipeline.contracts.compile import compile_table
from registry_pipeline.contracts.load import load_contracts, load_table
from registry_pipeline.contracts.standard import check_standard
from registry_pipeline.contracts.versions import check_version, released_contracts
from registry_pipeline.contracts.vocabulary import read_vocabulary
from registry_pipeline.deid.guard import load_identifiers
from registry_pipeline.errors import RegistryError
from registry_pipeline.feeds.load import load_feeds
from registry_pipeline.release.mart_contracts import load_mart_contract, load_mart_contracts
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.across import check_across
from registry_pipeline.yaml_source import read_yaml


@dataclass
class LintResult:
    """What was found in order, and what was not."""

    passed: list[str] = field(default_factory=list)
    problems: list[RegistryError] = field(default_factory=list)

    def attempt(self, check: Callable[[], str]) -> None:
        """Run a check that returns what it found in order."""
        try:
            self.passed.append(check())
        except RegistryError as problem:
            self.problems.append(problem)


def lint_content(settings: Settings) -> LintResult:
    """Check vocabularies, table contracts, feeds and mart contracts; one mistake does not hide the next."""
    result = LintResult()
    result.attempt(lambda: _vocabularies(settings))
    result.problems.extend(_broken_contracts(settings))
    if not result.problems:
        # Only whole sets can be judged together; the files' own mistakes are already told.
        result.attempt(lambda: _tables(settings))
        result.attempt(lambda: _version(settings))
        result.attempt(lambda: f"{len(load_mart_contracts(settings))} mart contracts")
        _lint_feeds(settings, result)
    return result


def _broken_contracts(settings: Settings) -> Iterator[RegistryError]:
    readers = (
        (settings.contracts_dir, load_table),
        (content_path("data_contracts/marts"), load_mart_contract),
    )
    for folder, load in readers:
        for file in sorted(folder.glob("*.odcs.yaml")):
            try:
                check_standard(read_yaml(file))
                load(file, settings.vocabulary_path)
            except RegistryError as problem:
                yield problem


def _vocabularies(settings: Settings) -> str:
    names = sorted(path.name for path in content_path("data_contracts/reference").glob("*.csv"))
    for name in names:
        read_vocabulary(settings.vocabulary_path(name))
    load_identifiers(settings.vocabulary_path("deid_patterns.csv"))
    return f"{len(names)} vocabularies"


def _tables(settings: Settings) -> str:
    contracts = load_contracts(settings)
    for table in contracts.tables.values():
        _ = compile_table(table).schema
    check_across(contracts.tables)
    return f"{len(contracts.tables)} table contracts, version {contracts.version}, {len(contracts.rules)} rules"


def _version(settings: Settings) -> str:
    released = released_contracts(settings)
    check_version(released, load_contracts(settings))
    return f"the version fits the changes since {released.version}"


def _lint_feeds(settings: Settings, result: LintResult) -> None:
    try:
        feeds = load_feeds(settings, load_contracts(settings))
    except RegistryError as problem:
        result.problems.append(problem)
        return
    result.passed.append(f"{len(feeds.by_clinic)} feeds")
    result.problems.extend(feeds.problems)
