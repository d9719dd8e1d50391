"""Invalidations of one process reach all others, in one order, and none is lost when MongoDB is."""

from __future__ import annotations

import pytest

from dealcache.model.invalidation import INFO, TIMELINE, Changes, Selection
from dealcache.repositories import Connection, StoreUnavailable
from dealcache.tiers import MemoryTier
from tests.clocks import ManualClock
from tests.integration.cluster.conftest import MakeMember, Member, key
from tests.integration.repositories.races import race
from tests.relay import Relay

ACME = Selection.deals(ids=["7"])


def changes(deal_id: str = "7", *views: str) -> Changes:
    noted = Changes()
    noted.note(deal_id, views or (INFO,), ["Acme"])
    return noted


@pytest.fixture
def ada(make_member: MakeMember) -> Member:
    return make_member()


@pytest.fixture
def bob(make_member: MakeMember) -> Member:
    member = make_member()
    member.publisher.catch_up()
    return member


def test_an_invalidation_holds_here_when_it_returns_and_elsewhere_when_it_is_read(ada: Member, bob: Member) -> None:
    ada.keep()
    bob.keep()
    applied = ada.publisher.record(ACME)
    assert applied.cleared == {"info:Acme"}
    assert applied.everywhere
    assert not ada.has()
    assert bob.has()
    bob.publisher.catch_up()
    assert not bob.has()


def test_a_load_under_way_elsewhere_brings_nothing_back(ada: Member, bob: Member) -> None:
    token = bob.cache.fence.token()
    ada.publisher.record(ACME)
    bob.publisher.catch_up()
    bob.keep(token=token)
    assert not bob.has()
    bob.keep()
    assert bob.has()


def test_a_load_keeps_what_it_invalidated_the_old_value_for(ada: Member, bob: Member) -> None:
    bob.keep()
    token = ada.cache.fence.token()
    applied = ada.publisher.record(ACME, changes(), claim=token)
    assert applied.token is not None
    ada.keep(token=applied.token)
    ada.publisher.catch_up()
    assert ada.has()
    bob.publisher.catch_up()
    assert not bob.has()


def test_a_load_that_somebody_elsewhere_overtook_keeps_nothing(ada: Member, bob: Member) -> None:
    """Its value may be older than what the other has invalidated, although its own invalidation comes later."""
    ada.publisher.catch_up()
    token = ada.cache.fence.token()
    bob.publisher.record(ACME)
    applied = ada.publisher.record(ACME, changes(), claim=token)
    assert applied.token is None
    ada.keep(token=token)
    assert not ada.has()


def test_views_that_changed_are_heard_once_by_every_process(ada: Member, bob: Member) -> None:
    ada.publisher.changed(changes("7", INFO, TIMELINE))
    ada.publisher.settle()
    ada.publisher.record(ACME)
    ada.publisher.catch_up()
    bob.publisher.catch_up()
    for member in (ada, bob):
        assert [dict(one.views) for one in member.heard] == [{"7": {"info", "timeline"}}]


def test_a_newcomer_hears_nothing_of_what_was_before(ada: Member, make_member: MakeMember) -> None:
    ada.publisher.changed(changes())
    ada.publisher.settle()
    late = make_member()
    late.publisher.catch_up()
    assert late.heard == []


def test_what_syncs_change_holds_here_before_it_is_recorded(ada: Member, bob: Member) -> None:
    ada.keep()
    bob.keep()
    ada.publisher.changed(changes())
    assert not ada.has()
    ada.publisher.settle()
    bob.publisher.catch_up()
    assert not bob.has()


def test_doubt_makes_everything_untrusted_everywhere_but_for_bad_times(ada: Member, bob: Member) -> None:
    for member in (ada, bob):
        member.keep("Acme", "7")
        member.keep("Other", "8")
        member.clock.tick(1)
    ada.publisher.doubt()
    assert not ada.has("Acme")
    ada.publisher.settle()
    bob.publisher.catch_up()
    for member in (ada, bob):
        for name in ("Acme", "Other"):
            assert not member.has(name)
            kept = member.cache.kept(key(name))
            assert kept is not None
            assert kept.stale
        member.clock.tick(1)
        member.keep("Acme", "7")
        assert member.has("Acme")


def test_a_load_under_way_is_not_trusted_after_doubt(ada: Member, bob: Member) -> None:
    token = bob.cache.fence.token()
    ada.publisher.doubt()
    ada.publisher.settle()
    bob.publisher.catch_up()
    bob.clock.tick(1)
    bob.keep(token=token)
    assert not bob.has()


def test_many_threads_and_processes_invalidate_at_once_and_nobody_misses_any(make_member: MakeMember) -> None:
    members = [make_member() for _ in range(3)]
    for member in members:
        member.publisher.catch_up()
        for number in range(60):
            member.keep(f"Deal {number}", str(number))

    def work(thread: int) -> None:
        for turn in range(10):
            deal = Selection.deals(ids=[str(thread * 10 + turn)])
            assert members[thread % 3].publisher.record(deal).everywhere

    race(work, 6)
    for member in members:
        member.publisher.catch_up()
        assert not any(member.has(f"Deal {number}") for number in range(60))


def test_a_selection_of_any_size_is_recorded(ada: Member, bob: Member) -> None:
    many = Selection.deals(ids=map(str, range(1_234)))
    bob.keep("Acme", "1233")
    assert ada.publisher.record(many).everywhere
    bob.publisher.catch_up()
    assert not bob.has()


def test_who_was_away_for_too_long_lets_everything_go(ada: Member, bob: Member, connection: Connection) -> None:
    bob.keep()
    ada.publisher.record(Selection.deals(ids=["other"]))
    bob.publisher.catch_up()
    assert bob.has()
    with connection.operation() as database:
        database.invalidations.delete_many({})
    ada.publisher.record(Selection.deals(ids=["another"]))
    bob.publisher.catch_up()
    assert not bob.has()
    # And it follows the new record from there.
    bob.keep()
    ada.publisher.record(ACME)
    bob.publisher.catch_up()
    assert not bob.has()


def test_a_log_restored_from_a_snapshot_makes_what_redis_holds_worthless(
    make_member: MakeMember, connection: Connection
) -> None:
    shared = MemoryTier(10_000_000, ManualClock(1_800_000_000.0))
    before = make_member(shared=shared)
    before.publisher.catch_up()
    for number in range(5):
        before.publisher.record(Selection.deals(ids=[str(number)]))
    before.keep()
    with connection.operation() as database:
        database.invalidations.delete_many({"_id": {"$gt": 3}})
    after = make_member(shared=shared)
    after.publisher.catch_up()
    assert not after.looks_up()
    after.publisher.check_history()
    for _ in range(2):  # the log reaches the generation of the value again
        after.publisher.record(Selection.deals(ids=["99"]))
    assert not after.looks_up()
    after.keep()
    assert after.looks_up()


def test_a_value_of_a_process_that_is_ahead_is_trusted_once_its_generation_is_known(make_member: MakeMember) -> None:
    shared = MemoryTier(10_000_000, ManualClock(1_800_000_000.0))
    ahead, behind = make_member(shared=shared), make_member(shared=shared)
    for member in (ahead, behind):
        member.publisher.catch_up()
    ahead.publisher.record(Selection.deals(ids=["99"]))
    ahead.keep()
    assert not behind.looks_up()
    behind.publisher.check_history()
    assert behind.looks_up()


def test_without_mongodb_an_invalidation_holds_here_and_is_recorded_later(
    make_member: MakeMember, relay: Relay, relayed_uri: str
) -> None:
    ada, bob = make_member(uri=relayed_uri), make_member(uri=relayed_uri)
    for member in (ada, bob):
        member.publisher.catch_up()
        member.keep()
    relay.cut()

    applied = ada.publisher.record(ACME, changes("7", TIMELINE))
    assert (applied.cleared, applied.everywhere) == ({"info:Acme"}, False)
    assert not ada.has()
    ada.publisher.changed(changes("8"))
    with pytest.raises(StoreUnavailable):
        ada.publisher.settle()

    relay.mend()
    _wait_until_recorded(ada)
    bob.publisher.catch_up()
    assert not bob.has()
    assert {deal_id for one in bob.heard for deal_id in one.views} == {"7", "8"}


@pytest.mark.long
def test_doubts_that_cannot_be_recorded_leave_what_may_serve_in_bad_times(
    make_member: MakeMember, relay: Relay, relayed_uri: str
) -> None:
    ada, bob = make_member(uri=relayed_uri), make_member(uri=relayed_uri)
    for member in (ada, bob):
        member.publisher.catch_up()
        member.keep()
        member.clock.tick(100)  # the doubt goes by the real clock, and MongoDB takes its time to fail
    relay.cut()
    for _ in range(3):
        ada.publisher.doubt()
        with pytest.raises(StoreUnavailable):
            ada.publisher.settle()
    assert not ada.has()
    assert ada.cache.kept(key()) is not None
    relay.mend()
    _wait_until_recorded(ada)
    bob.publisher.catch_up()
    assert not bob.has()
    assert bob.cache.kept(key()) is not None


@pytest.mark.long
def test_what_could_not_be_recorded_becomes_everything_when_it_is_too_much(
    make_member: MakeMember, relay: Relay, relayed_uri: str
) -> None:
    ada, bob = make_member(uri=relayed_uri), make_member(uri=relayed_uri)
    bob.publisher.catch_up()
    bob.keep("Unrelated", "unrelated")
    relay.cut()
    for start in range(0, 6_000, 1_000):
        ada.publisher.record(Selection.deals(ids=map(str, range(start, start + 1_000))))
    relay.mend()
    _wait_until_recorded(ada)
    bob.publisher.catch_up()
    assert not bob.has("Unrelated")


def _wait_until_recorded(member: Member) -> None:
    for _ in range(100):
        try:
            member.publisher.settle()
        except StoreUnavailable:
            continue
        return
    raise AssertionError("it is never recorded")
