"""Reads many deals at once: each tier is asked once for all names that the tiers above it could not answer.

A name gets what a single read of it would get, by the same rules; see :mod:`dealcache.reader.reader`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from dealcache.deals import DealKey
from dealcache.hubspot import HubSpotError
from dealcache.reader.answer import Journey, Mode, Outcome, Step
from dealcache.reader.batch_fetcher import BatchFetcher
from dealcache.reader.flight import FlightTimeoutError
from dealcache.reader.gate import TooManyWaitingError
from dealcache.reader.mongodb import MongoSource
from dealcache.reader.retreat import Retreat
from dealcache.reader.state import Loaded
from dealcache.reader.tiered_cache import Found, TieredCache
from dealcache.repositories import StoreError
from dealcache.tiers import CacheKey, View

#: What may end the load of a name, after which stale values may serve.
_ORIGIN_FAILURES = (HubSpotError, TooManyWaitingError, FlightTimeoutError)


@dataclass(slots=True)
class BatchAnswer:
    """What came of a batch.

    Attributes:
        values: for each answered name its views; the status of their entries is 404 when no tier knows the deal.
        failures: why the others could not be answered.
        steps: the way through the tiers, of all names together.
    """

    values: dict[DealKey, dict[View, Found]] = field(default_factory=dict)
    failures: dict[DealKey, Exception] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()


class BatchReader:
    """Answers reads of many deals by their names.

    Args:
        cache: the cache tiers.
        mongodb: reads views from MongoDB.
        fetcher: fetches deals from HubSpot.
        retreat: remembers for which deals the tiers below failed.
        timer: the clock that durations are measured with, seconds.
    """

    def __init__(
        self,
        *,
        cache: TieredCache,
        mongodb: MongoSource,
        fetcher: BatchFetcher,
        retreat: Retreat,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._cache = cache
        self._mongodb = mongodb
        self._fetcher = fetcher
        self._retreat = retreat
        self._timer = timer

    def read(self, keys: Iterable[DealKey], views: Collection[View], mode: Mode = Mode.DEFAULT) -> BatchAnswer:
        """Answer for all names.

        Args:
            keys: the names.
            views: which views of each.
            mode: how fresh the answers must be; :attr:`Mode.REFRESH` is not for batches.
        """
        journey, answer = Journey(self._timer), BatchAnswer()
        wanted: dict[DealKey, Collection[View]] = dict.fromkeys(keys, views)
        if mode is Mode.DEFAULT:
            wanted = self._look(wanted, answer, journey)
        else:
            journey.step("memory", Outcome.BYPASS)
        if wanted:
            unsynced = self._ask_mongodb(wanted, answer, journey)
            left = [key for key in wanted if len(answer.values.get(key, ())) < len(views)]
            if left:
                outcomes = self._fetcher.fetch(left, unsynced, memory_counts=mode is Mode.DEFAULT)
                self._take_loaded(views, outcomes, answer, journey)
        answer.steps = tuple(journey.steps)
        return answer

    def _look(
        self, wanted: Mapping[DealKey, Collection[View]], answer: BatchAnswer, journey: Journey
    ) -> dict[DealKey, Collection[View]]:
        """Take what the cache tiers have; returns the names that lack something, each with the views it lacks."""
        cache_keys = [CacheKey.of(view, key) for key, views in wanted.items() for view in views]
        found = self._cache.look_many(cache_keys, journey)
        lacking: dict[DealKey, Collection[View]] = {}
        for key, views in wanted.items():
            of_key = {view: one for view in views if (one := found.get(CacheKey.of(view, key))) is not None}
            fresh = {view: one for view, one in of_key.items() if not one.stale}
            unknown = next((one for one in fresh.values() if one.entry.status != 200), None)
            if unknown is not None:
                fresh = dict.fromkeys(views, unknown)
            if len(fresh) < len(of_key) == len(views) and self._retreat.should_serve_stale(key):
                fresh = self._served(key, of_key)
            if fresh:
                answer.values[key] = fresh
            if len(fresh) < len(views):
                lacking[key] = [view for view in views if view not in fresh]
        return lacking

    def _served(self, key: DealKey, kept: dict[View, Found]) -> dict[View, Found]:
        """``kept``, whose stale values are served after all, counted as such."""
        for view in kept:
            self._cache.served(CacheKey.of(view, key))
        return kept

    def _ask_mongodb(
        self, wanted: Mapping[DealKey, Collection[View]], answer: BatchAnswer, journey: Journey
    ) -> dict[DealKey, tuple[str, ...]]:
        """Take what MongoDB has; returns the names of deals whose activities it has not, with the deals' ids."""
        token = self._cache.token()
        try:
            batch = self._mongodb.read_many(wanted)
        except StoreError:
            journey.step("mongodb", Outcome.ERROR)
            return {}
        for key, entries in batch.entries.items():
            for view, entry in entries.items():
                self._cache.keep(CacheKey.of(view, key), entry, token)
                answer.values.setdefault(key, {})[view] = Found(entry, "mongodb", stale=False)
            self._retreat.succeeded(key)
        journey.step("mongodb", Outcome.HIT if len(batch.entries) == len(wanted) else Outcome.MISS)
        return batch.unsynced

    def _take_loaded(
        self,
        views: Collection[View],
        outcomes: Mapping[DealKey, Loaded | Exception],
        answer: BatchAnswer,
        journey: Journey,
    ) -> None:
        for key, outcome in outcomes.items():
            if not isinstance(outcome, Exception):
                answer.values[key] = {view: Found(outcome[view], "hubspot", stale=False) for view in views}
                self._retreat.succeeded(key)
            elif isinstance(outcome, _ORIGIN_FAILURES):
                self._fall_back(key, views, outcome, answer)
            else:
                raise outcome
        failed = any(isinstance(outcome, Exception) for outcome in outcomes.values())
        journey.step("hubspot", Outcome.ERROR if failed else Outcome.HIT)

    def _fall_back(self, key: DealKey, views: Collection[View], failure: Exception, answer: BatchAnswer) -> None:
        """Serve what memory holds because every tier below failed; without that, the name has failed."""
        kept = {view: self._cache.kept(CacheKey.of(view, key)) for view in views}
        good = {view: one for view, one in kept.items() if one is not None and one.entry.status == 200}
        if len(good) == len(views):
            self._retreat.failed(key)
            answer.values[key] = self._served(key, good)
        else:
            answer.values.pop(key, None)
            answer.failures[key] = failure
