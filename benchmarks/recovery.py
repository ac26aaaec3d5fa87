"""Is the truth found again? Bias and coverage of the marts' estimates over many simulated registries.

`python -m benchmarks.recovery --replications 200` plants a truth, builds the production models once over all
replications, and holds every estimate and its 95 % interval against that truth.

What belongs here: reading the estimates, comparing them, the table. What does not: the planted world
(`recovery_world.py`).
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.in_memory import open_in_memory
from benchmarks.recovery_world import EVENTS, LANDMARKS, draw_clinics, draw_registries, truth

N_PATIENTS = 400
"""Of one replication: a registry of middling size."""
_MARTS = ("response_rates", "response_contrasts", "adverse_event_frequencies", "durability_of_relief")


def recover(n_replications: int, n_patients: int = N_PATIENTS, seed: int = 1) -> dict[str, dict[str, float]]:
    """Return truth, bias and coverage by the name of the estimate."""
    with open_in_memory() as warehouse:
        warehouse.build(draw_registries(seed, n_replications, n_patients), *(f"marts.{name}" for name in _MARTS))
        found = {name: warehouse.rows(sql) for name, sql in _questions().items()}
        warehouse.build({"marts.response_rates": draw_clinics(seed, n_replications)}, "marts.clinic_variation")
        found |= {name: warehouse.rows(sql) for name, sql in _pooled_questions().items()}
    planted = truth()
    return {name: _compared(rows, planted[name]) for name, rows in found.items()}


def _questions() -> dict[str, str]:
    """Return the query for the estimates of each name: a row for each replication."""
    response = """
        select rate as estimate, ci_low, ci_high from marts.response_rates
        where instrument = 'phq9' and time_window = 'wk4' and definition = 'response'
          and dimension = 'overall' and indication <> 'all'
    """
    durability = "from marts.durability_of_relief where dimension = 'overall' and indication <> 'all'"
    queries = {
        "response nri, week 4": f"{response} and estimand = 'nri'",
        "response observed, week 4": f"{response} and estimand = 'observed'",
        "difference by age, nri (Newcombe)": """
            select difference as estimate, ci_low, ci_high from marts.response_contrasts
            where contrast_code = 'age_46_and_over' and instrument = 'phq9' and time_window = 'wk4'
              and definition = 'response' and estimand = 'nri' and indication <> 'all'
        """,
    }
    for term in EVENTS:
        for basis in ("session", "patient", "patient-month"):
            queries[f"{term} per {basis}"] = f"""
                select rate as estimate, ci_low, ci_high from marts.adverse_event_frequencies
                where dimension = 'indication' and ascertainment = 'complete' and ae_term = '{term}'
                  and basis = '{basis.replace("-", "_")}'
            """
    for day in LANDMARKS:
        name = f"survival_{day}d"
        queries[f"in response on day {day} (KM)"] = f"""
            select {name} as estimate, {name}_ci_low as ci_low, {name}_ci_high as ci_high
            {durability} and estimand = 'censor_at_retreatment'
        """
    queries["median days in response"] = f"""
        select median_days as estimate, median_ci_low as ci_low, coalesce(median_ci_high, 'infinity') as ci_high
        {durability} and estimand = 'censor_at_retreatment'
    """
    queries["loss by day 84, retreatment competing"] = f"""
        select 1 - survival_84d as estimate, 1 - survival_84d_ci_high as ci_low, 1 - survival_84d_ci_low as ci_high
        {durability} and estimand = 'competing'
    """
    return queries


def _pooled_questions() -> dict[str, str]:
    return {
        "pooled rate (REML, HKSJ)": "select rate as estimate, ci_low, ci_high from marts.clinic_variation",
        "pooled rate (DL, to compare)": """
            select dl_rate as estimate, dl_ci_low as ci_low, dl_ci_high as ci_high from marts.clinic_variation
        """,
    }


def _compared(rows: pd.DataFrame, true: float) -> dict[str, float]:
    """Return how far the estimates lie from the truth, and how often their intervals hold it."""
    known = rows.dropna(subset=["estimate"])
    estimate = known["estimate"].to_numpy(dtype=np.float64)
    holds = ((known["ci_low"] <= true) & (true <= known["ci_high"])).to_numpy()
    n = len(known)
    return {
        "truth": true,
        "n": n,
        "mean": float(estimate.mean()),
        "bias": float(estimate.mean() - true),
        "std_err_of_bias": float(estimate.std(ddof=1) / n**0.5),
        "coverage": float(holds.mean()),
        "std_err_of_coverage": float((0.95 * 0.05 / n) ** 0.5),
    }


def print_table(results: dict[str, dict[str, float]]) -> None:
    """Print one line for each estimate."""
    table = Table(title="Planted truth, and what the marts find")
    table.add_column("estimate")
    for name in ("truth", "mean", "bias", "coverage", "registries"):
        table.add_column(name, justify="right")
    for name, one in results.items():
        bias = f"{one['bias']:+.4f} ± {1.96 * one['std_err_of_bias']:.4f}"
        coverage = f"{one['coverage']:.1%} ± {1.96 * one['std_err_of_coverage']:.1%}"
        table.add_row(name, f"{one['truth']:.4f}", f"{one['mean']:.4f}", bias, coverage, f"{one['n']:.0f}")
    Console(width=120).print(table)


def main() -> int:
    """Run the study, print its table, write its figures."""
    parser = argparse.ArgumentParser(description="Recover a planted truth through the production models.")
    parser.add_argument("--replications", type=int, default=200, help="how many registries")
    parser.add_argument("--patients", type=int, default=N_PATIENTS, help="how many patients each has")
    parser.add_argument("--seed", type=int, default=1, help="of the draws")
    parser.add_argument("--output", type=Path, default=Path("build/recovery.json"), help="where the figures go")
    given = parser.parse_args()
    started = time.perf_counter()
    results = recover(given.replications, given.patients, given.seed)
    print_table(results)
    seconds = round(time.perf_counter() - started, 1)
    figures: dict[str, Any] = {
        "replications": given.replications,
        "patients": given.patients,
        "seed": given.seed,
        "seconds": seconds,
        "estimates": results,
    }
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(f"{given.replications} registries of {given.patients} patients in {seconds} s; figures in {given.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
