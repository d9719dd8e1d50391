"""Reads what counts of the activities of deals: those that timelines show, by owner, type and day in a time zone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from functools import partial
from itertools import chain
from typing import Any

from dealcache.model.timestamps import in_zone, with_zone
from dealcache.repositories.activity_counts import NOTHING, Activity, DealCounts, count_activities, stage_text
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document
from dealcache.repositories.record_documents import read_deal, read_event

#: The fields of a deal that decide whether and in which stage its activities count.
DEAL_FIELDS = dict.fromkeys(("deal_id", "pipeline_id", "stage_id", "archived", "timeline_synced_at", "activities"), 1)

_EVENT_FIELDS = dict.fromkeys(("deal_id", "occurred_at", "type", "owner_id"), 1)

#: Events to decode at once: some two milliseconds, during which other threads wait for the interpreter's lock.
_BATCH = 1_000


class ActivityReader:
    """Reads the counts of deals' activities. Thread-safe.

    Args:
        connection: the database.
        zone: the zone of the days.
    """

    def __init__(self, connection: Connection, zone: tzinfo) -> None:
        self._connection = connection
        self._zone = zone

    def counts(self, deals: Sequence[Document]) -> list[DealCounts]:
        """Return the counts of each of these deals, given with their :data:`DEAL_FIELDS`.

        Raises:
            StoreError: MongoDB failed.
        """
        shown = [_shown(document) for document in deals]
        found: dict[str, list[Activity]] = {one[0]: [] for one in shown if one is not None}
        for deal_id, activity in self._activities(list(found)):
            found[deal_id].append(activity)
        return [NOTHING if one is None else DealCounts(one[1], count_activities(found[one[0]])) for one in shown]

    def _activities(self, deal_ids: Sequence[str]) -> Iterator[tuple[str, Activity]]:
        odd: list[Any] = []
        with self._connection.operation():
            events = self._connection.naive.deal_timeline
            read = events.find({"deal_id": {"$in": deal_ids}}, _EVENT_FIELDS, batch_size=_BATCH)
            for document in chain.from_iterable(iter(partial(read.to_list, _BATCH), [])):
                if _is_sound(document):
                    yield document["deal_id"], self._activity(document)
                else:
                    odd.append(document["_id"])
            for start in range(0, len(odd), _BATCH):
                for document in events.find({"_id": {"$in": odd[start : start + _BATCH]}}):
                    event, _ = read_event(document)
                    day = in_zone(event.occurred_at, self._zone).toordinal()
                    yield document["deal_id"], Activity(event.owner_id or "", event.type, day)

    def _activity(self, document: Mapping[str, Any]) -> Activity:
        day = in_zone(with_zone(document["occurred_at"]), self._zone).toordinal()
        return Activity(document["owner_id"] or "", document["type"], day)


def _is_sound(document: Mapping[str, Any]) -> bool:
    """Return True if an event's fields are as this service writes them."""
    owner_id = document.get("owner_id", 0)
    return (
        type(document.get("occurred_at")) is datetime
        and type(kind := document.get("type")) is str
        and kind != ""
        and (owner_id is None or type(owner_id) is str)
    )


def _shown(document: Document) -> tuple[str, str] | None:
    """Return the id and the stage of a deal whose timeline is shown; None for any other deal."""
    stored, _ = read_deal(document)
    deal = stored.deal
    if deal.archived or stored.timeline_synced_at is None:
        return None
    return deal.deal_id, stage_text(deal.pipeline_id, deal.stage_id)
