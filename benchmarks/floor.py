"""The floor: the same CSV files to Parquet, and three aggregates, by DuckDB with nothing checked.

What belongs here: the least work that could be called the same job. No rule, no receipt, no line number, no quarantine,
no interval, no suppression; a cell that cannot be read stops it. What does not: anything of the pipeline.
"""

import shutil
from pathlib import Path

import duckdb

from benchmarks.data import Data, read_data
from benchmarks.measure import Clock, worker_arguments

AGGREGATES = {
    "response": """
        with score as (
            select patient_id, instrument, study_day, total
            from outcome_assessment where total is not null and timing_rel_dose <> 'post'
        ),
        baseline as (
            select patient_id, instrument, max_by(total, study_day) as total
            from score where study_day <= 0 group by all
        ),
        week_4 as (
            select patient_id, instrument, min_by(total, (abs(study_day - 28), study_day)) as total
            from score where study_day between 21 and 35 group by all
        )
        select
            instrument,
            count(*) as denominator,
            count(*) filter (where week_4.total <= baseline.total / 2) as numerator,
            numerator / denominator as rate,
        from baseline join week_4 using (patient_id, instrument)
        where baseline.total > 0
        group by instrument
    """,
    "adverse_event": """
        with exposed as (select count(*) as denominator from session)
        select
            ae_term,
            count(distinct session_id) as numerator,
            denominator,
            numerator / denominator as rate,
        from adverse_event cross join exposed
        where session_id is not null
        group by ae_term, denominator
    """,
    "durability": """
        with score as (
            select patient_id, instrument, study_day, total
            from outcome_assessment where total is not null and timing_rel_dose <> 'post'
        ),
        baseline as (
            select patient_id, instrument, max_by(total, study_day) as baseline
            from score where study_day <= 0 group by all
        ),
        later as (
            select patient_id, instrument, study_day, total <= baseline / 2 as is_response,
            from score join baseline using (patient_id, instrument)
            where study_day > 0 and baseline > 0
        ),
        responder as (
            select patient_id, instrument, min(study_day) as response_day
            from later where is_response and study_day <= 35 group by all
        ),
        lost as (
            select patient_id, instrument, response_day, min(study_day) filter (where not is_response) as lost_day
            from responder join later using (patient_id, instrument)
            where study_day >= response_day
            group by all
        )
        select
            instrument,
            count(*) as denominator,
            count(lost_day) as numerator,
            numerator / denominator as rate,
            median(lost_day - response_day) as median_days,
        from lost
        group by instrument
    """,
}


def copy_tables(connection: duckdb.DuckDBPyConnection, data: Data, out: Path) -> None:
    """Write each table to one Parquet file, with the codec of the lake."""
    for name, table in data.tables.items():
        # The types are given, so that nothing is read twice to guess them.
        source = connection.read_csv(
            data.paths(name), header=True, delimiter=",", quotechar='"', escapechar='"', columns=table.types
        )
        connection.execute(
            f"copy (from source) to '{out / name}.parquet' (format parquet, compression zstd, compression_level 1)"
        )
        source.close()


def aggregate(connection: duckdb.DuckDBPyConnection, data: Data, out: Path) -> dict[str, int]:
    """Write the three aggregates and return what the peer's must add up to as well."""
    for name in data.tables:
        connection.execute(f"create view {name} as from '{out / name}.parquet'")
    counts = {}
    for name, sql in AGGREGATES.items():
        connection.execute(f"create table marts_{name} as {sql}")
        sums = connection.execute(f"select sum(numerator), sum(denominator) from marts_{name}").fetchall()[0]
        counts[f"{name}_numerators"], counts[f"{name}_denominators"] = (int(value or 0) for value in sums)
    connection.execute("checkpoint")
    return counts


def main() -> None:
    """Run the floor."""
    arguments = worker_arguments(__doc__).parse_args()
    data = read_data(arguments.data)
    shutil.rmtree(arguments.out, ignore_errors=True)
    arguments.out.mkdir(parents=True)
    clock = Clock()
    options = {"threads": arguments.threads, "memory_limit": "2GB", "preserve_insertion_order": False}
    connection = duckdb.connect(arguments.out / "floor.duckdb", config=options)
    with clock.stage("copy"):
        copy_tables(connection, data, arguments.out)
    with clock.stage("aggregate"):
        clock.counts = aggregate(connection, data, arguments.out)
    connection.close()
    clock.leave_at(arguments.result)


if __name__ == "__main__":
    main()
