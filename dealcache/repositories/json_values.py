"""BSON values of other systems as JSON: numbers as numbers, types that JSON lacks as text."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from bson import Binary, Code, DatetimeMS, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

from dealcache.model.timestamps import from_milliseconds, in_utc

_SIMPLE = frozenset((str, int, bool, type(None)))


def json_value(value: Any) -> Any:
    """Return a BSON value as JSON; NaN and infinity are null. MongoDB nests documents a hundred deep at most."""
    kind = type(value)
    if kind in _SIMPLE:
        return value
    if kind is float:
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): json_value(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(one) for one in value]
    convert = _CONVERSIONS.get(kind, str)
    return convert(value)


def date_value(value: object) -> datetime | None:
    """Return a value as a date in UTC, an edge of the calendar if it is beyond; None if it is not a date."""
    if isinstance(value, datetime):
        return in_utc(value) if value.tzinfo is not None else in_utc(value.replace(tzinfo=UTC))
    if isinstance(value, DatetimeMS):
        return from_milliseconds(int(value))
    if isinstance(value, str):
        try:
            return date_value(datetime.fromisoformat(value.strip()))
        except ValueError:
            return None
    return None


def text_value(value: object) -> str:
    """Return a value as a text, a number as its digits; ``""`` if it is neither."""
    found = json_value(value)
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return ""
    return str(found)


def number_value(value: object) -> float | None:
    """Return a value as a finite number, None if it is not one."""
    found = json_value(value)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def integer_value(value: object) -> int | None:
    """Return a value as an integer, its fraction cut off; None if it is not a number, or not one of JSON's 64 bits."""
    number = number_value(value)
    return int(number) if number is not None and abs(number) < 2**63 else None


def _iso(value: datetime | DatetimeMS) -> str:
    moment = date_value(value)
    return "" if moment is None else f"{moment.isoformat(timespec='milliseconds')[:23]}Z"


def _decimal(value: Decimal128) -> int | float | str | None:
    number: Decimal = value.to_decimal()
    if not number.is_finite():
        return None
    as_float = float(number)
    if not math.isfinite(as_float):
        return str(value)
    whole = int(number) if abs(as_float) < 2**63 else None
    return whole if whole is not None and whole == number else as_float


def _binary(value: bytes) -> str:
    if isinstance(value, Binary) and value.subtype in (3, 4) and len(value) == 16:
        return str(UUID(bytes=bytes(value)))
    return base64.b64encode(value).decode("ascii")


def _regex(value: Regex[Any]) -> str:
    letters = {2: "i", 4: "l", 8: "m", 16: "s", 32: "u", 64: "x"}
    flags = "".join(letter for bit, letter in letters.items() if value.flags & bit)
    pattern = value.pattern if isinstance(value.pattern, str) else value.pattern.decode(errors="replace")
    return f"/{pattern}/{flags}"


_CONVERSIONS: Mapping[type, Callable[[Any], Any]] = {
    Int64: int,
    Decimal128: _decimal,
    datetime: _iso,
    DatetimeMS: _iso,
    bytes: _binary,
    Binary: _binary,
    UUID: str,
    ObjectId: str,
    Regex: _regex,
    Code: lambda value: str.__str__(value),
    DBRef: lambda value: f"{value.collection}/{json_value(value.id)}",
    Timestamp: lambda value: _iso(value.as_datetime()),
    MinKey: lambda _value: "MinKey",
    MaxKey: lambda _value: "MaxKey",
}
