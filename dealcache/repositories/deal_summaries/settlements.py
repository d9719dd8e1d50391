"""Reading deals with marks, and the updates of deals whose events were counted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from bson import ObjectId

from dealcache.repositories.documents import OUTDATED_FIELDS, SUMMED, Document


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


def settled(activities: Document, dates: Document | None, writers: Iterable[str] = ()) -> list[Document]:
    """Return the update of deals that were counted.

    Args:
        activities: the expression of their summaries.
        dates: dates to raise because the events are complete from now on; None if they are not.
        writers: the processes that may be writing; without any, the marks are removed.
    """
    fields: Document = {name: {"$max": [f"${name}", date]} for name, date in (dates or {}).items()}
    fields["activities"] = activities
    outdated = [SUMMED, *(OUTDATED_FIELDS if dates else ())]
    if left := sorted(writers):
        # Another process that counts this deal at the same time must count again.
        fields |= {"list_stale.token": ObjectId(), "list_stale.writers": {"$literal": left}}
    else:
        outdated.append("list_stale")
    return [{"$set": fields}, {"$unset": outdated}]


def of_each(summaries: Mapping[str, Document]) -> Document:
    """Return the expression for the summaries of many deals, by their ids."""
    place = {"$indexOfArray": [{"$literal": list(summaries)}, "$deal_id"]}
    return {"$arrayElemAt": [{"$literal": list(summaries.values())}, place]}
