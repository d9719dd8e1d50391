"""Stores complete loads from HubSpot, over both collections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from dealcache.model.deals import Deal, Event, LoadedDeal
from dealcache.model.invalidation import Changes
from dealcache.repositories.deal_info import DealInfoRepository
from dealcache.repositories.deal_summaries.settling import DealSummaries
from dealcache.repositories.deal_timeline import DealTimelineRepository
from dealcache.repositories.documents import EngagementKey, milliseconds
from dealcache.repositories.people import PeopleRepository


class DealStore:
    """Writes deals with their events. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        deals: the deals.
        timelines: their events.
        summaries: settles changed deals.
        people: stores the people of loads that have any.
    """

    def __init__(
        self,
        deals: DealInfoRepository,
        timelines: DealTimelineRepository,
        summaries: DealSummaries,
        people: PeopleRepository,
    ) -> None:
        self._people = people
        self._deals = deals
        self._timelines = timelines
        self._summaries = summaries

    def save(self, *loads: LoadedDeal) -> Changes:
        """Write deals, their homonyms and, unless a newer load is stored, their events; return the visible changes.

        The events of deals that were merged into them are moved first, so that the fields of other systems are kept.
        The note that the events are complete is written last, so that an interrupted save leaves no deal whose stored
        events are taken for all of them. The loads, at least one, count as begun when the first of them was.
        """
        with self._summaries.one_change():
            return self._save(loads)

    def _save(self, loads: Sequence[LoadedDeal]) -> Changes:
        began = milliseconds(min(loaded.read_started_at for loaded in loads))
        changes = self._deals.store([deal for loaded in loads for deal in (*loaded.homonyms, loaded.deal)], began)
        complete = self._deals.timelines_synced_at(loaded.deal.deal_id for loaded in loads)
        due = [loaded for loaded in loads if complete.get(loaded.deal.deal_id, began) <= began]
        for loaded in due:
            if loaded.deal.merged_ids:
                changes.add(self._timelines.adopt(loaded.deal.deal_id, loaded.deal.merged_ids))
        self._timelines.confirm([(loaded.deal.deal_id, *key) for loaded in due for key in loaded.unread], began)
        if due:
            unread = {loaded.deal.deal_id for loaded in due if loaded.unread}
            as_of = min(loaded.as_of or loaded.read_started_at for loaded in due)
            timelines = {loaded.deal.deal_id: loaded.events for loaded in due}
            changes.add(self._replace(timelines, began, unread, min(as_of, began)))
            changes.add(self._people.save_loads(due, began))
        self._summaries.settle({loaded.deal.deal_id for loaded in due} | changes.views.keys())
        return changes

    def _replace(
        self, timelines: Mapping[str, Sequence[Event]], began: datetime, unread: set[str], as_of: datetime
    ) -> Changes:
        changes = self._timelines.replace(timelines, began)
        self._deals.note_timelines_synced(timelines, began, unread, as_of)
        for deal_id, synced_at in self._deals.timelines_synced_at(timelines).items():
            if synced_at > began:
                # A newer load was saved meanwhile and has confirmed all its events; the rest was added by this one.
                changes.add(self._timelines.sweep([deal_id], synced_at))
        return changes

    def foreign_fields(self, deal_ids: Iterable[str]) -> dict[str, dict[EngagementKey, dict[str, Any]]]:
        """Return the fields that other systems have written to events, by deal and then by engagement."""
        return self._timelines.foreign_fields(deal_ids)

    def kept_events(self, loaded: LoadedDeal) -> list[Event]:
        """Return the stored events of those activities of a loaded deal that could not be read."""
        return self._timelines.stored_of(loaded.deal.deal_id, loaded.unread)

    def note_gone(self, missing_ids: Iterable[str], renamed: Iterable[Deal], at: datetime) -> Changes:
        """Archive deals that are gone, store others that now have another name, and return the visible changes.

        Args:
            missing_ids: ids that HubSpot does not know, or knows as archived.
            renamed: the deals that now have another name, as HubSpot returned them.
            at: the time just before HubSpot was asked.
        """
        changes = self._deals.mark_archived(missing_ids, at)
        changes.add(self._deals.store(renamed, at))
        return changes
