"""An account of HubSpot in memory behind the client's interface, and a pool of threads that lives in virtual time."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import Counter
from concurrent.futures import Executor, Future

from dealcache.deadline import Deadline
from dealcache.deals import ENGAGEMENT_TYPES
from dealcache.hubspot.pages import AssociationPage, RecordPage
from tests.unit.hubspot.records import OWNERS, PIPELINES, record


class Account:
    """Answers like :class:`dealcache.hubspot.client.HubSpotClient` from what a test put in; counts the calls."""

    def __init__(self, page_size=100):
        self.deals, self.activities, self.found_by_search = {}, {}, None
        self.merged, self.failures, self.archived = {}, {}, set()
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

    def _count(self, call, priority=None):
        with self._lock:
            self.calls[call] += 1
            if priority is not None:
                self.priorities.add(priority)
        if call in self.failures:
            raise self.failures[call]

    def find_deals(self, search, deadline, priority):
        self._count("search", priority)
        self.searches.append(search)
        if self.found_by_search is not None:
            return RecordPage([self.deals[one] for one in self.found_by_search], None)
        listed = {name.lower() for name in search.listed}
        single = {name.casefold() for name in search.single}
        names = {one["id"]: one["properties"]["dealname"].strip() for one in self.deals.values()}
        found = [self.deals[one] for one, name in names.items() if name.lower() in listed or name.casefold() in single]
        most = self.most_found
        return RecordPage(found[:most], None if len(found) <= most else str(most))

    def read_deals(self, ids, deadline, priority):
        self._count("deals", priority)
        current = dict.fromkeys(self.merged.get(one, one) for one in ids)
        return [self.deals[one] for one in current if one in self.deals]

    def association_page(self, deals, kind, deadline, priority):
        self._count(f"{kind} ids", priority)
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

    def read_activities(self, kind, ids, deadline, priority):
        self._count(kind, priority)
        with self._lock:
            self.batches.append((kind, len(ids)))
        return [
            record(one, hs_timestamp=str(1_762_000_000_000 + 60_000 * int(one)), hubspot_owner_id="910901")
            for one in reversed(ids)
            if one not in self.archived
        ]

    def list_owners(self, deadline, _priority):
        self._count("owners")
        self._count("archived owners")
        return self.owners

    def list_pipelines(self, deadline, _priority):
        self._count("pipelines")
        return self.pipelines

    def of(self, kind):
        """How many association reads and batch reads there were of one type."""
        return self.calls[f"{kind} ids"], self.calls[kind]


class VirtualPool(Executor):
    """Lets the future of a job be done one latency per call of the account after the job was submitted."""

    def __init__(self, clock, account, latency=0.2):
        self.clock, self.account, self.latency = clock, account, latency
        self._submitted, self._events, self._order = [], [], itertools.count()
        self.cancelled = []
        self.most_at_once = 0

    def submit(self, job):
        future = Future()
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

    def wait(self, pending, timeout, return_when):
        """Stands in for :func:`concurrent.futures.wait`."""
        self._run_submitted()
        done = {future for future in pending if future.done()}
        until = self.clock.now + timeout
        while not done and self._events and self._events[0][0] <= until:
            due, _, future, result, error = heapq.heappop(self._events)
            self.clock.now = max(self.clock.now, due)
            if future.cancelled():
                self.cancelled.append(future)
            elif error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)
            done = {future for future in pending if future.done()}
        if not done:
            self.clock.now = until
        return done, set(pending) - done


def spread(total):
    """``total`` activity ids for each type, the same ids in each: they are unique within a type only."""
    return {kind: [str(number) for number in range(1, total + 1)] for kind in ENGAGEMENT_TYPES}


def soon(clock, seconds=15.0):
    """A deadline."""
    return Deadline(seconds, clock)
