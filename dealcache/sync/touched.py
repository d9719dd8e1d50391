"""Deals that may have changed: read by id, stored, and their activities brought up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from dealcache.hubspot import BATCH_SIZE, MOST_ASSOCIATION_INPUTS, batches_of
from dealcache.sync.deal_work import DealWork, StoredBatch
from dealcache.sync.desk import Desk
from dealcache.sync.feed import Feed
from dealcache.sync.timeline_work import Chunk, TimelineWork


@dataclass(slots=True)
class _Gathered:
    """Deals that were stored and wait for their associations to be read."""

    ids: list[str] = field(default_factory=list)
    complete: set[str] = field(default_factory=set)


class TouchedDeals:
    """Re-reads deals by their ids; used by the job's own thread.

    Args:
        desk: the job's parts.
        whole: whether every activity is read again. Otherwise only the associations are, and of the activities those
            that MongoDB lacks; deals that were never read completely are read whole in any case.
        wanted: leaves out deals that turn out not to be meant, once they have been read.
    """

    def __init__(
        self, desk: Desk, *, whole: bool = False, wanted: Callable[[StoredBatch], Iterable[str]] | None = None
    ) -> None:
        self._desk = desk
        self._whole = whole
        self._wanted = wanted or (lambda batch: batch.deal_ids)
        self._work = DealWork(desk)
        self._feed = Feed(desk.crew, TimelineWork(desk), self._chunk_closed)
        self._seen: set[str] = set()
        self._waiting: list[str] = []
        self._gathered = _Gathered()
        self.found = 0

    def add(self, ids: Iterable[str]) -> None:
        """Re-read these deals too; each is read once, however often it is named."""
        for one in ids:
            if one not in self._seen:
                self._seen.add(one)
                self._waiting.append(one)
        full = len(self._waiting) - len(self._waiting) % BATCH_SIZE
        batches, self._waiting = batches_of(self._waiting[:full], BATCH_SIZE), self._waiting[full:]
        for batch in batches:
            self._read(batch)

    def finish(self) -> None:
        """Wait until all of them are stored."""
        if self._waiting:
            self._read(self._waiting)
            self._waiting = []
        self._desk.crew.finish()
        if self._gathered.ids:
            self._feed_gathered()
        self._feed.finish()

    def _read(self, batch: Iterable[str]) -> None:
        self._desk.crew.start(partial(self._work.read_batch, tuple(batch)), self._take)
        self._feed.make_room()

    def _take(self, batch: StoredBatch) -> None:
        wanted = set(self._wanted(batch))
        self.found += len(wanted)
        # A deal that came under another id than it was asked for may come twice.
        new = [one for one in dict.fromkeys(batch.deal_ids) if one in wanted and one not in self._gathered.ids]
        self._gathered.ids += new
        self._gathered.complete |= set(new) if self._whole else batch.incomplete & wanted
        if len(self._gathered.ids) + BATCH_SIZE > MOST_ASSOCIATION_INPUTS:
            self._feed_gathered()

    def _feed_gathered(self) -> None:
        ready, self._gathered = self._gathered, _Gathered()
        self._feed.begin(Chunk(tuple(ready.ids), frozenset(ready.complete), self._desk.now()))

    def _chunk_closed(self, chunk: Chunk) -> None:
        self._desk.ledger.deals_read(len(chunk.deal_ids))
