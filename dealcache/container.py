"""The one place where every part of a process is made and given what it needs."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from dealcache.api.access import Tokens
from dealcache.api.cross_site import Cors, CrossSiteGuard
from dealcache.api.recorder import ReadRecorder
from dealcache.api.status_view import StatusFacts
from dealcache.api.webhook_guard import WebhookGuard
from dealcache.background import Maintenance
from dealcache.clock import RemoteClock
from dealcache.cluster import ClusterStatistics, HubSpotProbe, Membership, ServiceStatus, StatusMonitor, reports
from dealcache.cluster.statistics import Statistics
from dealcache.cluster.status import as_of
from dealcache.hubspot import HubSpotError
from dealcache.hubspot.gateway import HubSpotGateway
from dealcache.hubspot.label_refresher import LabelRefresher
from dealcache.hubspot.limits.buckets import Bucket, Priority
from dealcache.hubspot.limits.rate_limiter import RateLimits, local_rate_limits
from dealcache.hubspot.loader import DealLoader
from dealcache.invalidation.invalidations import Invalidations
from dealcache.lane import support
from dealcache.live import Announcer, Hub
from dealcache.model.deadline import Deadline
from dealcache.model.unreadable import UnreadableRecords
from dealcache.model.workers import this_worker
from dealcache.reader import (
    Bulkhead,
    ClusterFlight,
    DealReader,
    EntryMaker,
    FailSafeThrottle,
    Fetcher,
    HubSpotSource,
    LabelDirectory,
    LeaseRenewer,
    MongoSource,
    Policy,
    RequestContext,
    Rereader,
    Revalidator,
    SyncWatermark,
)
from dealcache.reader.account import AccountGuard
from dealcache.reader.deal_list import DealLists
from dealcache.reader.revalidator import AT_ONCE
from dealcache.repositories import Overview, StoreError, ensure_indexes, take_back_future_dates, update_name_keys
from dealcache.repositories.storage import Storage
from dealcache.settings import Settings, SettingsError
from dealcache.sync.cancellation import CancellationToken
from dealcache.sync.context import SYNC_THREADS, SyncContexts
from dealcache.sync.event_processor import WebhookEventProcessor
from dealcache.sync.job_executor import JobExecutor, SyncPolicy
from dealcache.sync.job_runner import JobRunner
from dealcache.sync.labels import LabelSync
from dealcache.sync.webhook_worker import WebhookWorker
from dealcache.telemetry.logs import is_console
from dealcache.telemetry.metrics import Metrics
from dealcache.tiers import MemoryTier, Tier

if TYPE_CHECKING:
    from dealcache.lane.hit_lane import HitLane
    from dealcache.lane.hit_recorder import HitRecorder
    from dealcache.redis_connection import RedisConnection

#: Seconds for which live clients are not told of a change: a client that reads on being told finds the new value then,
#: whichever worker answers. A worker that polls hears of it within a quarter of that, through Redis at once.
_HOLD_SECONDS, _HOLD_SECONDS_WITH_REDIS = 1.0, 0.3

#: Digits of a digest of the token, which tell tokens apart and nothing about them.
_TOKEN_DIGITS = 16

#: Connections to Redis for subscriptions, beside those of the request threads.
_SUBSCRIPTIONS = 1


class Container:
    """All parts of one process.

    No thread is started here but by :meth:`start`, after the server has forked.

    Args:
        settings: what the environment decides.
        clock: what everything goes by, epoch seconds; MongoDB's clock unless given, so that all hosts agree.

    Raises:
        SettingsError: Redis is wanted and the libraries for it are missing.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] | None = None) -> None:
        self.settings = settings
        self.metrics = Metrics()
        mongodb_clock = RemoteClock()
        self._timer = clock or mongodb_clock.timer
        self.clock: Callable[[], float] = clock or mongodb_clock.now
        # datetime's own UTC is quicker than a ZoneInfo that says the same.
        self.zone: tzinfo = UTC if settings.timeline_timezone.key == "UTC" else settings.timeline_timezone
        self.cache_ttl = settings.cache_ttl_seconds
        self.recorder = ReadRecorder(self.metrics)
        self.storage = Storage(
            settings.mongodb_uri,
            settings.mongodb_database,
            # A job and the webhooks beside it have threads of their own each.
            settings.threads + settings.hubspot_waiting_threads + 2 * SYNC_THREADS,
            UnreadableRecords(self.metrics.record_unreadable),
            mongodb_clock,
            self.now,
        )
        self._redis = self._connect_redis()
        self._wire_cluster()
        self._wire_hubspot()
        self._wire_reader()
        self._wire_sync()
        self._wire_status()
        self._wire_http()
        self._maintenance = self._make_maintenance()

    def start(self) -> None:
        """Start the threads. Called after the server has forked."""
        if self._hit_recorder is not None:
            self._hit_recorder.start()
        self.live.start()
        self._announcer.start()
        self._invalidations.start()
        self.membership.start(self.statistics.publish, lambda: reports.encode(self._own_report()))
        self._hubspot_probe.start()
        self._status_monitor.start()
        self._maintenance.start()

    def begin_to_stop(self) -> None:
        """Close what would keep the server waiting. Called when a worker begins to stop."""
        self.live.say_goodbye()

    def stop(self) -> None:
        """End the threads and close all connections."""
        self.begin_to_stop()
        self._maintenance.stop()
        self._status_monitor.stop()
        self._hubspot_probe.stop()
        self.revalidator.stop()
        self.webhooks.stop()
        self.runner.stop()
        self._announcer.stop()
        self.live.stop()
        if self._hit_recorder is not None:
            self._hit_recorder.stop()
        self.hubspot.close()
        self._lease_renewer.stop()
        self._invalidations.stop()
        self.membership.stop()
        if self._redis is not None:
            self._redis.close()
        self.storage.close()

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

    def wake_sync(self) -> None:
        """Look for jobs now."""
        self.runner.wake()

    def wake_webhooks(self) -> None:
        """Look for webhook events now."""
        self.webhooks.wake()

    def _connect_redis(self) -> RedisConnection | None:
        settings = self.settings
        if settings.redis_url is None:
            return None
        try:
            import zstandard  # noqa: F401 - missing here rather than at the first value

            from dealcache.redis_connection import RedisConnection  # an extra: not everybody has it
        except ImportError:
            raise SettingsError("REDIS_URL is set, but the extra is missing: pip install 'dealcache[redis]'") from None
        threads = settings.threads + settings.hubspot_waiting_threads + len(Bucket) + _SUBSCRIPTIONS
        return RedisConnection(settings.redis_url, lambda: self.storage.installation, threads=threads)

    def _wire_cluster(self) -> None:
        storage, metrics, redis = self.storage, self.metrics, self._redis
        self.membership = Membership(storage.workers, this_worker(), metrics.workers.set)
        self.memory = MemoryTier(self.settings.cache_max_bytes, self.clock, metrics.cache_changed)
        self.live = Hub(metrics)
        self._announcer = Announcer(
            lambda ids: {one.deal.deal_id: one.deal.deal_name for one in storage.deals.stored(ids).values()},
            self.live,
            _HOLD_SECONDS if redis is None else _HOLD_SECONDS_WITH_REDIS,
        )
        self._labels = LabelDirectory(storage.labels.read)
        self._invalidations = Invalidations(
            storage.invalidations,
            storage.invalidation_feed,
            redis,
            self.memory,
            shared_tier(redis, self.clock),
            on_recorded=metrics.invalidations_recorded.inc,
            on_applied=metrics.invalidations_applied.inc,
            on_sure=metrics.followed_until.set,
            on_change=lambda invalidation: self._announcer.announce(invalidation.changes, invalidation.at),
            on_wait=metrics.flight_waits.inc,
            labels=self._labels,
            clock=self.clock,
        )
        self.statistics = ClusterStatistics(
            storage.workers, self.membership, self._own_statistics, self._invalidations.fence.moved_since
        )

    def _own_statistics(self) -> Statistics:
        generation = self._invalidations.publisher.applied  # first: what is invalidated later may be in the rest still
        by_tier, failed = self.recorder.counts()
        return Statistics(by_tier, failed, self.memory.usage(), generation, self.memory.columns())

    def _wire_hubspot(self) -> None:
        settings, storage = self.settings, self.storage
        self.account = AccountGuard(
            lambda deadline: self.hubspot.client.portal_id(deadline), storage.identity, settings.mongodb_database
        )
        self.hubspot = HubSpotGateway(
            settings.hubspot_base_url,
            settings.hubspot_access_token,
            settings.hubspot_api_version,
            make_rate_limits(self._redis, self.membership.live_count, settings.hubspot_access_token, self.account),
            self.metrics,
            self.metrics.daily_calls_left.set,
            self.account.admit,
            storage.unreadable,
            self.clock,
            self._timer,
        )
        self._label_sync = LabelSync(
            storage.labels, storage.deals, storage.timelines, self._labels, self._invalidations.publisher.labels_changed
        )
        client, executor = self.hubspot.client, self.hubspot.executor
        store_owners, store_pipelines = self._label_sync.store_owners, self._label_sync.store_pipelines
        self.labels = LabelRefresher(client, executor, self._labels.current, store_owners, store_pipelines, self.now)
        self._loader = DealLoader(client, self.labels, executor, now=self.now)

    def _wire_reader(self) -> None:
        settings, storage, metrics, invalidations = self.settings, self.storage, self.metrics, self._invalidations
        policy = Policy(settings.cache_ttl_seconds, settings.stale_if_error_seconds, settings.negative_ttl_seconds)
        deadline = settings.hubspot_deadline_seconds
        labels = self._labels
        maker = EntryMaker(
            policy, self.zone, random.random, storage.unreadable, labels.current, labels.completed, self.labels.look_up
        )
        sync_watermark = SyncWatermark(storage.sync_state.noted_watermark)
        self.mongodb = MongoSource(storage.deals, storage.timelines, maker, self.clock, sync_watermark)
        self.deal_lists = DealLists(
            storage.deal_list,
            self._labels.current,
            storage.prepare_lists,
            sync_watermark,
            storage.unreadable,
            self.zone,
            self.now,
        )
        source = HubSpotSource(self._loader, storage.store, maker, deadline, self.clock, self.account.admit_write)
        publish = invalidations.publisher.record
        loads = Bulkhead(settings.hubspot_loads, "deals are being loaded from HubSpot")
        self._lease_renewer = LeaseRenewer(storage.load_leases)
        cluster = ClusterFlight(
            storage.load_leases, self._lease_renewer, self.membership.owner, metrics.shared_flight_waits.inc
        )
        fetcher = Fetcher(
            context=RequestContext(invalidations.state, publish, self.mongodb, source, loads),
            cluster=cluster,
            waiting=Bulkhead(settings.hubspot_waiting_threads, on_change=metrics.hubspot_waiting.set),
            wait_seconds=deadline,
            refresh_pause=policy.refresh_pause,
            timer=self._timer,
        )
        self.revalidator = self._make_revalidator(maker, cluster)
        self.reader = DealReader(
            state=invalidations.state,
            publish=publish,
            mongodb=self.mongodb,
            fetcher=fetcher,
            fail_safe=FailSafeThrottle(policy.retry_pause, self._timer),
            revalidator=self.revalidator,
            wait_seconds=deadline,
        )

    def _make_revalidator(self, maker: EntryMaker, cluster: ClusterFlight) -> Revalidator:
        settings, hubspot, invalidations = self.settings, self.hubspot, self._invalidations
        deadline = settings.hubspot_deadline_seconds
        loader = DealLoader(hubspot.client, self.labels, hubspot.reread_executor, self.now, Priority.REREAD)
        source = HubSpotSource(loader, self.storage.store, maker, deadline, self.clock, self.account.admit_write)
        loads = Bulkhead(AT_ONCE, "deals are being read again")
        context = RequestContext(invalidations.state, invalidations.publisher.record, self.mongodb, source, loads)
        max_age = settings.max_data_age_seconds
        rereader = Rereader(context, cluster, hubspot.has_calls_for_rereads, max_age, deadline, self.clock)
        may_call, count = hubspot.may_have_calls_for_rereads, self.metrics.reread
        return Revalidator(max_age, rereader.reread, may_call, count, self.clock, self._timer)

    def _wire_sync(self) -> None:
        settings, storage, metrics, publisher = self.settings, self.storage, self.metrics, self._invalidations.publisher
        self.sync_policy = SyncPolicy(
            zone=settings.timeline_timezone,
            horizon=timedelta(seconds=settings.sync_horizon_seconds),
            confirm_after=timedelta(seconds=settings.sync_confirm_seconds),
            interval=timedelta(seconds=settings.sync_interval_seconds),
            reread_calls=settings.sync_reread_calls,
        )
        contexts = SyncContexts(
            self.hubspot,
            storage,
            self.check_account,
            self.labels.look_up_of,
            self._labels.current,
            self.now,
        )
        executor = JobExecutor(
            contexts.open,
            storage.sync_jobs,
            storage.sync_state,
            lambda stage: sorted(storage.labels.read().stage_ids(stage)),
            self.labels.read_all,
            self.sync_policy,
            self.now,
            lambda: datetime.fromtimestamp(self.hubspot.time(), UTC),
        )
        self.runner = JobRunner(
            storage.sync_jobs,
            storage.sync_state,
            executor,
            publisher,
            self.membership.owner,
            self.sync_policy.interval,
            self.now,
            metrics.job_ended,
            self.account.may_work,
            self.hubspot.has_calls,
        )
        token = CancellationToken()
        self.event_processor = WebhookEventProcessor(
            storage.webhook_events,
            contexts.open,
            publisher,
            self.membership.owner,
            token,
            metrics.webhook_events.inc,
            metrics.webhook_backlog,
            self.now,
        )
        self.webhooks = WebhookWorker(self.event_processor, token, self.account.may_work)

    def _wire_status(self) -> None:
        settings, storage = self.settings, self.storage
        self.status_facts = StatusFacts(
            settings.sync_interval_seconds,
            settings.hubspot_client_secret is not None,
            self._redis is not None,
            settings.timeline_timezone.key,
            settings.max_data_age_seconds,
        )
        self._hubspot_probe = HubSpotProbe(self.hubspot.last_outcome, self.hubspot.answers)
        self._status_monitor = StatusMonitor(
            read=lambda: storage.overview.read(self.now()),
            scan=storage.overview.scan,
            find_workers=self.membership.look,
            ping_redis=None if self._redis is None else self._redis.answers,
            calls=self._calls,
            probe_hubspot=lambda: self.status.probe_hubspot(),
            on_overview=self._show_overview,
        )
        self.status = ServiceStatus(
            self.membership,
            self._own_report,
            self._status_monitor,
            self._hubspot_probe,
            has_shares=self._redis is None,
        )

    def _own_report(self) -> reports.WorkerReport:
        by_tier, _ = self.recorder.counts()
        daily = self.hubspot.daily_calls
        known = None if daily.left is None else reports.DailyCalls(daily.left, daily.limit, daily.age())
        shares = self._calls()[0] if self._redis is None else {}
        return reports.WorkerReport(
            by_tier,
            self.memory.usage(),
            self.recorder.latencies.last_minute(),
            shares,
            known,
            self._hubspot_probe.outcome(),
        )

    def _calls(self) -> tuple[dict[str, int], dict[str, int]]:
        limits = self.hubspot.rate_limits
        left = {one.value: limits.left(one) for one in Bucket}
        return left, {one.value: limits.limit(one) for one in Bucket}

    def _show_overview(self, overview: Overview) -> None:
        moment = as_of(overview, self.now())
        self.metrics.database_seen(
            None if moment is None else moment.timestamp(),
            overview.timelines_missing,
            overview.jobs.queued,
            int(overview.jobs.running is not None),
            {kind: at.timestamp() for kind, at in overview.state.completed.items()},
        )

    def _wire_http(self) -> None:
        settings = self.settings
        self.tokens = Tokens(settings.api_token, settings.admin_token)
        self.cors = Cors(settings.cors_origins)
        self.guard = CrossSiteGuard(
            settings.bind, settings.public_url, self.cors, tokens=settings.api_token is not None
        )
        self.webhook_guard = WebhookGuard(
            settings.hubspot_client_secret, settings.public_url, settings.forwarded_allow_ips, self.hubspot.time
        )
        self.dependencies: dict[str, Callable[[], bool]] = {
            "mongodb": self.storage.answers,
            "hubspot": self.hubspot.answers,
        }
        #: Answers hits in the server's event loop; None when it is off or the machine lacks what it needs.
        self.lane: HitLane | None = None
        self._hit_recorder: HitRecorder | None = None
        if settings.hit_lane != "off" and support.missing() is None:
            from dealcache.lane.hit_lane import HitLane  # needs a parser that may be missing
            from dealcache.lane.hit_recorder import HitRecorder

            cache = self._invalidations.state.cache
            # A person at a terminal sees each read in a line of its own, and not each request beside it.
            log_requests = not is_console(settings.log_format)
            self._hit_recorder = HitRecorder(self.recorder, self.metrics, cache.served, log_requests)
            self.lane = HitLane(cache, self.tokens, self.cors, self.guard, self._hit_recorder, self.clock)

    def _make_maintenance(self) -> Maintenance:
        return Maintenance(
            recurring={
                "sweeping the cache": self.memory.sweep,
                "tending labels": self.labels.tend,
                "publishing labels that changed": self._label_sync.tend,
                "counting the activities of deals for lists": self.storage.summaries.settle_abandoned,
                "checking what lists show": self.storage.summary_check.run_round,
                "adding up the deals of each stage": self.storage.stage_totals.renew,
                "learning which installation this is": self._learn_installation,
            },
            once={
                "learning the id of this installation": self.storage.learn_installation,
                "creating MongoDB's indexes": self._prepare,
                "asking HubSpot for the account and its labels": self._ask_hubspot,
                "bringing the keys of deal names up to date": lambda: update_name_keys(self.storage.connection),
            },
            expected=(StoreError, HubSpotError),
        )

    def _learn_installation(self) -> None:
        """Learn the id again once it is known: it is another one when MongoDB was restored from a backup."""
        if self._redis is not None and self.storage.installation is not None:
            self.storage.learn_installation()

    def _prepare(self) -> None:
        ensure_indexes(self.storage.connection)
        take_back_future_dates(self.storage.connection, self.now())
        self.storage.summaries.renew_version()
        # Not before: unique indexes keep two processes from doing the same job.
        self.runner.start()
        self.webhooks.start()

    def _ask_hubspot(self) -> None:
        try:
            self.check_account()
        finally:
            # They wait to learn whether they may work.
            self.wake_sync()
            self.wake_webhooks()
        self.labels.fill(self.storage.labels.read_at())


def shared_tier(redis: RedisConnection | None, clock: Callable[[], float]) -> Tier | None:
    """Return the cache tier that processes share; None without Redis."""
    if redis is None:
        return None
    from dealcache.tiers.redis import RedisTier  # an extra: not everybody has it

    return RedisTier(redis, clock)


def make_rate_limits(
    redis: RedisConnection | None, workers: Callable[[], int], token: str, account: AccountGuard
) -> RateLimits:
    """Return HubSpot's rate limits: through Redis those of all workers together, without it this worker's share.

    HubSpot limits calls in ten seconds for each app, of which the token is all that is known here, and searches and
    associations for each account. So installations that share a Redis share these, whatever else keeps them apart.
    """
    if redis is None:
        return local_rate_limits(workers=workers)
    from dealcache.hubspot.limits.shared_window import shared_rate_limits  # an extra, as above

    app = f"token-{hashlib.sha256(token.encode()).hexdigest()[:_TOKEN_DIGITS]}"

    def of_account() -> str | None:
        return (app if account.is_withheld else None) if account.own is None else f"account-{account.own}"

    scopes = {Bucket.APP: lambda: app, Bucket.SEARCH: of_account, Bucket.ASSOCIATIONS: of_account}
    return shared_rate_limits(redis, workers, scopes=scopes)
