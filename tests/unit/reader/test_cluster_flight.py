"""Cluster-wide single flight: the process that has the lease loads, the others share what came of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta

import pytest

from dealcache.hubspot.errors import HubSpotError, RateLimited, Unavailable
from dealcache.model.deadline import Deadline
from dealcache.reader.bulkhead import BulkheadFullError
from dealcache.reader.cluster_flight import FIRST_PAUSE, LONGEST_PAUSE, ClusterFlight
from dealcache.reader.lease_renewer import LEASE, LeaseRenewer
from dealcache.reader.load_request import RecentlyRefreshedError
from dealcache.reader.single_flight import FlightTimeoutError
from dealcache.repositories import LoadEnd, LoadLease, StoreError, StoreUnavailable
from dealcache.repositories.load_leases import ENDED_WELL
from tests.clocks import ManualClock
from tests.lease_contract import acquire_one, look_at, release_one
from tests.unit.reader.leases import FakeLeases

KEY = "name:acme"


@dataclass
class Request:
    """Stands in for LoadRequest: asks for one text."""

    stand: Stand
    look_first: bool = True
    pause: timedelta = timedelta(0)
    pause_after: frozenset[LoadEnd] = ENDED_WELL
    generation: int = 0
    since: int = 0
    outcome: str | Exception | None = None

    def wanted(self) -> dict[str, int]:
        return {KEY: self.since} if self.outcome is None else {}

    def find_stored(self, names: Collection[str]) -> set[str]:
        self.outcome = self.stand.stored
        return set(names) if self.outcome else set()

    def load(self, names: Collection[str], deadline: Deadline) -> dict[str, LoadEnd | HubSpotError]:
        loaded = self.stand.load(deadline)
        self.outcome, end = (loaded, loaded) if isinstance(loaded, Exception) else loaded
        return dict.fromkeys(names, end if isinstance(end, LoadEnd | HubSpotError) else LoadEnd.ABANDONED)

    def unknown(self, _name: str) -> None:
        self.outcome = "unknown, says another"

    def failed(self, _name: str, failure: Exception) -> None:
        self.outcome = "fetched a moment ago" if isinstance(failure, RecentlyRefreshedError) else failure


class Stand:
    """This process, others that share its database, a HubSpot, and a MongoDB that holds one text."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.leases = FakeLeases(self.clock)
        self.stored: str | None = None
        self.end = LoadEnd.LOADED
        self.failure: Exception | None = None
        self.loads = 0
        self.left: list[float] = []
        self.waits = 0
        self.pauses: list[float] = []
        self.during_load: Callable[[], object] = lambda: None
        self.during_pause: dict[int, Callable[[], object]] = {}
        self.renewer = LeaseRenewer(self.leases, pause=3600)  # type: ignore[arg-type]
        self.flight = ClusterFlight(self.leases, self.renewer, "me", self._wait, self._sleep)  # type: ignore[arg-type]

    def _wait(self) -> None:
        self.waits += 1

    def _sleep(self, seconds: float) -> None:
        self.clock.tick(seconds)
        self.pauses.append(seconds)
        self.during_pause.pop(len(self.pauses), lambda: None)()

    def load(self, deadline: Deadline) -> tuple[str, LoadEnd] | Exception:
        self.loads += 1
        self.left.append(deadline.remaining())
        self.during_load()
        if isinstance(self.failure, RuntimeError):
            raise self.failure
        if self.failure is not None:
            return self.failure
        if self.end is LoadEnd.LOADED:
            self.stored = "loaded"
        return "loaded", self.end

    def run(self, seconds: float = 15.0, **changes: object) -> str:
        request = Request(self, **changes)  # type: ignore[arg-type]
        self.flight.run(request, Deadline(seconds, self.clock))  # type: ignore[arg-type]
        assert request.outcome is not None
        if isinstance(request.outcome, Exception):
            raise request.outcome
        return request.outcome

    def other(self, **changes: int) -> LoadLease:
        """Another process begins to load."""
        lease = acquire_one(self.leases, KEY, "other", LEASE, **changes)
        assert lease.mine
        return lease

    def told(self) -> LoadEnd | None:
        """Return what others are told about the load that was last."""
        lease = look_at(self.leases, KEY)
        assert lease is not None
        assert not lease.held
        return lease.end


@pytest.fixture
def stand():
    stand = Stand()
    yield stand
    stand.renewer.thread.stop(0.0)


# Leading


def test_who_finds_nobody_at_it_loads_and_tells(stand: Stand) -> None:
    stand.during_load = lambda: held.append(look_at(stand.leases, KEY))
    held: list[LoadLease | None] = []
    assert stand.run() == "loaded"
    assert held[0] is not None
    assert (held[0].owner, held[0].held) == ("me", True)
    assert (stand.loads, stand.waits, stand.told()) == (1, 0, LoadEnd.LOADED)


def test_a_load_that_takes_long_keeps_the_lease(stand: Stand) -> None:
    def take_long() -> None:
        for _ in range(5):
            stand.clock.tick(2)
            stand.renewer.renew()
        held.append(look_at(stand.leases, KEY))

    held: list[LoadLease | None] = []
    stand.during_load = take_long
    stand.run()
    assert held[0] is not None
    assert held[0].held


def test_what_another_has_brought_in_the_meantime_is_not_loaded_again(stand: Stand) -> None:
    stand.stored = "brought"
    assert stand.run() == "brought"
    assert (stand.loads, stand.told()) == (0, LoadEnd.LOADED)


def test_where_only_a_new_value_is_wanted_what_is_there_does_not_count(stand: Stand) -> None:
    stand.stored = "old"
    assert stand.run(look_first=False) == "loaded"


@pytest.mark.parametrize("end", [LoadEnd.UNKNOWN, LoadEnd.ABANDONED])
def test_it_tells_that_nothing_was_put_into_mongodb(stand: Stand, end: LoadEnd) -> None:
    stand.end = end
    assert stand.run() == "loaded"
    assert stand.told() is end


def test_it_tells_of_a_failure(stand: Stand) -> None:
    stand.failure = RateLimited("slowly", retry_after=4)
    with pytest.raises(RateLimited):
        stand.run()
    lease = look_at(stand.leases, KEY)
    assert lease is not None
    assert lease.end is LoadEnd.FAILED
    assert lease.failure is not None
    assert lease.failure["retry_after"] == 4


@pytest.mark.parametrize("failure", [BulkheadFullError("12 loads already"), RuntimeError("a mistake of ours")])
def test_a_failure_of_this_process_says_nothing_to_others(stand: Stand, failure: Exception) -> None:
    stand.failure = failure
    with pytest.raises(type(failure)):
        stand.run()
    assert stand.told() is LoadEnd.ABANDONED


def test_a_lease_that_cannot_be_released_spoils_nothing(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    stand.during_load = lambda: setattr(stand.leases, "failure", StoreUnavailable("down"))
    assert stand.run() == "loaded"
    assert "could not be released and will expire" in caplog.text


# Waiting


def test_who_finds_another_at_it_waits_and_looks(stand: Stand) -> None:
    lease = stand.other()

    def bring() -> None:
        stand.stored = "brought"
        release_one(stand.leases, lease, LoadEnd.LOADED)

    stand.during_pause[5] = bring
    assert stand.run() == "brought"
    assert (stand.loads, stand.waits) == (0, 1)
    assert stand.pauses == [FIRST_PAUSE, 2 * FIRST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


def test_that_there_is_no_such_thing_is_shared(stand: Stand) -> None:
    lease = stand.other()
    stand.during_pause[2] = lambda: release_one(stand.leases, lease, LoadEnd.UNKNOWN)
    assert stand.run() == "unknown, says another"
    assert stand.loads == 0


def test_a_failure_is_shared_but_not_remembered(stand: Stand) -> None:
    lease = stand.other()
    told = {"kind": "RateLimited", "reason": "slowly", "retry_after": 4, "daily": False}
    told |= dict.fromkeys(("endpoint", "status", "category", "correlation_id"))
    stand.during_pause[2] = lambda: release_one(stand.leases, lease, LoadEnd.FAILED, told)
    with pytest.raises(RateLimited) as shared:
        stand.run()
    assert shared.value.retry_after == 4
    assert stand.loads == 0
    assert stand.run() == "loaded"


def test_who_dies_delays_others_by_the_lease_and_takes_that_off_their_time(stand: Stand) -> None:
    stand.other()
    assert stand.run(seconds=15.0) == "loaded"
    assert sum(stand.pauses) <= LEASE.total_seconds() + LONGEST_PAUSE
    assert stand.left == [pytest.approx(15.0 - sum(stand.pauses))]
    assert stand.told() is LoadEnd.LOADED


def test_who_gives_signs_of_life_is_waited_for_until_the_own_time_is_over(stand: Stand) -> None:
    lease = stand.other()
    for number in range(1, 200):
        stand.during_pause[number] = lambda: stand.leases.renew({lease.nonce: KEY}, LEASE)
    with pytest.raises(FlightTimeoutError):
        stand.run(seconds=5.0)
    assert sum(stand.pauses) == pytest.approx(5.0)
    assert stand.loads == 0


def test_when_another_gives_up_the_next_one_loads(stand: Stand) -> None:
    lease = stand.other()
    stand.during_pause[1] = lambda: release_one(stand.leases, lease, LoadEnd.ABANDONED)
    assert stand.run() == "loaded"
    assert (stand.waits, stand.loads, stand.told()) == (1, 1, LoadEnd.LOADED)


def test_the_end_of_a_later_flight_counts_only_for_those_who_waited_for_it(stand: Stand) -> None:
    """While nobody looked, one flight failed and another began, which is waited for in its turn."""
    first = stand.other()

    def fail_and_begin_again() -> None:
        release_one(stand.leases, first, LoadEnd.FAILED, {})
        second = stand.other()
        stand.during_pause[4] = lambda: bring(second)

    def bring(second: LoadLease) -> None:
        stand.stored = "second"
        release_one(stand.leases, second, LoadEnd.LOADED)

    stand.during_pause[2] = fail_and_begin_again
    assert stand.run() == "second"
    assert (stand.waits, stand.loads) == (2, 0)


def test_what_should_be_in_mongodb_but_is_not_is_loaded(stand: Stand) -> None:
    lease = stand.other()
    stand.during_pause[1] = lambda: release_one(stand.leases, lease, LoadEnd.LOADED)
    assert stand.run() == "loaded"


def test_a_failure_that_cannot_be_read_is_not_shared(stand: Stand) -> None:
    lease = stand.other()
    stand.during_pause[1] = lambda: release_one(stand.leases, lease, LoadEnd.FAILED, {"kind": "?"})
    assert stand.run() == "loaded"


def test_who_began_before_an_invalidation_is_not_waited_for(stand: Stand) -> None:
    before = stand.other(generation=3)
    assert stand.run(generation=5, since=4) == "loaded"
    assert stand.waits == 0
    release_one(stand.leases, before, LoadEnd.FAILED, {})
    assert stand.told() is LoadEnd.LOADED


# Not again so soon


def test_what_was_fetched_a_moment_ago_is_not_fetched(stand: Stand) -> None:
    release_one(stand.leases, stand.other(), LoadEnd.LOADED)
    assert stand.run(look_first=False, pause=timedelta(seconds=10)) == "fetched a moment ago"
    assert (stand.loads, stand.waits) == (0, 0)
    stand.clock.tick(10)
    assert stand.run(look_first=False, pause=timedelta(seconds=10)) == "loaded"


def test_what_was_brought_under_another_key_is_not_fetched_either(stand: Stand) -> None:
    stand.flight.note_loaded(KEY)
    assert stand.run(look_first=False, pause=timedelta(seconds=10)) == "fetched a moment ago"


def test_that_it_cannot_be_noted_spoils_nothing(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    stand.leases.failure = StoreUnavailable("down")
    stand.flight.note_loaded(KEY)
    assert "again too soon: down" in caplog.text


# Without MongoDB


@pytest.mark.parametrize("failure", [StoreUnavailable("down"), StoreError("refused")])
def test_without_leases_each_process_loads_for_itself(
    stand: Stand, failure: StoreError, caplog: pytest.LogCaptureFixture
) -> None:
    stand.leases.failure = failure
    assert stand.run() == "loaded"
    assert ("for this process alone: refused" in caplog.text) == (not isinstance(failure, StoreUnavailable))


def test_who_waits_loads_when_mongodb_goes_away(stand: Stand) -> None:
    stand.other()
    stand.during_pause[2] = lambda: setattr(stand.leases, "failure", StoreUnavailable("down"))
    assert stand.run() == "loaded"
    assert len(stand.pauses) == 2


def test_its_own_failure_then_is_its_own(stand: Stand) -> None:
    stand.leases.failure = StoreUnavailable("down")
    stand.failure = Unavailable("down")
    with pytest.raises(HubSpotError):
        stand.run()
    assert stand.loads == 1
