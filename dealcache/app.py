"""The one wiring place: makes every part and hands each what it needs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from flask import Blueprint, Flask

from dealcache.api import (
    batches,
    cache_admin,
    live_handshake,
    mongodb_only,
    operations,
    reads,
    sync_jobs,
    webhooks,
)
from dealcache.api.access import Tokens
from dealcache.api.cors import Cors
from dealcache.api.edge import Edge
from dealcache.api.hits import HitResponder
from dealcache.api.hooks import install_hooks
from dealcache.api.recorder import ReadRecorder
from dealcache.api.services import Services
from dealcache.api.spec import ProblemApi, spec_config
from dealcache.api.webhook_guard import WebhookGuard
from dealcache.cli import jobs_command, sync_command
from dealcache.group import Colleagues, Group, Presence, Survey
from dealcache.hubspot import HubSpotError
from dealcache.live import LiveUpdates
from dealcache.metrics import Metrics
from dealcache.reader import (
    Heartbeat,
    SharedBatch,
    SharedFlight,
)
from dealcache.repositories import StoreError, ensure_indexes
from dealcache.settings import Settings, load_settings
from dealcache.tiers import MemoryTier
from dealcache.upkeep import Upkeep
from dealcache.wiring import (
    HubSpot,
    Reading,
    Storage,
    Sync,
    connect_redis,
    make_budgets,
    make_lane,
    make_reading,
    own_figures,
    shared_tier,
)
from dealcache.workers import this_worker

Clock = Callable[[], float]

#: The largest request body, in bytes: a hundred deal names of the greatest length take less than a fifth.
_MAX_BODY = 1024 * 1024


#: For how long clients are not told of a change, in seconds: whoever reads on being told finds the new value then,
#: whichever worker answers. A worker that polls hears of it within a quarter of that, through Redis at once.
_HOLD_SECONDS, _HOLD_SECONDS_WITH_REDIS = 1.0, 0.3


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What the server calls after it has forked, when a worker begins to stop, and before it ends."""

    start: Callable[[], None]
    begin_to_stop: Callable[[], None]
    stop: Callable[[], None]


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
    storage = Storage(settings)
    presence = Presence(storage.workers, this_worker(), metrics.workers_seen)
    redis = connect_redis(settings)
    budgets = make_budgets(redis, presence.live_count)
    hubspot = HubSpot(settings, storage, metrics, clock, budgets)
    memory = MemoryTier(settings.cache_max_bytes, clock, metrics.cache_changed)
    live = LiveUpdates(storage.deals, metrics, _HOLD_SECONDS if redis is None else _HOLD_SECONDS_WITH_REDIS)
    recorder = ReadRecorder(metrics)
    colleagues = Colleagues(presence, storage.stats_exchange, redis, partial(own_figures, memory, recorder))
    group = Group(
        storage.invalidations,
        storage.invalidation_feed,
        redis,
        memory,
        shared_tier(redis, clock),
        colleagues,
        observer=metrics,
        heard=lambda invalidation: live.announce(invalidation.changes, invalidation.at),
        on_wait=metrics.flight_waited,
        clock=clock,
    )
    heartbeat = Heartbeat(storage.load_leases)
    shared = SharedFlight(storage.load_leases, heartbeat, presence.owner, metrics.shared_flight_waited)
    shared_batch = SharedBatch(storage.load_leases, heartbeat, presence.owner, metrics.shared_flight_waited)
    reading = make_reading(settings, metrics, storage, hubspot, group, shared, shared_batch, clock)
    sync = Sync(settings, storage, hubspot, metrics, group.journal, presence.owner)

    def prepare() -> None:
        ensure_indexes(storage.connection)
        sync.start()  # not before: unique indexes keep two processes from doing the same job

    upkeep = Upkeep(
        recurring=memory.sweep,
        once={
            "creating MongoDB's indexes": prepare,
            "reading the pipelines": hubspot.fill_pipelines,
        },
        expected=(StoreError, HubSpotError),
    )

    services = _services(settings, metrics, recorder, colleagues.survey, storage, hubspot, reading, sync, live, clock)
    lane = make_lane(settings, group.state.cache, services)

    def start() -> None:
        lane.start()
        live.start()
        group.start()
        upkeep.start()

    def stop() -> None:
        live.say_goodbye()
        upkeep.stop()
        sync.stop()
        live.stop()
        lane.stop()
        hubspot.close()
        heartbeat.stop()
        group.stop()
        if redis is not None:
            redis.close()
        storage.close()

    app = _make_flask(settings, services)
    app.extensions["dealcache.lifecycle"] = Lifecycle(start, live.say_goodbye, stop)
    app.extensions["dealcache.lane"] = lane.hits
    app.extensions["dealcache.sync"] = sync
    app.extensions["dealcache.presence"] = presence
    app.cli.add_command(sync_command)
    app.cli.add_command(jobs_command)
    return app


def _services(
    settings: Settings,
    metrics: Metrics,
    recorder: ReadRecorder,
    survey: Survey,
    storage: Storage,
    hubspot: HubSpot,
    reading: Reading,
    sync: Sync,
    live: LiveUpdates,
    clock: Clock,
) -> Services:
    return Services(
        reader=reading.reader,
        batches=reading.batches,
        mongodb=reading.mongodb,
        stats_here=survey.here,
        stats_everywhere=survey.everywhere,
        deals=storage.deals,
        timelines=storage.timelines,
        pipelines=storage.pipelines,
        sync_jobs=storage.sync_jobs,
        wake_sync=sync.runner.wake,
        refresh_pipelines=hubspot.refresh_pipelines,
        webhook_events=storage.webhook_events,
        wake_webhooks=sync.webhooks.wake,
        webhook_guard=WebhookGuard(
            settings.hubspot_client_secret, settings.public_url, settings.forwarded_allow_ips, clock
        ),
        recorder=recorder,
        metrics=metrics,
        dependencies={"mongodb": storage.answers, "hubspot": hubspot.answers},
        tokens=Tokens(settings.api_token, settings.admin_token),
        cors=Cors(settings.cors_origins),
        live=live.hub,
        zone=reading.zone,
        cache_ttl=settings.cache_ttl_seconds,
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
    for part in (reads, batches, cache_admin, mongodb_only, sync_jobs, webhooks, live_handshake, operations):
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
    app.wsgi_app = Edge(app.wsgi_app, hits, services.cors)  # type: ignore[method-assign]
    return app
