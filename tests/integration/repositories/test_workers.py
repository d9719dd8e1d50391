"""Signs of life, by MongoDB's own clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dealcache.repositories import Connection, StoreError, WorkerRegistry
from dealcache.repositories.workers import LIVE_SECONDS
from dealcache.workers import Worker

ADA = Worker("$web-1-1-a", "$web-1", 1, answers=True)
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
    answering = Worker(BOB.owner, BOB.host, BOB.pid, answers=True)
    registry.sign(answering)
    assert registry.live() == [answering]


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
