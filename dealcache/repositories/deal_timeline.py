"""The collection ``deal_timeline``: one document per deal and engagement."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
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

#: The driver's aware dates cost a sixth of the time of reading a timeline; :func:`.documents.to_event` adds UTC itself.
_PLAIN_DATES: CodecOptions[Document] = CodecOptions(tz_aware=False)


class Extent(NamedTuple):
    """How many events a deal has, and when the first and the last of them happen; None without events."""

    events: int
    first: datetime | None
    last: datetime | None


class DealTimelineRepository:
    """Reads and writes events. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        connection: the database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def events(self, deal_id: str) -> list[Event]:
        """All events of a deal, oldest first, then by id; with the fields of other systems where they are there."""
        with self._connection.operation() as database:
            collection = database.deal_timeline.with_options(codec_options=_PLAIN_DATES)
            order = [("occurred_at", 1), ("engagement_id", 1)]
            found = collection.find({"deal_id": deal_id}, EVENT_PROJECTION, sort=order, batch_size=_BATCH)
            documents = found.to_list()
        return read_all("deal_timeline", to_event, documents)

    def counts_by_type(self, deal_id: str) -> dict[str, int]:
        """How many events of each ``type`` a deal has, by type; answered from an index."""
        groups = self._grouped({"deal_id": deal_id}, {"_id": "$type", "count": {"$sum": 1}})
        return {group["_id"]: group["count"] for group in groups}

    def extent(self, deal_id: str) -> Extent:
        """How many events a deal has and the times between which they lie; answered from an index."""
        measures = {
            "_id": None,
            "count": {"$sum": 1},
            "first": {"$min": "$occurred_at"},
            "last": {"$max": "$occurred_at"},
        }
        for group in self._grouped({"deal_id": deal_id}, measures):
            return Extent(group["count"], utc(group["first"]), utc(group["last"]))
        return Extent(0, None, None)

    def activity_counts(self) -> dict[str, int]:
        """How many events each deal has, by deal id; deals without events are left out. Answered from an index."""
        # A condition on the id makes MongoDB walk the index; without one it would read every document.
        groups = self._grouped({"deal_id": {"$gte": ""}}, {"_id": "$deal_id", "count": {"$sum": 1}})
        return {group["_id"]: group["count"] for group in groups}

    def _grouped(self, condition: Document, measures: Document) -> list[Document]:
        stages = [{"$match": condition}, {"$group": measures}, {"$sort": {"_id": 1}}]
        with self._connection.operation() as database:
            return database.deal_timeline.aggregate(stages).to_list()

    def foreign_fields(self, deal_id: str) -> dict[EngagementKey, dict[str, Any]]:
        """What other systems have written to a deal's events, by engagement type and id; only events with any."""
        any_of_them = [{name: {"$exists": True}} for name in FOREIGN_FIELDS]
        projection = {"_id": 0} | dict.fromkeys(("engagement_type", "engagement_id", *FOREIGN_FIELDS), 1)
        with self._connection.operation() as database:
            found = database.deal_timeline.find({"deal_id": deal_id, "$or": any_of_them}, projection).to_list()
        return {
            (document["engagement_type"], document["engagement_id"]): foreign_fields(document) for document in found
        }

    def replace(self, deal_id: str, events: Iterable[Event], read_started_at: datetime) -> Changes:
        """Make the stored events of a deal those of a complete load, as far as nothing newer is stored.

        A document's ``synced_at`` is when HubSpot was asked for the version that confirmed it last. All events of this
        load get ``read_started_at``; what is older then is not among them and goes. So a slow older load never deletes
        what a newer one brought.

        Args:
            deal_id: HubSpot's id.
            events: all of the deal's events.
            read_started_at: the time just before the load's first call.

        Returns:
            The deal, if it is seen to have changed.
        """
        changes = self.write([(deal_id, event) for event in events], read_started_at)
        changes.add(self.sweep([deal_id], read_started_at))
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


def _one_of(engagement_type: str, engagement_ids: Iterable[str]) -> Document:
    return {"engagement_type": engagement_type, "engagement_id": {"$in": list(engagement_ids)}}
