"""Counts the events of deals for lists: their number, and the times of the first, the last and the next one.

And reads the marks of deals that have to be counted, and makes the updates of those that were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from bson import ObjectId

from dealcache.repositories.connection import Connection
from dealcache.repositories.deal_timeline import DealTimelineRepository
from dealcache.repositories.documents import OUTDATED_FIELDS, SUMMED, Document, milliseconds

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


class Marked(NamedTuple):
    """A deal with a mark. Any value but ``deal_id`` and ``writers`` may be another system's."""

    key: Any
    deal_id: str
    token: Any
    writers: frozenset[str]
    activities: Any


def read_marked(document: Document) -> Marked:
    """Return a deal's document as a deal with a mark; an invalid mark counts as that of a dead writer."""
    deal_id, mark = document.get("deal_id"), document["list_stale"]
    fields = mark if isinstance(mark, dict) else {}
    writers = fields.get("writers")
    return Marked(
        document["_id"],
        deal_id if isinstance(deal_id, str) else "",
        fields.get("token"),
        frozenset(one for one in writers if isinstance(one, str)) if isinstance(writers, list) else frozenset(("",)),
        document.get("activities"),
    )


def settled_together(summaries: Mapping[str, Document], dates: Document | None) -> list[Document]:
    """Return one update for many deals that were counted, by their ids, which removes their marks.

    Args:
        summaries: the results.
        dates: dates to raise because the events are complete from now on; None if they are not.
    """
    place = {"$indexOfArray": [{"$literal": list(summaries)}, "$deal_id"]}
    fields: Document = {name: {"$max": [f"${name}", date]} for name, date in (dates or {}).items()}
    fields["activities"] = {"$arrayElemAt": [{"$literal": list(summaries.values())}, place]}
    return [{"$set": fields}, {"$unset": ["list_stale", SUMMED, *(OUTDATED_FIELDS if dates else ())]}]


def settled(summary: Document, dates: Document | None, writers: Iterable[str]) -> Document:
    """Return the update of one deal that was counted; takes half the time of one that is a pipeline.

    Args:
        summary: the result.
        dates: see :func:`settled_together`.
        writers: the processes that may be writing; without any, the mark is removed.
    """
    fields: Document = {"activities": summary}
    outdated = [SUMMED, *(OUTDATED_FIELDS if dates else ())]
    if left := sorted(writers):
        # Another process that counts this deal at the same time must count again.
        fields |= {"list_stale.token": ObjectId(), "list_stale.writers": left}
    else:
        outdated.append("list_stale")
    update: Document = {"$set": fields, "$unset": dict.fromkeys(outdated, "")}
    return update | ({"$max": dates} if dates else {})
