"""The one wiring place: makes every part and hands each what it needs."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, Flask

from dealcache.api import cache_admin, mongodb_only, operations, reads
from dealcache.api.access import Tokens
from dealcache.api.cors import Cors
from dealcache.api.edge import Edge
from dealcache.api.hits import HitResponder
from dealcache.api.hooks import install_hooks
from dealcache.api.recorder import ReadRecorder
from dealcache.api.services import Services
from dealcache.api.spec import ProblemApi, spec_config
from dealcache.deadline import Deadline
from dealcache.deals import Pipeline
from dealcache.hubspot import (
    DealLoader,
    Directory,
    HubSpotClient,
    HubSpotError,
    HubSpotSession,
    LocalBudgets,
    RateLimited,
    paths_for,
)
from dealcache.metrics import Metrics
from dealcache.reader import DealReader, EntryMaker, Gate, HubSpotSource, MongoSource, Policy
from dealcache.repositories import (
    Connection,
    DealInfoRepository,
    DealStore,
    DealTimelineRepository,
    PipelineRepository,
    StoreError,
    ensure_indexes,
)
from dealcache.settings import Settings, load_settings
from dealcache.tiers import MemoryTier
from dealcache.upkeep import Upkeep

log = logging.getLogger(__name__)

Clock = Callable[[], float]

#: Calls to HubSpot that may be under way at once in one process. One large deal keeps about fifteen busy: seven types
#: being paged, and the batches of the pages before.
_HUBSPOT_THREADS = 32

#: The largest request body, in bytes: a hundred deal names of the greatest length take less than a fifth.
_MAX_BODY = 1024 * 1024

#: How long a readiness probe waits for a dependency, in seconds.
_PROBE_SECONDS = 2.0

#: For how long the outcome of a call tells whether HubSpot is there, in seconds; a probe counts against its limits.
_CALL_COUNTS_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What the server calls after it has forked, and before a worker ends."""

    start: Callable[[], None]
    stop: Callable[[], None]


class _Storage:
    """Everything that reads and writes MongoDB."""

    def __init__(self, settings: Settings) -> None:
        threads = settings.threads + settings.hubspot_waiting_threads
        self.connection = Connection(settings.mongodb_uri, settings.mongodb_database, threads=threads)
        self.deals = DealInfoRepository(self.connection)
        self.timelines = DealTimelineRepository(self.connection)
        self.pipelines = PipelineRepository(self.connection)
        self.store = DealStore(self.deals, self.timelines)

    def answers(self) -> bool:
        """Whether MongoDB answers."""
        try:
            self.connection.ping(_PROBE_SECONDS)
        except StoreError:
            return False
        return True

    def keep_pipelines(self, pipelines: Iterable[Pipeline], at: datetime) -> None:
        """Store what was read of HubSpot; called while a deal is being loaded, which must not fail because of it."""
        try:
            self.pipelines.save(pipelines, at)
        except StoreError as error:
            log.warning("the pipelines were read from HubSpot but not stored: %s", error)


class _HubSpot:
    """Everything that asks HubSpot."""

    def __init__(self, settings: Settings, storage: _Storage, metrics: Metrics, clock: Clock) -> None:
        self._clock = clock
        self._executor = ThreadPoolExecutor(_HUBSPOT_THREADS, thread_name_prefix="hubspot")
        self._session = HubSpotSession(
            settings.hubspot_base_url,
            settings.hubspot_access_token,
            pool_size=_HUBSPOT_THREADS,
            budgets=LocalBudgets(),
            observer=metrics,
        )
        self._client = HubSpotClient(self._session, paths_for(settings.hubspot_api_version))
        self._directory = Directory(
            self._client, on_pipelines=lambda pipelines: storage.keep_pipelines(pipelines, self._now())
        )
        self.loader = DealLoader(self._client, self._directory, executor=self._executor, now=self._now)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def fill_pipelines(self, pipelines: PipelineRepository) -> None:
        """Read the pipelines if MongoDB has none, so that stages have names before the first deal is read."""
        if not pipelines.all():
            pipelines.save(self._directory.pipelines.get(self._executor).result(), self._now())

    def answers(self) -> bool:
        """Whether HubSpot answers and knows us: as the last call went, or, if that was long ago, as a probe goes."""
        last = self._session.health
        if last is not None and time.monotonic() - last.at < _CALL_COUNTS_SECONDS:
            return last.failure is None or isinstance(last.failure, RateLimited)
        try:
            self._client.probe(Deadline(_PROBE_SECONDS))
        except RateLimited:
            return True
        except HubSpotError:
            return False
        return True

    def close(self) -> None:
        """End the pool and close the connections; calls under way end by themselves."""
        # Not cancel_futures: it wakes nobody up who waits for the futures it cancels.
        self._executor.shutdown(wait=False)
        self._session.close()


def create_app(settings: Settings | None = None, clock: Clock = time.time) -> Flask:
    """Make the WSGI application.

    Threads are not started here but by ``app.extensions["dealcache.lifecycle"]``, after the fork.

    Args:
        settings: what the environment decides; read from it unless given.
        clock: the wall clock, epoch seconds.

    Raises:
        SettingsError: the environment holds a value that cannot be used.
    """
    settings = settings or load_settings(os.environ)
    metrics = Metrics()
    storage = _Storage(settings)
    hubspot = _HubSpot(settings, storage, metrics, clock)
    services = _wire(settings, metrics, storage, hubspot, clock)
    upkeep = Upkeep(
        recurring=services.memory.sweep,
        once={
            "creating MongoDB's indexes": lambda: ensure_indexes(storage.connection),
            "reading the pipelines": lambda: hubspot.fill_pipelines(storage.pipelines),
        },
        expected=(StoreError, HubSpotError),
    )

    def stop() -> None:
        upkeep.stop()
        hubspot.close()
        storage.connection.close()

    app = _make_flask(settings, services)
    app.extensions["dealcache.lifecycle"] = Lifecycle(upkeep.start, stop)
    return app


def _wire(settings: Settings, metrics: Metrics, storage: _Storage, hubspot: _HubSpot, clock: Clock) -> Services:
    policy = Policy(settings.cache_ttl_seconds, settings.stale_if_error_seconds, settings.negative_ttl_seconds)
    # datetime's own UTC is quicker than a ZoneInfo that says the same.
    zone = UTC if settings.timeline_timezone.key == "UTC" else settings.timeline_timezone
    maker = EntryMaker(policy, zone, random.random)
    memory = MemoryTier(settings.cache_max_bytes, clock, metrics.cache_changed)
    mongodb = MongoSource(storage.deals, storage.timelines, maker, clock)
    deadline = settings.hubspot_deadline_seconds
    reader = DealReader(
        memory=memory,
        mongodb=mongodb,
        hubspot=HubSpotSource(hubspot.loader, storage.store, maker, deadline, clock),
        policy=policy,
        waiting=Gate(settings.hubspot_waiting_threads, on_change=metrics.waiting_changed),
        loads=Gate(settings.hubspot_loads, "deals are being loaded from HubSpot"),
        wait_seconds=deadline,
        clock=clock,
        on_wait=metrics.flight_waited,
    )
    return Services(
        reader=reader,
        mongodb=mongodb,
        memory=memory,
        deals=storage.deals,
        timelines=storage.timelines,
        pipelines=storage.pipelines,
        recorder=ReadRecorder(metrics),
        metrics=metrics,
        dependencies={"mongodb": storage.answers, "hubspot": hubspot.answers},
        tokens=Tokens(settings.api_token, settings.admin_token),
        zone=zone,
        cache_ttl=settings.cache_ttl_seconds,
        workers=settings.web_concurrency,
        clock=clock,
    )


def _make_flask(settings: Settings, services: Services) -> Flask:
    app = Flask("dealcache", static_folder=None, template_folder="api/templates")
    app.config.update(spec_config(secured=settings.api_token is not None), MAX_CONTENT_LENGTH=_MAX_BODY)
    # A path with doubled slashes is unknown, not moved.
    app.url_map.merge_slashes = False
    app.extensions["dealcache"] = services
    install_hooks(app, services.tokens, services.metrics)
    description = ProblemApi(app)
    for part in (reads, cache_admin, mongodb_only, operations):
        description.register_blueprint(part.blueprint)
    app.register_blueprint(
        Blueprint(
            "assets",
            __name__,
            static_folder="api/static/swagger-ui",
            static_url_path="/api/docs/assets",
        )
    )
    hits = HitResponder(services.reader, services.tokens, services.recorder, services.metrics, services.clock)
    app.wsgi_app = Edge(app.wsgi_app, hits, Cors(settings.cors_origins))  # type: ignore[method-assign]
    return app
