"""Keeps what a complete load from HubSpot brought, over both collections."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from dealcache.changes import Changes
from dealcache.deals import Deal, LoadedDeal
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
        """Write a deal, the other deals of its name and, unless a newer load has been saved, its events.

        The events of deals that were merged into it become its own first, so that what other systems have written to
        them is kept. That the events are complete is noted last of all, so that a save that breaks off leaves no deal
        behind whose stored events are taken for all of them.

        Args:
            loaded: what one complete load brought.

        Returns:
            The deals that are seen to have changed.
        """
        deal_id, began = loaded.deal.deal_id, milliseconds(loaded.read_started_at)
        changes = self._deals.store([loaded.deal, *loaded.homonyms], began)
        complete_as_of = self._deals.timeline_synced_at(deal_id)
        if complete_as_of is not None and complete_as_of > began:
            return changes
        if loaded.deal.merged_ids:
            changes.add(self._timelines.adopt(deal_id, loaded.deal.merged_ids))
        changes.add(self._timelines.replace(deal_id, loaded.events, began))
        complete_as_of = self._deals.note_timeline_synced(deal_id, began)
        if complete_as_of > began:
            # A newer load was saved meanwhile and has confirmed all its events; the rest is what this one just added.
            changes.add(self._timelines.sweep([deal_id], complete_as_of))
        return changes

    def foreign_fields(self, deal_id: str) -> dict[EngagementKey, dict[str, Any]]:
        """What other systems have written to a deal's events, by engagement type and id."""
        return self._timelines.foreign_fields(deal_id)

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
