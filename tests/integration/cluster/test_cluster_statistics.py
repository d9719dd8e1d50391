"""Workers that publish what they hold, and show what all of them do."""

from __future__ import annotations

import logging

import pytest

from dealcache.cluster.paging import Page
from dealcache.cluster.statistics import Summary, encode
from dealcache.model.invalidation import Selection
from dealcache.model.workers import Worker
from dealcache.repositories import Connection, WorkerRegistry
from tests.integration.cluster.conftest import MakeMember, Member
from tests.relay import Relay
from tests.waiting import until


def begin(*members: Member) -> None:
    """Start them, and wait until each knows of all."""
    for member in members:
        member.start()
    until(lambda: all(len(member.membership.find_others()) == len(members) - 1 for member in members))


def everywhere(member: Member, prefix: str = "", limit: int = 100) -> Summary:
    return member.statistics.everywhere(Page(prefix, limit))


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs of life, and statistics with them, come every few milliseconds."""
    monkeypatch.setattr("dealcache.cluster.membership.SIGN_SECONDS", 0.02)
    monkeypatch.setattr("dealcache.cluster.cluster_statistics._CPU_SHARE", 1.0)
    monkeypatch.setattr("dealcache.cluster.cluster_statistics._RENEW_SECONDS", 0.5)


def test_each_shows_what_all_hold(make_member: MakeMember) -> None:
    ada, bob, cim = make_member(), make_member(), make_member()
    begin(ada, bob, cim)
    for member, names in ((ada, ["Acme", "Globex"]), (bob, ["Acme", "Other"])):
        for name in names:
            member.keep(name)
    for member in (ada, bob, cim):
        until(lambda member=member: everywhere(member).usage.entries == 4)
        told = everywhere(member)
        assert {row.key for row in told.rows} == {"info:Acme", "info:Globex", "info:Other"}
        assert (told.total, told.workers, told.complete, told.missing) == (3, 3, True, [])
        assert told.usage.size_bytes == sum(one.memory.usage().size_bytes for one in (ada, bob))
        here = member.statistics.here(Page("", 100))
        assert (here.total, here.workers) == (member.memory.usage().entries, 1)


def test_its_own_are_exact(make_member: MakeMember, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bob = make_member(), make_member()
    begin(ada, bob)
    bob.keep("Other")
    until(lambda: everywhere(ada).total == 1)
    ada.membership._thread.stop()
    ada.keep("Acme")
    assert {row.key for row in everywhere(ada).rows} == {"info:Acme", "info:Other"}


def test_what_was_cleared_is_shown_of_no_worker(make_member: MakeMember) -> None:
    ada, bob = make_member(), make_member()
    begin(ada, bob)
    for member in (ada, bob):
        member.publisher.catch_up()
    for number, name in enumerate(("Acme", "Other", "Third")):
        bob.keep(name, str(number))
    until(lambda: everywhere(ada).total == 3)
    bob.membership._thread.stop()  # what it has published stays as it is, and so does its memory
    ada.publisher.record(Selection.deals(names=["acme"]))
    assert {row.key for row in everywhere(ada).rows} == {"info:Other", "info:Third"}
    ada.publisher.record(Selection.deals(ids=["1"]))
    assert [row.key for row in everywhere(ada).rows] == ["info:Third"]
    ada.publisher.record(Selection.all())
    told = everywhere(ada)
    assert (told.rows, told.total, told.usage.size_bytes, told.workers) == ([], 0, 0, 2)
    bob.publisher.catch_up()
    bob.keep("Acme", token=bob.cache.fence.token())
    bob.statistics.publish()
    assert [row.key for row in everywhere(ada).rows] == ["info:Acme"]


def test_a_worker_that_dies_counts_until_its_signs_are_old(make_member: MakeMember, connection: Connection) -> None:
    ada, bob = make_member(), make_member()
    begin(ada, bob)
    until(lambda: everywhere(ada).complete)
    registry = WorkerRegistry(connection)
    dead = Worker("web-3-9-d", "web-3", 9, has_cache=True)
    registry.sign(dead)
    told = everywhere(ada)
    assert (told.workers, told.missing, told.complete) == (2, ["web-3-9"], False)
    registry.publish_statistics(dead.owner, encode(bob.own_statistics()))
    until(lambda: everywhere(ada).workers == 3)
    with connection.operation() as database:
        database.workers.update_one({"_id": dead.owner}, [{"$set": {"seen_at": {"$subtract": ["$$NOW", 6_000]}}}])
    told = everywhere(ada)
    assert (told.workers, told.missing, told.complete) == (2, [], True)


def test_a_worker_that_stops_is_gone_at_once(make_member: MakeMember) -> None:
    ada, bob = make_member(), make_member()
    begin(ada, bob)
    bob.membership.stop()
    assert ada.membership.find_others() == ()
    told = everywhere(ada)
    assert (told.workers, told.complete) == (1, True)


def test_a_command_counts_but_has_no_statistics(make_member: MakeMember) -> None:
    ada, command = make_member(), make_member()
    ada.start()
    command.membership.start()
    until(lambda: ada.membership.live_count() == 2 and len(command.membership.find_others()) == 1)
    told = everywhere(ada)
    assert (told.workers, told.complete) == (1, True)
    assert command.membership.live_count() == 2
    command.membership.stop()
    assert ada.membership.find_others() == ()


def test_without_mongodb_each_tells_its_own_and_says_once_that_it_is_gone(
    make_member: MakeMember, relay: Relay, relayed_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    ada, bob = make_member(uri=relayed_uri), make_member(uri=relayed_uri)
    begin(ada, bob)
    ada.keep("Acme")
    bob.keep("Other")
    until(lambda: everywhere(ada).total == 2)
    logger = "dealcache.background"
    with caplog.at_level(logging.INFO, logger):
        relay.cut()
        told = everywhere(ada)
        assert (told.total, told.workers, told.complete) == (1, 1, False)
        assert told.missing == [bob.membership.worker.shown]
        until(lambda: len(caplog.records) >= 2)
        assert ada.membership.live_count() == 2
        relay.mend()
        until(lambda: everywhere(ada).complete and everywhere(bob).complete)
        until(lambda: len(caplog.records) >= 4)
        until(lambda: everywhere(bob).total == 2)
    said = [record.getMessage().partition(":")[0] for record in caplog.records if record.name == logger]
    lost, found = "membership failed and is tried again", "membership works again"
    assert sorted(said) == sorted([lost, lost, found, found])


def test_workers_and_invalidations_are_counted(make_member: MakeMember) -> None:
    def value(member: Member, name: str) -> float | None:
        return member.metrics.registry.get_sample_value(f"dealcache_{name}")

    ada, bob = make_member(), make_member()
    ada.keep("Acme")
    for member in (ada, bob):
        member.follow()
        member.start()
    until(lambda: bob.publisher._position is not None)
    for member in (ada, bob):
        until(lambda member=member: value(member, "workers") == 2)
        until(lambda member=member: value(member, "followed_until_timestamp_seconds") == member.clock.now)
    ada.publisher.record(Selection.deals(ids=["7"]))
    ada.publisher.record(Selection.deals(ids=["8"]))
    until(lambda: value(bob, "invalidations_applied_total") == 2)
    assert value(ada, "invalidations_applied_total") == 2
    assert [value(one, "invalidations_recorded_total") for one in (ada, bob)] == [2, 0]
    cim = make_member()
    cim.follow()
    until(lambda: cim.publisher._position is not None)
    assert value(cim, "invalidations_applied_total") == 0  # it has no value that what was before concerns
