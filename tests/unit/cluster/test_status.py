"""The status that is put together of all workers, and what is left out because it cannot be known."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from dealcache.cluster import HubSpotProbe
from dealcache.cluster.reports import CallOutcome, DailyCalls, WorkerReport, encode
from dealcache.cluster.status import ServiceStatus, as_of
from dealcache.cluster.status_monitor import Snapshot
from dealcache.model.workers import Worker, this_worker
from dealcache.repositories import SyncState
from dealcache.tiers import Usage
from tests.clocks import ManualClock

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ME = replace(this_worker(), has_cache=True)
NOBODY = WorkerReport({}, Usage(0, 0, 0, 0), {}, {}, None, None)
OWN = replace(NOBODY, by_tier={"memory": 1}, calls_left={"app": 40, "search": 2})


def worker(name: str, report: WorkerReport | None = NOBODY, **more) -> Worker:
    return Worker(name, "web-2", 7, has_cache=True, report=b"" if report is None else encode(report), **more)


class Stand:
    def __init__(self, *live: Worker, has_shares: bool = True) -> None:
        self.clock = ManualClock()
        self.last: tuple[bool, float] | None = (True, 1.0)
        self.answers = True
        self.snapshot = Snapshot(0.0, SimpleNamespace(), None, {"app": (40, 100), "search": (2, 5)})
        self.probe = HubSpotProbe(lambda: self.last, lambda: self.answers, self.clock)
        self.wakes = 0
        self.probe.thread.wake = self._woken
        self.membership = SimpleNamespace(worker=ME, owner=ME.owner, live=(ME, *live), age=0.5)
        self.status = ServiceStatus(
            self.membership,
            lambda: OWN,
            SimpleNamespace(request=lambda: 0.0, newest=lambda _asked_at, _within: self.snapshot),
            self.probe,
            has_shares=has_shares,
        )

    def _woken(self) -> None:
        self.wakes += 1

    def read(self):
        return self.status.read()


def test_the_reports_of_all_workers_are_there_and_those_of_a_server_apart():
    beside = worker("b", replace(NOBODY, by_tier={"memory": 10}))
    beside = replace(beside, host=ME.host, pid=ME.pid, pid_namespace=ME.pid_namespace, parent_pid=ME.parent_pid)
    far, command = worker("f", replace(NOBODY, by_tier={"memory": 100})), replace(worker("c"), has_cache=False)
    told = Stand(beside, far, command).read()
    assert sum(one.by_tier.get("memory", 0) for one in told.reports) == 111
    assert sum(one.by_tier.get("memory", 0) for one in told.of_server) == 11
    assert told.workers == [ME, beside, far]


def test_a_worker_of_an_earlier_release_is_shown_and_says_nothing():
    told = Stand(worker("old", None)).read()
    assert [one.owner for one in told.workers] == [ME.owner, "old"]
    assert told.reports == [OWN]


def test_a_worker_whose_process_is_gone_does_not_live():
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    gone = replace(worker("gone"), host=ME.host, pid=int(child.stdout), pid_namespace=ME.pid_namespace)
    elsewhere = replace(gone, owner="elsewhere", host="web-9")
    container = replace(gone, owner="container", pid_namespace="pid:[1]")
    there = replace(gone, owner="there", pid=os.getppid())
    told = Stand(gone, elsewhere, container, there).read()
    assert [one.owner for one in told.workers] == [ME.owner, "elsewhere", "container", "there"]


def test_without_mongodb_only_this_worker_is_known():
    stand = Stand(worker("b", replace(NOBODY, by_tier={"memory": 10}, calls_left={"app": 30})))
    stand.snapshot = replace(stand.snapshot, overview=None)
    told = stand.read()
    assert (told.workers, told.reports) == (None, [OWN])
    assert told.calls["app"] == (40, 100)


@pytest.mark.parametrize(("has_shares", "left"), [(True, 70), (False, 40)])
def test_shares_of_a_limit_are_added_up_where_workers_have_such(has_shares, left):
    stand = Stand(worker("b", replace(NOBODY, calls_left={"app": 30, "search": 5})), has_shares=has_shares)
    calls = stand.read().calls
    assert calls["app"] == (left, 100)
    assert calls["search"] == (5 if has_shares else 2, 5)  # never more than the limit


def test_of_the_days_calls_the_last_word_counts():
    old, new = DailyCalls(900, 1_000, 50.0), DailyCalls(800, 1_000, 2.0)
    assert Stand(worker("a"), worker("b", replace(NOBODY, daily=old))).read().daily.left == 900
    both = Stand(worker("a", replace(NOBODY, daily=new)), worker("b", replace(NOBODY, daily=old)))
    assert both.read().daily == both.status.daily_calls() == new
    assert Stand().read().daily is None


def test_hubspot_is_asked_only_when_no_worker_has_just_heard_of_it():
    stand = Stand(worker("b", replace(NOBODY, hubspot=CallOutcome(True, 3.0))))
    stand.last = (False, 60.0)
    assert stand.read().hubspot is True
    assert stand.wakes == 0
    stand.membership.age = 30.0
    assert stand.read().hubspot is None
    assert stand.wakes == 1


def test_a_silent_hubspot_is_unknown_until_the_probe_ends():
    stand = Stand()
    stand.last, stand.answers = None, False
    assert stand.read().hubspot is None
    stand.probe.probe()
    assert stand.read().hubspot is False
    stand.clock.tick(9)
    stand.answers = True
    assert stand.read().hubspot is False  # a new probe is under way
    stand.probe.probe()
    assert stand.read().hubspot is True
    stand.clock.tick(60)
    assert stand.read().hubspot is None


def test_hubspot_counts_as_answering_for_no_longer_than_fifteen_seconds():
    # The other worker heard of it 10 s before its sign of life, up to 6 s before what is told.
    stand = Stand(worker("b", replace(NOBODY, hubspot=CallOutcome(True, 10.0))))
    stand.last = None
    assert stand.read().hubspot is None


def test_a_probe_that_was_asked_for_is_made_in_its_thread():
    asked = threading.Event()
    probe = HubSpotProbe(lambda: None, lambda: asked.set() is None)
    probe.thread.start(None)
    probe.thread.wake()
    assert asked.wait(60)
    assert probe.thread.stop(10)
    assert probe.last_outcome().served


def test_what_others_said_before_mongodb_went_away_counts_no_longer():
    stand = Stand(worker("b", replace(NOBODY, hubspot=CallOutcome(True, 1.0))))
    stand.last, stand.answers, stand.snapshot = (True, 60.0), False, replace(stand.snapshot, overview=None)
    stand.membership.age = 30.0
    assert stand.read().hubspot is None
    stand.probe.probe()
    assert stand.read().hubspot is False


def overview(watermark: datetime | None, oldest: datetime | None = None):
    return SimpleNamespace(state=SyncState(watermark=watermark), oldest_read_at=oldest)


@pytest.mark.parametrize(
    ("watermark", "oldest", "expected"),
    [
        (-60, None, -60),
        (-60, -5, -60),
        (None, -5, -5),
        (None, None, None),
        (3_600, -5, -5),
        (3_600, None, None),
        (None, 3_600, None),
    ],
)
def test_data_is_as_of_the_watermark_or_of_what_was_read_longest_ago(watermark, oldest, expected):
    def at(seconds):
        return None if seconds is None else NOW + timedelta(seconds=seconds)

    assert as_of(overview(at(watermark), at(oldest)), NOW) == at(expected)


def test_of_a_database_that_cannot_be_read_nothing_is_known():
    assert as_of(None, NOW) is None
