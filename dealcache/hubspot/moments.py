"""Reads HubSpot's ways of writing a moment: ISO 8601, or milliseconds since 1970, always as a string."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS = re.compile(r"-?\d{1,18}\Z", re.ASCII)


def moment(value: str) -> datetime | None:
    """Return the moment that ``value`` names, in UTC; None when it names none.

    Args:
        value: ISO 8601, with UTC assumed where no zone is given, or epoch ms as digits.
    """
    text = value.strip()
    try:
        if _MILLISECONDS.match(text):
            # Not datetime.fromtimestamp: it loses milliseconds to rounding and depends on the platform's range.
            return _EPOCH + timedelta(milliseconds=int(text))
        parsed = datetime.fromisoformat(text)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def first_moment(values: Iterable[str]) -> datetime | None:
    """Return the moment of the first of ``values`` that names one, None when none does."""
    return next((found for value in values if (found := moment(value)) is not None), None)
