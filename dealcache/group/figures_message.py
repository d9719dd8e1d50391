"""A worker's figures as one compressed message, small enough for a document of MongoDB."""

from __future__ import annotations

import zlib
from typing import Any

import orjson

from dealcache.figures import Columns, Figures
from dealcache.tiers import Usage

#: Bytes of a message at most; a document may have 16 MB.
MOST_BYTES = 8_000_000

_COLUMNS: tuple[tuple[str, type], ...] = (
    ("keys", str),
    ("fetched_at", float),
    ("expires_at", float),
    ("size_bytes", int),
    ("hits", int),
)
_USAGE = ("entries", "size_bytes", "max_bytes", "evictions")


def encode(figures: Figures, most_bytes: int = MOST_BYTES) -> bytes:
    """Figures as a message; with fewer keys where it would be larger than ``most_bytes``."""
    while True:
        message = zlib.compress(orjson.dumps(_fields(figures)), 1)
        count = len(figures.columns.keys)
        if len(message) <= most_bytes or count == 0:
            return message
        # Keys of very different lengths may take another round.
        figures = figures.told_in(count * most_bytes // len(message) * 9 // 10)


def _fields(figures: Figures) -> dict[str, Any]:
    return {
        "by_tier": figures.by_tier,
        "failed": figures.failed,
        "usage": {name: getattr(figures.usage, name) for name in _USAGE},
        "columns": {name: getattr(figures.columns, name) for name, _ in _COLUMNS},
        "untold": figures.untold,
    }


def decode(message: bytes) -> Figures:
    """The figures of a message.

    Raises:
        ValueError: it is none of ours, perhaps of another release.
    """
    try:
        fields = orjson.loads(zlib.decompress(message))
        columns = Columns(*(_column(fields["columns"][name], kind) for name, kind in _COLUMNS))
        if len({len(getattr(columns, name)) for name, _ in _COLUMNS}) > 1:
            raise ValueError("columns of different lengths")
        usage = Usage(*(int(fields["usage"][name]) for name in _USAGE))
        by_tier = {name: int(count) for name, count in fields["by_tier"].items()}
        return Figures(by_tier, int(fields["failed"]), usage, columns, int(fields["untold"]))
    except (KeyError, TypeError, AttributeError, zlib.error) as error:
        raise ValueError(f"not a message of figures ({type(error).__name__})") from error


def _column(values: list[Any], kind: type) -> list[Any]:
    if not all(isinstance(value, kind) for value in values):
        raise TypeError("a value of another kind")
    return values
