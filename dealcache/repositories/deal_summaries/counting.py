"""Summarizes the events of deals for lists: their number, and the times of the first, the last and the next one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dealcache.repositories.connection import Connection
from dealcache.repositories.deal_timeline import DealTimelineRepository
from dealcache.repositories.documents import Document, milliseconds

#: The summary of a deal without events.
NO_EVENTS: Document = {"count": 0, "first": None, "last": None, "end": None}

_NEXT = ("next",)
_TIMES = ("first", "last", "end", *_NEXT)


def summaries_of(
    connection: Connection, timelines: DealTimelineRepository, deal_ids: Sequence[str], now: datetime
) -> dict[str, Document]:
    """Return the summaries of deals; those without events are left out. Answered from an index.

    Deals with events not written by this service are summarized as they are shown.

    Args:
        connection: the database.
        timelines: the events in it.
        deal_ids: HubSpot's ids.
        now: the present; later events are planned.

    Raises:
        StoreError: MongoDB failed.
    """
    moment = milliseconds(now)
    with connection.operation() as database:
        groups = database.deal_timeline.aggregate(_stages(deal_ids, moment), batchSize=len(deal_ids) + 1).to_list()
    return {group["_id"]: _summary(group) or _summary_as_shown(timelines, group["_id"], moment) for group in groups}


def _stages(deal_ids: Sequence[str], now: datetime) -> list[Document]:
    at = "$occurred_at"
    sound = {"$and": [{"$eq": [{"$type": "$type"}, "string"]}, {"$eq": [{"$type": at}, "date"]}]}
    measures = {
        "_id": "$deal_id",
        "count": {"$sum": 1},
        "sound": {"$min": sound},
        "first": {"$min": at},
        "last": {"$max": {"$cond": [{"$lte": [at, now]}, at, None]}},
        "next": {"$min": {"$cond": [{"$gt": [at, now]}, at, None]}},
        "end": {"$max": at},
    }
    return [{"$match": {"deal_id": {"$in": list(deal_ids)}}}, {"$group": measures}]


def _summary(group: Document) -> Document | None:
    """Return MongoDB's result as a summary; None if a value was not written by this service."""
    times = {name: group[name] for name in _TIMES if name not in _NEXT or group[name] is not None}
    if group["sound"] and all(one is None or isinstance(one, datetime) for one in times.values()):
        return {"count": group["count"]} | times
    return None


def _summary_as_shown(timelines: DealTimelineRepository, deal_id: str, now: datetime) -> Document:
    times = sorted(milliseconds(event.occurred_at) for event in timelines.events(deal_id))
    past = [time for time in times if time <= now]
    summary = NO_EVENTS | {"count": len(times), "last": past[-1] if past else None}
    if times:
        summary |= {"first": times[0], "end": times[-1]}
    # Left out rather than None, so that deals without planned events are not in their index.
    return summary | ({"next": times[len(past)]} if len(past) < len(times) else {})
