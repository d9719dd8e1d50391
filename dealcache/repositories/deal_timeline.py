"""The collection ``deal_timeline``: one document per deal and engagement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from bson.codec_options import CodecOptions
from pymongo import InsertOne, UpdateOne
from pymongo.collection import Collection

from dealcache.deals import FOREIGN_FIELDS, Event
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import (
    EVENT_PROJECTION,
    Document,
    event_fields,
    foreign_fields,
    milliseconds,
    read_all,
    to_event,
    utc,
)
from dealcache.repositories.newest_wins import newest_wins, write_all
from dealcache.repositories.timeline_plan import Change, EngagementKey, key_of, plan_writes

_KEY = ("deal_id", "engagement_type", "engagement_id")

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
        return {key_of(document): foreign_fields(document) for document in found}

    def replace(self, deal_id: str, events: Iterable[Event], read_started_at: datetime) -> None:
        """Make the stored events of a deal those of a complete load, as far as nothing newer is stored.

        A document's ``synced_at`` is when HubSpot was asked for the version that confirmed it last. All events of this
        load get ``read_started_at``; what is older then is not among them and goes. So a slow older load never deletes
        what a newer one brought.

        Args:
            deal_id: HubSpot's id.
            events: all of the deal's events.
            read_started_at: the time just before the load's first call.
        """
        synced_at = milliseconds(read_started_at)
        wanted = [event_fields(deal_id, event) for event in events]
        with self._connection.operation() as database:
            collection = database.deal_timeline
            stored = collection.find({"deal_id": deal_id}, batch_size=_BATCH).to_list()
            plan = plan_writes(stored, wanted, synced_at)
            _insert(collection, plan.missing, synced_at)
            _change(collection, plan.changed, synced_at)
            _confirm(collection, plan.confirmed, synced_at)
        self.delete_unseen_since(deal_id, synced_at)

    def delete_unseen_since(self, deal_id: str, moment: datetime) -> None:
        """Delete the events of a deal that no load confirmed which began at ``moment`` or later."""
        with self._connection.operation() as database:
            database.deal_timeline.delete_many({"deal_id": deal_id, "synced_at": {"$lt": moment}})


def _insert(collection: Collection[Document], missing: Sequence[Document], synced_at: datetime) -> None:
    # The driver adds an _id to the document it inserts, so it gets one of its own.
    inserts = [InsertOne({**fields, "synced_at": synced_at}) for fields in missing]
    write_all(collection, inserts, lambda index: newest_wins(_KEY, missing[index], synced_at))


def _change(collection: Collection[Document], changes: Sequence[Change], synced_at: datetime) -> None:
    """Write what differs, on condition that each document still is the version that it was compared with.

    That takes half the time of :func:`newest_wins`, which does the rest when another writer was faster.
    """
    if not changes:
        return
    written = collection.bulk_write([_if_unchanged(change, synced_at) for change in changes], ordered=False)
    if written.matched_count < len(changes):
        updates = _updates([change.fields for change in changes], synced_at)
        write_all(collection, updates, updates.__getitem__)


def _if_unchanged(change: Change, synced_at: datetime) -> UpdateOne:
    version = {name: change.stored.get(name) for name in ("_id", "hubspot_updated_at", "synced_at")}
    return UpdateOne(version, {"$set": change.differing(), "$max": {"synced_at": synced_at}})


def _confirm(collection: Collection[Document], confirmed: Mapping[Any, Document], synced_at: datetime) -> None:
    if not confirmed:
        return
    ids = list(confirmed)
    seen = collection.update_many({"_id": {"$in": ids}}, {"$max": {"synced_at": synced_at}})
    if seen.matched_count < len(ids):
        # An older load, which did not know some of these, deleted them since they were compared: bring them back.
        updates = _updates(list(confirmed.values()), synced_at)
        write_all(collection, updates, updates.__getitem__)


def _updates(all_fields: Sequence[Document], synced_at: datetime) -> list[UpdateOne]:
    return [newest_wins(_KEY, fields, synced_at) for fields in all_fields]
