"""The indexes of the account's own properties, which come and go with the configuration.

Each process notes now and then which of them it wants. One that no process has wanted for a while is dropped: during an
upgrade, processes of two configurations live side by side, and neither must lose its indexes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from pymongo.collection import Collection

from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document, any_date
from dealcache.repositories.indexes import building, create, drop
from dealcache.repositories.lists.indexes import MOST_INDEXED_PROPERTIES, PROPERTY_INDEX, property_index

log = logging.getLogger(__name__)

#: Seconds between two notes, and after the last one until an index is dropped.
_NOTE_SECONDS, _UNWANTED_SECONDS = 300.0, 1_200.0

#: The document of ``maintenance`` with the times at which processes wanted these indexes last.
_NOTES: Document = {"_id": "property_indexes"}

#: The most indexes of a collection in MongoDB.
_MOST_INDEXES = 64


class PropertyIndexes:
    """Creates and drops indexes of properties. Where there never were any it looks once, and asks for nothing more.

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
