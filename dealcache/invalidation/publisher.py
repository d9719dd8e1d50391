"""Publishes the invalidations of this process, and applies those of all processes.

An invalidation of this process is applied at once. Its position among those of others is fixed when it is written to
the invalidation log, so it is then applied once more, like all others: each process applies the whole log, entry by
entry. Many threads may invalidate at once; the thread that writes takes all pending invalidations along.

An invalidation that cannot be recorded, because MongoDB does not answer, still holds here, is published through Redis
if there is one, and stays in the outbox until MongoDB is back.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from dealcache.background import BackgroundThread
from dealcache.invalidation.outbox import Outbox, PendingInvalidation, invalidations_of
from dealcache.model.invalidation import Changes, Invalidation, Selection
from dealcache.reader.fence import Applied, Token
from dealcache.reader.tiered_cache import TieredCache
from dealcache.repositories import HistoryLostError, InvalidationLog, StoreError, StoreUnavailable

log = logging.getLogger(__name__)


class InvalidationPublisher:
    """The invalidations of one process. Thread-safe; the callables must neither raise nor take long.

    Args:
        invalidation_log: the log that all processes share.
        cache: the caches of this process.
        notify: sends entries to other processes at once, if there is a Redis.
        on_change: called once with each entry that says that views really changed.
        on_recorded: called with the number of entries that this process has added to the log.
        on_applied: called for each entry that this process has applied.
        now: the wall clock, aware, in UTC.
    """

    def __init__(
        self,
        invalidation_log: InvalidationLog,
        cache: TieredCache,
        notify: Callable[[Sequence[Invalidation]], None],
        on_change: Callable[[Invalidation], None],
        on_recorded: Callable[[int], None],
        on_applied: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._log = invalidation_log
        self._cache = cache
        self._notify = notify
        self._on_change = on_change
        self._on_recorded = on_recorded
        self._on_applied = on_applied
        self._now = now
        self._outbox = Outbox()
        self._writing = threading.RLock()
        self._own: dict[str, PendingInvalidation] = {}  # by the nonces of their entries
        self._order = threading.RLock()
        #: Generation and nonce of the last entry that was applied here; None before the log was first read.
        self._position: tuple[int, str] | None = None
        self._writer = BackgroundThread("invalidation writer", self._write)

    def record(self, selection: Selection, changes: Changes | None = None, claim: Token | None = None) -> Applied:
        """Invalidate, and wait until it is recorded; see ``dealcache.reader.fence.Publish``."""
        pending = PendingInvalidation(invalidations_of(selection, changes, self._now()), claim)
        self._outbox.add(pending)
        self._write()
        return pending.applied

    def labels_changed(self, selection: Selection, changes: Changes | None = None) -> None:
        """Make every process read the labels again, and drop the views of the selected deals, which show them."""
        self._outbox.add(PendingInvalidation(invalidations_of(selection, changes, self._now(), labels=True)))
        self._write()

    def changed(self, changes: Changes) -> None:
        """Drop the cached views of changed deals: here at once, elsewhere as soon as this is recorded, in a moment."""
        if changes:
            self._post(invalidations_of(Selection.changed(changes), changes, self._now()))

    def doubt(self) -> None:
        """Stop trusting everything that is cached, likewise: an interrupted write may have changed anything.

        It is kept, and may still serve if every tier below fails.
        """
        self._post(invalidations_of(Selection.all(), None, self._now(), doubt=True))

    def _post(self, entries: list[Invalidation]) -> None:
        for entry in entries:
            self._apply_here(entry)
        self._outbox.add(PendingInvalidation(entries))
        self._writer.start()
        self._writer.wake()

    def settle(self) -> None:
        """Wait until all invalidations so far are recorded.

        Raises:
            StoreUnavailable: MongoDB does not answer; recording is tried again later.
        """
        # While another thread writes, the invalidations that it has taken are neither pending nor recorded.
        with self._writing:
            self._write()
            if self._outbox.has_unrecorded:
                raise StoreUnavailable("other workers cannot be notified of changes yet")

    def retry(self) -> None:
        """Retry recording what could not be recorded before."""
        if self._outbox.has_unrecorded:
            self._write()

    def close(self) -> None:
        """Record pending invalidations; called before the process ends."""
        self._writer.stop(0.0)  # not waited for: its present work is settled here
        try:
            self.settle()
        except StoreError as failure:
            log.error("other workers may serve older values until these expire: %s", failure)  # noqa: TRY400 - no fault of ours

    @property
    def applied(self) -> int:
        """The generation up to which the log is applied here; 0 before it was first read."""
        return self._position[0] if self._position else 0

    def catch_up(self) -> None:
        """Apply all entries of the log that are not applied here yet.

        Raises:
            StoreError: MongoDB failed.
        """
        with self._order:
            if self._position is None:
                self._begin()
            while entries := self._next_entries():
                for entry in entries:
                    self._apply(entry)

    def check_history(self) -> None:
        """Drop everything cached if the shared tier holds values of generations that the log has not reached.

        They were kept before MongoDB was restored from a backup that has the ids of the installation, such as a
        snapshot of its files. Later invalidations have lower generations and would not concern them.

        Raises:
            StoreError: MongoDB failed.
        """
        if self._cache.fence.unheard <= self.applied:
            return
        with self._order:
            self.catch_up()
            if self._cache.fence.unheard > self.applied:
                log.warning("Redis holds values that are newer than the invalidation log: everything cached is dropped")
                self._cache.restart(self.applied)

    def apply(self, entries: Sequence[Invalidation]) -> None:
        """Apply entries that this process received; if earlier ones are unknown here, they are read first.

        Raises:
            StoreError: the earlier ones could not be read.
        """
        with self._order:
            for entry in entries:
                if entry.generation == 0:
                    self._apply_here(entry)
                elif self._position is not None and entry.generation == self._position[0] + 1:
                    self._apply(entry)
                elif self._position is None or entry.generation > self._position[0]:
                    self.catch_up()

    def _write(self) -> None:
        """Record all pending invalidations."""
        with self._writing:
            batch = self._outbox.take()
            if not batch:
                return
            with self._order:
                self._own.update({entry.nonce: pending for pending in batch for entry in pending.entries})
            try:
                recorded = self._log.append([entry for pending in batch for entry in pending.entries])
            except StoreError as failure:
                log.warning("an invalidation could not be recorded and will be tried again: %s", failure)
                self._keep_unrecorded(batch)
            else:
                self._on_recorded(len(recorded))
                self._apply_own(recorded)
                self._notify(recorded)

    def _keep_unrecorded(self, batch: Sequence[PendingInvalidation]) -> None:
        """Apply what could not be recorded to this process, notify subscribers, and put it back."""
        for pending in batch:
            with self._order:
                for entry in pending.entries:
                    self._own.pop(entry.nonce, None)
            self._outbox.put_back(pending)
            if pending.is_known:
                continue
            for entry in pending.entries:
                pending.add(self._apply_here(entry, pending.claim))
            self._notify(pending.entries)

    def _apply_own(self, recorded: Sequence[Invalidation]) -> None:
        with self._order:
            try:
                self.apply(recorded)
            except StoreError as failure:
                # The entries in between are unknown, so these permit no load to store its value; they are applied again
                # later.
                log.warning("the invalidation log cannot be read: %s", failure)
                for entry in recorded:
                    pending = self._own.pop(entry.nonce, None)
                    if pending is not None:
                        pending.add(self._apply_here(entry))

    def _begin(self) -> None:
        """Read the log for the first time."""
        entries = self._log.newest()
        self._cache.fence.begin(entries[0].generation - 1 if entries else 0)
        self._position = (0, "")
        for entry in entries:
            self._apply(entry, new=entry.nonce in self._own)

    def _next_entries(self) -> list[Invalidation]:
        generation, nonce = self._position or (0, "")
        try:
            return self._log.since(generation, nonce)
        except HistoryLostError:
            log.warning("the invalidation log is not the one that was followed: everything cached is dropped")
            entries = self._log.newest(1)
            self._position = (entries[-1].generation, entries[-1].nonce) if entries else (0, "")
            self._cache.restart(self._position[0])
            return []

    def _apply(self, entry: Invalidation, new: bool = True) -> None:
        """Apply the next entry of the log."""
        pending = self._own.pop(entry.nonce, None)
        applied = self._apply_here(entry, pending.claim if pending else None)
        self._position = (entry.generation, entry.nonce)
        if pending is not None:
            pending.add(applied)
        if new:
            self._on_applied()
            if entry.views:
                self._on_change(entry)

    def _apply_here(self, entry: Invalidation, claim: Token | None = None) -> Applied:
        generation = entry.generation or None
        return self._cache.apply(entry.selection, generation, claim, doubt=entry.doubt, labels=entry.labels)
