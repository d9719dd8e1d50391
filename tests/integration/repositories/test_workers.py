"""Signs of life, by MongoDB's own clock, and published statistics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dealcache.model.workers import Worker
from dealcache.repositories import Connection, StoreError, WorkerRegistry, ensure_indexes
from dealcache.repositories.workers import LIVE_SECONDS

ADA = Worker("$web-1-1-a", "$web-1", 1, has_cache=True)
BOB = Worker("web-2-1-b", "web-2", 1)


@pytest.fixture
def registry(connection: Connection) -> WorkerRegistry:
    return WorkerRegistry(connection)


def age(connection: Connection, worker: Worker, seconds: float) -> None:
    """Make the last sign of a worker older."""
    with connection.operation() as database:
        change = {"$subtract": ["$seen_at", int(seconds * 1000)]}
        database.workers.update_one({"_id": worker.owner}, [{"$set": {"seen_at": change}}])


def test_all_that_gave_a_sign_live(registry):
    assert registry.live() == []
    for _ in range(2):
        registry.sign(ADA)
        registry.sign(BOB)
    assert registry.live() == [ADA, BOB]


def test_a_sign_counts_for_some_seconds(registry, connection):
    registry.sign(ADA)
    registry.sign(BOB)
    age(connection, ADA, LIVE_SECONDS - 2)
    age(connection, BOB, LIVE_SECONDS)
    assert registry.live() == [ADA]
    registry.sign(BOB)
    assert registry.live() == [ADA, BOB]


def test_whoever_leaves_is_gone_at_once(registry):
    registry.sign(ADA)
    registry.sign(BOB)
    registry.leave(ADA)
    registry.leave(ADA)
    assert registry.live() == [BOB]


def test_what_a_worker_says_of_itself_is_what_it_said_last(registry):
    registry.sign(BOB)
    caching = Worker(BOB.owner, BOB.host, BOB.pid, has_cache=True)
    registry.sign(caching)
    assert registry.live() == [caching]


def test_the_document_tells_since_when_it_lives(registry, connection):
    registry.sign(ADA)
    with connection.operation() as database:
        first = database.workers.find_one()
        now = database.command("serverStatus")["localTime"]
    registry.sign(ADA)
    with connection.operation() as database:
        second = database.workers.find_one()
    assert first["started_at"] == first["seen_at"] == second["started_at"]
    assert second["seen_at"] >= first["seen_at"]
    assert timedelta(0) <= now.replace(tzinfo=UTC) - first["seen_at"] < timedelta(seconds=30)
    assert (first["_id"], first["host"], first["pid"]) == (ADA.owner, ADA.host, ADA.pid)


def test_a_document_of_another_kind_is_an_error(registry, connection):
    with connection.operation() as database:
        database.workers.insert_one({"_id": "x", "seen_at": datetime(2999, 1, 1, tzinfo=UTC)})
    with pytest.raises(StoreError, match="workers"):
        registry.live()


def test_statistics_are_those_published_last_until_their_worker_leaves(registry):
    for message in (b"\x00old", b"\x00new"):
        registry.publish_statistics(ADA.owner, message)
    registry.publish_statistics(BOB.owner, b"others")
    assert registry.statistics([ADA.owner, "unknown"]) == {ADA.owner: b"\x00new"}
    registry.leave(ADA)
    assert registry.statistics([ADA.owner, BOB.owner]) == {BOB.owner: b"others"}


def test_statistics_that_a_dead_worker_left_expire(registry, connection):
    ensure_indexes(connection)
    registry.publish_statistics(ADA.owner, b"x")
    with connection.operation() as database:
        (index,) = (one for one in database.worker_statistics.list_indexes() if "expireAfterSeconds" in one)
        document = database.worker_statistics.find_one()
    assert isinstance(document[next(iter(index["key"]))], datetime)
