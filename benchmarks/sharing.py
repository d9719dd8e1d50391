"""The cost, for a cold deal, of asking other processes whether one of them is already loading it.

A load takes a lease in MongoDB, looks once more for the deal, and gives the lease back. That is timed by itself, in one
thread, and set against whole cold loads with a HubSpot that takes 200 ms for each call.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import replace

from benchmarks.report import Report, spread
from benchmarks.stand import Stand
from benchmarks.wired import wired
from dealcache.container import Container
from dealcache.model.deals import DealKey
from dealcache.model.invalidation import Selection
from dealcache.reader.lease_renewer import LEASE
from dealcache.repositories import Connection, LoadEnd, LoadLeaseRepository
from dealcache.tiers import View

_DATABASE = "sharing"
_DEAL = DealKey("name", "Acme renewal")
_LATENCY = 0.2
_LEASES = 300


def run(stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report."""
    stand.hubspot.behave(_LATENCY)
    with wired(stand, _DATABASE) as parts:
        loads = spread(_cold_load(stand, parts) for _ in range(3 if quick else 9))
        connection = Connection(stand.mongodb_uri, _DATABASE)
        try:
            leases = LoadLeaseRepository(connection)
            added = [_lease(leases, parts) for _ in range(_LEASES)]
        finally:
            connection.close()
    report.figure("a cold load", loads.show(".3f", " s"))
    report.figure("the lease of a load", spread(seconds * 1000 for seconds in added).show(".2f", " ms"))
    share = spread(added).median / loads.median
    report.promise("to share a cold load with other processes adds at most 2 %", f"{share:.2%}", share <= 0.02)


def _cold_load(stand: Stand, parts: Container) -> float:
    """The seconds of one read of a deal that nobody knows yet."""
    parts.reader.invalidate(Selection.all())
    for collection in ("deal_info", "deal_timeline"):
        stand.mongodb[_DATABASE][collection].delete_many({})
    started = time.perf_counter()
    answer = parts.reader.read(View.TIMELINE, _DEAL)
    if answer.tier != "hubspot":
        raise RuntimeError(f"a cold deal was answered by {answer.tier}")
    return time.perf_counter() - started


def _lease(leases: LoadLeaseRepository, parts: Container) -> float:
    """The seconds that a load spends because of others."""
    key = DealKey("name", f"unknown {uuid.uuid4().hex}")
    started = time.perf_counter()
    name = f"name:{key.value}"
    lease = leases.acquire({name: 0}, "benchmark", LEASE)[name]
    if parts.mongodb.read(View.INFO, key) is not None:
        raise RuntimeError("somebody knows the deal")
    leases.release([replace(lease, end=LoadEnd.LOADED)])
    return time.perf_counter() - started
