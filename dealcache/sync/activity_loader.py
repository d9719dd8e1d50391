"""The activities of many deals, read with as few calls as there can be.

Deals come in chunks of up to 1,000, whose associations are read by one call for each type and page. The activities are
read a hundred at a time, whatever deal or chunk they belong to: what is left over from one chunk waits for the next.
So ``n`` activities of one type take ``n / 100`` calls, rounded up once.

Everything here runs in the job's own thread; the pool does the calls and the writes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial

from dealcache.hubspot.client import BATCH_SIZE
from dealcache.hubspot.errors import HubSpotError
from dealcache.hubspot.pages import AssociationPage
from dealcache.model.deals import ENGAGEMENT_TYPES
from dealcache.sync.context import SyncContext
from dealcache.sync.timeline_chunk import Chunk, Wanted, WantedActivity
from dealcache.sync.timeline_sync import TimelineSync

#: Chunks that may be unfinished. Those with few activities wait long for others to fill a batch.
_MOST_OPEN = 20

#: One call in this many may read a batch that is not full, so that the oldest chunk can end and be recorded: what is
#: not recorded is read again after a crash.
_CALLS_FOR_ONE_MORE = 50


class ActivityLoader:
    """Brings MongoDB's events of deals up to date, chunk by chunk.

    Args:
        context: the job's parts.
        on_closed: called with each chunk when everything of it is stored, in the order in which they were added.
        work: reads and stores the activities.
    """

    def __init__(
        self, context: SyncContext, on_closed: Callable[[Chunk], None] | None = None, work: TimelineSync | None = None
    ) -> None:
        self._hubspot, self._pool = context.hubspot, context.pool
        self._progress = context.progress
        self._refused_types = context.refused_types
        self._work = work or TimelineSync(context)
        self._on_closed = on_closed
        self._open: deque[Chunk] = deque()
        self._calls = self._hastened = self._planning = 0
        self._waiting: dict[str, dict[str, WantedActivity]] = {kind: {} for kind in ENGAGEMENT_TYPES}
        self._reading: dict[str, dict[str, WantedActivity]] = {kind: {} for kind in ENGAGEMENT_TYPES}
        # The earliest time at which they were read: the chunks that they were read for may be closed by now.
        self._read_meanwhile: dict[str, dict[str, datetime]] = {kind: {} for kind in ENGAGEMENT_TYPES}

    def begin(self, chunk: Chunk) -> None:
        """Begin with a chunk."""
        self._open.append(chunk)
        for kind in chunk.kinds:
            if kind in self._refused_types:
                chunk.lack(kind, chunk.deal_ids)
            else:
                chunk.unplanned.add(kind)
        chunk.paging |= chunk.unplanned
        for kind in sorted(chunk.paging):
            self._read_associations(chunk, kind, dict.fromkeys(chunk.deal_ids))
        self._close_if_done(chunk)

    def make_room(self) -> None:
        """Wait until another chunk may begin."""
        self._pool.wait_for_room()
        while len(self._open) >= _MOST_OPEN:
            self._step()

    def finish(self) -> None:
        """Wait until all chunks are closed."""
        while self._open:
            for kind in ENGAGEMENT_TYPES:
                if not any(kind in chunk.unplanned for chunk in self._open):
                    self._read_waiting(kind)  # no other batch of it fills up any more
            self._step()

    def _step(self) -> None:
        if self._pool.pending:
            self._pool.handle_next()
            return
        for kind in ENGAGEMENT_TYPES:  # no batch fills up any more: read the rest in batches that are not full
            self._read_waiting(kind)

    def _show_progress(self) -> None:
        self._progress.part_done(sum(len(chunk.deal_ids) * chunk.share_done for chunk in self._open))

    def _read_associations(self, chunk: Chunk, kind: str, deals: Mapping[str, str | None]) -> None:
        self._calls += 1
        self._pool.submit(
            partial(self._hubspot.associations, "deals", deals, kind),
            partial(self._associations_read, chunk, kind),
            partial(self._associations_failed, chunk, kind),
            first=True,  # its further pages come one after another, and batches wait for them
        )

    def _associations_failed(self, chunk: Chunk, kind: str, failure: HubSpotError) -> None:
        self._refused_types.note(kind, failure)
        chunk.lack(kind, chunk.deal_ids)
        chunk.wanted.pop(kind, None)
        self._pages_ended(chunk, kind)

    def _associations_read(self, chunk: Chunk, kind: str, page: AssociationPage) -> None:
        chunk.lack(kind, page.refused)
        found = chunk.wanted.setdefault(kind, {})
        for deal_id in page.ids.keys() & chunk.members:
            for one in page.ids[deal_id]:
                found.setdefault(one, set()).add(deal_id)
        if repeated := chunk.cursors[kind].repeated(page.after):
            chunk.lack(kind, repeated)
        if following := {one: after for one, after in page.after.items() if one not in repeated}:
            self._read_associations(chunk, kind, following)
            return
        self._pages_ended(chunk, kind)

    def _pages_ended(self, chunk: Chunk, kind: str) -> None:
        """Plan what can be planned now that the associations of one type are known, as far as they can be.

        Each type of a whole chunk is planned by itself. Otherwise a deal that has lost its associations of all types
        may no longer exist, and none is planned before that is known.
        """
        chunk.paging.discard(kind)
        if chunk.is_whole:
            self._plan(chunk, frozenset((kind,)))
        elif not chunk.paging:
            self._plan(chunk, frozenset(chunk.unplanned))

    def _plan(self, chunk: Chunk, kinds: frozenset[str]) -> None:
        self._planning += 1
        wanted = {kind: chunk.wanted.pop(kind) for kind in kinds & chunk.wanted.keys()}
        self._pool.submit(partial(self._work.plan, chunk, wanted), partial(self._planned, chunk, kinds), first=True)

    def _planned(self, chunk: Chunk, kinds: frozenset[str], plan: tuple[Wanted, frozenset[str]]) -> None:
        chunk.unplanned -= kinds
        to_read, successors = plan
        for kind, deals_by_id in to_read.items():
            if kind in self._refused_types:
                chunk.lack(kind, (deal_id for deals in deals_by_id.values() for deal_id in deals))
                continue
            chunk.to_read += len(deals_by_id)
            # MongoDB did not have these when the plan was made, but it has them now.
            meanwhile = self._read_meanwhile[kind]
            known = {one: deals for one, deals in deals_by_id.items() if one in meanwhile}
            for one, deals in deals_by_id.items():
                if one not in known:
                    self._await(chunk, kind, one, deals)
            if known:
                self._store_known(chunk, kind, known, min(meanwhile[one] for one in known))
        self._planning -= 1
        if self._planning == 0:
            self._read_meanwhile = {kind: {} for kind in ENGAGEMENT_TYPES}
        if successors:
            self.begin(Chunk(tuple(successors), successors, chunk.read_at, as_of=chunk.as_of))
        if not chunk.unplanned and self._open[0] is not chunk:
            self._hasten()
        self._close_if_done(chunk)

    def _hasten(self) -> None:
        """Read batches that the oldest chunk waits for before they are full, as far as that costs few calls."""
        for kind, waiting in self._waiting.items():
            affordable = (self._hastened + 1) * _CALLS_FOR_ONE_MORE <= self._calls
            if affordable and any(self._open[0] in target.chunks for target in waiting.values()):
                self._hastened += 1
                self._read_waiting(kind)

    def _await(self, chunk: Chunk, kind: str, activity_id: str, deals: set[str]) -> None:
        chunk.unread += 1
        if (underway := self._reading[kind].get(activity_id)) is not None:
            underway.late.append((chunk, deals))
            return
        waiting = self._waiting[kind]
        target = waiting.setdefault(activity_id, WantedActivity())
        target.deals.update(deals)
        target.chunks.append(chunk)
        if len(waiting) >= BATCH_SIZE:
            self._read_waiting(kind)

    def _read_waiting(self, kind: str) -> None:
        batch, self._waiting[kind] = self._waiting[kind], {}
        if not batch:
            return
        self._reading[kind].update(batch)
        if kind in self._refused_types:
            self._batch_failed(kind, batch, self._refused_types.failure(kind))
            return
        self._calls += 1
        read_at = max(chunk.read_at for target in batch.values() for chunk in target.chunks)
        targets = {one: target.deals for one, target in batch.items()}
        self._pool.submit(
            partial(self._work.read, kind, targets, read_at),
            lambda _done: self._batch_read(kind, batch, read_at),
            partial(self._batch_failed, kind, batch),
        )

    def _batch_failed(self, kind: str, batch: Mapping[str, WantedActivity], failure: HubSpotError) -> None:
        self._refused_types.note(kind, failure)
        waiting: list[Chunk] = []
        for activity_id, target in batch.items():
            del self._reading[kind][activity_id]
            for chunk, deals in (*((one, target.deals) for one in target.chunks), *target.late):
                chunk.lack(kind, deals)
                waiting.append(chunk)
        self._stored(waiting)

    def _batch_read(self, kind: str, batch: Mapping[str, WantedActivity], read_at: datetime) -> None:
        late: dict[Chunk, dict[str, set[str]]] = {}
        for activity_id, target in batch.items():
            del self._reading[kind][activity_id]
            for chunk, deals in target.late:
                late.setdefault(chunk, {})[activity_id] = deals
        if self._planning:
            self._read_meanwhile[kind].update(dict.fromkeys(batch, read_at))
        for chunk, wanted in late.items():
            chunk.unread -= len(wanted)
            self._store_known(chunk, kind, wanted, read_at)
        self._stored([chunk for target in batch.values() for chunk in target.chunks])

    def _store_known(self, chunk: Chunk, kind: str, wanted: dict[str, set[str]], since: datetime) -> None:
        """Store for deals of a chunk what was just stored for others, and read ``since`` then."""
        chunk.unread += len(wanted)
        store = partial(self._work.store_seen, kind, dict(wanted), chunk, since)
        self._pool.submit(store, partial(self._stored, [chunk] * len(wanted)))

    def _stored(self, chunks: Iterable[Chunk], _done: None = None) -> None:
        """Note for each of these chunks that an activity is stored, or cannot be."""
        for chunk in chunks:
            chunk.unread -= 1
            self._close_if_done(chunk)
        self._show_progress()

    def _close_if_done(self, chunk: Chunk) -> None:
        if not chunk.unplanned and chunk.unread == 0 and not chunk.closing:
            chunk.closing = True
            self._pool.submit(partial(self._work.close, chunk), lambda _done: self._closed(chunk))

    def _closed(self, chunk: Chunk) -> None:
        chunk.closed = True
        while self._open and self._open[0].closed:
            closed = self._open.popleft()
            if closed.kinds == ENGAGEMENT_TYPES:
                self._progress.deals_read(len(closed.deal_ids))
            if self._on_closed is not None:
                self._on_closed(closed)
        self._show_progress()
