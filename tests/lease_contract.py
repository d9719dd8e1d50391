"""The contract of load leases, held against the real repository and against the tests' stand-in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dealcache.repositories import LoadEnd, LoadLease, LoadLeaseRepository
from tests.clocks import ManualClock

TERM = timedelta(seconds=3)
PAUSE = timedelta(seconds=10)
KEY = "name:$acme renewal"
ADA, BOB = "host-1-ada", "$host-2-bob"
WELL = [LoadEnd.LOADED, LoadEnd.UNKNOWN]
BADLY = [LoadEnd.FAILED, LoadEnd.ABANDONED]


def acquire_one(
    leases: LoadLeaseRepository, key: str, owner: str, term: timedelta, *, since: int = 0, **how: Any
) -> LoadLease:
    """Acquire one lease."""
    return leases.acquire({key: since}, owner, term, **how)[key]


def look_at(leases: LoadLeaseRepository, key: str) -> LoadLease | None:
    """Return one lease as it stands now."""
    return leases.read_leases([key]).get(key)


def release_one(
    leases: LoadLeaseRepository, lease: LoadLease, end: LoadEnd, failure: dict[str, Any] | None = None
) -> None:
    """Let one load end."""
    leases.release([replace(lease, end=end, failure=failure)])


class LeaseContract:
    """Subclasses give the fixture ``leases``, which goes by the fixture ``clock``."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    def test_the_first_who_asks_has_it_and_others_see_who(self, leases: LoadLeaseRepository) -> None:
        mine = acquire_one(leases, KEY, ADA, TERM)
        assert (mine.key, mine.owner, mine.held, mine.mine, mine.end) == (KEY, ADA, True, True, None)
        theirs = acquire_one(leases, KEY, BOB, TERM)
        assert (theirs.owner, theirs.nonce, theirs.held, theirs.mine) == (ADA, mine.nonce, True, False)
        assert look_at(leases, KEY) == theirs

    def test_it_is_nobodys_twice_not_even_of_one_process(self, leases: LoadLeaseRepository) -> None:
        assert acquire_one(leases, KEY, ADA, TERM).mine
        assert not acquire_one(leases, KEY, ADA, TERM).mine

    def test_different_things_have_nothing_to_do_with_each_other(self, leases: LoadLeaseRepository) -> None:
        acquire_one(leases, KEY, ADA, TERM)
        assert look_at(leases, "id:1") is None
        assert acquire_one(leases, "id:1", BOB, TERM).mine

    def test_who_gives_no_sign_of_life_loses_it(self, leases: LoadLeaseRepository, clock: ManualClock) -> None:
        dead = acquire_one(leases, KEY, ADA, TERM)
        clock.tick(2.9)
        assert not acquire_one(leases, KEY, BOB, TERM).mine
        clock.tick(0.2)
        seen = look_at(leases, KEY)
        assert seen is not None
        assert (seen.nonce, seen.held, seen.end) == (dead.nonce, False, None)
        assert acquire_one(leases, KEY, BOB, TERM).mine

    def test_a_sign_of_life_keeps_it(self, leases: LoadLeaseRepository, clock: ManualClock) -> None:
        mine, other = acquire_one(leases, KEY, ADA, TERM), acquire_one(leases, "id:1", ADA, TERM)
        clock.tick(2)
        leases.renew({mine.nonce: KEY, other.nonce: "id:1"}, TERM)
        clock.tick(2)
        assert not acquire_one(leases, KEY, BOB, TERM).mine
        assert not acquire_one(leases, "id:1", BOB, TERM).mine

    def test_a_sign_of_life_that_comes_too_late_changes_nothing(
        self, leases: LoadLeaseRepository, clock: ManualClock
    ) -> None:
        slow = acquire_one(leases, KEY, ADA, TERM)
        clock.tick(4)
        taken = acquire_one(leases, KEY, BOB, TERM)
        clock.tick(2)
        leases.renew({slow.nonce: KEY}, TERM)
        clock.tick(2)
        seen = look_at(leases, KEY)
        assert seen is not None
        assert (seen.nonce, seen.held) == (taken.nonce, False)

    @pytest.mark.parametrize("end", [*WELL, *BADLY])
    def test_what_has_ended_is_free_and_shows_how(self, leases: LoadLeaseRepository, end: LoadEnd) -> None:
        mine = acquire_one(leases, KEY, ADA, TERM)
        failure: dict[str, Any] = {"kind": "RateLimited", "reason": "$why", "scopes": ["a.$b"], "status": None}
        release_one(leases, mine, end, failure if end is LoadEnd.FAILED else None)
        seen = look_at(leases, KEY)
        assert seen is not None
        assert (seen.nonce, seen.held, seen.end) == (mine.nonce, False, end)
        assert seen.failure == (failure if end is LoadEnd.FAILED else None)
        again = acquire_one(leases, KEY, BOB, TERM)
        assert (again.mine, again.end, again.failure) == (True, None, None)
        assert again.nonce != mine.nonce

    def test_what_has_ended_is_not_renewed(self, leases: LoadLeaseRepository, clock: ManualClock) -> None:
        mine = acquire_one(leases, KEY, ADA, TERM)
        release_one(leases, mine, LoadEnd.LOADED)
        clock.tick(5)
        leases.renew({mine.nonce: KEY}, TERM)
        clock.tick(5)
        assert acquire_one(leases, KEY, BOB, TERM, pause=PAUSE).mine

    def test_what_has_ended_is_free_also_when_the_clock_goes_back(
        self, leases: LoadLeaseRepository, clock: ManualClock
    ) -> None:
        release_one(leases, acquire_one(leases, KEY, ADA, TERM), LoadEnd.LOADED)
        clock.tick(-5)
        assert acquire_one(leases, KEY, BOB, TERM).mine

    def test_who_has_lost_it_tells_nothing_any_more(self, leases: LoadLeaseRepository, clock: ManualClock) -> None:
        slow = acquire_one(leases, KEY, ADA, TERM)
        clock.tick(4)
        taken = acquire_one(leases, KEY, BOB, TERM)
        release_one(leases, slow, LoadEnd.UNKNOWN)
        seen = look_at(leases, KEY)
        assert seen is not None
        assert (seen.nonce, seen.held, seen.end) == (taken.nonce, True, None)

    def test_a_holder_who_began_too_early_loses_it(self, leases: LoadLeaseRepository) -> None:
        acquire_one(leases, KEY, ADA, TERM, generation=4)
        assert not acquire_one(leases, KEY, BOB, TERM, generation=6, since=4).mine
        assert acquire_one(leases, KEY, BOB, TERM, generation=6, since=5).mine
        assert not acquire_one(leases, KEY, ADA, TERM, generation=6, since=6).mine

    @pytest.mark.parametrize("end", WELL)
    def test_what_went_well_lately_is_not_done_again(
        self, leases: LoadLeaseRepository, clock: ManualClock, end: LoadEnd
    ) -> None:
        release_one(leases, acquire_one(leases, KEY, ADA, TERM), end)
        clock.tick(9.9)
        lately = acquire_one(leases, KEY, BOB, TERM, pause=PAUSE, since=7, generation=7)
        assert (lately.mine, lately.held, lately.end) == (False, False, end)
        clock.tick(0.1)
        assert acquire_one(leases, KEY, BOB, TERM, pause=PAUSE).mine

    @pytest.mark.parametrize("end", BADLY)
    def test_what_went_badly_may_be_done_again_at_once(self, leases: LoadLeaseRepository, end: LoadEnd) -> None:
        release_one(leases, acquire_one(leases, KEY, ADA, TERM), end)
        assert acquire_one(leases, KEY, BOB, TERM, pause=PAUSE).mine

    def test_what_was_loaded_under_another_key_counts_as_done(
        self, leases: LoadLeaseRepository, clock: ManualClock
    ) -> None:
        release_one(leases, acquire_one(leases, KEY, ADA, TERM), LoadEnd.UNKNOWN)
        clock.tick(60)
        leases.note_loaded(KEY, ADA)
        lately = acquire_one(leases, KEY, BOB, TERM, pause=PAUSE)
        assert (lately.mine, lately.held, lately.end) == (False, False, LoadEnd.LOADED)
        assert acquire_one(leases, KEY, BOB, TERM).mine

    def test_what_is_noted_takes_no_lease_away(self, leases: LoadLeaseRepository) -> None:
        mine = acquire_one(leases, KEY, ADA, TERM)
        leases.note_loaded(KEY, BOB)
        seen = look_at(leases, KEY)
        assert seen is not None
        assert (seen.nonce, seen.held, seen.end) == (mine.nonce, True, None)

    def test_of_many_those_are_taken_that_are_free(self, leases: LoadLeaseRepository, clock: ManualClock) -> None:
        held = acquire_one(leases, "held", BOB, TERM, generation=4)
        acquire_one(leases, "early", BOB, TERM, generation=2)
        release_one(leases, acquire_one(leases, "ended", BOB, TERM), LoadEnd.FAILED, {"kind": "x"})
        wanted = {"new": 3, "held": 3, "early": 3, "ended": 3}
        seen = leases.acquire(wanted, ADA, TERM, generation=5)
        assert {key: lease.mine for key, lease in seen.items()} == {
            "new": True,
            "held": False,
            "early": True,
            "ended": True,
        }
        assert (seen["held"].nonce, seen["held"].owner, seen["held"].held) == (held.nonce, BOB, True)
        assert (seen["ended"].owner, seen["ended"].end, seen["ended"].failure) == (ADA, None, None)
        assert len({lease.nonce for lease in seen.values()}) == 4
        assert not any(lease.mine for lease in leases.acquire(wanted, BOB, TERM, generation=5).values())
        assert leases.acquire({"new": 6}, BOB, TERM, generation=6)["new"].mine
        clock.tick(3.1)
        assert all(lease.mine for lease in leases.acquire(wanted, BOB, TERM, generation=5).values())

    def test_many_are_looked_up_at_once(self, leases: LoadLeaseRepository) -> None:
        acquire_one(leases, KEY, ADA, TERM)
        release_one(leases, acquire_one(leases, "id:1", ADA, TERM), LoadEnd.UNKNOWN)
        seen = leases.read_leases([KEY, "id:1", "never"])
        assert {key: (lease.held, lease.end) for key, lease in seen.items()} == {
            KEY: (True, None),
            "id:1": (False, LoadEnd.UNKNOWN),
        }

    def test_many_end_each_in_its_own_way(self, leases: LoadLeaseRepository, clock: ManualClock) -> None:
        lost = acquire_one(leases, "lost", ADA, TERM)
        clock.tick(4)
        taken = acquire_one(leases, "lost", BOB, TERM)
        seen = leases.acquire({"well": 0, "badly": 0}, ADA, TERM)
        failure = {"kind": "RateLimited", "reason": "$why"}
        leases.release(
            [
                replace(seen["well"], end=LoadEnd.LOADED),
                replace(seen["badly"], end=LoadEnd.FAILED, failure=failure),
                replace(lost, end=LoadEnd.LOADED),
            ]
        )
        now = leases.read_leases(["well", "badly", "lost"])
        assert {key: (lease.end, lease.held, lease.failure) for key, lease in now.items()} == {
            "well": (LoadEnd.LOADED, False, None),
            "badly": (LoadEnd.FAILED, False, failure),
            "lost": (None, True, None),
        }
        assert now["lost"].nonce == taken.nonce
        leases.release([])

    @pytest.mark.parametrize("end", LoadEnd)
    def test_a_pause_may_follow_other_ends(self, leases: LoadLeaseRepository, clock: ManualClock, end: LoadEnd) -> None:
        release_one(leases, acquire_one(leases, KEY, ADA, TERM), end)
        clock.tick(9.9)
        again = acquire_one(leases, KEY, BOB, TERM, pause=PAUSE, pause_after=frozenset(BADLY))
        assert again.mine == (end in WELL)
        clock.tick(0.2)
        assert again.mine or acquire_one(leases, KEY, BOB, TERM, pause=PAUSE, pause_after=frozenset(BADLY)).mine
