"""Parsing timestamps and converting them to time zones; a time beyond the edges of the calendar counts as the edge.

HubSpot stores whatever a user typed. 9999-12-31T23:59:59Z is a date like any other until it is shown in Berlin, where
it falls into the year 10000, which :class:`~datetime.datetime` does not support.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo

#: The edges, in UTC and in milliseconds, which is what HubSpot and BSON hold.
EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(microsecond=999_000, tzinfo=UTC)

_NAIVE_EPOCH = datetime(1970, 1, 1)
_EPOCH = _NAIVE_EPOCH.replace(tzinfo=UTC)
_EARLIEST_MS = (EARLIEST - _EPOCH) // timedelta(milliseconds=1)
_LATEST_MS = (LATEST - _EPOCH) // timedelta(milliseconds=1)

_MILLISECONDS = re.compile(r"(-?)(\d+)(?:\.\d*)?\Z", re.ASCII)

#: The most digits of a time of the calendar, in milliseconds.
_MOST_DIGITS = 18

# A date in a year that datetime does not support: 0, a negative one, or one of five digits or more.
_BEYOND = re.compile(r"([+-]?)(\d{4,})-\d\d(?:-\d\d|\Z)", re.ASCII)


def in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """Return the aware ``moment`` in ``zone``, or the edge of the calendar if the zone's time is beyond it."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        edge = datetime.min if moment.year == datetime.min.year else LATEST.replace(tzinfo=None)
        return edge.replace(tzinfo=zone)


# By differences, because ``replace`` takes ten times as long, and a timeline has hundreds of times.
def with_zone(moment: datetime) -> datetime:
    """Return a naive time of UTC as an aware one; raise TypeError for anything else."""
    return _EPOCH + (moment - _NAIVE_EPOCH)


def without_zone(moment: datetime) -> datetime:
    """Return an aware time as a naive one of UTC."""
    return _NAIVE_EPOCH + (moment - _EPOCH)


def timestamp(moment: datetime) -> str:
    """Return ``moment`` as ISO 8601 in UTC with milliseconds, HubSpot's form."""
    return utc_text(without_zone(moment))


def utc_text(moment: datetime) -> str:
    """Return :func:`timestamp` of a naive time of UTC."""
    return f"{moment.isoformat(timespec='milliseconds')}Z"


def optional_timestamp(moment: datetime | None) -> str | None:
    """Return :func:`timestamp` of a moment; None for None."""
    return None if moment is None else timestamp(moment)


def in_utc(moment: datetime) -> datetime:
    """Return the aware ``moment`` in UTC, or the edge of the calendar."""
    return in_zone(moment, UTC)


def from_milliseconds(count: int) -> datetime:
    """Return the time that many milliseconds after 1970, in UTC, or the edge of the calendar."""
    # Not datetime.fromtimestamp: it loses milliseconds to rounding and depends on the platform's range.
    return _EPOCH + timedelta(milliseconds=min(max(count, _EARLIEST_MS), _LATEST_MS))


def parse_timestamp(value: object) -> datetime | None:
    """Return the time, in UTC, of a JSON value from HubSpot; None if it is not a time.

    A text is ISO 8601, in UTC if it names no zone, or epoch milliseconds; a number is epoch milliseconds.
    """
    if isinstance(value, str):
        return _parse_text(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    if math.isinf(value):
        return LATEST if value > 0 else EARLIEST
    return from_milliseconds(int(value))


def _parse_text(text: str) -> datetime | None:
    if epoch := _MILLISECONDS.match(text):
        sign, digits = epoch[1], epoch[2].lstrip("0")
        if len(digits) > _MOST_DIGITS:
            return EARLIEST if sign else LATEST
        return from_milliseconds(int(f"{sign}{digits or 0}"))
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return _edge(text)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else in_utc(parsed)


def _edge(text: str) -> datetime | None:
    date = _BEYOND.match(text)
    if date is None:
        return None
    year = date[2].lstrip("0")
    if not year or date[1] == "-":
        return EARLIEST
    return LATEST if len(year) > 4 else None
