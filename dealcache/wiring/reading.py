"""The read path: single deals and batches, through the tiers."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, tzinfo

from dealcache.group import Group
from dealcache.metrics import Metrics
from dealcache.reader import (
    BatchFetcher,
    BatchReader,
    DealReader,
    EntryMaker,
    Fetcher,
    Gate,
    HubSpotSource,
    MongoSource,
    Policy,
    Retreat,
    SharedBatch,
    SharedFlight,
)
from dealcache.settings import Settings
from dealcache.wiring.hubspot import HubSpot
from dealcache.wiring.storage import Storage

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Reading:
    """The read path, and what it shares with others."""

    reader: DealReader
    batches: BatchReader
    mongodb: MongoSource
    zone: tzinfo


def make_reading(
    settings: Settings,
    metrics: Metrics,
    storage: Storage,
    hubspot: HubSpot,
    group: Group,
    shared: SharedFlight,
    shared_batch: SharedBatch,
    clock: Clock,
) -> Reading:
    """Make the read path of this process."""
    policy = Policy(settings.cache_ttl_seconds, settings.stale_if_error_seconds, settings.negative_ttl_seconds)
    # datetime's own UTC is quicker than a ZoneInfo that says the same.
    zone = UTC if settings.timeline_timezone.key == "UTC" else settings.timeline_timezone
    maker = EntryMaker(policy, zone, random.random)
    mongodb = MongoSource(storage.deals, storage.timelines, maker, clock)
    deadline = settings.hubspot_deadline_seconds
    source = HubSpotSource(hubspot.loader, storage.store, maker, deadline, clock)
    retreat = Retreat(policy.retry_pause, clock)
    waiting = Gate(settings.hubspot_waiting_threads, on_change=metrics.waiting_changed)
    loads = Gate(settings.hubspot_loads, "deals are being loaded from HubSpot")
    fetcher = Fetcher(
        state=group.state,
        journal=group.journal,
        mongodb=mongodb,
        hubspot=source,
        shared=shared,
        waiting=waiting,
        loads=loads,
        wait_seconds=deadline,
        refresh_pause=policy.refresh_pause,
        clock=clock,
    )
    reader = DealReader(
        state=group.state,
        journal=group.journal,
        mongodb=mongodb,
        fetcher=fetcher,
        policy=policy,
        retreat=retreat,
        wait_seconds=deadline,
        clock=clock,
    )
    batch_fetcher = BatchFetcher(
        state=group.state,
        journal=group.journal,
        mongodb=mongodb,
        hubspot=source,
        shared=shared_batch,
        waiting=waiting,
        loads=loads,
        wait_seconds=deadline,
    )
    batches = BatchReader(cache=group.state.cache, mongodb=mongodb, fetcher=batch_fetcher, retreat=retreat)
    return Reading(reader, batches, mongodb, zone)
