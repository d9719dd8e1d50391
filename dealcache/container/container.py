"""All parts of one process, made in the order in which they need each other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import TYPE_CHECKING

from dealcache.api.access import Tokens
from dealcache.api.cross_site import Cors, CrossSiteGuard
from dealcache.api.recorder import ReadRecorder
from dealcache.api.webhook_guard import WebhookGuard
from dealcache.clock import RemoteClock
from dealcache.cluster import ClusterStatistics, HubSpotProbe, Membership, ServiceStatus, StatusMonitor
from dealcache.container.deal_properties import FurtherProperties
from dealcache.container.lifecycle import Lifecycle
from dealcache.container.reading import Reading, wire_people
from dealcache.container.syncing import wire_syncing
from dealcache.container.through_redis import connect_redis, make_rate_limits, shared_tier
from dealcache.container.worker_state import WorkerState
from dealcache.hubspot.gateway import HubSpotGateway
from dealcache.hubspot.label_lists import PropertyReads
from dealcache.hubspot.label_refresher import LabelRefresher
from dealcache.invalidation.follower import LogFollower
from dealcache.invalidation.publisher import InvalidationPublisher
from dealcache.invalidation.redis_channel import RedisSubscriber, publish
from dealcache.lane import support
from dealcache.live import Announcer, Hub
from dealcache.model.deadline import Deadline
from dealcache.model.unreadable import UnreadableRecords
from dealcache.model.workers import this_worker
from dealcache.reader.account import AccountGuard
from dealcache.reader.fence import Fence
from dealcache.reader.invalidation_watermark import InvalidationWatermark
from dealcache.reader.label_directory import LabelDirectory
from dealcache.reader.label_sync import LabelSync
from dealcache.reader.tiered_cache import TieredCache
from dealcache.repositories.storage import Storage
from dealcache.settings import Settings
from dealcache.sync.context import SYNC_THREADS
from dealcache.telemetry.logs import is_console
from dealcache.telemetry.metrics import Metrics
from dealcache.tiers import MemoryTier

if TYPE_CHECKING:
    from dealcache.lane.hit_lane import HitLane
    from dealcache.lane.hit_recorder import HitRecorder

#: Seconds for which live clients are not told of a change: a client that reads on being told then finds the new value,
#: whichever worker answers. A worker that polls hears of it within a quarter of that, through Redis at once.
_HOLD_SECONDS, _HOLD_SECONDS_WITH_REDIS = 1.0, 0.3


class Container:
    """All parts of one process.

    No thread is started here but by ``start``, after the server has forked; see :class:`.Lifecycle`.

    Args:
        settings: the environment's settings.
        clock: the clock of all parts, epoch seconds; MongoDB's clock unless given, so that all hosts agree.

    Raises:
        SettingsError: Redis is wanted and the libraries for it are missing.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] | None = None) -> None:
        self.settings = settings
        self.metrics = Metrics()
        mongodb_clock = RemoteClock()
        self.timer = clock or mongodb_clock.timer
        self.clock: Callable[[], float] = clock or mongodb_clock.now
        # datetime's own UTC is quicker than a ZoneInfo that says the same.
        self.zone: tzinfo = UTC if settings.timeline_timezone.key == "UTC" else settings.timeline_timezone
        self.own_properties = settings.hubspot_deal_properties
        self.names_people = settings.associated_names == "on"
        self.recorder = ReadRecorder(self.metrics)
        self.storage = Storage(
            settings.mongodb_uri,
            settings.mongodb_database,
            # A job and the webhooks beside it have threads of their own each.
            settings.threads + settings.hubspot_waiting_threads + 2 * SYNC_THREADS,
            UnreadableRecords(self.metrics.record_unreadable),
            mongodb_clock,
            self.now,
            self.own_properties,
            lambda: self.label_directory.current().properties,
            stage_history=settings.stage_history == "on",
            people=self.names_people,
        )
        self.redis = connect_redis(settings, lambda: self.storage.installation)
        self.state = WorkerState(self)
        self._wire_cluster()
        self._wire_hubspot()
        self.people = wire_people(self)
        self.reading = Reading(self)
        self.reader, self.mongodb, self.deal_lists = self.reading.reader, self.reading.mongodb, self.reading.deal_lists
        self.activity_summaries = self.reading.activity_summaries
        self.stage_histories = self.reading.stage_histories
        self.runner, self.webhooks = wire_syncing(self)
        self.wake_sync, self.wake_webhooks = self.runner.wake, self.webhooks.wake
        self._wire_status()
        self._wire_http()
        self._wire_lane()
        life = Lifecycle(self)
        # The server calls begin_to_stop when a worker begins to stop: live clients would keep it waiting.
        self.start, self.begin_to_stop, self.stop = life.start, self.live.say_goodbye, life.stop

    def now(self) -> datetime:
        """Return the present, aware, in UTC."""
        return datetime.fromtimestamp(self.clock(), UTC)

    def check_account(self) -> None:
        """Make sure that the token belongs to the account whose data MongoDB holds.

        Raises:
            WrongAccount: it does not.
            HubSpotError: HubSpot failed, so that it is unknown; StoreError: MongoDB did.
        """
        self.account.check(Deadline(self.settings.hubspot_deadline_seconds))

    def fill_labels(self) -> None:
        """Read the labels that are missing or old, and name the own properties that HubSpot does not have.

        Raises:
            HubSpotError: HubSpot failed; StoreError: MongoDB did.
        """
        stored, reads = self.storage.labels, self.property_reads
        self.labels.fill(stored.read_at(), stored.properties_read_at() if reads else None)
        if reads is not None:
            reads.log_absent(self.label_directory.current().absent_properties)

    def _wire_cluster(self) -> None:
        storage, metrics, redis = self.storage, self.metrics, self.redis
        self.membership = Membership(storage.workers, this_worker(), metrics.workers.set)
        self.memory = MemoryTier(self.settings.cache_max_bytes, self.clock, metrics.cache_changed)
        metrics.cache_changed(self.memory.usage())
        self.live = Hub(metrics)
        self.announcer = Announcer(
            lambda ids: {one.deal.deal_id: one.deal.deal_name for one in storage.deals.stored(ids).values()},
            self.live,
            _HOLD_SECONDS if redis is None else _HOLD_SECONDS_WITH_REDIS,
        )
        self.label_directory = LabelDirectory(storage.labels.read)
        self.further_properties = FurtherProperties(
            self.settings, self.label_directory, storage.labels.read, datetime.now(UTC), storage.identity.currencies
        )
        self._wire_invalidations()
        self.statistics = ClusterStatistics(
            storage.workers, self.membership, self.state.statistics, self.cache.fence.moved_since
        )

    def _wire_invalidations(self) -> None:
        storage, metrics, redis = self.storage, self.metrics, self.redis
        watermark = InvalidationWatermark(self.clock, on_sure=metrics.followed_until.set)
        shared, waits = shared_tier(redis, self.clock, self.settings), metrics.flight_waits.inc
        self.cache = TieredCache(self.memory, shared, Fence(), watermark, self.label_directory, self.clock, waits)
        self.publisher = InvalidationPublisher(
            storage.invalidations,
            self.cache,
            # Without Redis the other processes find entries in the log, within a second.
            (lambda _entries: None) if redis is None else partial(publish, redis),
            lambda invalidation: self.announcer.announce(invalidation.changes, invalidation.at),
            metrics.invalidations_recorded.inc,
            metrics.invalidations_applied.inc,
            self.now,
        )
        self.follower = LogFollower(self.publisher, storage.invalidation_feed, watermark)
        self.subscriber = None if redis is None else RedisSubscriber(redis, self.publisher, watermark)

    def _wire_hubspot(self) -> None:
        settings, storage = self.settings, self.storage
        self.account = AccountGuard(
            lambda deadline: self.hubspot.account(deadline), storage.identity, settings.mongodb_database
        )
        self.hubspot = HubSpotGateway(
            settings.hubspot_base_url,
            settings.hubspot_access_token,
            settings.hubspot_api_version,
            make_rate_limits(self.redis, self.membership.live_count, settings.hubspot_access_token, self.account),
            self.metrics,
            self.account.admit,
            storage.unreadable,
            self.clock,
            self.timer,
            self.further_properties.asked_for(),
        )
        self.label_sync = LabelSync(
            storage.labels, storage.deals, storage.timelines, self.label_directory, self.publisher.labels_changed
        )
        lists, own = self.hubspot.label_lists, settings.hubspot_deal_properties
        self.property_reads = PropertyReads(lists, own, self.label_sync.store_properties, self.now) if own else None
        self.labels = LabelRefresher(
            lists,
            self.hubspot.executor,
            self.label_directory.current,
            self.label_sync.store_owners,
            self.label_sync.store_pipelines,
            self.now,
            read_properties=self.property_reads.read if self.property_reads else None,
            stage_history=settings.stage_history == "on",
        )

    def _wire_status(self) -> None:
        storage = self.storage
        self.metrics.shared_state.sync_interval.set(self.settings.sync_interval_seconds)
        self.hubspot_probe = HubSpotProbe(self.hubspot.last_outcome, self.hubspot.answers)
        self.status_monitor = StatusMonitor(
            read=lambda: storage.overview.read(self.now()),
            scan=storage.overview.scan,
            find_workers=self.membership.find_others,
            ping_redis=None if self.redis is None else self.redis.answers,
            calls=self.state.calls,
            probe_hubspot=lambda: self.status.probe_hubspot(),
            on_snapshot=self.state.show_snapshot,
        )
        self.status = ServiceStatus(
            self.membership,
            self.state.report,
            self.status_monitor,
            self.hubspot_probe,
            has_shares=self.redis is None,
        )

    def _wire_http(self) -> None:
        settings = self.settings
        self.tokens = Tokens(settings.api_token, settings.admin_token)
        self.cors = Cors(settings.cors_origins)
        has_tokens = settings.api_token is not None
        self.guard = CrossSiteGuard(settings.bind, settings.public_url, self.cors, tokens=has_tokens)
        self.webhook_guard = WebhookGuard(
            settings.hubspot_client_secret, settings.public_url, settings.forwarded_allow_ips, self.hubspot.time
        )
        self.dependencies = {"mongodb": self.storage.answers, "hubspot": self.hubspot.answers}

    def _wire_lane(self) -> None:
        #: Answers hits in the server's event loop; None when it is off or the machine lacks what it needs.
        self.lane: HitLane | None = None
        self.hit_recorder: HitRecorder | None = None
        if self.settings.hit_lane == "off" or support.missing() is not None:
            return
        from dealcache.lane.hit_lane import HitLane  # needs a parser that may be missing
        from dealcache.lane.hit_recorder import HitRecorder

        # A person at a terminal sees each read in a line of its own, and not each request beside it.
        log_requests = not is_console(self.settings.log_format)
        self.hit_recorder = HitRecorder(self.recorder, self.metrics, self.cache.served, log_requests)
        self.lane = HitLane(self.cache, self.tokens, self.cors, self.guard, self.hit_recorder, self.clock)
