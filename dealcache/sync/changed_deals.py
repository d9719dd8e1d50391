"""Deals that may have changed: read by id, stored, and their activities brought up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from dealcache.hubspot.client import BATCH_SIZE, MOST_ASSOCIATION_INPUTS
from dealcache.hubspot.errors import HubSpotError
from dealcache.hubspot.pages import BatchPlan
from dealcache.model.batches import batches_of
from dealcache.model.deals import Deal
from dealcache.sync.activity_loader import ActivityLoader
from dealcache.sync.context import SyncContext
from dealcache.sync.deal_sync import DealSync, StoredBatch
from dealcache.sync.timeline_chunk import Chunk

#: Deals to read first, to learn whether HubSpot still refuses the type.
_TRIED_FIRST = 10


@dataclass(slots=True)
class _OpenChunk:
    """Deals that were stored and wait for their associations to be read."""

    ids: list[str] = field(default_factory=list)
    complete: set[str] = field(default_factory=set)
    read_at: list[datetime] = field(default_factory=list)


class ChangedDeals:
    """Re-reads deals by their ids; used by the job's own thread.

    Args:
        context: the job's parts.
        whole: whether every activity is read again. If not, only the associations are read, and those activities that
            MongoDB lacks or that no list of archived records covers; deals that were never read completely are read
            whole in any case.
        wanted: returns False for deals that, once read, turn out not to be among those asked for.

    Attributes:
        found: how many of them HubSpot has.
        refused: the ids of those that HubSpot has but does not return.
        failed: whether reading some of them failed altogether.
    """

    def __init__(
        self, context: SyncContext, *, whole: bool = False, wanted: Callable[[Deal], bool] = lambda _deal: True
    ) -> None:
        self._context = context
        self._whole = whole
        self._wanted = wanted
        self._work = DealSync(context)
        self._loader = ActivityLoader(context)
        self._plan = BatchPlan(BATCH_SIZE)
        self._open = _OpenChunk()
        self.found = 0
        self.refused: set[str] = set()
        self.failed = False

    def add(self, ids: Iterable[str]) -> None:
        """Re-read these deals too; each is read once, however often it is named."""
        for batch in self._plan.add(ids):
            self._read(batch)

    def finish(self) -> None:
        """Wait until all of them are stored."""
        for batch in self._plan.rest():
            self._read(batch)
        self._context.pool.wait_all()
        if self._open.ids:
            self._begin_chunk()
        self._loader.finish()

    def _read(self, batch: Sequence[str]) -> None:
        self._context.pool.submit(partial(self._work.store_batch, batch), self._take, self._failed)
        self._loader.make_room()

    def _failed(self, failure: HubSpotError) -> None:
        self._context.refused_types.note("deals", failure)
        self.failed = True

    def _take(self, batch: StoredBatch) -> None:
        self.refused |= batch.refused
        wanted = {deal.deal_id for deal in batch.deals if self._wanted(deal)}
        self.found += len(wanted)
        # A deal that was returned under another id may be returned twice.
        new = [one for one in dict.fromkeys(batch.deal_ids) if one in wanted and one not in self._open.ids]
        self._open.ids += new
        self._open.read_at.append(batch.read_at)
        self._open.complete |= set(new) if self._whole else batch.incomplete & wanted
        if len(self._open.ids) + BATCH_SIZE > MOST_ASSOCIATION_INPUTS:
            self._begin_chunk()

    def _begin_chunk(self) -> None:
        ready, self._open = self._open, _OpenChunk()
        now, ids, complete = self._context.now(), tuple(ready.ids), frozenset(ready.complete)
        self._loader.begin(Chunk(ids, complete, now, renewed=self._context.unlisted, as_of=min(ready.read_at)))


def backfill_missing_types(context: SyncContext) -> None:
    """Read only those activities whose types were refused when the other activities of their deals were read."""
    for types, ids in context.missing_types.deals().items():
        loader = ActivityLoader(context)
        for chunk in (ids[:_TRIED_FIRST], *batches_of(ids[_TRIED_FIRST:], MOST_ASSOCIATION_INPUTS)):
            if not (kinds := tuple(kind for kind in types if kind not in context.refused_types)):
                break
            context.progress.phase(f"activities that were missing: {', '.join(kinds)}")
            loader.begin(Chunk(chunk, frozenset(chunk), context.now(), kinds=kinds))
            if len(chunk) <= _TRIED_FIRST:
                loader.finish()
            loader.make_room()
        loader.finish()
