"""The collection ``deal_timeline``: one document per deal and engagement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, NamedTuple

from bson.codec_options import CodecOptions

from dealcache.changes import Changes
from dealcache.deals import FOREIGN_FIELDS, Event
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import (
    COMPARED_EVENT,
    EVENT_PROJECTION,
    Document,
    EngagementKey,
    foreign_fields,
    milliseconds,
    read_all,
    to_event,
    utc,
)
from dealcache.repositories.timeline_writes import adopt_events, delete_events, remove_events, write_events

_SWEPT_AT_ONCE = 200  # deals; keeps one operation well below the time-out of the socket

#: One batch for all but the largest deals; the driver's first batch is 101 documents, which costs a second round trip.
_BATCH = 5_000

_EVENT_OF_DEAL = EVENT_PROJECTION | {"deal_id": 1}

#: The driver's aware dates cost a sixth of the time of reading a timeline; :func:`.documents.to_event` adds UTC itself.
_PLAIN_DATES: CodecOptions[Document] = CodecOptions(tz_aware=False)


class Totals(NamedTuple):
    """How many events of each ``type`` a deal has, and when the first and the last of all happen; None without any."""

    by_type: dict[str, int]
    first: datetime | None = None
    last: datetime | None = None

    @property
    def events(self) -> int:
        """How many events there are altogether."""
        return sum(self.by_type.values())


class DealTimelineRepository:
    """Reads and writes events. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        connection: the database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def events(self, deal_id: str) -> list[Event]:
        """All events of a deal, oldest first, then by id; with the fields of other systems where they are there."""
        return dict(self.events_of([deal_id])).get(deal_id, [])

    def events_of(self, deal_ids: Iterable[str]) -> Iterator[tuple[str, list[Event]]]:
        """The events of many deals by one query, deal by deal as they come, so that never all of them are in memory.

        Args:
            deal_ids: HubSpot's ids.

        Yields:
            Each deal that has events, with all of them, oldest first, then by id.
        """
        # With the deal in front the order is that of an index.
        order = [("deal_id", 1), ("occurred_at", 1), ("engagement_id", 1)]
        of_deals = {"deal_id": {"$in": list(deal_ids)}}
        with self._connection.operation() as database:
            collection = database.deal_timeline.with_options(codec_options=_PLAIN_DATES)
            found = collection.find(of_deals, _EVENT_OF_DEAL, sort=order, batch_size=_BATCH)
            for deal_id, documents in groupby(found, itemgetter("deal_id")):
                yield deal_id, read_all("deal_timeline", to_event, documents)

    def totals(self, deal_ids: Iterable[str]) -> dict[str, Totals]:
        """What many deals' events come to, by deal id; deals without events are left out. Answered from an index."""
        measures = {
            "_id": {"deal_id": "$deal_id", "type": "$type"},
            "count": {"$sum": 1},
            "first": {"$min": "$occurred_at"},
            "last": {"$max": "$occurred_at"},
        }
        groups: dict[str, list[Document]] = {}
        for group in self._grouped({"deal_id": {"$in": list(deal_ids)}}, measures):
            groups.setdefault(group["_id"]["deal_id"], []).append(group)
        return {deal_id: _totals(types) for deal_id, types in groups.items()}

    def activity_counts(self) -> dict[str, int]:
        """How many events each deal has, by deal id; deals without events are left out. Answered from an index."""
        # A condition on the id makes MongoDB walk the index; without one it would read every document.
        groups = self._grouped({"deal_id": {"$gte": ""}}, {"_id": "$deal_id", "count": {"$sum": 1}})
        return {group["_id"]: group["count"] for group in groups}

    def _grouped(self, condition: Document, measures: Document) -> list[Document]:
        stages = [{"$match": condition}, {"$group": measures}, {"$sort": {"_id": 1}}]
        with self._connection.operation() as database:
            return database.deal_timeline.aggregate(stages).to_list()

    def foreign_fields(self, deal_ids: Iterable[str]) -> dict[str, dict[EngagementKey, dict[str, Any]]]:
        """What other systems have written to events, by deal and then by engagement type and id; only where it is."""
        any_of_them = [{name: {"$exists": True}} for name in FOREIGN_FIELDS]
        projection = {"_id": 0} | dict.fromkeys(("deal_id", "engagement_type", "engagement_id", *FOREIGN_FIELDS), 1)
        with self._connection.operation() as database:
            found = database.deal_timeline.find({"deal_id": {"$in": list(deal_ids)}, "$or": any_of_them}, projection)
            documents = found.to_list()
        fields: dict[str, dict[EngagementKey, dict[str, Any]]] = {}
        for one in documents:
            of_deal = fields.setdefault(one["deal_id"], {})
            of_deal[one["engagement_type"], one["engagement_id"]] = foreign_fields(one)
        return fields

    def replace(self, deal_id: str, events: Iterable[Event], read_started_at: datetime) -> Changes:
        """Do for one deal what :meth:`replace_many` does."""
        return self.replace_many({deal_id: events}, read_started_at)

    def replace_many(self, timelines: Mapping[str, Iterable[Event]], read_started_at: datetime) -> Changes:
        """Make the stored events of deals those of a complete load, as far as nothing newer is stored.

        A document's ``synced_at`` is when HubSpot was asked for the version that confirmed it last. All events of this
        load get ``read_started_at``; what is older then is not among them and goes. So a slow older load never deletes
        what a newer one brought.

        Args:
            timelines: deal ids, each with all of the deal's events.
            read_started_at: the time just before the load's first call.

        Returns:
            The deals that are seen to have changed.
        """
        changes = Changes()
        items = ((deal_id, event) for deal_id, events in timelines.items() for event in events)
        while batch := list(islice(items, _BATCH)):
            changes.add(self.write(batch, read_started_at))
        changes.add(self.sweep(timelines, read_started_at))
        return changes

    def write(self, items: Iterable[tuple[str, Event]], synced_at: datetime) -> Changes:
        """Add, change or confirm single events of any deals; versions that are newer than these are left alone.

        Args:
            items: deal ids, each with one event.
            synced_at: the time just before HubSpot was asked for them.

        Returns:
            The deals that are seen to have changed.
        """
        with self._connection.operation() as database:
            return write_events(database.deal_timeline, items, milliseconds(synced_at))

    def sweep(self, deal_ids: Iterable[str], moment: datetime) -> Changes:
        """Delete the events of these deals that no reading confirmed which began at ``moment`` or later.

        Returns:
            The deals that had any.
        """
        changes, ids, before = Changes(), list(deal_ids), milliseconds(moment)
        for start in range(0, len(ids), _SWEPT_AT_ONCE):
            batch = {"deal_id": {"$in": ids[start : start + _SWEPT_AT_ONCE]}}
            with self._connection.operation() as database:
                changes.add(delete_events(database.deal_timeline, batch, before))
        return changes

    def remove(self, keys: Iterable[tuple[str, str, str]], before: datetime) -> Changes:
        """Delete single events, unless a reading confirmed them that began at ``before`` or later.

        Args:
            keys: deal id, engagement type and engagement id of each.
            before: the time just before HubSpot was asked, and did not give them.

        Returns:
            The deals that had any.
        """
        with self._connection.operation() as database:
            return remove_events(database.deal_timeline, keys, milliseconds(before))

    def remove_engagements(self, engagement_type: str, engagement_ids: Iterable[str], before: datetime) -> Changes:
        """Delete engagements from every deal, unless a reading confirmed them that began at ``before`` or later.

        Args:
            engagement_type: the type of them all.
            engagement_ids: HubSpot's ids.
            before: the time just before HubSpot was asked, and did not give them.

        Returns:
            The deals that had any.
        """
        with self._connection.operation() as database:
            return delete_events(database.deal_timeline, _one_of(engagement_type, engagement_ids), milliseconds(before))

    def adopt(self, deal_id: str, former_ids: Iterable[str]) -> Changes:
        """Make the events of deals that were merged into ``deal_id`` its own, with the fields of other systems.

        Where it has the same engagement already, its document stays and takes over what it lacks of those fields.

        Args:
            deal_id: HubSpot's id of the deal that remains.
            former_ids: the ids of those that were merged into it.

        Returns:
            The deals that are seen to have changed.
        """
        with self._connection.operation() as database:
            return adopt_events(database.deal_timeline, deal_id, former_ids)

    def engagements_of(self, deal_ids: Iterable[str]) -> dict[str, set[EngagementKey]]:
        """The engagements (type and id) that are stored of each deal; without deals that have none. From an index."""
        found: dict[str, set[EngagementKey]] = {}
        for deal_id, *engagement in self._keys({"deal_id": {"$in": list(deal_ids)}}):
            found.setdefault(deal_id, set()).add((engagement[0], engagement[1]))
        return found

    def deals_of(self, engagement_type: str, engagement_ids: Iterable[str]) -> dict[str, set[str]]:
        """The deals that each of these engagements is stored with; without those that have none. From an index."""
        found: dict[str, set[str]] = {}
        for deal_id, _, engagement_id in self._keys(_one_of(engagement_type, engagement_ids)):
            found.setdefault(engagement_id, set()).add(deal_id)
        return found

    def _keys(self, condition: Document) -> list[tuple[str, str, str]]:
        projection = {"_id": 0, "deal_id": 1, "engagement_type": 1, "engagement_id": 1}
        with self._connection.operation() as database:
            found = database.deal_timeline.find(condition, projection, batch_size=_BATCH)
            return [(key["deal_id"], key["engagement_type"], key["engagement_id"]) for key in found]

    def seen_since(self, engagement_type: str, engagement_ids: Iterable[str], moment: datetime) -> list[Event]:
        """Those of these engagements that a reading confirmed which began at ``moment`` or later.

        Returns:
            One event for each, the newest version; without the fields of other systems, which belong to one deal.
        """
        seen = _one_of(engagement_type, engagement_ids) | {"synced_at": {"$gte": milliseconds(moment)}}
        oldest_first = [("hubspot_updated_at", 1), ("synced_at", 1)]
        with self._connection.operation() as database:
            documents = database.deal_timeline.find(seen, COMPARED_EVENT, sort=oldest_first).to_list()
        newest = {document["engagement_id"]: document for document in documents}
        return read_all("deal_timeline", to_event, newest.values())

    def deals_with_events_between(
        self, first: datetime, before: datetime, deal_ids: Iterable[str] | None = None
    ) -> list[str]:
        """The ids of the deals with an event at ``first`` or later but before ``before``; answered from an index.

        Args:
            first: when the time begins.
            before: when it is over.
            deal_ids: only these deals; None for all.
        """
        # Without a condition on the deal MongoDB would read every document, with one it leaps from deal to deal.
        deals = {"$gte": ""} if deal_ids is None else {"$in": list(deal_ids)}
        condition = {"deal_id": deals, "occurred_at": {"$gte": milliseconds(first), "$lt": milliseconds(before)}}
        return [group["_id"] for group in self._grouped(condition, {"_id": "$deal_id"})]


def _totals(types: Iterable[Document]) -> Totals:
    """The totals of one deal from those of its types."""
    groups = list(types)
    first, last = min(group["first"] for group in groups), max(group["last"] for group in groups)
    return Totals({group["_id"]["type"]: group["count"] for group in groups}, utc(first), utc(last))


def _one_of(engagement_type: str, engagement_ids: Iterable[str]) -> Document:
    return {"engagement_type": engagement_type, "engagement_id": {"$in": list(engagement_ids)}}
