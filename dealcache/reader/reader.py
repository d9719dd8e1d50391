"""The read path: memory, perhaps Redis, then MongoDB, then HubSpot, each filled from the one below.

Each tier is asked once for all deals that the tiers above it could not answer; a single read is a batch of one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from dealcache.hubspot.errors import HubSpotError
from dealcache.model.deadline import Deadline
from dealcache.model.deals import DealKey
from dealcache.model.invalidation import Selection
from dealcache.reader.answers import Answer, BatchAnswer, Found, Loaded, Mode, ReadTrace, TierOutcome
from dealcache.reader.bulkhead import BulkheadFullError
from dealcache.reader.fence import Applied, Publish
from dealcache.reader.fetcher import Fetcher
from dealcache.reader.load_request import RecentlyRefreshedError
from dealcache.reader.mongodb import MongoSource
from dealcache.reader.policy import FailSafeThrottle
from dealcache.reader.revalidator import Revalidator
from dealcache.reader.single_flight import FlightTimeoutError
from dealcache.reader.tiered_cache import TieredCache
from dealcache.repositories import StoreError
from dealcache.tiers import CacheKey, Entry, View

#: Failures of a load from HubSpot after which stale values may serve.
_ORIGIN_FAILURES = (HubSpotError, BulkheadFullError, FlightTimeoutError)

#: Deals, each with its missing views.
Wanted = Mapping[DealKey, Collection[View]]

#: For each view of a deal MongoDB's entry, or the ids of the deals of its name that it knows without their activities.
Stored = dict[tuple[DealKey, View], Entry | tuple[str, ...] | Exception]


class DealReader:
    """Answers reads of deals. Thread-safe.

    Args:
        cache: the cache tiers, and the loads in progress.
        publish: invalidates deals in this process and all others.
        mongodb: reads views from MongoDB.
        fetcher: fetches deals from HubSpot.
        fail_safe: remembers the deals for which the tiers below failed.
        revalidator: reads old deals again in the background.
        wait_seconds: how long a thread waits at most for another thread's read of MongoDB.
    """

    def __init__(
        self,
        *,
        cache: TieredCache,
        publish: Publish,
        mongodb: MongoSource,
        fetcher: Fetcher,
        fail_safe: FailSafeThrottle,
        revalidator: Revalidator,
        wait_seconds: float,
    ) -> None:
        self._cache = cache
        self._publish = publish
        self._mongodb = mongodb
        self._fetcher = fetcher
        self._fail_safe = fail_safe
        self._revalidator = revalidator
        self._wait_seconds = wait_seconds

    def read(self, view: View, key: DealKey, mode: Mode = Mode.DEFAULT) -> Answer:
        """Answer one read from the first tier that can.

        Args:
            view: which view of the deal.
            key: which deal.
            mode: how fresh the answer must be.

        Returns:
            The answer; its entry's status is 404 when no tier knows the deal.

        Raises:
            HubSpotError: HubSpot was needed and failed, and no stale value may serve.
            BulkheadFullError: HubSpot was needed, but too many threads wait for it.
            FlightTimeoutError: another thread's load of this deal took too long.
        """
        if mode is Mode.REFRESH:
            return self._refresh(view, key)
        trace = ReadTrace()
        # Most reads end here: a fresh value of memory is served without the bookkeeping of a batch.
        if mode is Mode.DEFAULT and (entry := self._cache.hit(CacheKey.of(view, key))) is not None:
            trace.step("memory", TierOutcome.HIT)
            return Answer(entry, "memory", trace.steps)
        batch = self.read_many((key,), (view,), mode)
        if key in batch.failures:
            raise batch.failures[key]
        found = batch.values[key][view]
        return Answer(found.entry, found.tier, batch.trace.steps, found.stale, key in batch.revalidating)

    def _refresh(self, view: View, key: DealKey) -> Answer:
        if self._fetcher.refreshed_lately(key):
            return self.read(view, key)
        trace = ReadTrace()
        trace.step("memory", TierOutcome.BYPASS)
        try:
            loaded = self._fetcher.refresh(key)
        except RecentlyRefreshedError:
            # Memory may be older than that refresh, of which this process may not have heard yet.
            return self.read(view, key, Mode.NO_CACHE)
        self._fail_safe.succeeded(key)
        trace.step("hubspot", TierOutcome.HIT)
        return Answer(loaded[view], "hubspot", trace.steps)

    def read_many(self, keys: Iterable[DealKey], views: Collection[View], mode: Mode = Mode.DEFAULT) -> BatchAnswer:
        """Answer for many deals.

        Args:
            keys: the deals: names, or one key of either kind.
            views: which views of each.
            mode: how fresh the answers must be; :attr:`Mode.REFRESH` is for single reads.
        """
        answer = BatchAnswer()
        wanted: Wanted = dict.fromkeys(keys, views)
        if mode is Mode.DEFAULT:
            wanted = self._look(wanted, answer)
        else:
            answer.trace.step("memory", TierOutcome.BYPASS)
        if wanted:
            known_ids = self._ask_mongodb(wanted, mode, answer)
            if left := [key for key in wanted if len(answer.values.get(key, ())) < len(views)]:
                outcomes = self._fetcher.fetch(left, known_ids, memory_counts=mode is Mode.DEFAULT)
                self._take_loaded(views, outcomes, answer)
        revalidate = self._revalidator.revalidate
        answer.revalidating = {
            key
            for key, found in answer.values.items()
            if any(tier in {"redis", "mongodb"} and revalidate(entry) for entry, tier, _ in found.values())
        }
        return answer

    def _look(self, wanted: Wanted, answer: BatchAnswer) -> Wanted:
        """Take what the cache tiers have; return what they lack."""
        found = self._cache.lookup(
            [CacheKey.of(view, key) for key, views in wanted.items() for view in views], answer.trace
        )
        lacking: dict[DealKey, Collection[View]] = {}
        for key, views in wanted.items():
            of_key = {view: one for view in views if (one := found.get(CacheKey.of(view, key))) is not None}
            fresh = {view: one for view, one in of_key.items() if not one.stale}
            unknown = next((one for one in fresh.values() if one.entry.status != 200), None)
            if unknown is not None:
                fresh = dict.fromkeys(views, unknown)
            if len(fresh) < len(of_key) == len(views) and self._fail_safe.should_serve_stale(key):
                fresh = self._served(key, of_key)
            if fresh:
                answer.values[key] = fresh
            if len(fresh) < len(views):
                lacking[key] = [view for view in views if view not in fresh]
        return lacking

    def _served(self, key: DealKey, kept: dict[View, Found]) -> dict[View, Found]:
        """Return ``kept``, whose stale values are served after all, and count them as such."""
        for view in kept:
            self._cache.served(CacheKey.of(view, key))
        return kept

    def _ask_mongodb(self, wanted: Wanted, mode: Mode, answer: BatchAnswer) -> dict[DealKey, tuple[str, ...]]:
        """Take what MongoDB has; return the ids of the deals whose activities it lacks."""
        lacking = [(key, view) for key, views in wanted.items() for view in views]
        try:
            # A client that sends no-cache may have just written to MongoDB: a read that began before is no answer.
            outcomes = (
                self._read_mongodb(lacking)
                if mode is Mode.NO_CACHE
                else self._cache.mongodb_flights.run(lacking, self._read_mongodb, Deadline(self._wait_seconds))
            )
        except StoreError:
            answer.trace.step("mongodb", TierOutcome.ERROR)
            return {}
        known_ids: dict[DealKey, tuple[str, ...]] = {}
        said = TierOutcome.HIT
        for (key, view), outcome in outcomes.items():
            if isinstance(outcome, Entry):
                answer.values.setdefault(key, {})[view] = Found(outcome, "mongodb", stale=False)
                self._fail_safe.succeeded(key)
            elif isinstance(outcome, tuple):
                known_ids[key] = outcome
                said = TierOutcome.MISS if said is TierOutcome.HIT else said
            elif isinstance(outcome, StoreError | FlightTimeoutError):
                said = TierOutcome.ERROR
            else:
                raise outcome
        answer.trace.step("mongodb", said)
        return known_ids

    def _read_mongodb(self, lacking: Sequence[tuple[DealKey, View]]) -> Stored:
        wanted: dict[DealKey, list[View]] = {}
        for key, view in lacking:
            wanted.setdefault(key, []).append(view)
        token = self._cache.fence.token()
        stored = self._mongodb.read_many(wanted)
        outcomes: Stored = {}
        for key, view in lacking:
            found = stored.get(key, ())
            if isinstance(found, dict):
                outcomes[key, view] = found[view]
                self._cache.keep(CacheKey.of(view, key), found[view], token)
            else:
                outcomes[key, view] = found if isinstance(found, tuple) else ()
        return outcomes

    def _take_loaded(
        self, views: Collection[View], outcomes: Mapping[DealKey, Loaded | Exception], answer: BatchAnswer
    ) -> None:
        failed = False
        for key, outcome in outcomes.items():
            if not isinstance(outcome, Exception):
                answer.values[key] = {view: Found(outcome[view], "hubspot", stale=False) for view in views}
                self._fail_safe.succeeded(key)
                continue
            failed = True
            if not isinstance(outcome, _ORIGIN_FAILURES):
                raise outcome
            self._fall_back(key, views, outcome, answer)
        answer.trace.step("hubspot", TierOutcome.ERROR if failed else TierOutcome.HIT)

    def _fall_back(self, key: DealKey, views: Collection[View], failure: Exception, answer: BatchAnswer) -> None:
        """Serve what memory holds because every tier below failed; without a value there, the deal fails."""
        kept = {view: self._cache.kept(CacheKey.of(view, key)) for view in views}
        good = {view: one for view, one in kept.items() if one is not None and one.entry.status == 200}
        if len(good) == len(views):
            self._fail_safe.failed(key)
            answer.values[key] = self._served(key, good)
        else:
            answer.values.pop(key, None)
            answer.failures[key] = failure

    def invalidate(self, selection: Selection) -> Applied:
        """Forget the selected deals: once this returns, this process serves nothing that was read before.

        Returns:
            The displayed keys removed from a cache tier, and whether all other processes will know too.
        """
        applied = self._publish(selection, None, None)
        shared = self._cache.forget_shared(selection, applied.generation)
        return Applied(applied.cleared | shared, generation=applied.generation)
