"""The repositories while MongoDB goes away and comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dealcache.breaker import Breaker
from dealcache.model.deals import DealKey
from dealcache.repositories import (
    Connection,
    DealInfoRepository,
    DealStore,
    DealSummaries,
    DealTimelineRepository,
    ParticipantRepository,
    PeopleRepository,
    StoreError,
    StoreUnavailable,
    ensure_indexes,
)
from dealcache.sandbox.embedded import Mongod
from tests.freezing import frozen
from tests.integration.repositories.listed import all_deals
from tests.unit.repositories.samples import NOON, a_deal, a_load


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mongod(make_mongod: Callable[..., Mongod]) -> Mongod:
    return make_mongod()


@pytest.fixture
def doomed(mongod: Mongod, clock: Clock) -> Iterator[Connection]:
    connection = Connection(mongod.start(), "dealcache", breaker=Breaker(clock=clock))
    ensure_indexes(connection)
    yield connection
    connection.close()


def refusal(work: Callable[[], object]) -> str:
    with pytest.raises(StoreUnavailable) as refused:
        work()
    return str(refused.value)


#: What is said by a server that did not answer, and by the breaker, which does not ask.
UNANSWERED, UNASKED = "MongoDB does not answer", "MongoDB did not answer a moment ago"


def test_killed_and_started_again(doomed: Connection, mongod: Mongod, clock: Clock) -> None:
    deals = DealInfoRepository(doomed)
    people = PeopleRepository(doomed, ParticipantRepository(doomed))
    store = DealStore(deals, DealTimelineRepository(doomed), DealSummaries(doomed), people)
    store.save(a_load(1, 2))
    mongod.kill()
    assert UNANSWERED in refusal(lambda: deals.find(DealKey("id", "1")))
    assert UNASKED in refusal(lambda: store.save(a_load(1)))
    assert UNASKED in refusal(lambda: ensure_indexes(doomed))
    clock.now += 2
    assert UNANSWERED in refusal(lambda: doomed.ping(0.3))
    mongod.start()
    with pytest.raises(StoreUnavailable):
        doomed.ping(1.0)
    clock.now += 2
    doomed.ping(30.0)
    (stored,) = deals.find(DealKey("id", "1"))
    assert stored.timeline_synced_at == NOON


def test_acknowledged_writes_survive_a_crash(doomed: Connection, mongod: Mongod) -> None:
    deals = DealInfoRepository(doomed)
    for number in range(50):
        deals.store([a_deal(str(number))], NOON)
    mongod.kill()
    uri = mongod.start()
    again = Connection(uri, "dealcache")
    assert len(all_deals(DealInfoRepository(again))) == 50
    again.close()


def test_a_mongod_that_hangs_is_as_good_as_gone(mongod: Mongod, clock: Clock) -> None:
    # But for the ping's own time, the socket would wait for longer than a test may take.
    hanging = Connection(f"{mongod.start()}?socketTimeoutMS=600000", "dealcache", breaker=Breaker(clock=clock))
    hanging.ping(30.0)
    assert mongod.pid is not None
    with frozen(mongod.pid):
        assert UNANSWERED in refusal(lambda: hanging.ping(0.3))
        assert UNASKED in refusal(lambda: hanging.ping(0.3))
    hanging.close()


def test_making_a_connection_does_not_need_the_server() -> None:
    began = time.monotonic()
    connection = Connection("mongodb://ada:hunter2@127.0.0.1:1/", "dealcache")
    with pytest.raises(StoreUnavailable) as unavailable:
        DealInfoRepository(connection).live_count()
    assert "hunter2" not in str(unavailable.value)
    assert time.monotonic() - began < 28  # the driver would wait for thirty seconds
    connection.close()


def test_a_value_that_cannot_be_stored_is_left_out_and_mongodb_stays_in_use(connection: Connection) -> None:
    deals = DealInfoRepository(connection)
    deals.store([a_deal(deal_name="half a pair: \ud83d"), a_deal(deal_id="2")], NOON)
    assert all_deals(deals) == ["2"]


def test_a_closed_connection_raises_our_error(mongodb_uri: str) -> None:
    connection = Connection(mongodb_uri, "dealcache")
    connection.close()
    with pytest.raises(StoreError):
        connection.ping(1.0)


def test_a_replica_set_is_written_to_with_the_majority(make_mongod: Callable[..., Mongod], tmp_path: Path) -> None:
    uri = make_mongod("member", replica_set="rs0").start()
    connection = Connection(uri, "dealcache")
    DealInfoRepository(connection).store([a_deal()], NOON)
    with connection.operation() as database:
        assert database.write_concern.document == {"w": "majority", "j": True}
        assert "setName" in database.command("hello")
    connection.close()
