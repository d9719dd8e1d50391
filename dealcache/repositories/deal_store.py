"""Keeps what a complete load from HubSpot brought, over both collections."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from dealcache.deals import Deal, LoadedDeal
from dealcache.repositories.deal_info import DealInfoRepository
from dealcache.repositories.deal_timeline import DealTimelineRepository
from dealcache.repositories.documents import milliseconds
from dealcache.repositories.timeline_plan import EngagementKey


class DealStore:
    """Writes deals with their events. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        deals: the deals.
        timelines: their events.
    """

    def __init__(self, deals: DealInfoRepository, timelines: DealTimelineRepository) -> None:
        self._deals = deals
        self._timelines = timelines

    def save(self, loaded: LoadedDeal) -> None:
        """Write a deal, the other deals of its name and, unless a newer load has been saved, its events.

        That the events are complete is noted last of all, so that a save that breaks off leaves no deal behind whose
        stored events are taken for all of them.

        Args:
            loaded: what one complete load brought.
        """
        deal_id, began = loaded.deal.deal_id, milliseconds(loaded.read_started_at)
        self._deals.upsert([loaded.deal, *loaded.homonyms], began)
        complete_as_of = self._deals.timeline_synced_at(deal_id)
        if complete_as_of is not None and complete_as_of > began:
            return
        self._timelines.replace(deal_id, loaded.events, began)
        complete_as_of = self._deals.note_timeline_synced(deal_id, began)
        if complete_as_of > began:
            # A newer load was saved meanwhile and has confirmed all its events; the rest is what this one just added.
            self._timelines.delete_unseen_since(deal_id, complete_as_of)

    def foreign_fields(self, deal_id: str) -> dict[EngagementKey, dict[str, Any]]:
        """What other systems have written to a deal's events, by engagement type and id."""
        return self._timelines.foreign_fields(deal_id)

    def note_gone(self, missing_ids: Iterable[str], renamed: Iterable[Deal], at: datetime) -> None:
        """Note that HubSpot has some deals no longer, and has others under another name.

        Args:
            missing_ids: ids that HubSpot does not know, or knows as archived.
            renamed: the deals that have another name now, as HubSpot gave them.
            at: the time just before HubSpot was asked.
        """
        self._deals.mark_archived(missing_ids, at)
        self._deals.upsert(renamed, at)
