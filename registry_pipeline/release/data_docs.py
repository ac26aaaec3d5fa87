"""The Data Docs of a release: what Great Expectations checked on each mart and what it found, as one static page.

What belongs here: the page. What does not: the checks (`gate.py`). The page is written from what the gate returned, so
nothing is validated twice, and the gate returns no values, so there is none to leak (docs/adr/0014-data-docs.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import polars as pl
from jinja2 import Environment, StrictUndefined

from registry_pipeline.lake.atomic import write_text
from registry_pipeline.release.gate import GateCheck, GateFinding, checks_of
from registry_pipeline.release.mart_contracts import MartContract

PAGE = "data_docs/index.html"


@dataclass(frozen=True)
class Outcome:
    """What became of one check."""

    check: GateCheck
    n_failing: int
    """Rows of the mart on which it does not hold."""


@dataclass(frozen=True)
class MartDocs:
    """What the page says of one mart."""

    contract: MartContract
    n_rows: int
    n_hidden: int
    outcomes: tuple[Outcome, ...]

    @property
    def n_failing(self) -> int:
        """Return how many checks do not hold."""
        return sum(outcome.n_failing > 0 for outcome in self.outcomes)


def write_data_docs(
    staged: Path,
    contracts: Mapping[str, MartContract],
    shown: Mapping[str, pl.DataFrame],
    findings: Sequence[GateFinding],
) -> None:
    """Write `data_docs/index.html` into the folder of a release that has passed the gate.

    Args:
        staged: The folder of the release.
        contracts: Of the marts.
        shown: The marts as published; only their rows and hidden rows are counted.
        findings: What the gate returned for them. It evaluates every check of every contract, so what is not among
            the findings holds.

    Raises:
        StorageError: If the page cannot be written.
    """
    write_text(staged / PAGE, render_data_docs(list(_marts(contracts, shown, findings))))


def render_data_docs(marts: Sequence[MartDocs]) -> str:
    """Return the page, which needs nothing but itself: no script, no font, no network."""
    template = files(__package__).joinpath("data_docs.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(
        marts=marts, n_checks=sum(len(mart.outcomes) for mart in marts), n_failing=sum(mart.n_failing for mart in marts)
    )


def _marts(
    contracts: Mapping[str, MartContract], shown: Mapping[str, pl.DataFrame], findings: Sequence[GateFinding]
) -> Iterator[MartDocs]:
    n_failing = {finding.check: finding.n_rows for finding in findings}
    for name in sorted(shown):
        contract, frame = contracts[name], shown[name]
        outcomes = tuple(Outcome(check, n_failing.get(check.id, 0)) for check in checks_of(contract))
        yield MartDocs(contract, frame.height, int(frame["is_suppressed"].sum()), outcomes)
