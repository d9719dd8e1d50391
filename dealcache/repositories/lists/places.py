"""Values by which deals are sorted, from documents to places and back. Pure.

A place is passed to clients and comes back, so its values are JSON: numbers as exact as they are stored, dates as
milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import InvalidOperation
from typing import Any

from bson import DatetimeMS, Decimal128

from dealcache.model.deal_filter import Place, ValueKind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST = 2**63
_LONGEST_DECIMAL = 64

#: The most characters of a text in a place, which goes to clients in cursors; a URL takes no more.
LONGEST_TEXT = 1_000


def place_of(document: Mapping[str, Any], field: str, kind: ValueKind, phase: int) -> Place:
    """Return a deal's place.

    Args:
        document: of ``deal_info``.
        field: that of the order, in dots.
        kind: the kind of its values.
        phase: see :class:`.Place`.
    """
    value: Any = document
    for name in field.split(".") if phase == 0 else ():
        value = value[name]
    return Place(phase, place_value(kind, value) if phase == 0 else None, document["deal_id"])


def place_value(kind: ValueKind, value: Any) -> str | int | float:
    """Return a stored value in the form of a place."""
    if kind == "date":
        if isinstance(value, datetime):
            return (value.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
        return int(value)
    if kind == "number":
        if isinstance(value, Decimal128):
            return str(value)
        return int(value) if isinstance(value, int) else float(value)
    return value if isinstance(value, bool) else str(value)[:LONGEST_TEXT]


def stored_value(kind: ValueKind, value: str | int | float | None) -> Any:
    """Return the value of a place in the form of documents."""
    if kind == "date":
        return DatetimeMS(int(value or 0))
    return Decimal128(value) if kind == "number" and isinstance(value, str) else value


def is_value(kind: ValueKind, value: object) -> bool:
    """Return True if ``value`` may be that of a place."""
    if kind == "text":
        return isinstance(value, str) and len(value) <= LONGEST_TEXT
    if isinstance(value, bool) or kind == "bool":
        return isinstance(value, bool) and kind == "bool"
    if isinstance(value, int):
        return -_MOST <= value < _MOST
    if kind == "date":
        return False
    if isinstance(value, str) and len(value) <= _LONGEST_DECIMAL:
        try:
            return Decimal128(value).to_decimal().is_finite()
        except (InvalidOperation, ValueError, TypeError):
            return False
    return isinstance(value, float) and math.isfinite(value)
