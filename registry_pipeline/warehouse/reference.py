"""Reference vocabularies as typed frames, and the lookup tables of exact quantiles.

What belongs here: tables that SQL looks up. What does not: the quantiles themselves (`statistics/rates.py`), and
formulas that SQL can write itself (Wilson is a macro).
"""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from registry_pipeline.contracts.vocabulary import read_vocabulary
from registry_pipeline.statistics.rates import clopper_pearson, garwood

if TYPE_CHECKING:
    import pandas as pd


def reference_columns(path: Path) -> dict[str, str]:
    """Return the columns of a vocabulary CSV with the narrowest type that takes every cell."""
    rows = read_vocabulary(path)
    return {name: _kind([row[name] for row in rows if row[name]]) for name in rows[0]}


def read_reference(path: Path) -> "pd.DataFrame":
    """Return a vocabulary CSV as a frame; empty cells are null."""
    import pandas as pd  # noqa: PLC0415 - heavy, and only a build needs it

    columns = reference_columns(path)
    rows = [[_cell(row[name], kind) for name, kind in columns.items()] for row in read_vocabulary(path)]
    return pd.DataFrame(rows, columns=list(columns), dtype=object)


def clopper_pearson_table(below: int) -> "pd.DataFrame":
    """Return the exact 95 % interval of every proportion with a denominator from 1 to `below` - 1."""
    import pandas as pd  # noqa: PLC0415 - heavy, and only a build needs it

    pairs = [(x, n) for n in range(1, below) for x in range(n + 1)]
    numerators, denominators = zip(*pairs, strict=True)
    interval = clopper_pearson(numerators, denominators)
    return pd.DataFrame(
        {"numerator": numerators, "denominator": denominators, "ci_low": interval.low, "ci_high": interval.high}
    )


def garwood_table(most: int) -> "pd.DataFrame":
    """Return the exact 95 % limits of a Poisson mean for every count from 0 to `most`."""
    import pandas as pd  # noqa: PLC0415 - heavy, and only a build needs it

    interval = garwood(range(most + 1))
    return pd.DataFrame({"n_events": range(most + 1), "low": interval.low, "high": interval.high})


def _kind(cells: list[str]) -> str:
    if cells and all(cell in {"true", "false"} for cell in cells):
        return "BOOLEAN"
    try:
        numbers = [Decimal(cell) for cell in cells]
    except InvalidOperation:
        return "VARCHAR"
    # A code with leading zeros (a ZIP area) is a name, not a number.
    if not numbers or any(cell.startswith("0") and cell.isdigit() and len(cell) > 1 for cell in cells):
        return "VARCHAR"
    return "INTEGER" if all("." not in cell and "e" not in cell.lower() for cell in cells) else "DECIMAL(14,6)"


def _cell(text: str, kind: str) -> object:
    if not text:
        return None
    if kind == "BOOLEAN":
        return text == "true"
    if kind == "INTEGER":
        return int(text)
    return Decimal(text) if kind.startswith("DECIMAL") else text
