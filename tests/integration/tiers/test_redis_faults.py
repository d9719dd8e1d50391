"""A Redis that is gone, hangs, comes back or refuses: what that costs, and that all is well afterwards.

Costs are counted in operations that reached Redis, not in time: each of them may cost one time-out, all others nothing.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from dealcache.breaker import Breaker
from dealcache.model.invalidation import Selection
from dealcache.model.workers import RedisUnavailable
from dealcache.redis_connection import PAUSE_SECONDS, RedisConnection
from dealcache.tiers.redis import RedisTier
from tests.clocks import ManualClock
from tests.redis_server import RedisServer
from tests.tier_contract import always, entry, key


class CountingBreaker(Breaker):
    """Counts the operations that it lets through, and those that failed."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(PAUSE_SECONDS, clock)
        self._counting = threading.Lock()
        self.admitted = 0
        self.failures = 0

    def admit(self) -> None:
        super().admit()
        with self._counting:
            self.admitted += 1

    def failed(self) -> None:
        super().failed()
        with self._counting:
            self.failures += 1

    def counted(self) -> tuple[int, int]:
        """Return how many came through, and how many of them failed, since this was asked last."""
        with self._counting:
            counted = self.admitted, self.failures
            self.admitted = self.failures = 0
        return counted


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def breaker(clock: ManualClock) -> CountingBreaker:
    return CountingBreaker(clock)


@pytest.fixture
def connection(own_redis: RedisServer, breaker: CountingBreaker) -> Iterator[RedisConnection]:
    connection = RedisConnection(own_redis.url, "n", breaker=breaker)
    yield connection
    connection.close()


@pytest.fixture
def tier(connection: RedisConnection, clock: ManualClock, breaker: CountingBreaker) -> RedisTier:
    tier = RedisTier(connection, clock)
    assert tier.put(key(), entry(clock), always)
    breaker.counted()
    return tier


def fails(action: Callable[[], object]) -> bool:
    try:
        action()
    except RedisUnavailable:
        return True
    return False


OPERATIONS: dict[str, Callable[[RedisTier, ManualClock], object]] = {
    "get": lambda tier, clock: tier.get(key()),
    "get many": lambda tier, clock: tier.get_many([key("A"), key("B")]),
    "put": lambda tier, clock: tier.put(key(), entry(clock), always),
    "invalidate": lambda tier, clock: tier.invalidate(Selection.deals(ids=["1"])),
    "clear": lambda tier, clock: tier.invalidate(Selection.all()),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_each_operation_says_that_redis_is_not_there(own_redis, tier, clock, breaker, operation, fault):
    getattr(own_redis, fault)()
    assert fails(lambda: operation(tier, clock))
    assert breaker.counted() == (1, 1)
    assert fails(lambda: operation(tier, clock)), "also while nobody asks it"
    assert breaker.counted() == (0, 0)


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_costs_one_time_out_for_each_pause(own_redis, tier, clock, breaker, fault):
    getattr(own_redis, fault)()
    for _ in range(3):
        assert all(fails(lambda: tier.get(key())) for _ in range(50))
        assert breaker.counted() == (1, 1)
        clock.tick(PAUSE_SECONDS)


def test_a_time_out_is_not_waited_for_twice(clock):
    """A server that accepts connections and never says a word: nobody tries a second one."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0)
        connection = RedisConnection(f"redis://127.0.0.1:{silent.getsockname()[1]}", "n")
        tier = RedisTier(connection, clock)
        assert all(fails(lambda: tier.get(key())) for _ in range(3))
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()
        connection.close()


def test_who_asks_for_nothing_asks_nobody(own_redis, tier, breaker):
    own_redis.kill()
    assert tier.get_many([]) == {}
    assert tier.invalidate(Selection()) == set()
    assert breaker.counted() == (0, 0)


def test_costs_each_of_those_who_were_asking_one_time_out(own_redis, tier, clock, breaker):
    own_redis.freeze()
    begin = threading.Barrier(16)

    def read(_number: int) -> int:
        begin.wait(60)
        return sum(fails(lambda: tier.get(key())) for _ in range(20))

    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(read, range(16))) == [20] * 16
    admitted, failures = breaker.counted()
    assert 1 <= admitted == failures <= 16
    clock.tick(PAUSE_SECONDS)
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(read, range(16)))
    assert breaker.counted() == (1, 1), "one probe for all"


def test_works_again_when_redis_goes_on(own_redis, tier, clock, breaker):
    own_redis.freeze()
    assert fails(lambda: tier.get(key()))
    own_redis.thaw()
    assert fails(lambda: tier.get(key())), "nobody has asked it yet"
    clock.tick(PAUSE_SECONDS)
    assert tier.get(key()) is not None
    assert tier.invalidate(Selection.all()) == {"timeline:Acme"}
    assert breaker.counted() == (3, 1)


def test_works_again_when_redis_is_back_and_empty(own_redis, tier, clock, breaker):
    own_redis.kill()
    assert fails(lambda: tier.get(key()))
    own_redis.start()
    clock.tick(PAUSE_SECONDS)
    assert tier.get(key()) is None
    assert tier.put(key(), entry(clock), always), "it does not know the scripts any more"
    assert tier.get(key()) == entry(clock)


def test_nobody_notices_a_restart_between_two_operations(own_redis, tier, clock, breaker):
    own_redis.kill()
    own_redis.start()
    assert tier.get(key()) is None
    assert tier.put(key(), entry(clock), always)
    assert tier.invalidate(Selection.deals(names=["acme"])) == {"timeline:Acme"}
    assert breaker.counted() == (3, 0)


def test_what_could_not_be_cleared_is_still_there(own_redis, tier, clock):
    own_redis.freeze()
    assert fails(lambda: tier.invalidate(Selection.deals(ids=["2"])))
    assert fails(lambda: tier.invalidate(Selection.all()))
    own_redis.thaw()
    clock.tick(PAUSE_SECONDS)
    assert tier.get(key()) is not None


def test_a_redis_without_room_refuses_new_values_and_gives_old_ones(own_redis, connection, tier, clock, breaker):
    with connection.operation() as client:
        client.config_set("maxmemory", 1)
    breaker.counted()
    with pytest.raises(RedisUnavailable, match="refused"):
        tier.put(key("B"), entry(clock), always)
    assert tier.get(key()) is not None
    assert tier.invalidate(Selection.all()) == {"timeline:Acme"}
    assert breaker.counted() == (3, 0)


def test_a_pool_in_full_use_is_no_fault_of_redis(own_redis, clock, breaker):
    connection = RedisConnection(own_redis.url, "n", threads=1, breaker=breaker)
    tier = RedisTier(connection, clock)
    with connection.operation() as client:
        held = client.connection_pool.get_connection()
    with pytest.raises(RedisUnavailable, match="in use"):
        tier.get(key())
    client.connection_pool.release(held)
    assert tier.get(key()) is None
    assert breaker.counted()[1] == 0
    connection.close()


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_an_error_shows_neither_host_nor_password(own_redis, clock, fault):
    url = own_redis.url.replace("redis://", "redis://:hidden@")
    connection = RedisConnection(url, "n")
    getattr(own_redis, fault)()
    with pytest.raises(RedisUnavailable) as raised:
        RedisTier(connection, clock).get(key())
    assert "hidden" not in str(raised.value)
    assert str(own_redis.port) not in str(raised.value)
    connection.close()
