"""Parts of a timeline: by type, by day, and page by page, cut from the whole timeline that is cached."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from dealcache.reader.views import timeline_of


class InvalidCursorError(ValueError):
    """A cursor that no answer of ours has ever given."""


@dataclass(frozen=True, slots=True)
class TimelineFilter:
    """Which events of a timeline are wanted.

    Args:
        types: event types, empty for all.
        since: the first day, ``YYYY-MM-DD`` in the timeline's zone, or None.
        until: the last day, included.
        limit: how many events at most, or None for all.
        cursor: where the last page ended, as its ``next_cursor`` said.
    """

    types: frozenset[str] = frozenset()
    since: str | None = None
    until: str | None = None
    limit: int | None = None
    cursor: str | None = None

    def is_whole(self) -> bool:
        """Whether the whole timeline is wanted, as it is cached."""
        return self == TimelineFilter()

    def apply(self, timeline: Mapping[str, Any]) -> dict[str, Any]:
        """The wanted part of ``timeline``.

        ``start_date`` and ``end_date`` are those of all events that match, whatever page is shown. ``next_cursor``
        is there while more follows; it names the last event shown, so events that come in between shift nothing.

        Raises:
            InvalidCursorError: the cursor is none of ours.
        """
        matching = [event for event in timeline["events"] if self._matches(event)]
        part = timeline_of(timeline["deal_id"], timeline["deal_name"], matching)
        shown = matching
        if self.cursor is not None:
            after = _decode(self.cursor)
            shown = [event for event in matching if _place(event) > after]
        if self.limit is not None and len(shown) > self.limit:
            shown = shown[: self.limit]
            part["next_cursor"] = _encode(_place(shown[-1]))
        part["events"] = shown
        return part

    def _matches(self, event: Mapping[str, Any]) -> bool:
        return (
            (not self.types or event["type"] in self.types)
            and (self.since is None or event["date_str"] >= self.since)
            and (self.until is None or event["date_str"] <= self.until)
        )


def _place(event: Mapping[str, Any]) -> tuple[str, str, str]:
    """Where an event stands. Ids repeat between engagement types, so the type breaks the tie."""
    return event["timestamp"], event["id"], event["type"]


def _encode(place: tuple[str, str, str]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def _decode(cursor: str) -> tuple[str, str, str]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = orjson.loads(raw)
    except (binascii.Error, ValueError) as error:
        raise InvalidCursorError("not a cursor of a timeline") from error
    if not (isinstance(place, list) and len(place) == 3 and all(isinstance(part, str) for part in place)):
        raise InvalidCursorError("not a cursor of a timeline")
    return place[0], place[1], place[2]
