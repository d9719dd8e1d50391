"""Counts the activities of deals that timelines show, by owner, type and day, and notes in deals which sums have them.

A process first claims deals by a mark of its own, and reads them. They count as summed only if they still have its mark
when they are in the sums: a writer removes it when it changes them, and another process replaces it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, ReadPreference

from dealcache.model.batches import batches_of
from dealcache.model.timestamps import in_zone, with_zone
from dealcache.repositories.activity_sums.counts import NOTHING, Activity, DealCounts, counted_type, stage_text
from dealcache.repositories.activity_sums.head import ActivityRepository
from dealcache.repositories.connection import unjournaled
from dealcache.repositories.documents import SUMMED, Document, documents_in
from dealcache.repositories.record_documents import read_deal, read_event

#: Deals, and about how many activities of them, to add up together.
_DEALS, _ACTIVITIES = 250, 20_000

#: The fields of a deal by which its size is known.
_SIZE = {"activities.count": 1}

#: Keys of deals to read at once.
_KEYS = 1_000

_READ = ("deal_id", "pipeline_id", "stage_id", "archived", "timeline_synced_at")

#: The fields of a deal that decide whether and in which stage its activities count.
_DEAL_FIELDS = dict.fromkeys(_READ, 1)

_TEXT_OR_NONE = frozenset((str, type(None)))

_EVENT_FIELDS = dict.fromkeys(("deal_id", "occurred_at", "type", "owner_id"), 1)

#: Events to decode at once: some two milliseconds, during which other threads wait for the interpreter's lock.
_BATCH = 1_000


class DealCounter(ActivityRepository):
    """Counts deals. Thread-safe."""

    def batches(self) -> Iterator[list[Any]]:
        """Yield the keys of all deals, in their order and of whatever type they are, in batches to be added up."""
        with self._connection.operation() as database:
            found = database.deal_info.find({}, _SIZE, sort=[("_id", ASCENDING)], batch_size=_KEYS)
            yield from key_batches(documents_in(found, _KEYS))

    def unsummed(self, generation: ObjectId, most: int) -> list[Document]:
        """Return deals that are not summed, ``most`` at most, with their ids and the number of their activities."""
        with self._connection.operation() as database:
            deals = unjournaled(database, "deal_info")
            return deals.find({SUMMED: {"$ne": generation}}, _SIZE, limit=most).to_list()

    def claim(
        self, generation: ObjectId, keys: Sequence[Any], types: list[str]
    ) -> tuple[ObjectId, list[tuple[Any, DealCounts]]]:
        """Mark those of these deals that are not summed.

        Returns:
            The mark, and what :meth:`count` returns for them after that.
        """
        mark = ObjectId()
        unsummed: Document = {"_id": {"$in": keys}, SUMMED: {"$ne": generation}}
        with self._connection.operation() as database:
            unjournaled(database, "deal_info").update_many(unsummed, {"$set": {SUMMED: mark}})
        return mark, self.count({SUMMED: mark}, types)

    def confirm(self, generation: ObjectId, mark: ObjectId) -> None:
        """Note that the deals that still have this mark are summed."""
        with self._connection.operation() as database:
            unjournaled(database, "deal_info").update_many({SUMMED: mark}, {"$set": {SUMMED: generation}})

    def forget(self, generation: ObjectId, keys: Sequence[Any]) -> None:
        """Note that these deals are not summed."""
        summed: Document = {"_id": {"$in": keys}, SUMMED: generation}
        with self._connection.operation() as database:
            unjournaled(database, "deal_info").update_many(summed, {"$unset": {SUMMED: ""}})

    def count(self, condition: Document, types: list[str]) -> list[tuple[Any, DealCounts]]:
        """Return the keys of the deals for which ``condition`` holds, each with its counts, in the order of the keys.

        Args:
            condition: for documents of ``deal_info``.
            types: see :func:`.counted_type`.
        """
        with self._connection.operation() as database:
            found = unjournaled(database, "deal_info").find(condition, _DEAL_FIELDS, sort=[("_id", ASCENDING)])
            deals = [(document["_id"], _shown(document)) for document in found.to_list()]
        counted: dict[str, dict[Activity, int]] = {shown[0]: {} for _, shown in deals if shown is not None}
        for deal_id, owner_id, kind, occurred_at in self._events(list(counted)):
            day = in_zone(occurred_at, self._zone).toordinal()
            activity, of_deal = Activity(owner_id or "", counted_type(kind, types), day), counted[deal_id]
            of_deal[activity] = of_deal.get(activity, 0) + 1
        return [
            (key, NOTHING if shown is None or not counted[shown[0]] else DealCounts(shown[1], counted[shown[0]]))
            for key, shown in deals
        ]

    def _events(self, deal_ids: Sequence[str]) -> Iterator[tuple[str, str | None, str, datetime]]:
        """Yield the deal, the owner, the type and the time of each event."""
        odd: list[Any] = []
        with self._connection.operation():
            # What a secondary does not have yet would be missing until the next change of the deal.
            events = self._connection.naive.get_collection("deal_timeline", read_preference=ReadPreference.PRIMARY)
            read = events.find({"deal_id": {"$in": deal_ids}}, _EVENT_FIELDS, batch_size=_BATCH)
            for document in documents_in(read, _BATCH):
                kind, at, owner_id = document.get("type"), document.get("occurred_at"), document.get("owner_id", 0)
                # As this service writes them; anything else is read as timelines read it.
                if kind and type(kind) is str and type(at) is datetime and (type(owner_id) is str or owner_id is None):
                    yield document["deal_id"], owner_id, kind, with_zone(at)
                else:
                    odd.append(document["_id"])
            for keys in batches_of(odd, _BATCH):
                for document in events.find({"_id": {"$in": keys}}):
                    event, _ = read_event(document)
                    yield document["deal_id"], event.owner_id, event.type, event.occurred_at


def key_batches(deals: Iterable[Document]) -> Iterator[list[Any]]:
    """Yield the keys of deals in batches to be added up together.

    Args:
        deals: with their ids and the number of their activities.
    """
    keys: list[Any] = []
    activities = 0
    for deal in deals:
        summary = deal.get("activities")
        count = summary.get("count") if isinstance(summary, dict) else 0
        number = count if isinstance(count, int) else 0
        if keys and (len(keys) == _DEALS or activities + number > _ACTIVITIES):
            yield keys
            keys, activities = [], 0
        keys.append(deal["_id"])
        activities += number
    if keys:
        yield keys


def _shown(document: Document) -> tuple[str, str] | None:
    """Return the id and the stage of a deal whose timeline is shown; None for any other deal."""
    deal_id, pipeline_id, stage_id, archived, synced_at = [document.get(name) for name in _READ]
    sound = type(deal_id) is str and type(archived) is bool and (synced_at is None or type(synced_at) is datetime)
    if not sound or not _TEXT_OR_NONE.issuperset((type(pipeline_id), type(stage_id))):
        stored, _ = read_deal(document)
        deal_id, archived, synced_at = stored.deal.deal_id, stored.deal.archived, stored.timeline_synced_at
        pipeline_id, stage_id = stored.deal.pipeline_id, stored.deal.stage_id
    return None if archived or synced_at is None else (str(deal_id), stage_text(pipeline_id, stage_id))
