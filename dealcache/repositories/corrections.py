"""Corrections of what earlier versions and wrong clocks have left in MongoDB, made at each start.

Reads find a name under the keys of earlier versions as well, see ``stored_name_keys``, so correcting the keys need not
be quick. Workers of an earlier version may still write their keys meanwhile; the walk at the next start of any worker
corrects those too, as does every sync that reads the deal.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from pymongo import ReturnDocument, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from dealcache.model.batches import batches_of
from dealcache.model.deals import name_key
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import SUMMED, Document, ids_of, milliseconds, name_fields
from dealcache.repositories.lists.version import changing

log = logging.getLogger(__name__)

#: How far the clock of another process may be ahead of ours.
_AHEAD = timedelta(seconds=60)

_READING_DATES = ("synced_at", "timeline_synced_at", "associations_read_at")

#: Deals to check in one operation, few enough that readers get their turn.
_STEP = 1_000

#: The document of ``maintenance`` with the position of the walk; several workers walk together.
_WALK: Document = {"_id": "deal_name_key"}

#: Deals whose fields may differ from what this version writes. Names in ASCII have always had the same key; earlier
#: versions write no words, and keep the old words when they replace a name.
_DOUBTFUL: Document = {
    "$or": [
        {"deal_name": {"$regex": "[^\\x20-\\x7e]"}},
        {"name_words": None},
        {"$expr": {"$ne": ["$words_of", "$deal_name"]}},
        {"archived": {"$nin": [True, False]}},
    ]
}


def take_back_future_dates(connection: Connection, now: datetime) -> int:
    """Replace dates of reading that lie in the future, left by a wrong clock, by the present.

    A document with such a date would count as newer than anything read until then: refreshes would be lost, and deals
    that are gone from HubSpot would stay. Events have no index by these dates, so only those of deals with such a date
    are checked: both are written together.

    Returns:
        The number of deals that had such a date.

    Raises:
        StoreError: MongoDB failed.
    """
    moment, later = milliseconds(now), {"$gt": milliseconds(now + _AHEAD)}
    with connection.operation() as database:
        found = database.deal_info.find({"$or": [{name: later} for name in _READING_DATES]}, {"_id": 0, "deal_id": 1})
        ids = ids_of(found)
        for batch in batches_of(ids, _STEP):
            of_deals: Document = {"deal_id": {"$in": batch}}
            database.deal_timeline.update_many(of_deals | {"synced_at": later}, {"$set": {"synced_at": moment}})
            # Last, so that a walk that breaks off finds the rest again.
            for name in (*_READING_DATES, "complete_as_of"):
                database.deal_info.update_many(of_deals | {name: later}, {"$set": {name: moment}})
    if ids:
        log.warning(
            "%d deals had dates in the future, left by a wrong clock; they now count as read at present", len(ids)
        )
    return len(ids)


def update_name_keys(connection: Connection, step: int = _STEP) -> int:
    """Walk through all deals and correct the fields derived from names: earlier versions did not normalize names.

    Deals that other systems have written are marked as not archived, by which lists find them. A walk that was
    interrupted, or that another worker is making, is continued.

    Returns:
        The number of deals that were changed here.

    Raises:
        StoreError: MongoDB failed; call again to continue.
    """
    changed = 0
    walk = _begin(connection)
    while walk is not None:
        with connection.operation() as database:
            further: Document = {} if walk["after"] is None else {"_id": {"$gt": walk["after"]}}
            projection = {"deal_name": 1, "deal_name_key": 1, "words_of": 1, "archived": 1}
            found = database.deal_info.find(_DOUBTFUL | further, projection, sort=[("_id", 1)], limit=step).to_list()
            changed += _correct(database.deal_info, found)
            walk = _advance(database.maintenance, walk, found[-1]["_id"] if len(found) == step else None)
    if changed:
        log.info("the keys and words of %d deal names were brought up to date", changed)
    return changed


def _begin(connection: Connection) -> Document | None:
    """Return the walk in progress; a new one if the last has ended."""
    fresh: Document = {"$set": {"after": None, "finished": False}, "$inc": {"number": 1}}
    with connection.operation() as database:
        try:
            return database.maintenance.find_one_and_update(
                _WALK | {"finished": {"$ne": False}}, fresh, upsert=True, return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError:
            return database.maintenance.find_one(_WALK)  # it is in progress


def _advance(collection: Collection[Document], walk: Document, after: Any) -> Document | None:
    """Note that all deals up to ``after`` are done, or all if it is None; return where to continue, None at the end."""
    same = _WALK | {"number": walk["number"], "finished": False}
    change: Document = {"$set": {"finished": True}} if after is None else {"$max": {"after": after}}
    going_on = collection.find_one_and_update(same, change, return_document=ReturnDocument.AFTER)
    return None if after is None else going_on


def _correct(collection: Collection[Document], documents: Iterable[Document]) -> int:
    corrected = ((document, _correction(document)) for document in documents)
    updates = [
        UpdateOne(document, {"$set": change, "$unset": {SUMMED: ""}}) for document, change in corrected if change
    ]
    if not updates:
        return 0
    # The whole document is the condition: a deal renamed meanwhile has received its key with its new name.
    with changing(collection.database) as whole:
        whole.begin()
        return collection.bulk_write(updates, ordered=False).modified_count


def _correction(document: Document) -> Document:
    """Return the correct values of the fields that are wrong."""
    change: Document = {}
    name = document.get("deal_name")
    if isinstance(name, str):
        key = name_key(name)
        if document.get("words_of") != name:
            change = name_fields(name)
        elif document.get("deal_name_key") != key:
            change["deal_name_key"] = key
    elif "words_of" not in document:
        change = {"name_words": [], "words_of": None}
    if not isinstance(document.get("archived"), bool):
        change["archived"] = False
    return change
