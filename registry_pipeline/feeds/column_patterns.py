"""Names of source columns written short: `phq9_{item_no:1..9}` for nine columns, `*_complete` for any that fit.

What does not belong here: what the columns mean (model), and polars.
"""

import re
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase

_NUMBERS = re.compile(r"\{(?:(?P<name>\w+):)?(?P<numbers>\d+\.\.\d+|\d+(?:,\d+)*)\}")
"""`{item_no:1..9}`, `{week:1,2,4}`, or without a name `{1..9}`."""
_MOST = 1000


def expanded(pattern: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each column name that a pattern stands for, with the number in it under the pattern's own name for it.

    A name without numbers in braces stands for itself. Numbers keep their zeros: `{01..12}` is 01, 02 … 12.

    Raises:
        ValueError: If a range runs backwards or is longer than any file is wide.
    """
    found = _NUMBERS.search(pattern)
    if found is None:
        yield pattern, {}
        return
    for number in _numbers(found["numbers"]):
        column = pattern[: found.start()] + number + pattern[found.end() :]
        yield column, {found["name"]: number} if found["name"] else {}


def _numbers(text: str) -> list[str]:
    first, dots, last = text.partition("..")
    if not dots:
        return text.split(",")
    if not 0 <= int(last) - int(first) < _MOST:
        raise ValueError(f"a range must run upwards over at most {_MOST} numbers")
    return [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]


def is_ignored(column: str, ignored: Collection[str]) -> bool:
    """Tell whether a feed's `ignore` names a column, itself or by a pattern with `*` and `?`."""
    return column in ignored or any(fnmatchcase(column, pattern) for pattern in ignored)
