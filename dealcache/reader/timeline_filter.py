"""Parts of a timeline: by type, by day, and page by page, cut from the whole timeline that is cached."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dealcache.model.deals import EVENT_TYPES
from dealcache.reader.question_errors import InvalidCursorError
from dealcache.reader.views import timeline_of

#: The form of a cursor, for the API's description. To clients it is opaque; any text of this form names a place.
CURSOR_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z~[0-9A-Za-z_-]{1,100}~"
    rf"({'|'.join(EVENT_TYPES)})$"
)


@dataclass(frozen=True, slots=True)
class TimelineFilter:
    """The wanted events of a timeline.

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
        """Return True if the whole timeline is wanted, as it is cached."""
        return self == _WHOLE

    def apply(self, timeline: Mapping[str, Any]) -> dict[str, Any]:
        """Return the wanted part of ``timeline``.

        ``start_date`` and ``end_date`` are those of all events that match, whatever page is shown. ``next_cursor``
        is there while more follows; it names the last event shown, so events that come in between shift nothing.

        Raises:
            InvalidCursorError: the cursor was not made here.
        """
        matching = [event for event in timeline["events"] if self._matches(event)]
        part = timeline_of(timeline["deal_id"], timeline["deal_name"], matching)
        if "with" in timeline:
            part["with"] = timeline["with"]
        shown = matching
        if self.cursor is not None:
            after = _decode(self.cursor)
            shown = [event for event in matching if _place(event) > after]
        if self.limit is not None and len(shown) > self.limit:
            shown = shown[: self.limit]
            part["next_cursor"] = "~".join(_place(shown[-1]))
        part["events"] = shown
        return part

    def _matches(self, event: Mapping[str, Any]) -> bool:
        return (
            (not self.types or event["type"] in self.types)
            and (self.since is None or event["date_str"] >= self.since)
            and (self.until is None or event["date_str"] <= self.until)
        )


_WHOLE = TimelineFilter()


def _place(event: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return an event's place in the order. Ids repeat between engagement types, so the type breaks the tie."""
    return event["timestamp"], event["id"], event["type"]


def _decode(cursor: str) -> tuple[str, str, str]:
    if not re.search(CURSOR_PATTERN, cursor):
        raise InvalidCursorError("not a cursor of a timeline")
    moment, event_id, kind = cursor.split("~")
    return moment, event_id, kind
