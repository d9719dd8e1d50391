"""The particulars of the Redis tier: how long entries live, its indexes, and values that it cannot read."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from dealcache import redis_connection as redis_connection_module
from dealcache.model.invalidation import Selection
from dealcache.redis_connection import RedisConnection
from dealcache.tiers import View, wire
from dealcache.tiers.redis import MOST_OF_ONE, RedisTier
from dealcache.tiers.wire import MAX_BODY_BYTES
from tests.clocks import ManualClock
from tests.redis_server import RedisServer
from tests.tier_contract import always, entry, key, unknown
from tests.waiting import until


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tier(redis_connection: RedisConnection, clock: ManualClock) -> RedisTier:
    return RedisTier(redis_connection, clock)


def keys_of(connection: RedisConnection) -> set[str]:
    """All keys that the namespace has, without their prefix."""
    prefix = connection.key(wire.VERSION, "")
    with connection.operation() as client:
        return {name.decode().removeprefix(prefix) for name in client.scan_iter(match=f"{prefix}*")}


def seconds_left(connection: RedisConnection, *parts: str) -> float:
    with connection.operation() as client:
        return client.pttl(connection.key(wire.VERSION, *parts)) / 1000


def members(connection: RedisConnection, *parts: str) -> set[bytes]:
    with connection.operation() as client:
        return set(client.zrange(connection.key(wire.VERSION, *parts), 0, -1))


def test_an_entry_lives_for_what_is_left_of_its_time(tier, clock, redis_connection):
    kept, nobody = entry(clock), unknown(clock)
    clock.tick(20)
    tier.put(key(), kept, always)
    tier.put(key("Typo"), nobody, always)
    assert 570 < seconds_left(redis_connection, "entry", "timeline:name:Acme") <= 580
    assert 5 < seconds_left(redis_connection, "entry", "timeline:name:Typo") <= 10


def test_nothing_is_kept_past_its_time_even_if_it_is_worth_keeping(tier, clock, redis_connection):
    stale = entry(clock)
    clock.tick(600)
    assert not tier.put(key(), stale, always)
    assert keys_of(redis_connection) == set()


def test_an_entry_goes_when_its_time_is_over_and_leaves_nothing(redis_connection):
    tier = RedisTier(redis_connection)
    short = replace(entry(time.time), expires_at=time.time() + 1.5)
    assert tier.put(key(), short, always)
    assert tier.get(key()) == short
    until(lambda: tier.get(key()) is None)
    until(lambda: keys_of(redis_connection) == set())


def test_what_has_expired_leaves_the_indexes_when_the_next_entry_comes(redis_connection):
    tier = RedisTier(redis_connection)
    tier.put(key(view=View.INFO), entry(time.time), always)
    tier.put(key(), replace(entry(time.time), expires_at=time.time() + 1.5), always)

    def trimmed() -> bool:
        tier.put(key(view=View.ACTIVITIES_COUNT), entry(time.time), always)
        left = [members(redis_connection, *index) for index in (("all",), ("by-id", "1"), ("by-name", "acme"))]
        return left == [{b"info:name:Acme", b"activities_count:name:Acme"}] * 3

    assert not trimmed(), "an entry is never without its indexes"
    until(trimmed)
    assert tier.get(key()) is None


def test_an_index_lives_as_long_as_the_last_of_its_entries(tier, clock, redis_connection):
    for lives, expected in ((600, 600), (30, 600), (900, 900)):
        tier.put(key(f"{lives}"), replace(entry(clock), expires_at=clock() + lives), always)
        for index in (("all",), ("by-id", "1")):
            assert expected - 10 < seconds_left(redis_connection, *index) <= expected + 1
    assert 20 < seconds_left(redis_connection, "by-name", "30") <= 31


@pytest.mark.parametrize(
    "selection",
    [Selection.all(), Selection.deals(ids=["1"]), Selection.deals(names=["acme"])],
    ids=["all", "id", "name"],
)
def test_clearing_leaves_no_key_behind(tier, clock, redis_connection, selection):
    for name in ("Acme", "ACME"):
        for view in View:
            tier.put(key(name, view), entry(clock), always)
    tier.put(key("1", by="id"), entry(clock), always)
    assert "by-name:acme" in keys_of(redis_connection)
    tier.invalidate(selection)
    assert keys_of(redis_connection) == set()


def test_a_replacement_leaves_the_indexes_of_the_value_before(tier, clock, redis_connection):
    tier.put(key("1", by="id"), entry(clock, "1", "Before"), always)
    tier.put(key("1", by="id"), entry(clock, "1", "After"), always)
    assert keys_of(redis_connection) == {"entry:timeline:id:1", "all", "by-id:1", "by-name:after"}


def test_a_deal_has_a_bounded_number_of_entries(tier, clock):
    spelled = [f"{number:09b}".replace("0", "a").replace("1", "A") for number in range(MOST_OF_ONE + 1)]
    assert all(tier.put(key(name), entry(clock, None, None), always) for name in spelled[:MOST_OF_ONE])
    assert not tier.put(key(spelled[-1]), entry(clock, None, None), always)
    assert tier.put(key(spelled[0]), entry(clock, None, None), always), "it is there already"
    assert tier.put(key("other"), entry(clock, None, None), always)
    assert len(tier.invalidate(Selection.deals(names=["a" * 9]))) == MOST_OF_ONE


def test_what_is_too_large_is_not_kept(tier, clock, redis_connection):
    assert not tier.put(key(), entry(clock, body=bytes(MAX_BODY_BYTES + 1)), always)
    assert keys_of(redis_connection) == set()


def test_what_loses_its_permit_while_redis_is_at_work_is_taken_back(tier, clock, redis_connection):
    permits = iter([True, False])
    assert not tier.put(key(), entry(clock), lambda: next(permits))
    assert keys_of(redis_connection) == set()


def test_taking_back_leaves_alone_what_has_come_since(tier, clock):
    newer = replace(entry(clock, body=b"newer"), fetched_at=clock() + 1)
    asked = []

    def permit() -> bool:
        asked.append(tier.put(key(), newer, always) if asked else True)
        return len(asked) == 1

    assert not tier.put(key(), entry(clock), permit)
    assert asked == [True, True]
    assert tier.get(key()) == newer


GARBAGE = {
    "empty": b"",
    "short": b"\x00\x01",
    "text": b"what somebody else wrote under our key, long enough to have a head",
    "zeros": bytes(40),
    "sizes": b"\xff" * 30,
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_a_miss_that_is_removed_and_told_once(tier, clock, redis_connection, caplog, garbage):
    tier.put(key("good"), entry(clock, "2", "good"), always)
    with redis_connection.operation() as client:
        client.set(redis_connection.key(wire.VERSION, "entry", "timeline:name:Acme"), garbage)
    for _ in range(3):
        assert set(tier.get_many([key("good"), key()])) == {key("good")}
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "entry:timeline:name:Acme" not in keys_of(redis_connection)


def test_half_an_entry_is_a_miss(tier, clock, redis_connection):
    tier.put(key(), entry(clock, body=b"{}" * 5000), always)
    with redis_connection.operation() as client:
        name = redis_connection.key(wire.VERSION, "entry", "timeline:name:Acme")
        client.set(name, client.get(name)[:-5])
    assert tier.get(key()) is None


@pytest.mark.parametrize("garbage", [*GARBAGE.values(), None], ids=[*GARBAGE, "a list"])
def test_garbage_is_replaced_and_cleared_like_an_entry(tier, clock, redis_connection, garbage):
    def spoil() -> None:
        name = redis_connection.key(wire.VERSION, "entry", "timeline:name:Acme")
        with redis_connection.operation() as client:
            client.delete(name)
            client.rpush(name, "a", "b") if garbage is None else client.set(name, garbage)

    spoil()
    assert tier.get(key()) is None
    spoil()
    assert tier.put(key(), entry(clock), always)
    assert tier.get(key()) == entry(clock)
    for selection in (Selection.all(), Selection.deals(ids=["1"]), Selection.deals(names=["acme"])):
        tier.put(key(), entry(clock), always)
        spoil()
        assert tier.invalidate(selection) == set()
        assert "entry:timeline:name:Acme" not in keys_of(redis_connection)


def test_releases_with_different_formats_share_a_redis(redis_url, namespace, tier, clock, monkeypatch):
    tier.put(key(), entry(clock), always)
    monkeypatch.setattr(redis_connection_module, "FORMAT", redis_connection_module.FORMAT + 1)
    connection = RedisConnection(redis_url, namespace)
    next_release = RedisTier(connection, clock)
    assert next_release.get(key()) is None
    assert next_release.invalidate(Selection.all()) == set()
    next_release.put(key(), entry(clock, body=b"in a new form"), always)
    assert tier.invalidate(Selection.deals(ids=["1"])) == {"timeline:Acme"}
    assert next_release.get(key()) is not None
    next_release.invalidate(Selection.all())
    connection.close()


def test_services_with_different_databases_share_a_redis(redis_url, namespace, tier, clock):
    connection = RedisConnection(redis_url, f"{namespace}2")
    other = RedisTier(connection, clock)
    tier.put(key(), entry(clock), always)
    assert other.invalidate(Selection.all()) == set()
    assert other.get(key()) is None
    assert tier.get(key()) is not None
    connection.close()


def test_each_operation_is_one_round_trip(own_redis: RedisServer, clock):
    connection = RedisConnection(own_redis.url, "n")
    tier = RedisTier(connection, clock)
    names = [f"Deal {number}" for number in range(300)]

    def put_all() -> None:
        for name in names:
            tier.put(key(name), entry(clock, name, name), always)

    def calls() -> dict[str, int]:
        with connection.operation() as client:
            return {name: told["calls"] for name, told in client.info("commandstats").items()}

    put_all()
    tier.invalidate(Selection.deals(names=names))  # from now on Redis knows the scripts
    before = calls()
    put_all()
    assert len(tier.get_many(map(key, names))) == 300
    assert len(tier.invalidate(Selection.deals(names=names[:100]))) == 100
    after = calls()
    assert after["cmdstat_mget"] - before.get("cmdstat_mget", 0) == 1
    assert after["cmdstat_evalsha"] - before["cmdstat_evalsha"] == 300 + 1
    connection.close()
