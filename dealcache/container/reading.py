"""Wiring of the read path, and of the people that it and the sync name."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dealcache.hubspot.limits.buckets import Priority
from dealcache.hubspot.loader import DealLoader
from dealcache.hubspot.people_reads import PeopleSource, RefusalPause
from dealcache.model.deadline import Deadline
from dealcache.reader.activity_maintenance import ActivityMaintenance
from dealcache.reader.activity_summary import ActivitySummaries
from dealcache.reader.bulkhead import Bulkhead
from dealcache.reader.cluster_flight import ClusterFlight
from dealcache.reader.deal_list import DealLists
from dealcache.reader.entries import EntryMaker
from dealcache.reader.fetcher import Fetcher
from dealcache.reader.hubspot import HubSpotSource
from dealcache.reader.lease_renewer import LeaseRenewer
from dealcache.reader.list_pages import ListPages
from dealcache.reader.load_request import RequestContext
from dealcache.reader.mongodb import MongoSource
from dealcache.reader.people import PeopleDirectory
from dealcache.reader.policy import FailSafeThrottle, StalenessPolicy
from dealcache.reader.reader import DealReader
from dealcache.reader.revalidator import AT_ONCE, Revalidator, reread
from dealcache.reader.stage_histories import StageHistories
from dealcache.reader.sync_watermark import SyncWatermark
from dealcache.repositories import ActivityCheck, ActivityGenerations, ActivitySums
from dealcache.sync.people_sync import PeopleStorage

if TYPE_CHECKING:
    from dealcache.container.container import Container


@dataclass(frozen=True, slots=True)
class People:
    """The parts that name the people who take part in deals and activities; all None when that is off."""

    directory: PeopleDirectory | None = None
    source: PeopleSource | None = None
    storage: PeopleStorage | None = None


def wire_people(parts: Container) -> People:
    """Make them on top of MongoDB."""
    if parts.settings.associated_names == "off":
        return People()
    directory = PeopleDirectory(parts.storage.people.names)
    pause = RefusalPause("the names of people (ASSOCIATED_NAMES)", parts.timer)
    storage = parts.storage
    kept = PeopleStorage(storage.people, storage.participants, storage.sync_state, pause)
    return People(directory, PeopleSource(directory.known, pause), kept)


class Reading:
    """The parts of the read path that others use, made on top of the caches, MongoDB and HubSpot.

    Args:
        parts: the parts of the process that are made before.
    """

    def __init__(self, parts: Container) -> None:
        settings, storage = parts.settings, parts.storage
        policy = StalenessPolicy(
            settings.cache_ttl_seconds, settings.stale_if_error_seconds, settings.negative_ttl_seconds
        )
        watermark = SyncWatermark(storage.sync_state.noted_watermarks)
        maker = EntryMaker(
            policy,
            parts.zone,
            storage.unreadable,
            parts.label_directory,
            parts.labels.look_up,
            settings.hubspot_deal_properties,
        )
        self.mongodb = MongoSource(
            storage.deals, storage.timelines, maker, parts.clock, watermark, parts.people.directory
        )
        self.lease_renewer = LeaseRenewer(storage.load_leases)
        waits = parts.metrics.shared_flight_waits.inc
        cluster = ClusterFlight(storage.load_leases, self.lease_renewer, parts.membership.owner, waits)
        self.revalidator = _make_revalidator(parts, maker, self.mongodb, cluster)
        fetcher = _make_fetcher(parts, maker, self.mongodb, cluster)
        self.reader = DealReader(
            cache=parts.cache,
            publish=parts.publisher.record,
            mongodb=self.mongodb,
            fetcher=fetcher,
            fail_safe=FailSafeThrottle(parts.timer),
            revalidator=self.revalidator,
            wait_seconds=settings.hubspot_deadline_seconds,
        )
        self.deal_lists = _make_deal_lists(parts, watermark)
        self.activity_summaries = _make_activity_summaries(parts, watermark)
        self.stage_histories: StageHistories | None = None
        if settings.stage_history == "on":
            self.stage_histories = StageHistories(self.mongodb, self.reader, maker, self.revalidator, parts.clock)


def _make_deal_lists(parts: Container, watermark: SyncWatermark) -> DealLists:
    settings, storage, label_directory = parts.settings, parts.storage, parts.label_directory
    return DealLists(
        ListPages(storage.deal_list, storage.prepare_lists, storage.stage_totals.at),
        storage.deal_list.bears,
        label_directory.current,
        watermark,
        storage.unreadable,
        parts.zone,
        parts.now,
        completed=label_directory.completed,
        stage_history=settings.stage_history == "on",
        properties=settings.hubspot_deal_properties,
    )


def _make_activity_summaries(parts: Container, watermark: SyncWatermark) -> ActivitySummaries:
    connection, zone = parts.storage.connection, parts.zone
    return ActivitySummaries(
        ActivitySums(connection, zone),
        ActivityMaintenance(ActivityGenerations(connection, zone), ActivityCheck(connection, zone)),
        parts.label_directory,
        parts.storage.prepare_lists,
        watermark,
        zone,
        parts.now,
    )


def _make_fetcher(parts: Container, maker: EntryMaker, mongodb: MongoSource, cluster: ClusterFlight) -> Fetcher:
    settings = parts.settings
    loads = Bulkhead(settings.hubspot_loads, "deals are being loaded from HubSpot")
    return Fetcher(
        context=_request_context(parts, maker, mongodb, loads, parts.hubspot.executor, Priority.INTERACTIVE),
        cluster=cluster,
        waiting=Bulkhead(settings.hubspot_waiting_threads, on_change=parts.metrics.hubspot_waiting.inc),
        wait_seconds=settings.hubspot_deadline_seconds,
        timer=parts.timer,
    )


def _make_revalidator(parts: Container, maker: EntryMaker, mongodb: MongoSource, cluster: ClusterFlight) -> Revalidator:
    settings, hubspot = parts.settings, parts.hubspot
    loads = Bulkhead(AT_ONCE, "deals are being read again")
    context = _request_context(parts, maker, mongodb, loads, hubspot.reread_executor, Priority.REREAD)
    max_age, deadline = settings.max_data_age_seconds, settings.hubspot_deadline_seconds
    read_again = partial(
        reread,
        context=context,
        cluster=cluster,
        has_calls=hubspot.has_calls_for_rereads,
        max_age=max_age,
        deadline_seconds=deadline,
        clock=parts.clock,
    )
    may_call, count = hubspot.may_have_calls_for_rereads, parts.metrics.reread
    return Revalidator(max_age, read_again, may_call, count, parts.clock, parts.timer)


def _request_context(
    parts: Container, maker: EntryMaker, mongodb: MongoSource, loads: Bulkhead, executor: Executor, priority: Priority
) -> RequestContext:
    def admit_write() -> None:
        parts.account.admit_write(Deadline(parts.settings.hubspot_deadline_seconds))

    loader = DealLoader(parts.hubspot.client, parts.labels, executor, parts.now, priority, parts.people.source)
    source = HubSpotSource(loader, parts.storage.store, maker, parts.clock, admit_write)
    return RequestContext(parts.cache, parts.publisher.record, mongodb, source, loads)
