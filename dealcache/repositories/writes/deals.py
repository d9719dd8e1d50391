"""Writes and archives deals in ``deal_info`` so that merged ones never become live again.

Each function works inside :meth:`.Connection.operation` and raises the driver's errors.
"""

from __future__ import annotations

from collections.abc import Collection as Sized
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from pymongo.collection import Collection

from dealcache.model.deals import Deal
from dealcache.model.invalidation import Changes
from dealcache.model.unreadable import UnreadableRecords
from dealcache.repositories.deal_properties import StoredProperties
from dealcache.repositories.documents import (
    COMPARED_DEAL,
    FOREIGN_CURRENCY,
    LIVE,
    SUMMED,
    Document,
    any_date,
    deal_fields,
    ids_of,
    texts_in,
)
from dealcache.repositories.lists.stage_moves import COUNTED_FIELDS, StageMoves
from dealcache.repositories.lists.version import changing
from dealcache.repositories.stage_times import STAGE_TIMES, stage_fields
from dealcache.repositories.writes.batches import Written, write_batch
from dealcache.repositories.writes.dirty_marks import DirtyMarks
from dealcache.repositories.writes.plan import Match, has_key, newest_of_each
from dealcache.repositories.writes.visible_changes import deal_changes, note_deal

_KEY = ("deal_id",)
_BATCH = 1_000

#: Deals to archive one by one, so that their state at that moment is known.
_FEW = 20
_COUNTED = dict.fromkeys(COUNTED_FIELDS, 1)


class DealDocuments(NamedTuple):
    """Converts deals to the fields of documents.

    Args:
        properties: converts their own properties.
        home_currency: the company's currency, None if it is not known.
    """

    properties: StoredProperties
    home_currency: str | None

    @property
    def compared(self) -> Document:
        """The projection with which a document is read to compare it with HubSpot's version of the deal."""
        return COMPARED_DEAL | STAGE_TIMES | self.properties.compared

    def fields(self, deal: Deal, stored: Document | None) -> Document:
        """Return the fields of a deal.

        Args:
            deal: as HubSpot gave it.
            stored: its document; None if there is none.
        """
        is_foreign = deal.currency not in (None, self.home_currency)
        foreign = {FOREIGN_CURRENCY: deal.currency} if is_foreign else {}
        return deal_fields(deal) | foreign | stage_fields(deal) | self.properties.fields(deal, stored)


def store_deals(
    collection: Collection[Document],
    deals: Iterable[Deal],
    synced_at: datetime,
    unreadable: UnreadableRecords,
    marks: DirtyMarks,
    documents: DealDocuments,
) -> Changes:
    """Write deals, each unless a newer version is stored, and return the visible changes.

    Deals that were merged into others end up archived. The ids merged away are looked up before the write, so that an
    old reading of such a deal is stored as archived, and for new deals again after it, because another writer may
    meanwhile have stored the deal into which one was merged without finding that one.

    Args:
        collection: the deals.
        deals: as HubSpot gave them.
        synced_at: the time just before HubSpot was asked, in milliseconds.
        unreadable: counts the deals that MongoDB refuses.
        marks: those of this process; new deals have one until their events are counted.
        documents: converts deals to documents.
    """
    given = list(deals)
    ids = [deal.deal_id for deal in given]
    absorbed = {deal_id for deal in given for deal_id in deal.merged_ids if deal_id != deal.deal_id}
    gone = absorbed | merged_away(collection, ids)
    meant = [replace(deal, archived=True) if deal.deal_id in gone else deal for deal in given]
    stored = collection.find({"deal_id": {"$in": ids}}, documents.compared).to_list()
    wanted = _wanted(meant, stored, synced_at, documents)
    with changing(collection.database) as change, marks.writing(collection.database) as writing:
        first = marks.initial_mark()

        def before(new: Sequence[Document], _changed: Sequence[Match]) -> None:
            change.begin()
            writing.insert(fields["deal_id"] for fields in new)

        written = write_batch(collection, _KEY, stored, wanted, synced_at, before=before, first={"list_stale": first})
        marks.remember((fields["deal_id"] for fields in written.inserted), first["token"])
        _note_moves(change.moves, written)
    for refused in written.refused:
        unreadable.note("deals", refused["deal_id"], "MongoDB refuses it")
    alive = [fields["deal_id"] for fields in written.added if not fields["archived"]]
    alive += [match.fields["deal_id"] for match in written.changed if not match.fields["archived"]]
    changes = deal_changes(written)
    changes.names |= _shared_names(collection, written)
    changes.add(archive(collection, absorbed | merged_away(collection, alive), synced_at))
    return changes


def _note_moves(moves: StageMoves, written: Written) -> None:
    """Note the deals that came into stages and left them."""
    if not written.is_as_planned:
        moves.forget()
    for fields in written.added:
        moves.come(fields)
    for match in written.changed:
        moves.change(match.stored, match.stored | match.differing())


def _shared_names(collection: Collection[Document], written: Written) -> set[str]:
    """Return the names of modified deals that other deals have too.

    Such a name means the deal that was modified last, which may now be another one although none looks different.
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


def _wanted(
    deals: Iterable[Deal], stored: Iterable[Document], synced_at: datetime, documents: DealDocuments
) -> list[Document]:
    """Return the fields to store; ``archived_at`` is the first time that a deal was found archived."""
    held = {document["deal_id"]: document for document in stored if has_key(_KEY, document)}
    read = [(deal, held.get(deal.deal_id)) for deal in deals]
    wanted = newest_of_each(_KEY, [documents.fields(deal, document) for deal, document in read])
    for fields in wanted:
        document = held.get(fields["deal_id"], {})
        since = (any_date(document.get("archived_at")) if document.get("archived") else None) or synced_at
        fields["archived_at"] = since if fields["archived"] else None
    return wanted


def merged_away(collection: Collection[Document], deal_ids: Sized[str]) -> set[str]:
    """Return those of ``deal_ids`` that are known to have been merged into another deal."""
    if not deal_ids:
        return set()
    asked = set(deal_ids)
    holders = collection.find({"merged_ids": {"$in": list(asked)}}, {"_id": 0, "deal_id": 1, "merged_ids": 1})
    return {
        merged_id
        for holder in holders
        for merged_id in asked.intersection(texts_in(holder["merged_ids"]))
        if merged_id != holder.get("deal_id")
    }


def archive(
    collection: Collection[Document], deal_ids: Iterable[str], at: datetime, condition: Document | None = None
) -> Changes:
    """Mark live deals as archived and return the changes; unknown ids are ignored.

    Args:
        collection: the deals.
        deal_ids: HubSpot's ids.
        at: as of when they are archived, in milliseconds.
        condition: a further condition for the deals.
    """
    changes = Changes()
    live = {"deal_id": {"$in": list(deal_ids)}} | LIVE | (condition or {})
    if not live["deal_id"]["$in"]:
        return changes
    found = collection.find(live, {"deal_id": 1, "deal_name": 1, "merged_ids": 1}).to_list()
    if not found:
        return changes
    with changing(collection.database) as change:
        change.begin()
        mark: Document = {
            "$set": {"archived": True, "archived_at": at},
            "$max": {"synced_at": at},
            "$unset": {SUMMED: ""},
        }
        if len(found) <= _FEW:
            for document in found:
                before = collection.find_one_and_update(live | {"_id": document["_id"]}, mark, _COUNTED)
                change.moves.leave(before or {"archived": True})
        else:
            change.moves.forget()
            collection.update_many(live | {"_id": {"$in": [document["_id"] for document in found]}}, mark)
    for document in found:
        note_deal(changes, document)
    return changes


def archive_all(collection: Collection[Document], condition: Document, at: datetime) -> Changes:
    """Archive all live deals for which ``condition`` holds; see :func:`archive`."""
    changes = Changes()
    # Nearly all are live: what says so in the indexes of lists is no reason to go by one of these.
    as_stored = [("$natural", 1)]
    found = collection.find(condition | LIVE, {"_id": 0, "deal_id": 1}, batch_size=_BATCH, hint=as_stored)
    ids: list[str] = []
    for document in found:
        ids += ids_of([document])
        if len(ids) == _BATCH:
            changes.add(archive(collection, ids, at, condition))
            ids = []
    changes.add(archive(collection, ids, at, condition))
    return changes


def follow_merges(collection: Collection[Document], found: Sequence[Document], projection: Document) -> list[Document]:
    """Return the live deals that the archived ones in ``found`` were merged into, over any number of merges."""
    known: set[str] = set()
    while found:
        ids = {document["deal_id"] for document in found if isinstance(document.get("deal_id"), str)} - known
        known |= ids
        found = collection.find({"merged_ids": {"$in": list(ids)}}, projection).to_list() if ids else []
        live = [document for document in found if not document.get("archived")]
        if live:
            return live
    return []
