"""Own properties of deals: their definitions in HubSpot, and values by their types. Plain values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType

from dealcache.model.timestamps import EARLIEST, LATEST, parse_timestamp

#: A value by its type: a number, a day, a time in UTC, yes or no, several options, or a text.
PropertyValue = str | float | bool | date | datetime | tuple[str, ...]

#: The most options that one value may have; HubSpot separates them by semicolons.
_MOST_OPTIONS = 1_000

#: The kind of field with which several options are chosen.
_SEVERAL = "checkbox"

_FLAGS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class PropertyDefinition:
    """A property as HubSpot defines it.

    ``label`` is its name for people, ``type`` HubSpot's (``string``, ``number``, ``date``, ``datetime``,
    ``enumeration``, ``bool``, …), ``field_type`` the kind of field with which people fill it in, and ``options`` the
    labels of its options by their values, in display order.
    """

    name: str
    label: str
    type: str
    field_type: str = ""
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    @property
    def has_several(self) -> bool:
        """True if a value may have several options."""
        return self.type == "enumeration" and self.field_type == _SEVERAL


def typed_value(text: str, definition: PropertyDefinition | None) -> PropertyValue:
    """Return what HubSpot's ``text`` means by the property's type: itself if it does not fit, or the type is unknown.

    Numbers are finite, times between the years 1 and 9999.
    """
    if definition is None:
        return text
    convert = _several if definition.has_several else _CONVERSIONS.get(definition.type)
    value = None if convert is None else convert(text)
    return text if value is None else value


def fits(text: str, definition: PropertyDefinition | None) -> bool:
    """Return True unless ``text`` is a value that does not fit its property's type."""
    typed = definition is not None and (definition.has_several or definition.type in _CONVERSIONS)
    return not typed or not isinstance(typed_value(text, definition), str)


def number_of(text: str) -> float | None:
    """Return ``text`` as a finite number, None if it is not one; zero has no sign."""
    try:
        number = float(text)
    except ValueError:
        return None
    # Python reads "1_000", HubSpot never writes it.
    return number + 0.0 if math.isfinite(number) and "_" not in text else None  # -0.0 + 0.0 is 0.0


def _flag(text: str) -> bool | None:
    return _FLAGS.get(text.strip().lower())


def _time(text: str) -> datetime | None:
    moment = parse_timestamp(text)
    return None if moment in (EARLIEST, LATEST) else moment


def _day(text: str) -> date | None:
    moment = _time(text)
    return None if moment is None else moment.date()


def _several(text: str) -> tuple[str, ...] | None:
    options = tuple(dict.fromkeys(option for part in text.split(";") if (option := part.strip())))
    return options if 0 < len(options) <= _MOST_OPTIONS else None


_CONVERSIONS: Mapping[str, Callable[[str], PropertyValue | None]] = {
    "number": number_of,
    "bool": _flag,
    "date": _day,
    "datetime": _time,
}
