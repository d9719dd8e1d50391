"""A first full load of a small account within HubSpot's limits: 1,000 deals, 50 ms for each call.

The service runs the job. In turns: within the limits; with limits that it never reaches, which shows what the limits
cost; and within the limits while somebody reads a deal in the middle that was just made, by its id: the calls of such a
read count towards the same limit as nearly all of the sync's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from benchmarks.client import ask, expect
from benchmarks.report import Report, spread
from benchmarks.service import Server
from benchmarks.stand import Stand
from benchmarks.sync.command import last_job
from benchmarks.sync.least import in_flight
from benchmarks.sync.loads import UNREACHED
from dealcache.sync.context import SYNC_THREADS

LATENCY = 0.05
_ACCOUNT = ("--deals", "1000", "--activities-per-deal", "10")
_MOST_TIMES, _MOST_WAIT = 1.3, 0.3
#: Calls after which somebody reads, of about 175.
_MIDDLE = 90
_LOOK_SECONDS, _PATIENCE = 0.1, 120.0


class _Load(NamedTuple):
    """Seconds from when the load was asked for to its end, and the calls that HubSpot saw meanwhile."""

    seconds: float
    calls: Sequence[Mapping[str, Any]]

    @property
    def times(self) -> float:
        """The time that it took over the time that its calls in flight need."""
        return self.seconds / in_flight(self.calls, LATENCY, SYNC_THREADS)


class _Read(NamedTuple):
    """Seconds until the first call of a read reached HubSpot, and until its answer was there."""

    first_call: float
    answer: float


def run(_stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report, on a stand with an account of its own."""
    loads: list[_Load] = []
    unlimited: list[_Load] = []
    reads: list[_Read] = []
    refused = 0
    with Stand(_ACCOUNT) as stand:
        for number in range(1 if quick else 3):
            loads.append(_load(stand, f"first_{number}"))
            unlimited.append(_load(stand, f"unlimited_{number}", limits=UNREACHED))
            read, calls = _load_with_read(stand, f"read_{number}")
            reads.append(read)
            refused += sum(call["status"] == 429 for call in (*loads[-1].calls, *calls))
    _judge(report, loads, unlimited)
    wait = spread(read.first_call * 1000 for read in reads)
    wording = f"a cold read in the middle waits at most {_MOST_WAIT * 1000:.0f} ms for its first call"
    report.promise(wording, wait.show(".0f", " ms"), wait.most <= _MOST_WAIT * 1000)
    report.figure("its answer, three calls deep", spread(read.answer * 1000 for read in reads).show(".0f", " ms"))
    report.promise("no call is refused with 429", str(refused), refused == 0)


def _judge(report: Report, loads: Sequence[_Load], unlimited: Sequence[_Load]) -> None:
    needed = in_flight(loads[0].calls, LATENCY, SYNC_THREADS)
    report.figure(
        f"{len(loads[0].calls)} calls of {LATENCY * 1000:.0f} ms, {SYNC_THREADS} in flight, need",
        f"{needed:.2f} s, without any work on their answers",
    )
    report.figure("the load takes", spread(load.seconds for load in loads).show(".2f", " s"))
    times = spread(load.times for load in loads)
    report.promise(f"at most {_MOST_TIMES} times that", times.show(), times.median <= _MOST_TIMES)
    cost = spread(load.seconds / free.seconds for load, free in zip(loads, unlimited, strict=True))
    wording = f"at most {_MOST_TIMES} times the time without limits, on the same cores"
    without = spread(free.seconds for free in unlimited).show(".2f", " s")
    report.promise(wording, f"{cost.show()} of {without}", cost.median <= _MOST_TIMES)


def _load(stand: Stand, database: str, limits: Mapping[str, int] | None = None) -> _Load:
    with _loading(stand, database, limits) as load:
        return load.wait()


def _load_with_read(stand: Stand, database: str) -> tuple[_Read, Sequence[Mapping[str, Any]]]:
    """Read a deal in the middle of a load; also the calls of both.

    Raises:
        RuntimeError: the load was over before.
    """
    with _loading(stand, database) as load:
        load.wait_for_calls(_MIDDLE)
        (deal_id,) = stand.hubspot.change([{"do": "add_deal", "name": f"Just made {database}"}])
        stand.hubspot.change([{"do": "add_activity", "object_type": "notes", "deals": [deal_id]}])
        asked_at = time.time()
        reply = expect(ask(load.service.base_url, f"/api/hubspot/deal-timeline?dealId={deal_id}"), tier="hubspot")
        calls = load.wait().calls
    # A full load reads deals from their list.
    first = min(call["started"] for call in calls if (call["kind"], call["object_type"]) == ("batch_read", "deals"))
    if not any(call["started"] > asked_at + reply.seconds for call in calls):
        raise RuntimeError("the load was over when the deal was read")
    return _Read(first - asked_at, reply.seconds), calls


class _Loading:
    """A full load that has just been asked for."""

    def __init__(self, stand: Stand, service: Server, database: str) -> None:
        self._stand = stand
        self._database = database
        self.service = service
        self._mark = stand.hubspot.mark()
        self._asked_at = time.time()
        asked = expect(ask(service.base_url, "/api/hubspot/v2/sync?full=true", "POST"), status=202)
        self._status = f"/api/hubspot/v2/sync/status/{json.loads(asked.body)['job_id']}"

    def wait_for_calls(self, calls: int) -> None:
        """Wait until HubSpot has seen so many."""
        self._wait_until(lambda: self._stand.hubspot.mark() - self._mark >= calls)

    def wait(self) -> _Load:
        """Wait for the end."""
        self._wait_until(lambda: json.loads(ask(self.service.base_url, self._status).body)["status"] == "completed")
        ended_at = last_job(self._stand, self._database).finished_at
        assert ended_at is not None
        return _Load(ended_at.timestamp() - self._asked_at, self._stand.hubspot.calls_since(self._mark))

    def _wait_until(self, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not happened():
            if time.monotonic() > deadline:
                raise RuntimeError("the load does not get on")
            time.sleep(_LOOK_SECONDS)


@contextmanager
def _loading(stand: Stand, database: str, limits: Mapping[str, int] | None = None) -> Iterator[_Loading]:
    """A load by a service of its own, into an empty database."""
    stand.hubspot.behave(LATENCY)
    if limits is not None:
        stand.hubspot.limit(limits)
    service = stand.service(database)
    try:
        yield _Loading(stand, service, database)
    finally:
        service.stop()
