"""Some deals, read again whole: one by its name or id, those of a stage, or those with changes on some days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta, tzinfo
from functools import partial

from dealcache.hubspot.client import MOST_ASSOCIATION_INPUTS
from dealcache.hubspot.errors import HubSpotError
from dealcache.model.batches import batches_of
from dealcache.model.deals import ENGAGEMENT_TYPES, Deal, DealKey
from dealcache.model.jobs import SyncRequest
from dealcache.sync.changed_deals import ChangedDeals
from dealcache.sync.context import SyncContext
from dealcache.sync.search_filters import Group, Window, days, in_stages, modified_in, on_or_modified_in


class NoSuchDealError(Exception):
    """Neither HubSpot nor MongoDB knows the requested deal."""


class SelectedDeals:
    """Reads the deals that a request selects, with all their activities, archived ones and changed associations too.

    There is no checkpoint: the few selected deals are found again after a crash.

    Args:
        context: the job's parts.
        request: selects the deals.
        stage_ids: the stages that the request's stage means; empty if it names none.
        zone: the zone of the request's days.
    """

    def __init__(self, context: SyncContext, request: SyncRequest, stage_ids: Sequence[str], zone: tzinfo) -> None:
        self._context = context
        self._request = request
        self._stage_ids = stage_ids
        self._zone = zone

    def sync(self) -> int:
        """Read the deals; return how many there were.

        Raises:
            NoSuchDealError: neither HubSpot nor MongoDB knows the deal.
        """
        self._context.progress.phase("finding the deals")
        request = self._request
        if request.deal is not None:
            return self._read_deal(request.deal)
        if request.first_day is not None and request.last_day is not None:
            return self._read(self._ids_of_days(days(request.first_day, request.last_day, self._zone)))
        return self._read(self._ids_in_stages())

    def _read(self, ids: Iterable[str]) -> int:
        found = list(dict.fromkeys(ids))
        self._context.progress.phase("deals and their activities", len(found))
        changed = ChangedDeals(self._context, whole=True, wanted=self._is_wanted)
        changed.add(found)
        changed.finish()
        return changed.found

    def _is_wanted(self, deal: Deal) -> bool:
        return not self._stage_ids or deal.stage_id in self._stage_ids

    def _read_deal(self, deal: str) -> int:
        """Read a deal by id if there are only digits and the id exists, else all deals of that name."""
        if deal.isascii() and deal.isdigit():
            known = bool(self._context.deals.stored([deal]))
            found = self._read([deal])
            if found or known:
                return found
        stored = [one.deal.deal_id for one in self._context.deals.find(DealKey("name", deal))]
        named: list[str] = []
        try:
            named = self._context.pool.call(partial(self._context.hubspot.deals_named, deal))
        except HubSpotError as failure:
            if not stored:
                raise
            self._context.refused_types.note_search("deals", failure)
        if not stored and not named:
            raise NoSuchDealError(f"neither HubSpot nor MongoDB knows a deal of the name or id {deal!r}")
        return self._read([*named, *stored])

    def _ids_in_stages(self) -> list[str]:
        """Return the ids that HubSpot's index has and those that MongoDB has, because either may be behind."""
        days_back = self._request.epoch_days
        now = self._context.now()
        also = () if days_back is None else Window(now - timedelta(days=days_back), now).of("hs_lastmodifieddate")
        ids = [one for search in in_stages(self._stage_ids, also) for one in self._search("deals", search)]
        return ids if days_back is not None else [*ids, *self._context.deals.ids_in_stages(self._stage_ids)]

    def _ids_of_days(self, window: Window) -> list[str]:
        """Deals that changed, or with an activity that happened or changed, in the window."""
        groups = modified_in(window)
        searches = [groups]
        if self._stage_ids:
            searches = in_stages(self._stage_ids, groups[0])
        ids = [one for search in searches for one in self._search("deals", search)]
        for kind in ENGAGEMENT_TYPES:
            activities = self._search(kind, on_or_modified_in(window))
            try:
                for batch in batches_of(activities, MOST_ASSOCIATION_INPUTS):
                    found, _ = self._context.pool.call(partial(self._context.hubspot.deals_of, kind, batch))
                    ids += sorted(set().union(*found.values()))
            except HubSpotError as failure:
                self._context.refused_types.note_search(kind, failure)
        of_stages = self._context.deals.ids_in_stages(self._stage_ids) if self._stage_ids else None
        return [*ids, *self._context.timelines.deals_with_events_between(window.start, window.end, of_stages)]

    def _search(self, object_type: str, groups: Sequence[Group]) -> list[str]:
        """Return the matching ids; those found so far if HubSpot refuses the search."""
        ids, last_id, more = list[str](), None, True
        try:
            while more:
                found = self._context.pool.call(partial(self._context.hubspot.search_ids, object_type, groups, last_id))
                ids += found.ids
                last_id, more = found.last_id, found.more
        except HubSpotError as failure:
            self._context.refused_types.note_search(object_type, failure)
        return ids
