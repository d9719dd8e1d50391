"""How deals get into ``deal_info`` and how they are archived there, so that merged ones never come back to life.

Each function works inside :meth:`.Connection.operation` and raises the driver's errors.
"""

from __future__ import annotations

from collections.abc import Collection as Sized
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from pymongo.collection import Collection

from dealcache.changes import Changes
from dealcache.deals import Deal
from dealcache.repositories.batch_writes import Written, write_batch
from dealcache.repositories.documents import COMPARED_DEAL, Document, deal_fields
from dealcache.repositories.visible_changes import deal_changes, note_deal
from dealcache.repositories.write_plan import newest_of_each

#: The condition that a deal is not archived.
LIVE: Document = {"archived": {"$ne": True}}

_KEY = ("deal_id",)
_BATCH = 1_000


def store_deals(collection: Collection[Document], deals: Iterable[Deal], synced_at: datetime) -> Changes:
    """Write deals, each unless a newer version is stored; those that were merged into others end up archived.

    Which ids were merged away is asked for before the write, so that an old reading of such a deal is stored as
    archived, and again after it for what appeared, because the deal that it was merged into may have been stored
    meanwhile by another writer, who did not yet find it.

    Args:
        collection: the deals.
        deals: as HubSpot gave them.
        synced_at: the time just before HubSpot was asked, in milliseconds.

    Returns:
        The deals that are seen to have changed.
    """
    given = list(deals)
    ids = [deal.deal_id for deal in given]
    absorbed = {deal_id for deal in given for deal_id in deal.merged_ids if deal_id != deal.deal_id}
    gone = absorbed | merged_away(collection, ids)
    marked = [replace(deal, archived=True) if deal.deal_id in gone else deal for deal in given]
    stored = collection.find({"deal_id": {"$in": ids}}, COMPARED_DEAL).to_list()
    written = write_batch(collection, _KEY, stored, _wanted(marked, stored, synced_at), synced_at)
    alive = [fields["deal_id"] for fields in written.added if not fields["archived"]]
    alive += [match.fields["deal_id"] for match in written.changed if not match.fields["archived"]]
    changes = deal_changes(written)
    changes.names |= _shared_names(collection, written)
    changes.add(archive(collection, absorbed | merged_away(collection, alive), synced_at))
    return changes


def _shared_names(collection: Collection[Document], written: Written) -> set[str]:
    """The names of deals that were modified, if other deals bear them too.

    By such a name the deal is meant that was modified last: it may be another one now, though none looks different.
    """
    modified = {
        match.fields["deal_name_key"]: match.fields["deal_name"]
        for match in written.changed
        if match.stored.get("hubspot_updated_at") != match.fields["hubspot_updated_at"]
    }
    if not modified:
        return set()
    bearers = collection.aggregate(
        [
            {"$match": {"deal_name_key": {"$in": list(modified)}} | LIVE},
            {"$group": {"_id": "$deal_name_key", "count": {"$sum": 1}}},
            {"$match": {"count": {"$gt": 1}}},
        ]
    )
    return {modified[bearer["_id"]] for bearer in bearers}


def _wanted(deals: Iterable[Deal], stored: Iterable[Document], synced_at: datetime) -> list[Document]:
    """The fields that the documents are to have; ``archived_at`` is the first time that a deal was found archived."""
    archived_at = {document["deal_id"]: document.get("archived_at") for document in stored if document.get("archived")}
    wanted = newest_of_each(_KEY, [deal_fields(deal) for deal in deals])
    for fields in wanted:
        since = archived_at.get(fields["deal_id"]) or synced_at
        fields["archived_at"] = since if fields["archived"] else None
    return wanted


def merged_away(collection: Collection[Document], deal_ids: Sized[str]) -> set[str]:
    """Which of ``deal_ids`` are known to have been merged into another deal."""
    if not deal_ids:
        return set()
    asked = set(deal_ids)
    holders = collection.find({"merged_ids": {"$in": list(asked)}}, {"_id": 0, "deal_id": 1, "merged_ids": 1})
    return {
        merged_id
        for holder in holders
        for merged_id in holder["merged_ids"]
        if merged_id in asked and merged_id != holder["deal_id"]
    }


def archive(
    collection: Collection[Document], deal_ids: Iterable[str], at: datetime, condition: Document | None = None
) -> Changes:
    """Mark live deals as archived.

    Args:
        collection: the deals.
        deal_ids: HubSpot's ids; unknown ones are ignored.
        at: as of when they are archived, in milliseconds.
        condition: what must hold of a deal besides.

    Returns:
        Those that were live.
    """
    changes = Changes()
    live = {"deal_id": {"$in": list(deal_ids)}} | LIVE | (condition or {})
    if not live["deal_id"]["$in"]:
        return changes
    found = collection.find(live, {"deal_id": 1, "deal_name": 1, "merged_ids": 1}).to_list()
    if found:
        seen = live | {"_id": {"$in": [document["_id"] for document in found]}}
        mark = {"$set": {"archived": True, "archived_at": at}, "$max": {"synced_at": at}}
        collection.update_many(seen, mark)
    for document in found:
        note_deal(changes, document)
    return changes


def archive_all(collection: Collection[Document], condition: Document, at: datetime) -> Changes:
    """Mark all live deals as archived for which ``condition`` holds; see :func:`archive`."""
    changes = Changes()
    found = collection.find(condition | LIVE, {"_id": 0, "deal_id": 1}, batch_size=_BATCH)
    ids: list[str] = []
    for document in found:
        ids.append(document["deal_id"])
        if len(ids) == _BATCH:
            changes.add(archive(collection, ids, at, condition))
            ids = []
    changes.add(archive(collection, ids, at, condition))
    return changes


def follow_merges(collection: Collection[Document], found: Sequence[Document], projection: Document) -> list[Document]:
    """The live deals that archived ones were merged into, however often these were merged themselves.

    Args:
        collection: the deals.
        found: documents of archived deals.
        projection: what to read.
    """
    known: set[str] = set()
    while found:
        ids = {document["deal_id"] for document in found} - known
        known |= ids
        found = collection.find({"merged_ids": {"$in": list(ids)}}, projection).to_list() if ids else []
        live = [document for document in found if not document.get("archived")]
        if live:
            return live
    return []
