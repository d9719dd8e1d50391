"""Keeps what a complete load from HubSpot brought, over both collections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from dealcache.changes import Changes
from dealcache.deals import Deal, Event, LoadedDeal
from dealcache.repositories.deal_info import DealInfoRepository
from dealcache.repositories.deal_timeline import DealTimelineRepository
from dealcache.repositories.documents import EngagementKey, milliseconds


class DealStore:
    """Writes deals with their events. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        deals: the deals.
        timelines: their events.
    """

    def __init__(self, deals: DealInfoRepository, timelines: DealTimelineRepository) -> None:
        self._deals = deals
        self._timelines = timelines

    def save(self, loaded: LoadedDeal) -> Changes:
        """Do for one deal what :meth:`save_many` does."""
        return self.save_many([loaded])

    def save_many(self, loads: Sequence[LoadedDeal]) -> Changes:
        """Write deals, the other deals of their names and, unless a newer load has been saved, their events.

        The events of deals that were merged into them become their own first, so that what other systems have written
        to them is kept. That the events are complete is noted last of all, so that a save that breaks off leaves no
        deal behind whose stored events are taken for all of them.

        Args:
            loads: what complete loads brought, one at least; they count as begun when the first of them was.

        Returns:
            The deals that are seen to have changed.
        """
        began = milliseconds(min(loaded.read_started_at for loaded in loads))
        changes = self._deals.store([deal for loaded in loads for deal in (*loaded.homonyms, loaded.deal)], began)
        complete = self._deals.timelines_synced_at(loaded.deal.deal_id for loaded in loads)
        due = [loaded for loaded in loads if complete.get(loaded.deal.deal_id, began) <= began]
        for loaded in due:
            if loaded.deal.merged_ids:
                changes.add(self._timelines.adopt(loaded.deal.deal_id, loaded.deal.merged_ids))
        if due:
            changes.add(self._replace({loaded.deal.deal_id: loaded.events for loaded in due}, began))
        return changes

    def _replace(self, timelines: Mapping[str, Sequence[Event]], began: datetime) -> Changes:
        changes = self._timelines.replace_many(timelines, began)
        self._deals.note_timelines_synced(timelines, began)
        for deal_id, complete_as_of in self._deals.timelines_synced_at(timelines).items():
            if complete_as_of > began:
                # A newer load was saved meanwhile and has confirmed all its events; the rest is what this one added.
                changes.add(self._timelines.sweep([deal_id], complete_as_of))
        return changes

    def foreign_fields(self, deal_ids: Iterable[str]) -> dict[str, dict[EngagementKey, dict[str, Any]]]:
        """What other systems have written to deals' events, by deal and then by engagement type and id."""
        return self._timelines.foreign_fields(deal_ids)

    def note_gone(self, missing_ids: Iterable[str], renamed: Iterable[Deal], at: datetime) -> Changes:
        """Note that HubSpot has some deals no longer, and has others under another name.

        Args:
            missing_ids: ids that HubSpot does not know, or knows as archived.
            renamed: the deals that have another name now, as HubSpot gave them.
            at: the time just before HubSpot was asked.

        Returns:
            The deals that are seen to have changed.
        """
        changes = self._deals.mark_archived(missing_ids, at)
        changes.add(self._deals.store(renamed, at))
        return changes
