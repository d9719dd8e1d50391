"""Finds changes that HubSpot's search cannot: archived records, and associations that changed without their records.

Archiving and associating do not touch the modified date (airbyte#19838, #27199). So the lists of archived records are
walked, and the associations of all deals are read again in turn, the longest unread first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from math import ceil

from dealcache.hubspot.client import BATCH_SIZE, MOST_ASSOCIATION_INPUTS
from dealcache.hubspot.errors import HubSpotError
from dealcache.model.batches import batches_of
from dealcache.model.deals import ENGAGEMENT_TYPES, RECORD_TYPES
from dealcache.repositories import SyncStateRepository
from dealcache.sync.activity_loader import ActivityLoader
from dealcache.sync.changed_deals import ChangedDeals
from dealcache.sync.context import SyncContext
from dealcache.sync.deal_sync import DealSync
from dealcache.sync.refused_types import OF_THE_ACCOUNT, in_brief
from dealcache.sync.timeline_chunk import Chunk

_DAY = timedelta(days=1)

#: HubSpot keeps archived records for 90 days, and lists them for as long.
_LISTED = timedelta(days=89)

#: The calls that a run requested by a person may make at least for each of the two: lists of 40,000 archived records,
#: and associations of 57,000 deals.
CALLS_WHEN_ASKED = 400


def allowance(calls_a_day: int, last: datetime | None, now: datetime) -> int:
    """Return how many calls may be made now to stay within ``calls_a_day``; calls unused after a whole day are lost.

    Args:
        calls_a_day: the calls of a day.
        last: when the allowance was last used up, None for never.
        now: the present.
    """
    elapsed = _DAY if last is None else min(_DAY, now - last)
    return int(calls_a_day * max(elapsed, timedelta()) / _DAY)


class ArchivedRecords:
    """Notes which deals and activities were archived in HubSpot.

    A list that HubSpot refuses is left out with a warning; for archived meetings it has no list.

    Args:
        context: the job's parts.
        state: keeps the position when there are too few calls to walk all lists at once.

    Attributes:
        unlisted: the types whose lists are refused, as far as is known.
    """

    def __init__(self, context: SyncContext, state: SyncStateRepository) -> None:
        self._context = context
        self._state = state
        self.unlisted: set[str] = set(context.unlisted)

    def walk(self, calls: int, *, from_the_start: bool) -> None:
        """Walk the lists.

        Args:
            calls: how many pages at most.
            from_the_start: whether to begin with the first list, rather than where the last walk ended.
        """
        self._context.progress.phase("archived records")
        start, after = ("deals", None) if from_the_start else self._position()
        listed: set[str] | None = set() if start == "deals" and after is None else None
        first = RECORD_TYPES.index(start)
        for kind in (*RECORD_TYPES[first:], *RECORD_TYPES[:first]):
            while True:
                if calls <= 0:
                    self._state.note_archived_position(kind, after)
                    return
                calls -= 1
                try:
                    ids, after = self._context.pool.call(partial(self._page, kind, after))
                except OF_THE_ACCOUNT:
                    raise
                except HubSpotError as refusal:
                    self._note_unlisted(kind, refusal)
                    after = None
                    break
                if kind == "deals" and listed is not None:
                    listed.update(ids)
                if after is None:
                    self._note_listed(kind)
                    break
            if kind == "deals" and listed is not None:
                self._revive(listed)
        self._state.note_archived_position(start, None)

    def _note_listed(self, kind: str) -> None:
        self.unlisted.discard(kind)
        if kind in self._context.unlisted:
            self._state.note_listed(kind, listed=True)

    def _note_unlisted(self, kind: str, refusal: HubSpotError) -> None:
        self.unlisted.add(kind)
        if kind in ENGAGEMENT_TYPES:
            self._state.note_listed(kind, listed=False)
        self._context.progress.warn(
            f"HubSpot does not list archived {kind} ({in_brief(refusal)}); they are found more slowly, "
            + ("from their deals" if kind in ENGAGEMENT_TYPES else "one by one"),
            logged=kind in self._context.unlisted,
        )

    def _position(self) -> tuple[str, str | None]:
        found = self._state.load().archived_position
        return found if found is not None and found[0] in RECORD_TYPES else ("deals", None)

    def _page(self, kind: str, after: str | None) -> tuple[list[str], str | None]:
        read_at = self._context.now()
        ids, following = self._context.hubspot.list_archived(kind, after)
        if ids and kind == "deals":
            self._context.progress.changed(self._context.deals.mark_archived(ids, read_at))
        elif ids:
            self._context.progress.changed(self._context.timelines.remove_engagements(kind, ids, read_at))
        return ids, following

    def _revive(self, listed: set[str]) -> None:
        """Read again those archived deals that are no longer listed as archived: they were restored."""
        archived = self._context.deals.archived_since(self._context.now() - _LISTED)
        changed = ChangedDeals(self._context)
        changed.add(one for one in archived if one not in listed)
        changed.finish()


class AssociationRefresh:
    """Reads associations again, deal by deal, as far as its calls reach.

    A type whose archived records HubSpot does not list is read whole: an association may lead to an archived record,
    and only a read of the record shows that.

    Args:
        context: the job's parts.
        unlisted: the types whose archived records are not listed.
    """

    def __init__(self, context: SyncContext, unlisted: Collection[str]) -> None:
        self._context = context
        self._deals = DealSync(context)
        self._deals_unlisted = "deals" in unlisted
        self._renewed = frozenset(kind for kind in unlisted if kind != "deals")
        self._loader = ActivityLoader(context)

    def run(self, calls: int, read_before: datetime) -> int:
        """Read the associations of deals, those in open stages first, the longest unread first.

        Args:
            calls: how many calls at most, further pages and new activities not counted; the last 1,000 deals may take
                more.
            read_before: deals that were read since then are left out.

        Returns:
            How many calls beyond ``calls`` the last deals took.
        """
        self._context.progress.phase("associations of other deals")
        closed = self._context.labels().closed_stage_ids()
        limit = calls // len(ENGAGEMENT_TYPES) * MOST_ASSOCIATION_INPUTS
        ids = self._context.deals.stalest(limit, closed, read_before) if limit else []
        for chunk in batches_of(ids, MOST_ASSOCIATION_INPUTS):
            if calls < len(ENGAGEMENT_TYPES):
                break
            calls -= self._cost(chunk)
            never_read = self._deals.never_read(chunk)
            if self._deals_unlisted:
                self._find_archived([one for one in chunk if one not in never_read])
            # Their stored state may come from a search whose index was behind.
            read = self._context.pool.call(partial(self._deals.store_all, sorted(never_read)))
            whole = never_read - read.refused - read.failed
            self._loader.begin(Chunk(chunk, whole, self._context.now(), renewed=self._renewed, as_of=read.read_at))
            self._loader.make_room()
        self._loader.finish()
        self._context.pool.wait_all()
        return max(0, -calls)

    def _find_archived(self, deal_ids: Sequence[str]) -> None:
        """Read deals by their ids, a few batches at once; HubSpot leaves out archived ones, which are then marked."""
        for batch in batches_of(deal_ids, BATCH_SIZE):
            read = partial(self._deals.store_batch, batch)
            self._context.pool.submit(read, on_failure=partial(self._context.refused_types.note, "deals"))

    def _cost(self, deal_ids: Sequence[str]) -> int:
        """Return how many calls some deals take, further pages and new activities not counted."""
        renewed = self._context.timelines.count(deal_ids, self._renewed) if self._renewed else 0
        deals = len(deal_ids) if self._deals_unlisted else 0
        return len(ENGAGEMENT_TYPES) + ceil(renewed / BATCH_SIZE) + ceil(deals / BATCH_SIZE)
