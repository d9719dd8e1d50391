"""Reading deals with marks, and the updates of deals whose events were counted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bson import ObjectId

from dealcache.repositories.documents import SUMMED, Document


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


def settled_together(deal_ids: Sequence[str], summaries: Sequence[Document], change: Document | None) -> list[Document]:
    """Return one update for many deals that were counted; see :func:`settled`.

    Args:
        deal_ids: HubSpot's ids.
        summaries: the result for each.
        change: a further update by ``$max`` and ``$unset``; None for none.
    """
    place = {"$indexOfArray": [{"$literal": deal_ids}, "$deal_id"]}
    fields: Document = {"activities": {"$arrayElemAt": [{"$literal": summaries}, place]}}
    for name, value in (change or {}).get("$max", {}).items():
        fields[name] = {"$max": [f"${name}", value]}
    return [{"$set": fields}, {"$unset": ["list_stale", SUMMED, *(change or {}).get("$unset", {})]}]


def settled(summary: Document, change: Document | None, writers: Iterable[str]) -> Document:
    """Return the update of a deal that was counted.

    Args:
        summary: the result.
        change: a further update; None for none.
        writers: the processes that may be writing; without any, the mark is removed.
    """
    update = {name: dict(fields) for name, fields in (change or {}).items()}
    update.setdefault("$set", {})["activities"] = summary
    update.setdefault("$unset", {})[SUMMED] = ""
    if left := sorted(writers):
        # Another process that counts this deal at the same time must count again.
        update["$set"] |= {"list_stale.token": ObjectId(), "list_stale.writers": left}
    else:
        update["$unset"]["list_stale"] = ""
    return update
