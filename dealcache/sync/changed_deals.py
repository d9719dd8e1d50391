"""Deals that may have changed: read by id, stored, and their activities brought up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from dealcache.hubspot.client import BATCH_SIZE, MOST_ASSOCIATION_INPUTS
from dealcache.hubspot.errors import HubSpotError
from dealcache.hubspot.pages import BatchPlan
from dealcache.model.batches import batches_of
from dealcache.model.deals import Deal
from dealcache.model.timestamps import LATEST
from dealcache.sync.activity_loader import ActivityLoader
from dealcache.sync.context import SyncContext
from dealcache.sync.deal_sync import DealSync, StoredBatch
from dealcache.sync.timeline_chunk import Chunk

#: Deals to read first, to learn whether HubSpot still refuses the type.
_TRIED_FIRST = 10


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
        # The deals that were stored and wait for their associations to be read, each with True if it is read whole.
        self._stored: dict[str, bool] = {}
        self._read_at = LATEST
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
        if self._stored:
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
        # A deal that was returned under another id may be returned twice.
        wanted = dict.fromkeys(deal.deal_id for deal in batch.deals if self._wanted(deal))
        self.found += len(wanted)
        for one in wanted:
            self._stored[one] = self._whole or one in batch.incomplete or self._stored.get(one, False)
        self._read_at = min(self._read_at, batch.read_at)
        if len(self._stored) + BATCH_SIZE > MOST_ASSOCIATION_INPUTS:
            self._begin_chunk()

    def _begin_chunk(self) -> None:
        complete = frozenset(one for one, whole in self._stored.items() if whole)
        now, renewed = self._context.now(), self._context.unlisted
        self._loader.begin(Chunk(tuple(self._stored), complete, now, renewed=renewed, as_of=self._read_at))
        self._stored, self._read_at = {}, LATEST


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
