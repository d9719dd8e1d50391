"""Corrections of what earlier versions and wrong clocks have left in MongoDB, made at each start.

Reads find a name under the keys of earlier versions as well, see ``stored_name_keys``, so correcting the keys need not
be quick. Workers of an earlier version may still write their keys meanwhile; the walk at the next start of any worker
corrects those too, as does every sync that reads the deal.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from pymongo import UpdateOne
from pymongo.collection import Collection

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

    Deals that other systems have written are marked as not archived, by which lists find them. Several workers may walk
    at once: what one of them has corrected, the others find in order.

    Returns:
        The number of deals that were changed here.

    Raises:
        StoreError: MongoDB failed; call again for the rest.
    """
    changed = 0
    projection = {"deal_name": 1, "deal_name_key": 1, "words_of": 1, "archived": 1}
    further: Document = {}
    while True:
        with connection.operation() as database:
            found = database.deal_info.find(_DOUBTFUL | further, projection, sort=[("_id", 1)], limit=step).to_list()
            changed += _correct(database.deal_info, found)
        if len(found) < step:
            break
        further = {"_id": {"$gt": found[-1]["_id"]}}
    if changed:
        log.info("the keys and words of %d deal names were brought up to date", changed)
    return changed


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
