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


@dataclass(slots=True)
class _Target:
    """An activity that waits to be read: for which deals, and which chunks wait for it."""

    deals: set[str] = field(default_factory=set)
    chunks: list[Chunk] = field(default_factory=list)


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
        self._waiting: dict[str, dict[str, _Target]] = {kind: {} for kind in ENGAGEMENT_TYPES}

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

    def _read_associations(self, chunk: Chunk, kind: str, deals: Mapping[str, str | None]) -> None:
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
            self._crew.start(partial(self._work.plan, chunk), partial(self._take_plan, chunk))

    def _take_plan(self, chunk: Chunk, plan: Plan) -> None:
        chunk.wanted.clear()
        chunk.cursors.clear()
        chunk.planned = True
        for kind, deals_by_id in plan.to_read.items():
            for one, deals in deals_by_id.items():
                self._await(chunk, kind, one, deals)
        if plan.successors:
            self.begin(Chunk(tuple(plan.successors), plan.successors, chunk.read_at))
        self._close_if_done(chunk)

    def _await(self, chunk: Chunk, kind: str, activity_id: str, deals: Iterable[str]) -> None:
        waiting = self._waiting[kind]
        target = waiting.setdefault(activity_id, _Target())
        target.deals.update(deals)
        target.chunks.append(chunk)
        chunk.unread += 1
        if len(waiting) >= BATCH_SIZE:
            self._read_waiting(kind)

    def _read_waiting(self, kind: str) -> None:
        batch, self._waiting[kind] = self._waiting[kind], {}
        if not batch:
            return
        read_at = max(chunk.read_at for target in batch.values() for chunk in target.chunks)
        targets = {one: target.deals for one, target in batch.items()}
        self._crew.start(
            partial(self._work.read, kind, targets, read_at), lambda _done: self._take_batch(batch.values())
        )

    def _take_batch(self, targets: Iterable[_Target]) -> None:
        for target in targets:
            for chunk in target.chunks:
                chunk.unread -= 1
                self._close_if_done(chunk)

    def _close_if_done(self, chunk: Chunk) -> None:
        if chunk.planned and chunk.unread == 0:
            self._crew.start(partial(self._work.close, chunk), lambda _done: self._closed(chunk))

    def _closed(self, chunk: Chunk) -> None:
        chunk.closed = True
        while self._open and self._open[0].closed:
            self._on_closed(self._open.popleft())
