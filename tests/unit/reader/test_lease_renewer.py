"""Leases are renewed while they are held, and no longer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from queue import SimpleQueue

import pytest

from dealcache.reader.lease_renewer import LEASE, LeaseRenewer
from dealcache.repositories import StoreUnavailable
from tests.clocks import ManualClock
from tests.lease_contract import acquire_one
from tests.unit.reader.leases import FakeLeases

FAR = 3600.0  # so that leases are renewed only when a test says so


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def leases(clock: ManualClock) -> FakeLeases:
    return FakeLeases(clock)


def test_a_lease_is_kept_while_it_is_needed_and_no_longer(leases: FakeLeases, clock: ManualClock) -> None:
    renewer = LeaseRenewer(leases, FAR)  # type: ignore[arg-type]
    first, second = acquire_one(leases, "first", "ada", LEASE), acquire_one(leases, "second", "ada", LEASE)
    with renewer.keeping(first):
        with renewer.keeping(second):
            for _ in range(5):
                clock.tick(2)
                renewer.renew()
            assert not acquire_one(leases, "second", "bob", LEASE).mine
        clock.tick(2)
        renewer.renew()
        clock.tick(2)
        assert not acquire_one(leases, "first", "bob", LEASE).mine
        assert acquire_one(leases, "second", "bob", LEASE).mine
    renewer.thread.stop(0.0)


def test_a_load_that_fails_needs_no_lease_any_more(leases: FakeLeases, clock: ManualClock) -> None:
    renewer = LeaseRenewer(leases, FAR)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError), renewer.keeping(acquire_one(leases, "key", "ada", LEASE)):
        raise RuntimeError
    clock.tick(2)
    renewer.renew()
    clock.tick(2)
    assert acquire_one(leases, "key", "bob", LEASE).mine
    renewer.thread.stop(0.0)


def test_without_mongodb_it_goes_on_and_tries_again(
    leases: FakeLeases, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    renewer = LeaseRenewer(leases, FAR)  # type: ignore[arg-type]
    with renewer.keeping(acquire_one(leases, "key", "ada", LEASE)):
        leases.failure = StoreUnavailable("down")
        renewer.renew()
        assert "could not be renewed: down" in caplog.text
        leases.failure = None
        clock.tick(2)
        renewer.renew()
        clock.tick(2)
        assert not acquire_one(leases, "key", "bob", LEASE).mine
    renewer.thread.stop(0.0)


def test_a_thread_beats_while_something_is_held_and_again_when_something_is() -> None:
    renewed: SimpleQueue[set[str]] = SimpleQueue()

    class Leases(FakeLeases):
        def renew(self, held: Mapping[str, str], term: timedelta) -> None:
            renewed.put(set(held.values()))

    leases = Leases(ManualClock())
    renewer = LeaseRenewer(leases, pause=0.001)  # type: ignore[arg-type]
    for key in ("first", "second"):
        with renewer.keeping(acquire_one(leases, key, "ada", LEASE)):
            while renewed.get(timeout=60) != {key}:
                pass
            assert renewed.get(timeout=60) == {key}
    renewer.thread.stop(0.0)
