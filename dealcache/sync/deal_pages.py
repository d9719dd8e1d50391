"""The pages of the list of all deals, read ahead and stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from dealcache.hubspot.pages import CursorGuard
from dealcache.model.deals import Deal
from dealcache.sync.context import SyncContext
from dealcache.sync.deal_sync import DealSync

#: Pages to read ahead: as many as a chunk of a full load has, while the activities of the one before are read.
_PAGES_AHEAD = 10


@dataclass(frozen=True, slots=True)
class DealPage:
    """A page of deals, and the cursor of the next page; None after the last.

    ``read_at`` is the time just before they were read.
    """

    deals: list[Deal]
    after: str | None
    read_at: datetime


class DealPages:
    """The pages of the list of all deals. They are read ahead one after another, because each names the next.

    While one is read, the one before it is stored.

    Args:
        context: the job's parts.
        after: the cursor to continue at, None for the start of the list.
    """

    def __init__(self, context: SyncContext, after: str | None) -> None:
        self._context = context
        self._pool = context.pool
        self._work = DealSync(context)
        self._stored: dict[int, DealPage] = {}
        self._cursors = CursorGuard()
        self._cursors.check(after, "deals")
        self._following: str | None = None
        self._pages_read = self._pages_given = 0
        self._read(after)

    def next(self) -> DealPage:
        """Return the next page, whose deals are stored; the last one names none after it."""
        while self._pages_given not in self._stored:
            self._pool.handle_next()
        page = self._stored.pop(self._pages_given)
        self._pages_given += 1
        self._read_ahead()
        return page

    def _read(self, after: str | None) -> None:
        self._pool.submit(partial(self._page_at, after), self._store, ahead=True)

    def _page_at(self, after: str | None) -> DealPage:
        read_at = self._context.now()
        return DealPage(*self._context.hubspot.list_deals(after), read_at)

    def _store(self, page: DealPage) -> None:
        taken = partial(self._take, self._pages_read, page)
        self._pages_read += 1
        self._following = page.after
        self._cursors.check(page.after, "deals")
        self._read_ahead()
        self._pool.submit(partial(self._work.store, page.deals, page.read_at), taken, first=True)

    def _take(self, number: int, page: DealPage, _done: None) -> None:
        self._stored[number] = page
        self._read_ahead()

    def _read_ahead(self) -> None:
        ahead = self._pages_read - self._pages_given
        if self._following is not None and ahead < _PAGES_AHEAD and ahead - len(self._stored) < 2:
            after, self._following = self._following, None
            self._read(after)
