"""Takes invalidations in, applies them to this process, records them for all others, and applies what others record.

An invalidation of this process is applied at once. Its place in the record comes with the writing, and with the place
the order in which it stands to those of others; so it is applied once more when that is known, as all are: each process
applies the whole record, entry by entry. Many threads may invalidate at once; whoever writes takes all that wait along.

What cannot be recorded, because MongoDB does not answer, holds here all the same, is told through Redis if that is
there, and waits to be recorded as soon as MongoDB is back.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from dealcache.changes import Changes
from dealcache.group.observer import Observer
from dealcache.group.tickets import Ticket, Waiting, doubt_at, invalidations_of
from dealcache.invalidation import Invalidation, Selection
from dealcache.reader import Applied, ReaderState, Token
from dealcache.repositories import HistoryLostError, InvalidationLog, StoreError, StoreUnavailable

log = logging.getLogger(__name__)


class Journal:
    """The invalidations of one process.

    Args:
        record: the record that all processes share.
        state: what this process keeps, which invalidations change.
        tell: tells other processes quickly of entries; it must neither raise nor take long.
        heard: is given each entry that says that views really changed, once; it must neither raise nor take long.
        observer: is told what was recorded and applied.
        now: the wall clock, aware, in UTC.
    """

    def __init__(
        self,
        record: InvalidationLog,
        state: ReaderState,
        tell: Callable[[Sequence[Invalidation]], None],
        heard: Callable[[Invalidation], None],
        observer: Observer,
        now: Callable[[], datetime],
    ) -> None:
        self._record = record
        self._state = state
        self._tell = tell
        self._heard = heard
        self._observer = observer
        self._now = now
        self._waiting = Waiting()
        self._writing = threading.Lock()
        self._own: dict[str, Ticket] = {}
        self._order = threading.RLock()
        #: Generation and nonce of the last entry that was applied here; None before the record was first read.
        self._position: tuple[int, str] | None = None
        self._work = threading.Event()
        self._stopping = False
        self._writer: threading.Thread | None = None

    def record(self, selection: Selection, changes: Changes | None = None, claim: Token | None = None) -> Applied:
        """See :meth:`dealcache.reader.Journal.record`."""
        ticket = Ticket(invalidations_of(selection, changes, self._now()), claim)
        self._waiting.add(ticket)
        self._write_waiting()
        return ticket.applied

    def changed(self, changes: Changes) -> None:
        """Let go what is cached of changed deals: here at once, elsewhere as soon as it is recorded, in a moment."""
        if changes:
            self._post(invalidations_of(Selection.changed(changes), changes, self._now()))

    def doubt(self) -> None:
        """Trust nothing that is cached, likewise: a write broke off, or its writer died: nobody knows what it changed.

        It is kept, though: it may still serve when every tier below fails.
        """
        self._post([doubt_at(self._now())])

    def _post(self, entries: list[Invalidation]) -> None:
        for entry in entries:
            self._state.apply(entry.selection, None, doubt=entry.doubt)
        self._waiting.add(Ticket(entries))
        with self._order:
            if self._writer is None:
                # A daemon: a process that ends must not wait for it, and settles by itself what is left.
                self._writer = threading.Thread(target=self._write_all, name="invalidations", daemon=True)
                self._writer.start()
        self._work.set()

    def settle(self) -> None:
        """Return when all that was let go is recorded.

        Raises:
            StoreUnavailable: MongoDB does not answer; it is tried again later.
        """
        with self._writing:  # while another thread writes, what it has taken is neither waiting nor recorded
            self._write_all_waiting()
            if self._waiting.has_unrecorded:
                raise StoreUnavailable("other workers cannot be told of changes yet")

    def retry(self) -> None:
        """Try to record what could not be recorded before."""
        if self._waiting.has_unrecorded:
            self._write_waiting()

    def close(self) -> None:
        """Record what is left; called before the process ends."""
        self._stopping = True
        self._work.set()
        try:
            self.settle()
        except StoreError as failure:
            log.error("other workers may serve older values until these expire: %s", failure)  # noqa: TRY400 - no fault of ours

    def catch_up(self) -> None:
        """Apply all that was recorded and is not applied here yet.

        Raises:
            StoreError: MongoDB failed.
        """
        with self._order:
            if self._position is None:
                self._begin()
            while entries := self._next_entries():
                for entry in entries:
                    self._apply(entry)

    def take(self, entries: Sequence[Invalidation]) -> None:
        """Apply entries that somebody told of; if some before them are not known here, these are read first.

        Raises:
            StoreError: they could not be read.
        """
        with self._order:
            for entry in entries:
                if entry.generation == 0:
                    self._state.apply(entry.selection, None, doubt=entry.doubt)
                elif self._position is not None and entry.generation == self._position[0] + 1:
                    self._apply(entry)
                elif self._position is None or entry.generation > self._position[0]:
                    self.catch_up()

    def _write_all(self) -> None:
        while not self._stopping:
            self._work.wait()
            self._work.clear()
            self._write_waiting()

    def _write_waiting(self) -> None:
        with self._writing:
            self._write_all_waiting()

    def _write_all_waiting(self) -> None:
        tickets = self._waiting.take()
        if not tickets:
            return
        entries = [one for ticket in tickets for one in ticket.invalidations]
        with self._order:
            self._own.update({one.nonce: ticket for ticket in tickets for one in ticket.invalidations})
        try:
            recorded = self._record.append(entries)
        except StoreError as failure:
            log.warning("an invalidation could not be recorded and will be tried again: %s", failure)
            self._hold_alone(tickets)
        else:
            self._observer.invalidations_recorded(len(recorded))
            self._apply_own(recorded)
            self._tell(recorded)

    def _hold_alone(self, tickets: Sequence[Ticket]) -> None:
        """Apply what could not be recorded to this process, tell those who listen, and keep it."""
        for ticket in tickets:
            with self._order:
                for one in ticket.invalidations:
                    self._own.pop(one.nonce, None)
            self._waiting.give_back(ticket)
            if ticket.is_known:
                continue
            for one in ticket.invalidations:
                ticket.add(self._state.apply(one.selection, None, ticket.claim, doubt=one.doubt))
            self._tell(ticket.invalidations)

    def _apply_own(self, recorded: Sequence[Invalidation]) -> None:
        with self._order:
            try:
                self.take(recorded)
            except StoreError as failure:
                # What stands between is unknown, so no load may store because of these; they are applied again later.
                log.warning("the record of invalidations cannot be read: %s", failure)
                for one in recorded:
                    ticket = self._own.pop(one.nonce, None)
                    if ticket is not None:
                        ticket.add(self._state.apply(one.selection, one.generation, doubt=one.doubt))

    def _begin(self) -> None:
        """Read the record for the first time."""
        entries = self._record.newest()
        self._state.begin(entries[0].generation - 1 if entries else 0)
        self._position = (0, "")
        for entry in entries:
            self._apply(entry, new=entry.nonce in self._own)

    def _next_entries(self) -> list[Invalidation]:
        generation, nonce = self._position or (0, "")
        try:
            return self._record.since(generation, nonce)
        except HistoryLostError:
            log.warning("the record of invalidations is not the one that was followed: all that is cached is let go")
            entries = self._record.newest(1)
            self._position = (entries[-1].generation, entries[-1].nonce) if entries else (0, "")
            self._state.restart(self._position[0])
            return []

    def _apply(self, entry: Invalidation, new: bool = True) -> None:
        ticket = self._own.pop(entry.nonce, None)
        claim = ticket.claim if ticket else None
        applied = self._state.apply(entry.selection, entry.generation, claim, doubt=entry.doubt)
        self._position = (entry.generation, entry.nonce)
        if ticket is not None:
            ticket.add(applied)
        if new:
            self._observer.invalidation_applied()
            if entry.views:
                self._heard(entry)
