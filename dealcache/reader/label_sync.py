"""Keeps the stored labels of owners, stages, pipelines and properties current, and evicts views that show old ones."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from dealcache.model.deal_properties import PropertyDefinition
from dealcache.model.invalidation import INFO, TIMELINE, Changes, Selection
from dealcache.model.labels import LabelChanges, Labels, Owner
from dealcache.model.pipelines import Pipeline
from dealcache.reader.label_directory import LabelDirectory
from dealcache.repositories import DealInfoRepository, DealTimelineRepository, LabelRepository, StoreError

log = logging.getLogger(__name__)

#: Above this number of deals everything is evicted, and no single deals are published.
MOST_DEALS = 10_000

#: Seconds between two comparisons with the labels in MongoDB.
_CHECK_SECONDS = 60.0


class LabelSync:
    """Stores labels as they are read from HubSpot. Thread-safe.

    Args:
        labels: the stored labels.
        deals: the deals that show them.
        timelines: the events that show them.
        views: the labels with which this process makes views.
        publish: makes every process read the labels again, and evicts the views of the selected deals.
    """

    def __init__(
        self,
        labels: LabelRepository,
        deals: DealInfoRepository,
        timelines: DealTimelineRepository,
        views: LabelDirectory,
        publish: Callable[[Selection, Changes | None], None],
    ) -> None:
        self._labels = labels
        self._deals = deals
        self._timelines = timelines
        self._views = views
        self._publish = publish

    def store_owners(self, owners: tuple[Owner, ...], at: datetime) -> bool:
        """Store all owners as HubSpot had them just after ``at``; return False if MongoDB could not."""
        return self._store(partial(self._labels.save_owners, owners, at), partial(self._views.learn, owners=owners))

    def store_pipelines(self, pipelines: tuple[Pipeline, ...], at: datetime) -> bool:
        """Store all pipelines; see :meth:`store_owners`."""
        save = partial(self._labels.save_pipelines, pipelines, at)
        return self._store(save, partial(self._views.learn, pipelines=pipelines))

    def store_properties(self, definitions: tuple[PropertyDefinition, ...], at: datetime) -> bool:
        """Store the definitions of all own properties that HubSpot has; see :meth:`store_owners`."""
        save = partial(self._labels.save_properties, definitions, at)
        return self._store(save, partial(self._views.learn, properties=definitions))

    def check(self) -> float:
        """Evict views with labels whose change in MongoDB was never published, because a process died in between.

        Returns:
            The seconds until the next check.

        Raises:
            StoreError: MongoDB failed.
        """
        # First: without an answer of MongoDB, the directory would ask it too, and warn of views that nobody makes.
        stored = self._labels.read()
        self._publish_changes(self._views.current(), stored)
        return _CHECK_SECONDS

    def _store(self, save: Callable[[], None], learn: Callable[[], None]) -> bool:
        try:
            before = self._labels.read()
            save()
            after = self._labels.read()
        except StoreError as failure:
            log.warning("labels were read from HubSpot but not stored: %s", failure)
            learn()
            return False
        self._publish_changes(before, after)
        return True

    def _publish_changes(self, before: Labels, after: Labels) -> None:
        changed = after.changes_since(before)
        if not changed and (before.pipelines, before.absent_properties) == (after.pipelines, after.absent_properties):
            return
        # First: a deal that is stored after the query below is then shown with the new labels.
        self._views.renew()
        selection, changes = self._showing(changed)
        # Where no label was known before, views showed the same text as stored by earlier versions: no news to
        # listeners.
        known_before = bool(before.known_owners if changed.owner_ids else before.pipelines)
        self._publish(selection, changes if known_before else None)

    def _showing(self, changed: LabelChanges) -> tuple[Selection, Changes | None]:
        """Return the deals whose views show a label that changed, and which views; if they are many, everything."""
        changes = Changes()
        if not changed:
            return Selection(), changes
        if changed.property_names:  # every deal shows them, even without a value
            return Selection.all(), None
        try:
            shown = self._deals.ids_showing(changed, MOST_DEALS + 1)
            of_owners = changed.owner_ids and self._timelines.deals_with_events_of(changed.owner_ids, MOST_DEALS + 1)
        except StoreError as failure:
            log.warning(
                "everything cached is evicted: MongoDB cannot tell which deals show a changed label: %s", failure
            )
            return Selection.all(), None
        for deal_id in shown:
            changes.note(deal_id, (INFO,))
        for deal_id in of_owners or ():
            changes.note(deal_id, (TIMELINE,))
        if len(changes.views) > MOST_DEALS:
            return Selection.all(), None
        return Selection.changed(changes), changes
