"""An account of HubSpot in memory behind the client's interface, and a pool of threads that lives in virtual time."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import Counter, deque
from concurrent.futures import Executor, Future
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from queue import Empty

from dealcache.hubspot.label_refresher import LabelRefresher
from dealcache.hubspot.mapper import RecordMapper
from dealcache.hubspot.pages import AssociationPage, RecordBatch, RecordPage
from dealcache.model.deadline import Deadline
from dealcache.model.deals import ENGAGEMENT_TYPES
from dealcache.model.labels import Labels
from dealcache.sandbox.simulator.search_conditions import value_test
from tests.unit.hubspot.records import OWNERS, PIPELINES, record


class Account:
    """Answers like ``HubSpotClient`` from what a test put in; counts the calls."""

    def __init__(self, page_size=100):
        self.deals, self.activities, self.found_by_search = {}, {}, None
        self.merged, self.failures, self.archived = {}, {}, set()
        self.refused = set()
        self.mapper = RecordMapper()
        self.owners, self.pipelines = OWNERS, PIPELINES
        self.page_size = page_size
        self.calls = Counter()
        self.batches: list[tuple[str, int]] = []
        self.searches, self.association_reads, self.most_found = [], [], 1000
        self.priorities = set()
        self._lock = threading.Lock()

    def add(self, raw, **activities):
        self.deals[raw["id"]] = raw
        self.activities[raw["id"]] = activities

    def connect(self, _deadline, priority):
        self.priorities.add(priority)
        return self

    def _count(self, call):
        with self._lock:
            self.calls[call] += 1
        if call in self.failures:
            raise self.failures[call]

    def admit(self):
        if "admit" in self.failures:  # it is no call
            raise self.failures["admit"]

    def find_deals(self, search):
        self._count("search")
        self.searches.append(search)
        if self.found_by_search is not None:
            return RecordPage([self.deals[one] for one in self.found_by_search], None)
        groups = [group["filters"] for group in search.body()["filterGroups"]]
        found = [
            one
            for one in self.deals.values()
            if any(all(_passes(each, one["properties"]["dealname"]) for each in group) for group in groups)
        ]
        most = self.most_found
        return RecordPage(found[:most], None if len(found) <= most else str(most))

    def read_records(self, object_type, ids):
        read = self._read_deals if object_type == "deals" else partial(self._read_activities, object_type)
        return read(ids)

    def _read_deals(self, ids):
        self._count("deals")
        current = dict.fromkeys(self.merged.get(one, one) for one in ids)
        found = [self.deals[one] for one in current if one in self.deals and ("deals", one) not in self.refused]
        return RecordBatch(found, frozenset(one for one in ids if ("deals", one) in self.refused))

    def read_associations(self, _deals, deals, kind):
        self._count(f"{kind} ids")
        self.association_reads.append((kind, tuple(deals)))
        found, following = {}, {}
        for deal_id, after in deals.items():
            ids = self.activities[deal_id].get(kind, ())
            start = int(after or 0)
            end = start + self.page_size
            found[deal_id] = tuple(ids[start:end])
            if end < len(ids):
                following[deal_id] = str(end)
        return AssociationPage(found, following)

    def _read_activities(self, kind, ids):
        self._count(kind)
        with self._lock:
            self.batches.append((kind, len(ids)))
        records = [
            record(one, hs_timestamp=str(1_762_000_000_000 + 60_000 * int(one)), hubspot_owner_id="910901")
            for one in reversed(ids)
            if one not in self.archived and (kind, one) not in self.refused
        ]
        return RecordBatch(records, frozenset(one for one in ids if (kind, one) in self.refused))

    def list_owners(self):
        self._count("owners")
        self._count("archived owners")
        return self.owners

    def list_pipelines(self):
        self._count("pipelines")
        return self.pipelines

    def of(self, kind):
        """Return how many association reads and batch reads there were of one type."""
        return self.calls[f"{kind} ids"], self.calls[kind]


def _passes(one, name):
    values = tuple(one["values"]) if "values" in one else (one["value"],)
    return value_test("string", one["operator"], values)(name)


class KnownLabels:
    """Keeps what was read, as the service does."""

    def __init__(self):
        self.labels = Labels()

    def __call__(self):
        return self.labels

    def store_owners(self, owners, _read_at):
        self.labels = replace(self.labels, known_owners=owners)
        return True

    def store_pipelines(self, pipelines, _read_at):
        self.labels = replace(self.labels, pipelines=pipelines)
        return True


def refresher_of(account, executor, clock=time.monotonic):
    """A refresher whose ``known`` are the labels that were read last."""
    known = KnownLabels()
    return LabelRefresher(
        lambda _deadline: account,
        executor,
        known,
        known.store_owners,
        known.store_pipelines,
        lambda: datetime.now(UTC),
        clock,
    )


class VirtualPool(Executor):
    """Lets the future of a job be done one latency per call of the account after the job was submitted."""

    def __init__(self, clock, account, latency=0.2):
        self.clock, self.account, self.latency = clock, account, latency
        self._submitted, self._events, self._order = [], [], itertools.count()
        self.cancelled = []
        self.most_at_once = 0

    def submit(self, job):
        future = _VirtualFuture(self)
        self._submitted.append((self.clock.now, future, job))
        return future

    def _run_submitted(self):
        submitted, self._submitted = self._submitted, []
        for started, future, job in submitted:
            before = self.account.calls.total()
            try:
                result, error = job(), None
            except Exception as failure:  # noqa: BLE001 - as an executor does
                result, error = None, failure
            due = started + self.latency * (self.account.calls.total() - before)
            heapq.heappush(self._events, (due, next(self._order), future, result, error))
        self.most_at_once = max(self.most_at_once, len(self._events))

    def next_done(self, done, timeout):
        """Return what is first in the queue ``done``, after at most ``timeout`` of the virtual time."""
        self.advance(lambda: done, timeout)
        if not done:
            raise Empty
        return done.popleft()

    def advance(self, is_over, timeout):
        """Let at most ``timeout`` of the virtual time pass."""
        self._run_submitted()
        until = self.clock.now + timeout
        while not is_over() and self._events and self._events[0][0] <= until:
            due, _, future, result, error = heapq.heappop(self._events)
            self.clock.now = max(self.clock.now, due)
            if future.cancelled():
                self.cancelled.append(future)
            elif error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)
        if not is_over():
            self.clock.now = until

    def run_all(self):
        """Let everything end that is still under way."""
        self.advance(lambda: False, 10.0)

    def queue(self):
        """Stands in for :class:`queue.SimpleQueue`."""
        return _VirtualQueue(self)


class _VirtualFuture(Future):
    def __init__(self, pool):
        super().__init__()
        self._pool = pool

    def exception(self, timeout=None):
        if timeout is not None:
            self._pool.advance(self.done, timeout)
        return super().exception(0)


class _VirtualQueue:
    def __init__(self, pool):
        self._pool, self._done = pool, deque()
        self.put = self._done.append

    def get(self, timeout):
        return self._pool.next_done(self._done, timeout)


def spread(total):
    """``total`` activity ids for each type, the same ids in each: they are unique within a type only."""
    return {kind: [str(number) for number in range(1, total + 1)] for kind in ENGAGEMENT_TYPES}


def soon(clock, seconds=15.0):
    """A deadline."""
    return Deadline(seconds, clock)
