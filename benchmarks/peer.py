"""The peer: the same validation by pandas, pandera and Parquet, three aggregates, and a Great Expectations suite.

What belongs here: what a careful data team writes with these tools today. Cells are read as text so that nothing is
guessed away, all failures are collected before anything is refused, refused rows are kept with their reasons. What does
not: what those tools do not offer. Lines that cannot be split into fields stop it, and there are no receipts.
"""

import os
import shutil
from pathlib import Path

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # it counts only when set before the import

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
import pandera.backends.pandas.builtin_checks  # it comes with the first check otherwise, and slowly
import pandera.errors
import pyarrow as pa

from benchmarks.data import Data, read_data
from benchmarks.measure import Clock, worker_arguments
from benchmarks.peer_rules import ARROW, PeerTable, identifier_pattern, peer_table, read_boolean
from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.deid.guard import load_identifiers
from registry_pipeline.settings import Settings

_TEXT = {"arrow": ARROW, "python": "str"}
"""Arrow memory is several times faster, and has to be asked for; Python objects are what pandas 2 does by itself."""


def validate_file(table: PeerTable, path: Path, out: Path, text: str) -> tuple[int, int]:
    """Validate one file, write what is accepted and what is refused, and return the counts of both."""
    raw = pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])
    clinic_id = path.parent.name
    reasons = {int(row): "record.clinic_id" for row in _foreign_rows(raw, clinic_id)}
    typed = raw.assign(**{name: read_boolean(raw[name]) for name in table.booleans})
    for name in table.booleans:
        reasons.update({int(row): f"{name}_type" for row in raw.index[raw[name].notna() & typed[name].isna()]})
    try:
        accepted = table.schema.validate(typed, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        cases = errors.failure_cases.dropna(subset=["index"])
        if len(cases) < len(errors.failure_cases):
            raise
        for row, check in zip(cases["index"], cases["check"], strict=True):
            reasons[int(row)] = str(check)
        accepted = table.schema.validate(typed.drop(index=list(reasons)), lazy=True)
    for row in _repeated_rows(accepted, table.key):
        reasons[int(row)] = "key"
    if reasons:
        accepted = accepted.drop(index=list(reasons), errors="ignore")
        refused = raw.loc[list(reasons)].assign(reason=list(reasons.values()))
        _write(refused, out / "rejects" / table.name, clinic_id)
    _write(_with_warnings(table, accepted), out / table.name, clinic_id)
    return len(accepted), len(reasons)


def _foreign_rows(raw: pd.DataFrame, clinic_id: str) -> "pd.Index[int]":
    return raw.index[raw["clinic_id"] != clinic_id] if "clinic_id" in raw.columns else raw.index[:0]


def _repeated_rows(accepted: pd.DataFrame, key: list[str]) -> "pd.Index[int]":
    """Return later copies of a record, and every record whose key has another content as well."""
    repeated = accepted[accepted.duplicated(subset=key, keep=False)]
    copies = repeated.duplicated(keep="first")
    conflicts = repeated[~copies].duplicated(subset=key, keep=False)
    return repeated.index[copies].union(conflicts.index[conflicts])


def _with_warnings(table: PeerTable, accepted: pd.DataFrame) -> pd.DataFrame:
    warnings = pd.Series(pd.NA, index=accepted.index, dtype=ARROW)
    try:
        table.warning_schema.validate(accepted, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        cases = errors.failure_cases.drop_duplicates(["index", "check"])
        warnings.update(cases.groupby("index")["check"].agg(",".join).astype(ARROW))
    return accepted.assign(line=accepted.index + 2, warnings=warnings)


def _write(frame: pd.DataFrame, folder: Path, clinic_id: str) -> None:
    path = folder / f"clinic_id={clinic_id}"
    path.mkdir(parents=True, exist_ok=True)
    frame.drop(columns="clinic_id", errors="ignore").to_parquet(
        path / "part.parquet", compression="zstd", compression_level=1, index=False
    )


def validate(data: Data, tables: dict[str, PeerTable], out: Path, text: str) -> tuple[int, int]:
    """Validate every file and return how many records are accepted and how many refused."""
    counts = [validate_file(tables[name], Path(path), out, text) for name in data.tables for path in data.paths(name)]
    return sum(accepted for accepted, _ in counts), sum(refused for _, refused in counts)


def aggregates(out: Path) -> dict[str, pd.DataFrame]:
    """Return the three aggregates of the floor."""
    names = ["patient_id", "instrument", "study_day", "total"]
    # A score soon after a dose is not a follow-up; without it there is one score a day.
    score = pd.read_parquet(out / "outcome_assessment", columns=names, filters=[("timing_rel_dose", "!=", "post")])
    score = score.dropna(subset=["total"]).sort_values("study_day")
    pair = ["patient_id", "instrument"]
    baseline = score[score.study_day <= 0].groupby(pair)["total"].last()
    later = score[score.study_day > 0].join(baseline[baseline > 0].rename("baseline"), on=pair, how="inner")
    later["is_response"] = later["total"] <= later["baseline"] / 2
    frames = {
        "response": _response(later, pair),
        "adverse_event": _adverse_events(out),
        "durability": _durability(later, pair),
    }
    for frame in frames.values():
        frame["rate"] = frame["numerator"] / frame["denominator"]
    return {name: frame.reset_index() for name, frame in frames.items()}


def _response(later: pd.DataFrame, pair: list[str]) -> pd.DataFrame:
    week_4 = later[later.study_day.between(21, 35)]
    nearest = week_4.assign(distance=(week_4.study_day - 28).abs()).sort_values(["distance", "study_day"])
    one_each = nearest.drop_duplicates(pair)
    return one_each.groupby("instrument").agg(denominator=("is_response", "size"), numerator=("is_response", "sum"))


def _adverse_events(out: Path) -> pd.DataFrame:
    events = pd.read_parquet(out / "adverse_event", columns=["session_id", "ae_term"])
    n_sessions = len(pd.read_parquet(out / "session", columns=["session_id"]))
    by_term = events.dropna(subset=["session_id"]).groupby("ae_term")["session_id"].nunique()
    return by_term.to_frame("numerator").assign(denominator=n_sessions)


def _durability(later: pd.DataFrame, pair: list[str]) -> pd.DataFrame:
    first = later[later.is_response & (later.study_day <= 35)].groupby(pair)["study_day"].min()  # noqa: PLR2004 - the floor's
    after = later.join(first.rename("response_day"), on=pair, how="inner")
    after = after[~after.is_response & (after.study_day >= after.response_day)]
    lost = after.groupby(pair)["study_day"].min().reindex(first.index)
    spell = pd.DataFrame({"days": (lost - first).astype("Float64"), "is_lost": lost.notna()})
    return spell.groupby("instrument").agg(
        denominator=("is_lost", "size"), numerator=("is_lost", "sum"), median_days=("days", "median")
    )


def gate(frames: dict[str, pd.DataFrame]) -> int:
    """Judge the aggregates by a suite each, as a release gate would, and return how many expectations ran."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("aggregates")
    n_expectations = 0
    for name, frame in frames.items():
        key = frame.columns[0]
        expectations = [
            gxe.ExpectColumnValuesToNotBeNull(column=key),
            gxe.ExpectColumnValuesToBeUnique(column=key),
            gxe.ExpectColumnValuesToBeBetween(column="numerator", min_value=0),
            gxe.ExpectColumnValuesToBeBetween(column="denominator", min_value=1),
            gxe.ExpectColumnValuesToBeBetween(column="rate", min_value=0, max_value=1),
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="denominator", column_B="numerator", or_equal=True),
        ]
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
        suite = gx.ExpectationSuite(name=name, expectations=expectations)
        results = batch.get_batch({"dataframe": frame}).validate(suite, result_format="BOOLEAN_ONLY")
        if not results.success:
            raise SystemExit(f"the peer's aggregate {name} does not pass its suite")
        n_expectations += len(expectations)
    return n_expectations


def main() -> None:
    """Run the peer."""
    parser = worker_arguments(__doc__)
    parser.add_argument("--text", choices=list(_TEXT), default="arrow", help="How pandas holds text.")
    arguments = parser.parse_args()
    text = _TEXT[arguments.text]
    pa.set_cpu_count(arguments.threads)
    data = read_data(arguments.data)
    out = arguments.out
    shutil.rmtree(out, ignore_errors=True)
    settings = Settings(home=out)
    contracts = load_contracts(settings)
    identifiers = identifier_pattern(load_identifiers(settings.vocabulary_path("deid_patterns.csv")))
    clock = Clock()
    with clock.stage("validate"):
        tables = {name: peer_table(contracts.tables[name], identifiers, text) for name in data.tables}
        n_accepted, n_refused = validate(data, tables, out, text)
    with clock.stage("aggregate"):
        frames = aggregates(out)
    with clock.stage("gate"):
        n_expectations = gate(frames)
    clock.counts = {
        "n_accepted": n_accepted,
        "n_refused": n_refused,
        "n_rules": sum(table.n_rules for table in tables.values()),
        "n_expectations": n_expectations,
    }
    for name, frame in frames.items():
        clock.counts[f"{name}_numerators"] = int(frame["numerator"].sum())
        clock.counts[f"{name}_denominators"] = int(frame["denominator"].sum())
    clock.leave_at(arguments.result)


if __name__ == "__main__":
    main()
