"""Loads deals from HubSpot, writes them to MongoDB, and makes their three views."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from dealcache.hubspot.errors import HubSpotError, MalformedAnswer, NotFound
from dealcache.hubspot.loader import DealLoader
from dealcache.model.deadline import Deadline
from dealcache.model.deals import DealKey, LoadedDeal
from dealcache.model.invalidation import Changes
from dealcache.reader.answers import Loaded
from dealcache.reader.entries import EntryMaker
from dealcache.repositories import DealStore, StoreError
from dealcache.tiers import View

log = logging.getLogger(__name__)


class HubSpotLoad(NamedTuple):
    """The outcome of one load, and of storing it.

    ``views`` has an entry for each view of the deals that could be loaded; their status is 404 when HubSpot knows no
    such deal. ``failures`` tell why the others could not. ``changes`` are the deals whose stored views changed.
    ``stored`` is False if storing failed, so that it is unknown which parts are stored.
    """

    views: dict[DealKey, Loaded]
    failures: dict[DealKey, HubSpotError]
    changes: Changes
    stored: bool = True


class HubSpotSource:
    """The last tier of the read path.

    Args:
        loader: loads deals with all their activities.
        store: stores what was loaded; a failing write does not fail the read.
        maker: makes the entries.
        clock: the wall clock, epoch seconds.
        admit_write: makes sure that HubSpot's answers may be stored; raises HubSpotError if they may not even be shown,
            and StoreError if that is unknown.
    """

    def __init__(
        self,
        loader: DealLoader,
        store: DealStore,
        maker: EntryMaker,
        clock: Callable[[], float],
        admit_write: Callable[[], None] = lambda: None,
    ) -> None:
        self._loader = loader
        self._store = store
        self._maker = maker
        self._clock = clock
        self._admit_write = admit_write

    def load(
        self,
        keys: Collection[DealKey],
        known_ids: Mapping[DealKey, Collection[str]],
        deadline: Deadline,
        *,
        fresh_labels: bool = False,
    ) -> HubSpotLoad:
        """Load all three views of the deals, and write them to MongoDB before they count as read.

        Args:
            keys: names, each once; or one key of either kind.
            known_ids: for some of them, ids that MongoDB knows under this name. Search lags behind new names and never
                finds archived deals, so these ids are asked for before the deal is called unknown.
            deadline: until when the caller can wait.
            fresh_labels: whether the labels of owners, stages and pipelines are read again too; only for a single key.
        """
        fetched_at = self._clock()
        outcomes = self._loader.load(keys, deadline, known_ids=known_ids, fresh_labels=fresh_labels)
        gone = {key: outcome for key, outcome in outcomes.items() if isinstance(outcome, NotFound)}
        found = {key: outcome for key, outcome in outcomes.items() if isinstance(outcome, LoadedDeal)}
        failures = {key: one for key, one in outcomes.items() if not isinstance(one, LoadedDeal | NotFound)}
        loads = {loaded.deal.deal_id: loaded for loaded in found.values()}
        changes = Changes()
        stored = self._save(loads, gone.values(), changes)
        made = {deal_id: self._views(loaded) for deal_id, loaded in loads.items()}
        shown = {key: dict.fromkeys(View, self._maker.unknown(key, fetched_at)) for key in gone}
        for key, loaded in found.items():
            if (views := made[loaded.deal.deal_id]) is None:
                failures[key] = MalformedAnswer("a deal cannot be shown")
            else:
                shown[key] = views
        return HubSpotLoad(shown, failures, changes, stored)

    def unknown(self, key: DealKey) -> Loaded:
        """Return the views of a deal that HubSpot does not know, as another process has just found."""
        return dict.fromkeys(View, self._maker.unknown(key, self._clock()))

    def _views(self, loaded: LoadedDeal) -> Loaded | None:
        """Return the views of a deal; None if it cannot be shown, so that its batch does not fail with it."""
        try:
            return self._maker.all_views(loaded)
        except Exception as error:  # noqa: BLE001 - the boundary around a record
            deal_id = loaded.deal.deal_id
            self._maker.unreadable.note("deals", deal_id, f"it cannot be shown ({type(error).__name__})")
            return None

    def _save(self, loads: dict[str, LoadedDeal], unknown: Collection[NotFound], changes: Changes) -> bool:
        """Write loads to MongoDB, and read the fields that other systems have written to their events.

        Args:
            loads: by deal id.
            unknown: tell which deals HubSpot no longer has, or has under another name; MongoDB must not serve these.
            changes: receives what changed.

        Returns:
            True if everything was written.
        """
        missing_ids = {deal_id for gone in unknown for deal_id in gone.missing_ids}
        renamed = {deal.deal_id: deal for gone in unknown for deal in gone.renamed}
        if not (loads or missing_ids or renamed):
            return True
        now = datetime.fromtimestamp(self._clock(), UTC)
        try:
            self._admit_write()
            if missing_ids or renamed:
                changes.add(self._store.note_gone(missing_ids, renamed.values(), now))
            if not loads:
                return True
            changes.add(self._store.save(*loads.values()))
            foreign = self._store.foreign_fields(loads)
            kept = {deal_id: self._store.kept_events(loaded) for deal_id, loaded in loads.items() if loaded.unread}
        except StoreError as error:
            deals = ", ".join([*loads, *missing_ids, *renamed])
            log.warning("deals %s were read from HubSpot but could not be stored: %s", deals, error)
            return False
        for deal_id, fields in foreign.items():
            loads[deal_id] = _with_foreign_fields(loads[deal_id], fields)
        for deal_id, events in kept.items():
            loads[deal_id] = replace(loads[deal_id], events=(*loads[deal_id].events, *events))
        return True


def _with_foreign_fields(loaded: LoadedDeal, foreign: Mapping[tuple[str, str], Mapping[str, Any]]) -> LoadedDeal:
    events = tuple(
        event._replace(extra=foreign.get((event.engagement_type, event.engagement_id), event.extra))
        for event in loaded.events
    )
    return replace(loaded, events=events)
