"""A small public database with invented numbers, for the examples of docs/analyst.

Disclosure control, dictionary, definitions, caveats and views are the real ones; only the marts are made up. Marts that
no example reads are empty.
"""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl

from registry_pipeline.release.dictionary import mart_doc, write_dictionary
from registry_pipeline.release.disclosure import suppress
from registry_pipeline.release.export import write_exports
from registry_pipeline.release.guide import insert_guide
from registry_pipeline.release.mart_contracts import MartContract, load_mart_contracts
from registry_pipeline.release.meta import RELEASES
from registry_pipeline.settings import Settings
from registry_pipeline.statistics.funnel import binomial_limits, spread
from registry_pipeline.statistics.rates import normal_quantile, wilson

Row = dict[str, Any]

_OVERALL = {"dimension": "overall", "level": "all"}
_POLARS = {"VARCHAR": pl.String, "BOOLEAN": pl.Boolean, "BIGINT": pl.Int64, "INTEGER": pl.Int32, "DOUBLE": pl.Float64}


def write_example(release: Path) -> None:
    """Write `registry.duckdb` and the exported marts into the folder `release`."""
    contracts = load_mart_contracts(Settings())
    marts = example_marts(contracts)
    write_exports(release, marts, contracts, "20260102-0123456789")
    with duckdb.connect(str(release / "registry.duckdb")) as connection:
        connection.execute("create schema marts")
        connection.execute("create schema meta")
        docs = [mart_doc(contract) for contract in contracts.values()]
        for doc in docs:
            connection.execute(doc.ddl)
        for name, frame in marts.items():
            connection.register("shown", frame.to_arrow())
            connection.execute(f"insert into marts.{name} select * from shown")
            connection.unregister("shown")
        connection.execute(RELEASES.ddl)
        connection.execute(
            f"insert into {RELEASES.address} values "
            "('20260102-0123456789', '2026-01-02 03:00:00', '0123456789', '2.0.0', '0.1.0', 24, 8, 1210, null)"
        )
        write_dictionary(connection, [*docs, RELEASES, *insert_guide(connection, contracts)])


def example_marts(contracts: dict[str, MartContract]) -> dict[str, pl.DataFrame]:
    """Return every mart as it would be shown; a column that the example has no number for is empty."""
    rows = {
        "response_rates": _response_rates(),
        "score_change": _score_change(),
        "adverse_event_frequencies": _adverse_events(),
        "durability_of_relief": _durability(),
        "clinic_funnel": _clinics(),
        "follow_up_coverage": _follow_up(),
    }
    return {name: _shown(rows.get(name, []), contract) for name, contract in contracts.items()}


def _shown(rows: list[Row], contract: MartContract) -> pl.DataFrame:
    schema = {column.name: _POLARS[column.physical_type] for column in contract.columns}
    flags = {"is_suppressed": False, "suppression_reason": None}
    data = [{**dict.fromkeys(schema), **flags, **row} for row in rows]
    return suppress(pl.DataFrame(data, schema=schema), contract, small_cell=10)


def _rated(numerator: int, denominator: int) -> Row:
    low, high = wilson(numerator, denominator)
    return {
        "numerator": numerator,
        "denominator": denominator,
        "rate": numerator / denominator,
        "ci_low": float(low),
        "ci_high": float(high),
        "ci_method": "wilson",
    }


def _response_rates() -> list[Row]:
    # indication, instrument, window, definition, eligible, observed, of whom meet the definition
    cells = (
        ("trd", "phq9", "wk4", "response", 640, 448, 262),
        ("trd", "phq9", "wk12", "response", 552, 318, 165),
        ("trd", "phq9", "wk4", "remission", 640, 448, 138),
        ("trd", "madrs", "wk4", "response", 88, 61, 33),
        ("neuropathic_other", "nrs_avg", "wk4", "response", 310, 204, 92),
        ("neuropathic_other", "nrs_avg", "wk12", "response", 268, 139, 44),
        ("crps1", "nrs_avg", "wk4", "response", 41, 30, 9),
    )
    return [
        {
            "indication": indication,
            "instrument": instrument,
            "time_window": window,
            "definition": definition,
            "estimand": estimand,
            **_OVERALL,
            **_rated(n, n_observed if estimand == "observed" else n_eligible),
            "n_eligible": n_eligible,
            "n_observed": n_observed,
            "coverage": n_observed / n_eligible,
        }
        for indication, instrument, window, definition, n_eligible, n_observed, n in cells
        for estimand in ("nri", "observed")
    ]


def _score_change() -> list[Row]:
    # window, eligible, observed, mean and deviation of the change
    cells = (("wk1", 655, 540, -5.1, 5.2), ("wk4", 640, 448, -7.9, 6.1), ("wk12", 552, 318, -7.2, 6.6))
    return [
        {
            "indication": "all",
            "instrument": "phq9",
            "time_window": window,
            **_OVERALL,
            "n_eligible": n_eligible,
            "n_observed": n_observed,
            "coverage": n_observed / n_eligible,
            "baseline_mean": 17.4,
            "score_mean": 17.4 + change,
            "change_mean": change,
            "change_sd": deviation,
            "ci_low": change - 1.96 * deviation / n_observed**0.5,
            "ci_high": change + 1.96 * deviation / n_observed**0.5,
            "ci_method": "t",
        }
        for window, n_eligible, n_observed, change, deviation in cells
    ]


def _adverse_events() -> list[Row]:
    # term, sessions and patients with it, of 7,420 sessions of 1,184 patients
    terms = (
        ("any", 4610, 1022),
        ("dissociation", 3120, 884),
        ("dizziness", 1405, 531),
        ("nausea", 985, 402),
        ("headache", 611, 318),
        ("vomiting", 288, 151),
        ("anxiety", 214, 133),
        ("hypertension", 97, 61),
        ("cystitis", 7, 6),
        ("laryngospasm", 0, 0),
        ("seizure", 0, 0),
    )
    sessions, patients = 7420, 1184
    return [
        {
            "ae_term": term,
            "basis": basis,
            "ascertainment": "complete",
            **_OVERALL,
            **_rated(n, total),
            "zero_upper": 1 - 0.05 ** (1 / patients) if n == 0 else None,
            "n_patients": patients,
            "n_patients_with": n_patients,
            "ascertainment_rate": 0.81,
            "is_ascertainment_low": False,
        }
        for term, n_sessions, n_patients in terms
        for basis, n, total in (("session", n_sessions, sessions), ("patient", n_patients, patients))
    ]


def _durability() -> list[Row]:
    # indication, instrument, treated, assessed, responders, lost, median, survival on days 28, 56, 84
    cells = (
        ("trd", "phq9", 655, 560, 318, 141, 98, 0.83, 0.66, 0.55),
        ("neuropathic_other", "nrs_avg", 322, 231, 112, 71, 49, 0.68, 0.45, 0.31),
        ("crps1", "nrs_avg", 41, 31, 9, 5, 35, 0.6, 0.4, 0.3),
    )
    return [
        {
            "indication": indication,
            "instrument": instrument,
            "estimand": "competing",
            **_OVERALL,
            "numerator": n_lost,
            "denominator": n_responders,
            "landmark_day": 84,
            "rate": 1 - day_84,
            "median_days": median,
            "survival_28d": day_28,
            "survival_56d": day_56,
            "survival_84d": day_84,
            "n_treated": n_treated,
            "n_assessed": n_assessed,
            "coverage": n_assessed / n_treated,
            "ci_method": "delta_log_log",
        }
        for indication, instrument, n_treated, n_assessed, n_responders, n_lost, median, day_28, day_56, day_84 in cells
    ]


def _clinics() -> list[Row]:
    clinics = ("C001", "C002", "C003", "C004", "C005", "C006")
    numerator, denominator = np.array([61, 44, 38, 77, 9, 35]), np.array([130, 118, 92, 124, 41, 135])
    registry_rate = numerator.sum() / denominator.sum()
    low, high = binomial_limits(registry_rate, denominator, 0.025)
    found = spread(numerator[None], denominator[None], [registry_rate])
    return [
        {
            "indication": "all",
            "instrument": "phq9",
            "time_window": "wk4",
            "definition": "response",
            "estimand": "nri",
            "level": clinic,
            "numerator": int(numerator[i]),
            "denominator": int(denominator[i]),
            "rate": numerator[i] / denominator[i],
            "registry_rate": registry_rate,
            "low_95": low[i],
            "high_95": high[i],
            "z": found.z[0, i],
            "z_adjusted": found.z_adjusted[0, i],
            "overdispersion": found.overdispersion[0],
            "is_outside_95": bool(abs(found.z_adjusted[0, i]) > normal_quantile()),
        }
        for i, clinic in enumerate(clinics)
    ]


def _follow_up() -> list[Row]:
    # window, mature, scored, retained
    cells = (("wk4", 1120, 760, 1012), ("wk12", 980, 520, 741), ("wk26", 760, 301, 455), ("wk52", 402, 121, 190))
    return [
        {"indication": "all", "time_window": window, "measure": measure, **_OVERALL, **_rated(n, n_mature)}
        | {"n_patients": n_mature, "n_patients_with": n}
        for window, n_mature, n_scored, n_retained in cells
        for measure, n in (("scored", n_scored), ("retained", n_retained))
    ]
