"""The lease of the process that makes or checks the sums of activities."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from bson import ObjectId
from pymongo import ReturnDocument

from dealcache.repositories.activity_sums.head import sums_of
from dealcache.repositories.connection import Connection, StoreUnavailable
from dealcache.repositories.documents import Document

#: Milliseconds without a renewal after which the holder counts as dead, and seconds between two renewals.
_DEAD_MILLISECONDS, _RENEWAL_SECONDS = 15_000, 2.0

_LEASE: Document = {"_id": "lease"}


class ActivityLease:
    """The lease, as a context manager; it may turn out to be another process's.

    Args:
        connection: the database.
        timer: the monotonic clock, in seconds.
    """

    def __init__(self, connection: Connection, timer: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._timer = timer
        self._mine = _LEASE | {"holder": ObjectId()}
        self._renewed_at = timer()
        #: True if this process got it.
        self.is_held = False

    def __enter__(self) -> Self:
        alive = {"$gt": ["$alive_at", {"$subtract": ["$$NOW", _DEAD_MILLISECONDS]}]}
        present = {"holder": self._mine["holder"], "alive_at": "$$NOW"}
        taken = {name: {"$cond": [alive, f"${name}", value]} for name, value in present.items()}
        with self._connection.operation() as database:
            found = sums_of(database).find_one_and_update(
                _LEASE, [{"$set": taken}], upsert=True, return_document=ReturnDocument.AFTER
            )
        self.is_held = found is not None and found["holder"] == self._mine["holder"]
        return self

    def renew(self) -> None:
        """Show that the holder is alive; does nothing if that was done a moment ago.

        Raises:
            StoreUnavailable: another process has taken the lease, because there was no renewal for too long.
        """
        if self._timer() - self._renewed_at < _RENEWAL_SECONDS:
            return
        with self._connection.operation() as database:
            change = [{"$set": {"alive_at": "$$NOW"}}]
            if not sums_of(database).update_one(self._mine, change).matched_count:
                raise StoreUnavailable("another process is adding up activities")
        self._renewed_at = self._timer()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_held:
            with self._connection.operation() as database:
                sums_of(database).delete_one(self._mine)
