"""When it looks, how long a request waits for that, and what it is told when something does not answer."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from dealcache.cluster.status_monitor import ASKED_SECONDS, IDLE_SECONDS, StatusMonitor
from dealcache.repositories import StoreUnavailable
from tests.clocks import ManualClock

#: Seconds that no test waits for.
FOR_EVER = 30.0


class Stand:
    """A monitor of a MongoDB and a Redis that a test lets fail."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.mongodb_is_down = self.redis_is_down = False
        self.scans: list[tuple[float, float]] = []
        self.slow_scans = 0
        self.shown: list[object] = []
        self.probes = self.reads = 0
        self.monitor = StatusMonitor(
            read=self._read,
            scan=self._scan,
            find_workers=lambda: None,
            ping_redis=lambda: not self.redis_is_down,
            calls=lambda: {"app": (7, 100)},
            probe_hubspot=self._probe,
            on_snapshot=self.shown.append,
            timer=self.clock,
        )

    def _read(self):
        if self.mongodb_is_down:
            raise StoreUnavailable("down")
        self.reads += 1
        return SimpleNamespace(number=self.reads)

    def _scan(self, share: float, most_seconds: float) -> bool:
        self.scans.append((share, most_seconds))
        if most_seconds == float("inf") and self.slow_scans:
            self.slow_scans -= 1
            return True
        return False

    def _probe(self) -> None:
        self.probes += 1

    def newest(self):
        return self.monitor.newest(self.monitor.request(), 0.0)


@pytest.fixture
def stand():
    return Stand()


def test_before_the_first_look_nothing_is_known(stand):
    snapshot = stand.newest()
    assert (snapshot.is_empty, snapshot.overview, snapshot.redis) == (True, None, None)


def test_a_look_tells_of_everything(stand):
    stand.monitor.renew()
    snapshot = stand.newest()
    assert (snapshot.overview.number, snapshot.redis, snapshot.calls) == (1, True, {"app": (7, 100)})
    assert stand.shown == [snapshot]


def test_it_looks_often_and_probes_hubspot_only_while_somebody_asks(stand):
    assert (stand.monitor.renew(), stand.probes) == (IDLE_SECONDS, 0)
    stand.monitor.request()
    assert (stand.monitor.renew(), stand.probes) == (ASKED_SECONDS, 1)
    stand.clock.tick(59)
    assert stand.monitor.renew() == ASKED_SECONDS
    stand.clock.tick(2)
    assert (stand.monitor.renew(), stand.probes) == (IDLE_SECONDS, 2)
    idle, asked = stand.scans[0][0], stand.scans[2][0]
    assert idle < asked <= 0.05


def test_what_took_long_to_count_is_told_by_another_look(stand):
    stand.slow_scans = 1
    stand.monitor.renew()
    assert stand.newest().overview.number == 2
    stand.monitor.renew()
    assert stand.newest().overview.number == 3


def test_without_mongodb_the_rest_is_known_and_nobody_waits(stand):
    stand.monitor.renew()
    stand.mongodb_is_down = True
    stand.monitor.renew()
    stand.clock.tick(1)
    snapshot = stand.monitor.newest(stand.monitor.request(), FOR_EVER)
    assert (snapshot.overview, snapshot.redis, snapshot.is_empty) == (None, True, False)
    assert [one.overview is None for one in stand.shown] == [False, True]
    stand.mongodb_is_down = False
    stand.monitor.renew()
    assert stand.newest().overview.number == 2


def test_redis_is_looked_at_without_mongodb_too(stand):
    stand.mongodb_is_down = stand.redis_is_down = True
    stand.monitor.renew()
    assert stand.newest().redis is False


def test_a_look_that_is_too_old_tells_nothing(stand):
    stand.monitor.renew()
    stand.clock.tick(IDLE_SECONDS + 2)
    assert stand.newest().overview is not None  # the next look may take as long as MongoDB's time-out
    stand.clock.tick(5)
    assert stand.newest().is_empty


def test_a_request_is_told_of_a_look_that_began_after_it(stand):
    stand.monitor.renew()
    stand.clock.tick(1)
    asked_at = stand.monitor.request()
    looker = threading.Timer(0.05, stand.monitor.renew)
    looker.start()
    assert stand.monitor.newest(asked_at, FOR_EVER).overview.number == 2
    looker.join()


def test_a_request_right_after_a_look_needs_no_other(stand):
    stand.monitor.renew()
    stand.clock.tick(0.05)
    assert stand.monitor.newest(stand.monitor.request(), FOR_EVER).overview.number == 1


def test_its_thread_looks_when_a_request_asks(stand):
    stand.monitor.thread.start()
    try:
        for number in (1, 2):
            assert stand.monitor.newest(stand.monitor.request(), FOR_EVER).overview.number >= number
            stand.clock.tick(1)
    finally:
        stand.monitor.thread.stop(0.5)
