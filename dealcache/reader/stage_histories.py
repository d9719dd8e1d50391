"""The history of a deal's stages, which MongoDB has; HubSpot is asked as for other reads of a deal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from dealcache.model.deals import Deal, DealKey
from dealcache.model.labels import Labels
from dealcache.model.stage_history import Stay, stays_of
from dealcache.model.timestamps import optional_timestamp
from dealcache.reader.answers import Answer, Mode, ReadTrace, TierOutcome
from dealcache.reader.entries import EntryMaker
from dealcache.reader.mongodb import MongoSource, TimelineNotSyncedError
from dealcache.reader.reader import DealReader
from dealcache.reader.revalidator import Revalidator
from dealcache.repositories import StoredDeal, StoreError
from dealcache.tiers import Entry, View


def history_of(deal: Deal, labels: Labels, now: datetime) -> dict[str, Any]:
    """Return the stays of a deal as clients see them; the ages are as of ``now``."""
    shown = [(stay, _stay(stay, deal, labels, now)) for stay in stays_of(deal.stage_times or (), deal.stage_id)]
    return {
        "deal_id": deal.deal_id,
        "deal_name": deal.deal_name,
        "stages": [view for _, view in shown],
        "current": next((view for stay, view in shown if stay.is_current), None),
    }


def _stay(stay: Stay, deal: Deal, labels: Labels, now: datetime) -> dict[str, Any]:
    if stay.is_current:
        pipeline_id = deal.pipeline_id
        stage = labels.stage_label(pipeline_id, deal.stage_id, deal.stage)
        pipeline = labels.pipeline_label(pipeline_id, deal.pipeline)
    else:
        # HubSpot keeps one time for all pipelines that use a stage id: the deal's own goes first.
        key = labels.stage_key(deal.pipeline_id, stay.stage_id) or labels.stage_key(None, stay.stage_id)
        pipeline_id = None if key is None else key.pipeline_id
        stage = labels.stage_label(pipeline_id, stay.stage_id, None)
        pipeline = labels.pipeline_label(pipeline_id)
    return {
        "stage": stage,
        "stage_id": stay.stage_id,
        "pipeline": pipeline,
        "pipeline_id": pipeline_id,
        "entered_at": optional_timestamp(stay.entered_at),
        "left_at": optional_timestamp(stay.left_at),
        "days": stay.days(now),
    }


class StageHistories:
    """Answers with the histories of deals. Thread-safe.

    They are no views: what a history shows changes with the time, and few clients ask for it. So it is made for each
    answer from the deal's document, and costs loads, syncs and caches nothing.

    Args:
        mongodb: finds deals in MongoDB.
        reader: loads those that MongoDB lacks.
        maker: makes the entries.
        revalidator: reads old deals again in the background.
        clock: the wall clock, epoch seconds.
    """

    def __init__(
        self,
        mongodb: MongoSource,
        reader: DealReader,
        maker: EntryMaker,
        revalidator: Revalidator,
        clock: Callable[[], float],
    ) -> None:
        self._mongodb = mongodb
        self._reader = reader
        self._maker = maker
        self._revalidator = revalidator
        self._clock = clock

    def stored(self, key: DealKey) -> Entry | None:
        """Return the history of a deal from MongoDB; None if it knows no such deal.

        Raises:
            TimelineNotSyncedError: it knows the deal, but not its activities; other reads are answered alike.
            StoreError: MongoDB failed.
        """
        found = self._mongodb.find_one(key)
        if found is None:
            return None
        if found[0].timeline_synced_at is None:
            raise TimelineNotSyncedError(found[0].deal.deal_id)
        return self._entry(*found)

    def read(self, key: DealKey, mode: Mode = Mode.DEFAULT) -> Answer:
        """Return the history of a deal; one that MongoDB lacks is loaded from HubSpot, as for any other read.

        Args:
            key: which deal.
            mode: how fresh the answer must be. No history is in memory, so there is nothing for it to skip there.

        Raises:
            StoreError: MongoDB failed; HubSpotError, BulkheadFullError, FlightTimeoutError: HubSpot was needed.
        """
        trace = ReadTrace()
        found = None if mode is Mode.REFRESH else self._mongodb.find_one(key)
        if found is None or not self._is_complete(found[0]):
            loaded, found = self._load(key, mode if found is None else Mode.REFRESH)
            if found is None:
                return loaded
            if loaded.tier == "hubspot":
                return replace(loaded, entry=self._entry(*found))
        trace.step("mongodb", TierOutcome.HIT)
        entry = self._entry(*found)
        return Answer(entry, "mongodb", trace.steps, revalidating=self._revalidator.revalidate(entry))

    def _load(self, key: DealKey, mode: Mode) -> tuple[Answer, tuple[StoredDeal, datetime | None] | None]:
        """Return how a deal was loaded, and what MongoDB then has of it; None if no tier knows it.

        A deal that is stored without its times, perhaps by a load before any stage was known, is loaded by a refresh.
        """
        loaded = self._reader.read(View.INFO, key, mode)
        if loaded.entry.status != 200 or loaded.entry.deal_id is None:
            return loaded, None
        found = self._mongodb.find_one(DealKey("id", loaded.entry.deal_id))
        if found is None:
            raise StoreError("a deal that was read from HubSpot was not stored")
        if mode is not Mode.REFRESH and not self._is_complete(found[0]):
            return self._load(key, Mode.REFRESH)
        return loaded, found

    def _is_complete(self, stored: StoredDeal) -> bool:
        """Return False if a load could bring more: never, while no stage is known to ask for."""
        is_read = stored.deal.stage_times is not None or not self._maker.labels.current().pipelines
        return is_read and stored.timeline_synced_at is not None

    def _entry(self, stored: StoredDeal, as_of: datetime | None) -> Entry:
        deal, labels, fetched_at = stored.deal, self._maker.labels.current(), self._clock()
        unknown = labels.unknown_in((deal,))
        if unknown:
            labels = self._maker.labels.completed(labels)
            unknown = labels.still_unknown(unknown)
        view = history_of(deal, labels, datetime.fromtimestamp(fetched_at, UTC))
        return self._maker.found(view, deal, fetched_at, labels, unknown, as_of)
