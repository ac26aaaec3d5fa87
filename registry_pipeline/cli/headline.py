"""The three headline tables that a first look at a release shows, each as SQL over its public marts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry_pipeline.settings import Settings


@dataclass(frozen=True)
class Headline:
    """One table of the first look."""

    title: str
    mart: str
    sql: str


HEADLINES = (
    Headline(
        "Response and remission at week 4, everyone eligible counted (a missing score is a non-response)",
        "marts.response_rates",
        """
select
    instrument,
    definition,
    numerator as "#responders",
    denominator as "#patients",
    round(100 * rate, 1) as "#rate %",
    format('{:.1f} to {:.1f}', 100 * ci_low, 100 * ci_high) as "95 % CI",
    round(100 * coverage, 1) as "#coverage %",
from marts.response_rates
where
    indication = 'all'
    and dimension = 'overall'
    and time_window = 'wk4'
    and estimand = 'nri'
    and definition in ('response', 'remission')
    and instrument in ('phq9', 'madrs', 'gad7', 'pcl5', 'nrs_avg', 'bpi_severity')
    and denominator > 0
order by instrument, definition desc
""",
    ),
    Headline(
        "Adverse events per session, sessions with a complete adverse-event form",
        "marts.adverse_event_frequencies",
        """
select
    ae_term as "event",
    numerator as "#sessions with it",
    denominator::bigint as "#sessions",
    round(100 * rate, 2) as "#rate %",
    format('{:.2f} to {:.2f}', 100 * ci_low, 100 * ci_high) as "95 % CI",
    round(100 * ascertainment_rate, 1) as "#coverage %",
from marts.adverse_event_frequencies
where
    dimension = 'overall'
    and basis = 'session'
    and ascertainment = 'complete'
    and denominator > 0
order by rate desc, ae_term
limit 8
""",
    ),
    Headline(
        "Durability of relief among responders, censored at retreatment",
        "marts.durability_of_relief",
        """
select
    instrument,
    numerator as "#losses of response",
    denominator as "#responders",
    round(100 * rate, 1) as "#lost %",
    landmark_day as "#by day",
    format('{:.1f} to {:.1f}', 100 * ci_low, 100 * ci_high) as "95 % CI",
    median_days as "#median days",
    format('{} to {}', coalesce(median_ci_low::varchar, '?'), coalesce(median_ci_high::varchar, '?')) as "CI of median",
    round(100 * coverage, 1) as "#coverage %",
from marts.durability_of_relief
where
    indication = 'all'
    and dimension = 'overall'
    and estimand = 'censor_at_retreatment'
    and denominator > 0
order by instrument
""",
    ),
)


def print_headlines(settings: Settings) -> None:
    """Print the headline tables of the current release."""
    from registry_pipeline.cli.look import query_release  # noqa: PLC0415 - rich and DuckDB, only for tables
    from registry_pipeline.console import stdout, table  # noqa: PLC0415 - likewise

    for headline in HEADLINES:
        columns, rows = query_release(settings, headline.sql)
        stdout().print(table(f"\n{headline.title} ({headline.mart})", columns, rows))
