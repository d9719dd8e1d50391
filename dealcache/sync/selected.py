"""Some deals, read again whole: one by its name or id, those of a stage, those that had to do with some days."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta, tzinfo
from functools import partial

from dealcache.deals import ENGAGEMENT_TYPES, DealKey
from dealcache.hubspot import MOST_ASSOCIATION_INPUTS, batches_of
from dealcache.jobs import SyncRequest
from dealcache.sync.deal_work import StoredBatch
from dealcache.sync.desk import Desk
from dealcache.sync.source import Found
from dealcache.sync.touched import TouchedDeals
from dealcache.sync.windows import (
    Group,
    Window,
    beyond,
    days,
    in_stages,
    last_of,
    modified_in,
    on_or_modified_in,
)


class NoSuchDealError(Exception):
    """Neither HubSpot nor MongoDB knows the deal that was to be synced."""


class SelectedDeals:
    """Reads the deals that a request selects, with all their activities, archived ones and changed associations too.

    There is no checkpoint: what is selected is found again after a crash, and it is little.

    Args:
        desk: the job's parts.
        request: what is selected.
        stage_ids: the stages that the request's stage stands for; empty when it names none.
        zone: the zone of the request's days.
    """

    def __init__(self, desk: Desk, request: SyncRequest, stage_ids: Sequence[str], zone: tzinfo) -> None:
        self._desk = desk
        self._request = request
        self._stage_ids = stage_ids
        self._zone = zone

    def run(self) -> int:
        """Do it, and tell how many deals were read.

        Raises:
            NoSuchDealError: the request names a deal that nobody knows.
        """
        self._desk.ledger.phase("finding the deals")
        request = self._request
        if request.deal is not None:
            return self._read_deal(request.deal)
        if request.first_day is not None and request.last_day is not None:
            ids = self._ids_of_days(days(request.first_day, request.last_day, self._zone))
            return self._read(ids, self._in_stages if self._stage_ids else None)
        return self._read(self._ids_in_stages(), self._in_stages)

    def _read(self, ids: Iterable[str], wanted: Callable[[StoredBatch], Iterable[str]] | None = None) -> int:
        found = list(dict.fromkeys(ids))
        self._desk.ledger.phase("deals and their activities", len(found))
        touched = TouchedDeals(self._desk, whole=True, wanted=wanted)
        touched.add(found)
        touched.finish()
        return touched.found

    def _in_stages(self, batch: StoredBatch) -> Iterable[str]:
        return [deal.deal_id for deal in batch.deals if deal.stage_id in self._stage_ids]

    def _read_deal(self, deal: str) -> int:
        """By id when there are only digits, unless nobody has that id: then by name, all deals that bear it."""
        if deal.isascii() and deal.isdigit():
            known = bool(self._desk.deals.stored([deal]))
            found = self._read([deal])
            if found or known:
                return found
        stored = [one.deal.deal_id for one in self._desk.deals.find(DealKey("name", deal))]
        named = self._desk.crew.result(partial(self._desk.source.deals_named, deal)).get()
        if not stored and not named:
            raise NoSuchDealError(f"neither HubSpot nor MongoDB knows a deal of the name or id {deal!r}")
        return self._read([*named, *stored])

    def _ids_in_stages(self) -> list[str]:
        """What HubSpot's index says, which may be behind, and what MongoDB knows, which may be too."""
        days_back = self._request.epoch_days
        now = self._desk.now()
        also = () if days_back is None else Window(now - timedelta(days=days_back), now).of("hs_lastmodifieddate")
        ids = [one for search in in_stages(self._stage_ids, also) for one in self._search("deals", search)]
        return ids if days_back is not None else [*ids, *self._desk.deals.ids_in_stages(self._stage_ids)]

    def _ids_of_days(self, window: Window) -> list[str]:
        """Deals that changed, or with an activity that happened or changed, in the window."""
        groups = modified_in(window)
        searches = [groups]
        if self._stage_ids:
            searches = in_stages(self._stage_ids, groups[0])
        ids = [one for search in searches for one in self._search("deals", search)]
        for kind in ENGAGEMENT_TYPES:
            activities = self._search(kind, on_or_modified_in(window))
            for batch in batches_of(activities, MOST_ASSOCIATION_INPUTS):
                ids += self._deals_of(kind, batch)
        of_stages = self._desk.deals.ids_in_stages(self._stage_ids) if self._stage_ids else None
        return [*ids, *self._desk.timelines.deals_with_events_between(window.start, window.end, of_stages)]

    def _search(self, object_type: str, groups: Sequence[Group]) -> list[str]:
        ids: list[str] = []
        while True:
            search: Callable[[], Found] = partial(
                self._desk.source.search_ids, object_type, beyond(groups, ids[-1] if ids else None)
            )
            found = self._desk.crew.result(search).get()
            last_of(found.ids, ids[-1] if ids else None)
            ids += found.ids
            if not found.more:
                return ids

    def _deals_of(self, kind: str, activities: Sequence[str]) -> list[str]:
        deal_ids: list[str] = []
        pending = dict.fromkeys(activities, None)
        while pending:
            page = self._desk.crew.result(partial(self._desk.source.deals_of, kind, pending)).get()
            deal_ids += [one for ids in page.ids.values() for one in ids]
            pending = dict(page.after)
        return deal_ids
