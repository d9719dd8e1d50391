"""Many items, divided into as many at a time as a call or a query takes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batches_of(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield ``items`` in batches of ``size``; the last one may be smaller."""
    rest = iter(items)
    return iter(lambda: list(islice(rest, size)), [])
