"""The indexes of all collections.

A changed definition gets a new name: MongoDB refuses to create an existing name with other fields, and a worker of the
previous release may still be running.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pymongo
from pymongo import DESCENDING, IndexModel
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure

from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document, any_date
from dealcache.repositories.lists.indexes import (
    CURRENCY_INDEXES,
    LIST_INDEXES,
    MOST_INDEXED_PROPERTIES,
    PROPERTY_INDEX,
    property_index,
)

log = logging.getLogger(__name__)

_DAY_SECONDS = 86_400
_JOB_SECONDS = 30 * _DAY_SECONDS  # after the job's end
_EVENT_SECONDS = 3 * _DAY_SECONDS  # after the event was processed; HubSpot repeats a delivery for one day
_OLD_EVENT_SECONDS = 14 * _DAY_SECONDS  # after the event arrived, processed or not: outages are shorter
_LEASE_SECONDS = 60  # after its end; longer than a waiting worker takes to look
_WORKER_SECONDS = 600  # after the last sign of life of a worker that died
_STATISTICS_SECONDS = _DAY_SECONDS  # after a worker that died published them
_NO_SUCH_INDEX, _PARALLEL_ARRAYS = 27, 171  # MongoDB's codes

#: Seconds for building indexes: the first build over a large collection takes longer than any read may.
_BUILD_SECONDS = 300.0

INDEXES: dict[str, tuple[IndexModel, ...]] = {
    "deal_info": (
        IndexModel("deal_id", name="deal", unique=True),
        IndexModel(["stage_id", ("create_date", DESCENDING), "deal_id"], name="stage"),
        IndexModel("merged_ids", name="merged"),
        # Answers which deals' associations are due to be read again, from the index alone.
        IndexModel(["associations_read_at", "stage_id", "archived", "deal_id"], name="stalest"),
        IndexModel("archived_at", name="archived", partialFilterExpression={"archived": True}),
        IndexModel("unread_types", name="unread", sparse=True),
        # For the deals whose events must be counted; it is empty most of the time.
        IndexModel(
            ["timeline_synced_at", "deal_id"], name="stale", partialFilterExpression={"list_stale": {"$exists": True}}
        ),
        # Two with few keys, which cost hardly any writing: archived deals are counted from the first alone; the second
        # has the deals whose activities were never read.
        IndexModel("archived", name="archived_alone", partialFilterExpression={"archived": True}),
        IndexModel("timeline_synced_at", name="timeline_missing", partialFilterExpression={"timeline_synced_at": None}),
        *LIST_INDEXES,
        *CURRENCY_INDEXES,
    ),
    "deal_timeline": (
        IndexModel(["deal_id", "engagement_type", "engagement_id"], name="engagement_of_deal", unique=True),
        # With ``type`` at the end, the counts by type and the extent are answered from the index alone.
        IndexModel(["deal_id", "occurred_at", "engagement_id", "type"], name="timeline"),
        # With ``deal_id`` at the end, the deals of an engagement are answered from the index alone.
        IndexModel(["engagement_type", "engagement_id", "deal_id"], name="deals_of_engagement"),
    ),
    "pipelines": (IndexModel("pipeline_id", name="pipeline", unique=True),),
    "owners": (IndexModel("owner_id", name="owner", unique=True),),
    "sync_jobs": (
        # Two constraints: nothing that is queued or running is queued again, and no two jobs run at once.
        IndexModel("active_identity", name="active_identity", unique=True, sparse=True),
        IndexModel("status", name="running", unique=True, partialFilterExpression={"status": "running"}),
        IndexModel(["status", ("created_at", DESCENDING)], name="newest_of_status"),
        IndexModel([("created_at", DESCENDING)], name="newest"),
        IndexModel(["status", ("finished_at", DESCENDING)], name="last_of_status"),
        IndexModel("finished_at", name="expiry", expireAfterSeconds=_JOB_SECONDS),
    ),
    "webhook_events": (
        # Previous releases have ``arrived_at`` in these events, and an index that lets them expire three days after.
        IndexModel(["pending", "received_at"], name="waiting", sparse=True),
        IndexModel("record", name="failing", sparse=True),
        IndexModel("set_aside_at", name="set_aside", sparse=True),
        IndexModel("done_at", name="done_expiry", expireAfterSeconds=_EVENT_SECONDS),
        IndexModel("received_at", name="received_expiry", expireAfterSeconds=_OLD_EVENT_SECONDS),
    ),
    "load_leases": (IndexModel("held_until", name="expiry", expireAfterSeconds=_LEASE_SECONDS),),
    "workers": (IndexModel("seen_at", name="expiry", expireAfterSeconds=_WORKER_SECONDS),),
    "worker_statistics": (IndexModel("written_at", name="expiry", expireAfterSeconds=_STATISTICS_SECONDS),),
}

#: Further indexes for the names of people: which deals show a person, and who is to be asked for next.
PEOPLE_INDEXES: dict[str, tuple[IndexModel, ...]] = {
    "deal_info": (IndexModel("with", name="with", sparse=True),),
    "deal_timeline": (IndexModel(["with", "deal_id"], name="with", sparse=True),),
    "contacts": (IndexModel(["synced_at", "_id"], name="oldest"),),
    "companies": (IndexModel(["synced_at", "_id"], name="oldest"),),
}

#: Indexes of deals of earlier versions that others have replaced.
_REPLACED = (
    *("name", "newest_created"),
    *("list_name", "list_created", "list_closes", "list_last_activity", "list_updated", "planned"),
)

#: Seconds between two notes of wanted indexes, and after the last one until an index is dropped.
_NOTE_SECONDS, _UNWANTED_SECONDS = 300.0, 1_200.0

#: The document of ``maintenance`` with the times at which processes wanted indexes of properties last.
_NOTES: Document = {"_id": "property_indexes"}

#: The most indexes of a collection in MongoDB.
_MOST_INDEXES = 64


def ensure_indexes(connection: Connection, *, people: bool = False) -> None:
    """Create the missing indexes, then drop those that they replace.

    Does nothing if everything is in place; several workers may call it at once.

    Args:
        connection: the database.
        people: True if names of people are kept too.

    Raises:
        StoreUnavailable: MongoDB does not answer; call again later.
        StoreError: MongoDB refused, for example because a collection holds duplicates.
    """
    with building(connection) as database:
        for collection, models in (*INDEXES.items(), *(PEOPLE_INDEXES.items() if people else ())):
            create(database[collection], models)
        drop(database.deal_info, _REPLACED)


@contextmanager
def building(connection: Connection) -> Iterator[Database[Document]]:
    """Do what :meth:`.Connection.operation` does, with the time that indexes take to build."""
    with connection.operation() as database:
        # The longer time-out would also apply to choosing a server, even if there is none.
        database.command("ping")
        with pymongo.timeout(_BUILD_SECONDS):
            yield database


def create(collection: Collection[Document], models: Sequence[IndexModel]) -> None:
    """Create those of these indexes that are missing; several workers may do so at once.

    One that a document's arrays do not allow is left out: lists are slower then, and everything else works.
    """
    try:
        collection.create_indexes(list(models))
    except OperationFailure as failure:
        if failure.code != _PARALLEL_ARRAYS:
            raise
        if len(models) > 1:
            for model in models:
                create(collection, [model])
            return
        name = models[0].document["name"]
        log.warning("a document of %s has arrays where the index %s cannot have them", collection.name, name)


def drop(collection: Collection[Document], names: Iterable[str]) -> None:
    """Drop those of these indexes that exist; several workers may do so at once."""
    for name in collection.index_information().keys() & set(names):
        try:
            collection.drop_index(name)
        except OperationFailure as error:
            if error.code != _NO_SUCH_INDEX:  # another worker has dropped it
                raise


class PropertyIndexes:
    """The indexes of the account's own properties, which come and go with the configuration.

    Each process notes now and then which of them it wants. One that no process has wanted for a while is dropped:
    during an upgrade, processes of two configurations live side by side, and neither must lose its indexes. Where there
    never were any it looks once, and asks for nothing more.

    Args:
        connection: the database.
        names: the configured properties, of which the first ones are indexed.
        now: returns the present, by MongoDB's clock.
        timer: the monotonic clock, in seconds.
    """

    def __init__(
        self,
        connection: Connection,
        names: Sequence[str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._wanted = names[:MOST_INDEXED_PROPERTIES]
        self._now = now
        self._timer = timer
        self._next = float("-inf")

    def tend(self) -> None:
        """Create the indexes that are missing, and drop those that no process wants; does nothing until that is due.

        Raises:
            StoreError: MongoDB failed.
        """
        if self._timer() < self._next:
            return
        with building(self._connection) as database:
            kept = self._note(database.maintenance)
            left = _drop_all_but(kept, database.deal_info)
            self._create(database.deal_info)
        self._next = self._timer() + (_NOTE_SECONDS if self._wanted or left else float("inf"))

    def _note(self, notes: Collection[Document]) -> set[str]:
        """Note what this process wants, and return what any process has wanted lately."""
        now = self._now()
        if self._wanted:
            notes.update_one(_NOTES, {"$set": {f"wanted.{name}": now for name in self._wanted}}, upsert=True)
        noted = (notes.find_one(_NOTES) or {}).get("wanted", {})
        since = now - timedelta(seconds=_UNWANTED_SECONDS)
        lately = {name for name, at in noted.items() if (any_date(at) or since) > since}
        if forgotten := noted.keys() - lately:
            notes.update_one(_NOTES, {"$unset": {f"wanted.{name}": "" for name in forgotten}})
        return lately

    def _create(self, deals: Collection[Document]) -> None:
        existing = deals.index_information()
        missing = [name for name in self._wanted if PROPERTY_INDEX + name not in existing]
        room = max(0, _MOST_INDEXES - len(existing))
        if missing[room:]:
            log.warning("MongoDB has no room for indexes of %s: lists by these properties are slow", missing[room:])
        if missing[:room]:
            create(deals, [property_index(name) for name in missing[:room]])


def _drop_all_but(kept: set[str], deals: Collection[Document]) -> bool:
    """Drop the indexes of other properties, and return True if some are left."""
    own = {index for index in deals.index_information() if index.startswith(PROPERTY_INDEX)}
    left = own & {PROPERTY_INDEX + name for name in kept}
    drop(deals, own - left)
    return bool(left)
