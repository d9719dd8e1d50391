"""Reads all deals again, without their activities, when other properties are read with them than when they were stored.

Only a read brings the values of a property that is newly wanted, or by a type that has changed: no search finds deals
because of that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dealcache.model.read_with_deals import ReadWithDeals, is_outdated
from dealcache.repositories import SyncStateRepository
from dealcache.sync.context import SyncContext
from dealcache.sync.deal_pages import DealPages
from dealcache.sync.job_lease import JobLease

#: Pages that are stored between two checkpoints.
_PAGES = 10

#: The names of what a checkpoint holds: what is read with deals, and the page of the list to continue at.
_READING, _AFTER = "read_with_deals", "reread_after"


class DealReread:
    """Finds out whether all deals must be read again, and reads them.

    Args:
        state: holds what the stored deals were read with.
        present: returns what is read with deals now.
    """

    def __init__(self, state: SyncStateRepository, present: Callable[[], ReadWithDeals]) -> None:
        self._state = state
        self._present = present

    def run(self, context: SyncContext, lease: JobLease) -> None:
        """Read all deals again if that is needed, from the checkpoint on."""
        present = self._present()
        if not self._is_due(present):
            return
        if present.configured:
            self._read_all(context, lease, present)
        self._note(present)

    def begin_full(self, lease: JobLease) -> str:
        """Return the digest of what a full load reads with deals: at its first start, and the same when it resumes."""
        if _READING not in lease.checkpoint and (digest := self._present().digest):
            lease.note({_READING: digest})
        return str(lease.checkpoint.get(_READING, ""))

    def end_full(self, digest: str) -> None:
        """Note that a full load has read all deals with what :meth:`begin_full` returned."""
        present = self._present()
        if digest == present.digest and self._is_due(present):
            self._note(present)

    def _is_due(self, present: ReadWithDeals) -> bool:
        return is_outdated(self._state.load().read_with_deals, present)

    def _note(self, present: ReadWithDeals) -> None:
        stored = self._state.load().read_with_deals
        since = present.since if stored is None else max(present.since, stored.since)
        self._state.note_read_with_deals(replace(present, since=since))

    def _read_all(self, context: SyncContext, lease: JobLease, present: ReadWithDeals) -> None:
        after = lease.checkpoint.get(_AFTER) if lease.checkpoint.get(_READING) == present.digest else None
        done = context.progress.snapshot().deals_read
        context.progress.phase("deals again, for other properties", done + context.deals.live_count())
        pages = DealPages(context, after)
        number = 0
        while True:
            page = pages.next()
            context.progress.deals_read(len(page.deals))
            if page.after is None:
                return
            number += 1
            if number % _PAGES == 0:
                lease.note({_READING: present.digest, _AFTER: page.after})
