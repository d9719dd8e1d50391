"""The collection ``deal_timeline``: one document per deal and engagement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import pymongo

from dealcache.model.deals import FOREIGN_FIELDS, Event
from dealcache.repositories.connection import SCAN_SECONDS, Connection
from dealcache.repositories.documents import (
    COMPARED_EVENT,
    EVENT_KEY,
    EVENT_PROJECTION,
    Document,
    EngagementKey,
    Totals,
    documents_in,
    is_sound,
    milliseconds,
    totals_of,
)
from dealcache.repositories.json_values import text_value
from dealcache.repositories.record_documents import EVENTS, foreign_fields, read_records
from dealcache.repositories.writes.dirty_marks import DirtyMarks
from dealcache.repositories.writes.events import EventWriter, of_engagement_type
from dealcache.repositories.writes.plan import has_key

#: A single batch for all but the largest deals; the driver's first batch is 101 documents, which costs a second round
#: trip.
_BATCH = 5_000

_EVENT_OF_DEAL = EVENT_PROJECTION | {"deal_id": 1}


class DealTimelineRepository(EventWriter):
    """Reads events, and writes them as an :class:`.EventWriter`.

    Args:
        marks: those of this process.
        people: True if events are read with the people that take part.
    """

    def __init__(self, connection: Connection, marks: DirtyMarks | None = None, *, people: bool = False) -> None:
        super().__init__(connection, marks)
        self._projection = _EVENT_OF_DEAL | ({"with": 1} if people else {})
        self._naive = connection.naive.deal_timeline

    def events(self, deal_id: str) -> list[Event]:
        """Return all events of a deal, oldest first, then by id, with the fields of other systems."""
        return dict(self.events_of([deal_id])).get(deal_id, [])

    def events_of(self, deal_ids: Iterable[str]) -> Iterator[tuple[str, list[Event]]]:
        """Yield the events of many deals by one query, deal by deal, so that they are never all in memory.

        Each deal with events is yielded with all of them, oldest first, then by id.
        """
        # With the deal in front the order is that of an index.
        order = [("deal_id", 1), ("occurred_at", 1), ("engagement_id", 1)]
        of_deals = {"deal_id": {"$in": list(deal_ids)}}
        with self._connection.operation():
            found = self._naive.find(of_deals, self._projection, sort=order, batch_size=_BATCH)
            for deal_id, documents in groupby(documents_in(found, _BATCH), itemgetter("deal_id")):
                yield deal_id, read_records(EVENTS, documents, self._connection.unreadable)

    def totals(self, deal_ids: Iterable[str]) -> dict[str, Totals]:
        """Return the totals of events by deal id; deals without events are left out. Answered from an index."""
        measures = {
            "_id": {"deal_id": "$deal_id", "type": "$type"},
            "count": {"$sum": 1},
            "first": {"$min": "$occurred_at"},
            "last": {"$max": "$occurred_at"},
        }
        groups: dict[str, list[Document]] = {}
        for group in self._grouped({"deal_id": {"$in": list(deal_ids)}}, measures):
            groups.setdefault(group["_id"]["deal_id"], []).append(group)
        return {
            deal_id: totals_of(types) if all(map(is_sound, types)) else Totals.of(self.events(deal_id))
            for deal_id, types in groups.items()
        }

    def _grouped(self, condition: Document, measures: Document) -> list[Document]:
        stages = [{"$match": condition}, {"$group": measures}, {"$sort": {"_id": 1}}]
        with self._connection.operation() as database:
            return database.deal_timeline.aggregate(stages).to_list()

    def foreign_fields(self, deal_ids: Iterable[str]) -> dict[str, dict[EngagementKey, dict[str, Any]]]:
        """Return the fields that other systems have written to events, by deal and then by engagement."""
        any_of_them = [{name: {"$exists": True}} for name in FOREIGN_FIELDS]
        projection = {"_id": 0} | dict.fromkeys((*EVENT_KEY, *FOREIGN_FIELDS), 1)
        of_deals: Document = {"deal_id": {"$in": list(deal_ids)}, "$or": any_of_them}
        fields: dict[str, dict[EngagementKey, dict[str, Any]]] = {}
        for one in self._find("deal_timeline", of_deals, projection):
            of_deal = fields.setdefault(one["deal_id"], {})
            of_deal[text_value(one.get("engagement_type")), text_value(one.get("engagement_id"))] = foreign_fields(one)
        return fields

    def is_empty(self) -> bool:
        """Return True if there are no events at all."""
        with self._connection.operation() as database:
            return database.deal_timeline.find_one({}, {"_id": 1}) is None

    def stored_of(self, deal_id: str, engagements: Iterable[EngagementKey]) -> list[Event]:
        """Return the stored events of a deal for these engagements."""
        one_of = [{"engagement_type": kind, "engagement_id": one} for kind, one in engagements]
        if not one_of:
            return []
        with self._connection.operation():
            documents = self._naive.find({"deal_id": deal_id, "$or": one_of}, self._projection).to_list()
        return read_records(EVENTS, documents, self._connection.unreadable)

    def engagements_of(self, deal_ids: Iterable[str]) -> dict[str, set[EngagementKey]]:
        """Return the stored engagements by deal; deals without any are left out. Answered from an index."""
        found: dict[str, set[EngagementKey]] = {}
        for deal_id, *engagement in self._keys({"deal_id": {"$in": list(deal_ids)}}):
            found.setdefault(deal_id, set()).add((engagement[0], engagement[1]))
        return found

    def deals_of(self, engagement_type: str, engagement_ids: Iterable[str]) -> dict[str, set[str]]:
        """Return the deals of each of these engagements; those without any are left out. Answered from an index."""
        found: dict[str, set[str]] = {}
        for deal_id, _, engagement_id in self._keys(of_engagement_type(engagement_type, engagement_ids)):
            found.setdefault(engagement_id, set()).add(deal_id)
        return found

    def count(self, deal_ids: Iterable[str], types: Iterable[str]) -> int:
        """Return the number of these deals' events of these types. Answered from an index."""
        condition = {"deal_id": {"$in": list(deal_ids)}, "engagement_type": {"$in": list(types)}}
        with self._connection.operation() as database:
            return database.deal_timeline.count_documents(condition)

    def some_engagements(self, engagement_type: str, limit: int, other_than: Iterable[str]) -> list[str]:
        """Return the ids of at most ``limit`` engagements of a type, none of ``other_than``. Answered from an index."""
        condition = {"engagement_type": engagement_type, "engagement_id": {"$nin": list(other_than)}}
        found = self._find("deal_timeline", condition, {"_id": 0, "engagement_id": 1}, limit=limit)
        return [document["engagement_id"] for document in found]

    def _keys(self, condition: Document) -> list[tuple[str, str, str]]:
        projection = {"_id": 0} | dict.fromkeys(EVENT_KEY, 1)
        with self._connection.operation() as database:
            found = database.deal_timeline.find(condition, projection, batch_size=_BATCH)
            return [
                (key["deal_id"], key["engagement_type"], key["engagement_id"])
                for key in found
                if has_key(EVENT_KEY, key)
            ]

    def seen_since(self, engagement_type: str, engagement_ids: Iterable[str], moment: datetime) -> list[Event]:
        """Return the newest version of each of these engagements confirmed by a reading at ``moment`` or later.

        The fields of other systems are left out, because they belong to one deal.
        """
        seen = of_engagement_type(engagement_type, engagement_ids) | {"synced_at": {"$gte": milliseconds(moment)}}
        oldest_first = [("hubspot_updated_at", 1), ("synced_at", 1)]
        with self._connection.operation():
            documents = self._naive.find(seen, COMPARED_EVENT, sort=oldest_first).to_list()
        newest = {document["engagement_id"]: document for document in documents}
        return read_records(EVENTS, newest.values(), self._connection.unreadable)

    def deals_with_events_of(self, owner_ids: Iterable[str], most: int) -> list[str]:
        """Return the ids of the deals with an event of one of these owners, ``most`` at most.

        This reads the whole collection: owners are renamed too rarely for an index that every write would pay for.
        """
        stages: list[Document] = [
            {"$match": {"owner_id": {"$in": list(owner_ids)}}},
            {"$group": {"_id": "$deal_id"}},
            {"$limit": most},
        ]
        with self._connection.operation() as database, pymongo.timeout(SCAN_SECONDS):
            return [group["_id"] for group in database.deal_timeline.aggregate(stages)]

    def deals_with_events_between(
        self, first: datetime, before: datetime, deal_ids: Iterable[str] | None = None
    ) -> list[str]:
        """Return the deals, of ``deal_ids`` or all, with an event at ``first`` or later but before ``before``.

        Answered from an index.
        """
        # Without a condition on the deal MongoDB would read every document; with one it skips from deal to deal.
        deals = {"$gte": ""} if deal_ids is None else {"$in": list(deal_ids)}
        condition = {"deal_id": deals, "occurred_at": {"$gte": milliseconds(first), "$lt": milliseconds(before)}}
        return [group["_id"] for group in self._grouped(condition, {"_id": "$deal_id"})]
