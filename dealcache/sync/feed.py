"""The activities of many deals, read with as few calls as there can be.

Deals come in chunks of up to 1,000, whose associations are read by one call for each type and page. The activities are
read a hundred at a time, whatever deal or chunk they belong to: what is left over from one chunk waits for the next.
So ``n`` activities of one type take ``n / 100`` calls, rounded up once.

Everything here runs in the job's own thread; the crew does the calls and the writes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from dealcache.deals import ENGAGEMENT_TYPES
from dealcache.hubspot import BATCH_SIZE, AssociationPage, MalformedAnswer
from dealcache.sync.crew import Crew
from dealcache.sync.timeline_work import Chunk, Plan, TimelineWork

#: Chunks that may be unfinished. Those with few activities wait long for others to fill a batch with.
_MOST_OPEN = 20

#: One call in this many may read a batch that is not full, so that the oldest chunk can end and be noted: what is not
#: noted is looked for again after a crash.
_CALLS_FOR_ONE_MORE = 50


@dataclass(slots=True)
class _Target:
    """An activity that waits to be read, or is being read.

    Attributes:
        deals: the deals that have it.
        chunks: those that wait for it.
        late: chunks, with their deals, that came while it was being read already.
    """

    deals: set[str] = field(default_factory=set)
    chunks: list[Chunk] = field(default_factory=list)
    late: list[tuple[Chunk, set[str]]] = field(default_factory=list)


class Feed:
    """Takes chunks of deals and brings MongoDB's events of them up to date.

    Args:
        crew: does the work.
        work: what there is to do.
        on_closed: told of each chunk when everything of it is stored, in the order in which they were added.
    """

    def __init__(self, crew: Crew, work: TimelineWork, on_closed: Callable[[Chunk], None]) -> None:
        self._crew = crew
        self._work = work
        self._on_closed = on_closed
        self._open: deque[Chunk] = deque()
        self._calls = 0
        self._hastened = 0
        self._waiting: dict[str, dict[str, _Target]] = {kind: {} for kind in ENGAGEMENT_TYPES}
        self._reading: dict[str, dict[str, _Target]] = {kind: {} for kind in ENGAGEMENT_TYPES}
        self._planning = 0
        self._read_meanwhile: dict[str, set[str]] = {kind: set() for kind in ENGAGEMENT_TYPES}

    def begin(self, chunk: Chunk) -> None:
        """Begin with a chunk, at once."""
        self._open.append(chunk)
        chunk.open_pages = len(ENGAGEMENT_TYPES)
        for kind in ENGAGEMENT_TYPES:
            self._read_associations(chunk, kind, dict.fromkeys(chunk.deal_ids))

    def make_room(self) -> None:
        """Wait until there is not much left to do, so that another chunk may be begun."""
        self._crew.settle()
        while len(self._open) >= _MOST_OPEN:
            self._step()

    def finish(self) -> None:
        """Wait until all chunks are closed."""
        while self._open:
            self._step()

    def _step(self) -> None:
        if self._crew.pending:
            self._crew.step()
            return
        for kind in ENGAGEMENT_TYPES:  # nothing more comes by itself: read the rest in batches that are not full
            self._read_waiting(kind)

    def _show_progress(self) -> None:
        self._work.show_part_done(sum(len(chunk.deal_ids) * chunk.share_done for chunk in self._open))

    def _read_associations(self, chunk: Chunk, kind: str, deals: Mapping[str, str | None]) -> None:
        self._calls += 1
        self._crew.start(partial(self._work.associations, kind, deals), partial(self._take_associations, chunk, kind))

    def _take_associations(self, chunk: Chunk, kind: str, page: AssociationPage) -> None:
        found = chunk.wanted.setdefault(kind, {})
        for deal_id in page.ids.keys() & chunk.members:
            for one in page.ids[deal_id]:
                found.setdefault(one, set()).add(deal_id)
        if page.after:
            for deal_id, after in page.after.items():
                if (kind, deal_id, after) in chunk.cursors:
                    raise MalformedAnswer("the pages of the associations run in a circle")
                chunk.cursors.add((kind, deal_id, after))
            self._read_associations(chunk, kind, page.after)
            return
        chunk.open_pages -= 1
        if chunk.open_pages == 0:
            self._planning += 1
            self._crew.start(partial(self._work.plan, chunk), partial(self._take_plan, chunk))

    def _take_plan(self, chunk: Chunk, plan: Plan) -> None:
        chunk.wanted.clear()
        chunk.cursors.clear()
        chunk.planned = True
        for kind, deals_by_id in plan.to_read.items():
            # When the plan was made MongoDB did not have these yet, but it has them now.
            known = {one: deals for one, deals in deals_by_id.items() if one in self._read_meanwhile[kind]}
            for one, deals in deals_by_id.items():
                if one not in known:
                    self._await(chunk, kind, one, deals)
            self._store_known(chunk, kind, known)
        self._planning -= 1
        if self._planning == 0:
            self._read_meanwhile = {kind: set() for kind in ENGAGEMENT_TYPES}
        if plan.successors:
            self.begin(Chunk(tuple(plan.successors), plan.successors, chunk.read_at))
        chunk.to_read = chunk.unread
        if self._open[0] is not chunk:
            self._hasten()
        self._close_if_done(chunk)

    def _hasten(self) -> None:
        """Let the oldest chunk wait no longer for batches to fill, as far as that costs few calls."""
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
        target = waiting.setdefault(activity_id, _Target())
        target.deals.update(deals)
        target.chunks.append(chunk)
        if len(waiting) >= BATCH_SIZE:
            self._read_waiting(kind)

    def _read_waiting(self, kind: str) -> None:
        batch, self._waiting[kind] = self._waiting[kind], {}
        if not batch:
            return
        self._calls += 1
        self._reading[kind].update(batch)
        read_at = max(chunk.read_at for target in batch.values() for chunk in target.chunks)
        targets = {one: target.deals for one, target in batch.items()}
        self._crew.start(partial(self._work.read, kind, targets, read_at), lambda _done: self._take_batch(kind, batch))

    def _take_batch(self, kind: str, batch: Mapping[str, _Target]) -> None:
        late: dict[Chunk, dict[str, set[str]]] = {}
        for activity_id, target in batch.items():
            del self._reading[kind][activity_id]
            for chunk, deals in target.late:
                late.setdefault(chunk, {})[activity_id] = deals
        if self._planning:
            self._read_meanwhile[kind].update(batch)
        for chunk, wanted in late.items():
            chunk.unread -= len(wanted)
            self._store_known(chunk, kind, wanted)
        self._stored([chunk for target in batch.values() for chunk in target.chunks])

    def _store_known(self, chunk: Chunk, kind: str, wanted: dict[str, set[str]]) -> None:
        """What was just stored for other deals is stored for these of a chunk too."""
        if wanted:
            chunk.unread += len(wanted)
            store = partial(self._work.store_seen, kind, dict(wanted), chunk.read_at, self._open[0].read_at)
            self._crew.start(store, partial(self._stored, [chunk] * len(wanted)))

    def _stored(self, chunks: Iterable[Chunk], _done: None = None) -> None:
        """Note that an activity is stored that each of these chunks waited for."""
        for chunk in chunks:
            chunk.unread -= 1
            self._close_if_done(chunk)
        self._show_progress()

    def _close_if_done(self, chunk: Chunk) -> None:
        if chunk.planned and chunk.unread == 0:
            self._crew.start(partial(self._work.close, chunk), lambda _done: self._closed(chunk))

    def _closed(self, chunk: Chunk) -> None:
        chunk.closed = True
        while self._open and self._open[0].closed:
            self._on_closed(self._open.popleft())
        self._show_progress()
