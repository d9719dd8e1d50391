"""Workers that tell each other what they hold, through MongoDB and with or without Redis."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest

from dealcache.embedded import Mongod
from dealcache.figures import Summary
from dealcache.invalidation import Selection
from dealcache.redis_connection import RedisConnection
from dealcache.repositories import Connection, WorkerRegistry
from dealcache.workers import Worker
from tests.integration.group.conftest import MakeMember, Member
from tests.integration.group.test_following import until


def begin(*members: Member) -> None:
    """Start them, and wait until each knows of all."""
    for member in members:
        member.colleagues.start()
    until(lambda: all(len(member.presence.look()) == len(members) - 1 for member in members))


def everywhere(member: Member, prefix: str = "", limit: int = 100) -> Summary:
    return member.colleagues.survey.everywhere(prefix, limit)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine may be so busy that a second is too short for those who are there."""
    monkeypatch.setattr("dealcache.group.survey.PATIENCE_SECONDS", 5.0)


@pytest.fixture(params=[False, True], ids=["without Redis", "with Redis"])
def redis(request: pytest.FixtureRequest) -> RedisConnection | None:
    return request.getfixturevalue("redis_connection") if request.param else None


def test_each_tells_what_all_hold(redis: RedisConnection | None, make_member: MakeMember) -> None:
    ada, bob, cim = make_member(redis), make_member(redis), make_member(redis)
    begin(ada, bob, cim)
    for member, names in ((ada, ["Acme", "Globex"]), (bob, ["Acme", "Other"])):
        for name in names:
            member.keep(name)
    for member in (ada, bob, cim):
        told = everywhere(member)
        assert {row.key for row in told.rows} == {"info:Acme", "info:Globex", "info:Other"}
        assert (told.total, told.workers, told.complete, told.missing) == (3, 3, True, [])
        usages = [one.memory.usage() for one in (ada, bob)]
        assert told.usage.size_bytes == sum(usage.size_bytes for usage in usages)
        assert told.usage.entries == 4
        here = member.colleagues.survey.here("", 100)
        assert (here.total, here.workers) == (len(member.memory.listing()), 1)


def test_it_can_be_narrowed_after_it_was_put_together(make_member: MakeMember) -> None:
    ada, bob = make_member(), make_member()
    begin(ada, bob)
    for place, name in enumerate(("Acme 1", "Acme 2", "Globex 1", "Globex 2", "Acme 3")):
        ada.clock.tick(1)
        bob.clock.now = ada.clock.now
        (ada, bob)[place % 2].keep(name)
    told = everywhere(ada, "info:Acme", 2)
    assert [row.key for row in told.rows] == ["info:Acme 3", "info:Acme 2"]
    assert told.total == 5
    assert everywhere(ada, limit=0).rows == []


def test_many_may_ask_at_once(redis: RedisConnection | None, make_member: MakeMember) -> None:
    members = [make_member(redis) for _ in range(3)]
    begin(*members)
    for number, member in enumerate(members):
        member.keep(f"Deal {number}")
    told: list[Summary] = []
    start = threading.Barrier(6)

    def ask(member: Member) -> None:
        start.wait(10)
        told.append(everywhere(member))

    threads = [threading.Thread(target=ask, args=(member,)) for member in members * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [(one.total, one.workers) for one in told] == [(3, 3)] * 6


def test_redis_tells_of_a_question_at_once(
    redis_connection: RedisConnection, make_member: MakeMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks come a minute apart here, so nothing else can have told."""
    monkeypatch.setattr("dealcache.group.colleagues._LOOK_SECONDS", 60)
    ada, bob = make_member(redis_connection), make_member(redis_connection)
    bob.colleagues.start()

    until(lambda: len(ada.presence.look()) == 1)
    until(lambda: everywhere(ada).complete)
    assert everywhere(ada).workers == 2
    bob.colleagues._bell._silenced.set()
    bob.colleagues._bell.ring()


def test_who_dies_is_named_when_he_is_asked_and_later_forgotten(
    make_member: MakeMember, connection: Connection
) -> None:
    ada, bob = make_member(), make_member()
    begin(ada, bob)
    ada.keep("Acme")
    registry = WorkerRegistry(connection)
    dead = Worker("web-3-9-d", "web-3", 9, answers=True)
    registry.sign(dead)
    told = everywhere(ada)
    assert (told.workers, told.missing, told.complete) == (2, ["web-3-9"], False)
    assert told.total == 1
    with connection.operation() as database:
        assert database.stats_questions.count_documents({}) == 0
        database.workers.update_one({"_id": dead.owner}, [{"$set": {"seen_at": {"$subtract": ["$$NOW", 6_000]}}}])
    told = everywhere(ada)
    assert (told.workers, told.missing, told.complete) == (2, [], True)


def test_who_stops_is_not_asked_any_more(make_member: MakeMember) -> None:
    ada, bob = make_member(), make_member()
    begin(ada, bob)
    bob.colleagues.stop()
    assert ada.presence.look() == ()
    told = everywhere(ada)
    assert (told.workers, told.complete) == (1, True)


def test_a_command_counts_but_is_not_asked(make_member: MakeMember) -> None:
    ada, command = make_member(), make_member()
    ada.colleagues.start()
    command.presence.keep()
    until(lambda: ada.presence.live_count() == 2 and len(command.presence.look()) == 1)
    told = everywhere(ada)
    assert (told.workers, told.complete) == (1, True)
    assert command.presence.live_count() == 2
    command.presence.leave()
    assert ada.presence.look() == ()


def test_without_mongodb_each_tells_its_own_and_says_once_that_the_touch_is_lost(
    make_member: MakeMember, make_mongod: Callable[..., Mongod], caplog: pytest.LogCaptureFixture
) -> None:
    mongod = make_mongod()
    uri = mongod.start()
    ada, bob = make_member(uri=uri), make_member(uri=uri)
    begin(ada, bob)
    ada.keep("Acme")
    bob.keep("Other")
    assert everywhere(ada).total == 2
    logger = "dealcache.group.colleagues"
    with caplog.at_level(logging.INFO, logger):
        mongod.kill()
        told = everywhere(ada)
        assert (told.total, told.workers, told.complete) == (1, 1, False)
        assert told.missing == [bob.presence._worker.shown]
        until(lambda: len(caplog.records) >= 2)
        assert ada.presence.live_count() == 2
        mongod.start()
        until(lambda: everywhere(ada).complete and everywhere(bob).complete)
        until(lambda: len(caplog.records) >= 4)
        assert everywhere(bob).total == 2
    said = [record.getMessage().partition(":")[0] for record in caplog.records if record.name == logger]
    lost, found = "out of touch with the other workers", "in touch with the other workers again"
    assert sorted(said) == sorted([lost, lost, found, found])


def test_what_the_group_does_is_counted(make_member: MakeMember) -> None:
    def value(member: Member, name: str) -> float | None:
        return member.metrics.registry.get_sample_value(f"dealcache_{name}")

    ada, bob = make_member(), make_member()
    ada.keep("Acme")
    ada.group.start()
    bob.group.start()
    until(lambda: bob.journal._position is not None)
    for member in (ada, bob):
        until(lambda member=member: value(member, "workers") == 2)
        until(lambda member=member: value(member, "followed_until_timestamp_seconds") == member.clock.now)
    ada.journal.record(Selection.deals(ids=["7"]))
    ada.journal.record(Selection.deals(ids=["8"]))
    until(lambda: value(bob, "invalidations_applied_total") == 2)
    assert value(ada, "invalidations_applied_total") == 2
    assert [value(one, "invalidations_recorded_total") for one in (ada, bob)] == [2, 0]
    cim = make_member()
    cim.group.start()
    until(lambda: cim.journal._position is not None)
    assert value(cim, "invalidations_applied_total") == 0  # it has no value that what was before concerns
