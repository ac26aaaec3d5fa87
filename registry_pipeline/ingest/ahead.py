"""Reading and writing beside the judging: one step ahead, one step behind, so that both cores work and memory stays."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def one_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the items while the next one is being made in another thread."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        end = object()
        coming: Future[Item | object] = pool.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield item  # type: ignore[misc]  # only `end` is not an Item
