"""A first look at a release, as a marimo notebook: `pip install marimo`, then `marimo edit docs/analyst/notebook.py`.

Looks for `current` in the folder that it is started in, or in REGISTRY_HOME. Needs duckdb, polars and altair besides.
What a cell ends with is shown.
"""
# ruff: noqa: ANN001, ANN202, B018, INP001, N803, PLC0415 - cells are functions that marimo writes

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")


@app.cell
def _():
    import os
    from pathlib import Path

    import altair as alt
    import duckdb
    import marimo as mo
    import polars as pl

    return Path, alt, duckdb, mo, os, pl


@app.cell
def _(Path, duckdb, mo, os):
    # Resolved once: the whole session reads one release, also when a newer one comes in between.
    release = (Path(os.environ.get("REGISTRY_HOME", ".")) / "current").resolve()
    connection = duckdb.connect(str(release / "registry.duckdb"), read_only=True)
    release_id, n_clinics, n_patients = connection.execute(
        "select release_id, n_clinics, n_patients from meta.releases order by published_at desc"
    ).fetchone()
    mo.md(f"""
    # Release {release_id}

    {n_patients} patients of {n_clinics} clinics. **Observed in registry, uncontrolled**: no number here says what
    ketamine does. Rows without numbers are hidden because too few people are behind them.
    """)
    return (connection,)


@app.cell
def _(connection):
    responders = connection.execute("from responders_week4 order by indication, instrument").pl()
    responders
    return (responders,)


@app.cell
def _(alt, pl, responders):
    _shown = responders.filter(~pl.col("is_suppressed")).with_columns(
        cell=pl.format("{} · {} (n = {})", "indication", "instrument", "denominator")
    )
    _base = alt.Chart(_shown).encode(y=alt.Y("cell:N", title=None))
    _limits = _base.mark_rule().encode(x=alt.X("ci_low:Q", title="responders by week 4"), x2="ci_high:Q")
    forest = _limits + _base.mark_point(filled=True).encode(x="rate:Q")
    forest
    return (forest,)


@app.cell
def _(alt, connection):
    events = connection.execute(
        "select * from adverse_events_per_session where not is_suppressed and rate > 0 order by rate desc limit 12"
    ).pl()
    events_chart = (
        alt.Chart(events)
        .mark_bar()
        .encode(x=alt.X("rate:Q", title="share of sessions with a complete form"), y=alt.Y("ae_term:N", sort="-x"))
    )
    events_chart
    return events, events_chart


@app.cell
def _(connection, mo):
    marts = [mart for (mart,) in connection.execute("select distinct mart from meta.definitions order by 1").fetchall()]
    chosen = mo.ui.dropdown(options=marts, value="response_rates", label="What do the numbers mean of")
    chosen
    return (chosen,)


@app.cell
def _(chosen, connection):
    definitions = connection.execute("from meta.definitions where mart = ? order by measure", [chosen.value]).pl()
    definitions
    return (definitions,)


@app.cell
def _(chosen, connection, mo):
    _caveats = connection.execute(
        "select sentence from meta.caveats where mart in ('all', ?) and severity = 'must_read' order by mart, code",
        [chosen.value],
    ).fetchall()
    caveats = mo.md("## Before you quote a number\n\n" + "\n".join(f"- {sentence}" for (sentence,) in _caveats))
    caveats
    return (caveats,)


if __name__ == "__main__":
    app.run()
