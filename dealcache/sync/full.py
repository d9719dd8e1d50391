"""The full load: everything that HubSpot has, from its lists, which unlike its search are never behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from dealcache.hubspot import MOST_ASSOCIATION_INPUTS, MalformedAnswer
from dealcache.sync.crew import Crew
from dealcache.sync.deal_work import DealWork, StoredPage
from dealcache.sync.desk import Checkpoints, Desk
from dealcache.sync.feed import Feed
from dealcache.sync.timeline_work import Chunk, TimelineWork

#: Deals on one page of the list: a chunk ends when another page might not fit.
_PAGE = 100

#: Pages that are read before anybody needs them: those of the next chunk, while this one's activities are read.
_PAGES_AHEAD = 10


class DealPages:
    """The pages of the list of all deals, stored and read ahead: each names the next, so they come one by one.

    Args:
        crew: does the work.
        work: reads and stores a page.
        after: where the list goes on, None for its start.
    """

    def __init__(self, crew: Crew, work: DealWork, after: str | None) -> None:
        self._crew = crew
        self._work = work
        self._ready: deque[StoredPage] = deque()
        self._seen = {after}
        self._following: str | None = None
        self._read(after)

    def next(self) -> StoredPage:
        """The next page; the last one names none after it."""
        while not self._ready:
            self._crew.step()
        page = self._ready.popleft()
        if self._following is not None:
            after, self._following = self._following, None
            self._read(after)
        return page

    def _read(self, after: str | None) -> None:
        self._crew.start_ahead(partial(self._work.list_page, after), self._take)

    def _take(self, page: StoredPage) -> None:
        self._ready.append(page)
        if page.after is None:
            return
        if page.after in self._seen:
            raise MalformedAnswer("the pages of the deals run in a circle")
        self._seen.add(page.after)
        if len(self._ready) < _PAGES_AHEAD:
            self._read(page.after)
        else:
            self._following = page.after


class FullLoad:
    """Stores all deals with all their activities, and at its end lets go what HubSpot has no longer.

    Its checkpoint is where the list of deals goes on after the last chunk that is completely stored.

    Args:
        desk: the job's parts.
        checkpoints: where it notes how far it is.
        began_at: when the job was begun, before the first call of its first attempt.
    """

    def __init__(self, desk: Desk, checkpoints: Checkpoints, began_at: datetime) -> None:
        self._desk = desk
        self._checkpoints = checkpoints
        self._began_at = began_at
        self._noted: dict[str, Any] = {"after": None, "listed": False}
        self._deals = DealWork(desk)
        self._feed = Feed(desk.crew, TimelineWork(desk, seen_since=began_at), self._chunk_closed)

    def run(self) -> None:
        """Do it, from the checkpoint on."""
        self._noted |= self._checkpoints.load()
        stored_before = self._desk.deals.live_count()
        self._desk.ledger.phase("deals and their activities", stored_before or None)
        if not self._noted["listed"]:
            self._load_all(self._noted["after"])
        self._desk.ledger.phase("what is no longer there")
        self._remove_unconfirmed()
        self._desk.ledger.changed(self._desk.deals.archive_unseen(self._began_at))

    def _load_all(self, after: str | None) -> None:
        ids: list[str] = []
        pages = DealPages(self._desk.crew, self._deals, after)
        while True:
            page = pages.next()
            ids += page.deal_ids
            if page.after is None or len(ids) + _PAGE > MOST_ASSOCIATION_INPUTS:
                self._add(ids, page.after)
                ids = []
            if page.after is None:
                break
        self._feed.finish()

    def _add(self, ids: list[str], cursor: str | None) -> None:
        if ids:
            self._feed.begin(Chunk(tuple(ids), frozenset(ids), self._desk.now(), cursor))
            self._feed.make_room()

    def _chunk_closed(self, chunk: Chunk) -> None:
        self._desk.ledger.deals_read(len(chunk.deal_ids))
        self._noted |= {"after": chunk.cursor, "listed": chunk.cursor is None}
        self._checkpoints.save(self._noted)

    def _remove_unconfirmed(self) -> None:
        """Remove the events that deals had before they were read, and have not any more."""
        for by_time in self._desk.deals.synced_since(self._began_at, MOST_ASSOCIATION_INPUTS):
            for read_at, ids in by_time.items():
                self._desk.crew.start(partial(self._sweep, ids, read_at), lambda _done: None)
            self._desk.crew.settle()
        self._desk.crew.finish()

    def _sweep(self, deal_ids: Sequence[str], read_at: datetime) -> None:
        """What an archived deal has is not touched: it is kept for the day when the deal is restored."""
        self._desk.ledger.changed(self._desk.timelines.sweep(deal_ids, read_at))
