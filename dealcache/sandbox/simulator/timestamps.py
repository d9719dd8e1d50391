"""Points in time as HubSpot writes them: ISO 8601 in UTC with milliseconds and a ``Z``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_iso(milliseconds: int) -> str:
    """Writes a time the way HubSpot does.

    Args:
        milliseconds: since 1970-01-01 UTC.

    Returns:
        For example ``2026-11-01T10:11:12.345Z``. All have the same width, so they sort like the times they stand for.
    """
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def to_milliseconds(text: str) -> int:
    """Reads a time that a client sent: milliseconds since 1970 in digits, or ISO 8601 (UTC when no zone is given).

    Raises:
        ValueError: ``text`` is neither.
    """
    stripped = text.strip()
    if stripped.lstrip("-").isdecimal():
        return int(stripped)
    moment = datetime.fromisoformat(stripped)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)
