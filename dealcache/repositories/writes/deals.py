"""Writes and archives deals in ``deal_info`` so that merged ones never become live again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from pymongo.collection import Collection
from pymongo.database import Database

from dealcache.model.batches import batches_of
from dealcache.model.deals import Deal
from dealcache.model.invalidation import Changes
from dealcache.repositories.connection import Connection, Repository
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
    milliseconds,
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


class DealWriter(Repository):
    """Writes and archives deals.

    Args:
        marks: those of this process; new deals have one until their events are counted.
        properties: converts the own properties of deals.
        home_currency: returns the company's currency, None while it is not known.
    """

    def __init__(
        self,
        connection: Connection,
        marks: DirtyMarks,
        properties: StoredProperties,
        home_currency: Callable[[], str | None],
    ) -> None:
        super().__init__(connection)
        self._marks = marks
        self._properties = properties
        self._home_currency = home_currency
        self._compared = COMPARED_DEAL | STAGE_TIMES | properties.compared

    def store(self, deals: Iterable[Deal], synced_at: datetime) -> Changes:
        """Write deals, each unless MongoDB holds a newer version of it, and return the visible changes.

        The deals that were merged into them are archived, for good. See :mod:`.newest_wins` for the order of versions.

        The ids merged away are looked up before the write, so that an old reading of such a deal is stored as archived,
        and for new deals again after it, because another writer may meanwhile have stored the deal into which one was
        merged without finding that one.

        Args:
            deals: the deals as HubSpot returned them.
            synced_at: the time just before HubSpot was asked.
        """
        given, moment = list(deals), milliseconds(synced_at)
        home = self._home_currency() if any(deal.currency for deal in given) else None
        ids = [deal.deal_id for deal in given]
        absorbed = {deal_id for deal in given for deal_id in deal.merged_ids if deal_id != deal.deal_id}
        with self._connection.operation() as database:
            collection = database.deal_info
            gone = absorbed | merged_away(collection, ids)
            meant = [replace(deal, archived=True) if deal.deal_id in gone else deal for deal in given]
            stored = collection.find({"deal_id": {"$in": ids}}, self._compared).to_list()
            written = self._write(database, stored, self._wanted(meant, stored, moment, home), moment)
            for refused in written.refused:
                self._connection.unreadable.note("deals", refused["deal_id"], "MongoDB refuses it")
            alive = [fields["deal_id"] for fields in written.added if not fields["archived"]]
            alive += [match.fields["deal_id"] for match in written.changed if not match.fields["archived"]]
            changes = deal_changes(written)
            changes.names |= _shared_names(collection, written)
            changes.add(archive(collection, absorbed | merged_away(collection, alive), moment))
        return changes

    def _write(
        self, database: Database[Document], stored: Iterable[Document], wanted: Iterable[Document], synced_at: datetime
    ) -> Written:
        with changing(database) as change, self._marks.writing(database) as writing:
            first = self._marks.initial_mark()

            def before(new: Sequence[Document], _changed: Sequence[Match]) -> None:
                change.begin()
                writing.insert(fields["deal_id"] for fields in new)

            written = write_batch(
                database.deal_info, _KEY, stored, wanted, synced_at, before, first={"list_stale": first}
            )
            self._marks.remember((fields["deal_id"] for fields in written.inserted), first["token"])
            _note_moves(change.moves, written)
        return written

    def _wanted(
        self, deals: Iterable[Deal], stored: Iterable[Document], synced_at: datetime, home: str | None
    ) -> list[Document]:
        """Return the fields to store; ``archived_at`` is the first time that a deal was found archived."""
        held = {document["deal_id"]: document for document in stored if has_key(_KEY, document)}
        wanted = newest_of_each(_KEY, [self._fields(deal, held.get(deal.deal_id), home) for deal in deals])
        for fields in wanted:
            document = held.get(fields["deal_id"], {})
            since = (any_date(document.get("archived_at")) if document.get("archived") else None) or synced_at
            fields["archived_at"] = since if fields["archived"] else None
        return wanted

    def _fields(self, deal: Deal, stored: Document | None, home: str | None) -> Document:
        """Return the fields of a deal; ``stored`` is its document, None if there is none."""
        foreign = {} if deal.currency in (None, home) else {FOREIGN_CURRENCY: deal.currency}
        return deal_fields(deal) | foreign | stage_fields(deal) | self._properties.fields(deal, stored)

    def mark_archived(self, deal_ids: Iterable[str], at: datetime) -> Changes:
        """Archive deals that HubSpot no longer has, and return the changes; unknown ids are ignored.

        Deals that were read later than ``at``, the time just before HubSpot was asked, stay as they are.
        """
        ids, moment = list(deal_ids), milliseconds(at)
        not_read_later: Document = {"synced_at": {"$not": {"$gt": moment}}}
        again = {"deal_id": {"$in": ids}, "archived": True} | not_read_later
        with self._connection.operation() as database:
            changes = archive(database.deal_info, ids, moment, not_read_later)
            database.deal_info.update_many(again, {"$set": {"synced_at": moment}})
        return changes

    def archive_unseen(self, since: datetime) -> Changes:
        """Archive all deals not seen at HubSpot since a complete load's first call, and return the changes."""
        changes, moment = Changes(), milliseconds(since)
        unseen: Document = {"synced_at": {"$lt": moment}}
        with self._connection.operation() as database:
            # Nearly all are live: what says so in the indexes of lists is no reason to go by one of these.
            found = database.deal_info.find(
                unseen | LIVE, {"_id": 0, "deal_id": 1}, batch_size=_BATCH, hint=[("$natural", 1)]
            )
            for batch in batches_of(found, _BATCH):
                changes.add(archive(database.deal_info, ids_of(batch), moment, unseen))
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


def merged_away(collection: Collection[Document], deal_ids: Iterable[str]) -> set[str]:
    """Return those of ``deal_ids`` that are known to have been merged into another deal."""
    asked = set(deal_ids)
    if not asked:
        return set()
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

    Works inside :meth:`.Connection.operation` and raises the driver's errors.

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
