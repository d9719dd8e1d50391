"""Signs of life: for what is held, as long as it is held."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta

import pytest

from dealcache.reader.heartbeat import LEASE, Heartbeat
from dealcache.repositories import StoreUnavailable
from tests.clocks import ManualClock
from tests.unit.reader.leases import FakeLeases

FAR = 3600.0  # so that beats come only when a test gives them


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def leases(clock: ManualClock) -> FakeLeases:
    return FakeLeases(clock)


def test_a_lease_is_kept_while_it_is_needed_and_no_longer(leases: FakeLeases, clock: ManualClock) -> None:
    heartbeat = Heartbeat(leases, FAR)  # type: ignore[arg-type]
    first, second = leases.acquire("first", "ada", LEASE), leases.acquire("second", "ada", LEASE)
    with heartbeat.keeping(first):
        with heartbeat.keeping(second):
            for _ in range(5):
                clock.tick(2)
                heartbeat.beat()
            assert not leases.acquire("second", "bob", LEASE).mine
        clock.tick(2)
        heartbeat.beat()
        clock.tick(2)
        assert not leases.acquire("first", "bob", LEASE).mine
        assert leases.acquire("second", "bob", LEASE).mine
    heartbeat.stop()


def test_a_load_that_fails_needs_no_lease_any_more(leases: FakeLeases, clock: ManualClock) -> None:
    heartbeat = Heartbeat(leases, FAR)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError), heartbeat.keeping(leases.acquire("key", "ada", LEASE)):
        raise RuntimeError
    clock.tick(2)
    heartbeat.beat()
    clock.tick(2)
    assert leases.acquire("key", "bob", LEASE).mine
    heartbeat.stop()


def test_without_mongodb_it_goes_on_and_tries_again(
    leases: FakeLeases, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    heartbeat = Heartbeat(leases, FAR)  # type: ignore[arg-type]
    with heartbeat.keeping(leases.acquire("key", "ada", LEASE)):
        leases.failure = StoreUnavailable("down")
        heartbeat.beat()
        assert "could not be renewed: down" in caplog.text
        leases.failure = None
        clock.tick(2)
        heartbeat.beat()
        clock.tick(2)
        assert not leases.acquire("key", "bob", LEASE).mine
    heartbeat.stop()


def test_a_thread_beats_while_something_is_held_and_comes_back_when_it_is_needed_again() -> None:
    renewed = threading.Semaphore(0)

    class Leases(FakeLeases):
        def renew(self, held: Mapping[str, str], term: timedelta) -> None:
            renewed.release()

    leases = Leases(ManualClock())
    heartbeat = Heartbeat(leases, beat_seconds=0.001)  # type: ignore[arg-type]
    before = set(threading.enumerate())
    for key in ("first", "second"):
        with heartbeat.keeping(leases.acquire(key, "ada", LEASE)):
            for _ in range(3):
                assert renewed.acquire(timeout=10)
            (thread,) = set(threading.enumerate()) - before
        thread.join(10)
        assert not thread.is_alive()


def test_its_thread_ends_when_the_process_does() -> None:
    leases = FakeLeases(ManualClock())
    heartbeat = Heartbeat(leases, FAR)  # type: ignore[arg-type]
    before = set(threading.enumerate())
    with heartbeat.keeping(leases.acquire("key", "ada", LEASE)):
        (thread,) = set(threading.enumerate()) - before
        heartbeat.stop()
        thread.join(10)
        assert not thread.is_alive()
