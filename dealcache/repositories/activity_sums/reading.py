"""Reads what counts of the activities of deals: those that timelines show, by owner, type and day in a time zone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from functools import partial
from itertools import chain
from typing import Any

from pymongo import ASCENDING, ReadPreference

from dealcache.model.timestamps import in_zone, with_zone
from dealcache.repositories.activity_sums.counts import NOTHING, Activity, DealCounts, TypeNames, stage_text
from dealcache.repositories.connection import Connection, unjournaled
from dealcache.repositories.documents import Document, batches_of
from dealcache.repositories.record_documents import read_deal, read_event

_READ = ("deal_id", "pipeline_id", "stage_id", "archived", "timeline_synced_at")

#: The fields of a deal that decide whether and in which stage its activities count.
_DEAL_FIELDS = dict.fromkeys(_READ, 1)

_TEXT_OR_NONE = frozenset((str, type(None)))

_EVENT_FIELDS = dict.fromkeys(("deal_id", "occurred_at", "type", "owner_id"), 1)

#: Events to decode at once: some two milliseconds, during which other threads wait for the interpreter's lock.
_BATCH = 1_000


def read_counts(
    connection: Connection, zone: tzinfo, condition: Document, types: TypeNames
) -> list[tuple[Any, DealCounts]]:
    """Return the keys of the deals for which ``condition`` holds, each with its counts, in the order of the keys.

    Args:
        connection: the database.
        zone: the zone of the days.
        condition: for documents of ``deal_info``.
        types: the types that have numbers of their own.

    Raises:
        StoreError: MongoDB failed.
    """
    with connection.operation() as database:
        found = unjournaled(database, "deal_info").find(condition, _DEAL_FIELDS, sort=[("_id", ASCENDING)])
        deals = found.to_list()
    shown = [_shown(document) for document in deals]
    counted: dict[str, dict[Activity, int]] = {one[0]: {} for one in shown if one is not None}
    for deal_id, owner_id, kind, occurred_at in _events(connection, list(counted)):
        day = in_zone(occurred_at, zone).toordinal()
        activity, of_deal = Activity(owner_id or "", types.name(kind), day), counted[deal_id]
        of_deal[activity] = of_deal.get(activity, 0) + 1
    counts = [NOTHING if one is None or not counted[one[0]] else DealCounts(one[1], counted[one[0]]) for one in shown]
    return list(zip((document["_id"] for document in deals), counts, strict=True))


def _events(connection: Connection, deal_ids: Sequence[str]) -> Iterator[tuple[str, str | None, str, datetime]]:
    """Yield the deal, the owner, the type and the time of each event."""
    odd: list[Any] = []
    with connection.operation():
        # What a secondary does not have yet would be missing until the next change of the deal.
        events = connection.naive.get_collection("deal_timeline", read_preference=ReadPreference.PRIMARY)
        read = events.find({"deal_id": {"$in": deal_ids}}, _EVENT_FIELDS, batch_size=_BATCH)
        for document in chain.from_iterable(iter(partial(read.to_list, _BATCH), [])):
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


def _shown(document: Document) -> tuple[str, str] | None:
    """Return the id and the stage of a deal whose timeline is shown; None for any other deal."""
    deal_id, pipeline_id, stage_id, archived, synced_at = [document.get(name) for name in _READ]
    sound = type(deal_id) is str and type(archived) is bool and (synced_at is None or type(synced_at) is datetime)
    if not sound or not _TEXT_OR_NONE.issuperset((type(pipeline_id), type(stage_id))):
        stored, _ = read_deal(document)
        deal_id, archived, synced_at = stored.deal.deal_id, stored.deal.archived, stored.timeline_synced_at
        pipeline_id, stage_id = stored.deal.pipeline_id, stored.deal.stage_id
    return None if archived or synced_at is None else (str(deal_id), stage_text(pipeline_id, stage_id))
