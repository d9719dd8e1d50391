"""Processes that follow each other: by poll, by change stream, through Redis, and when one of them goes away."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from dealcache.model.invalidation import Invalidation, Selection
from dealcache.redis_connection import RedisConnection
from dealcache.repositories import Connection, InvalidationFeed, InvalidationLog, StoreError
from dealcache.sandbox.embedded import Mongod
from tests.integration.cluster.conftest import MakeMember, Member, now
from tests.redis_server import RedisServer
from tests.relay import Relay
from tests.waiting import until

ACME = Selection.deals(ids=["7"])


def follow(*members: Member) -> None:
    for member in members:
        member.follow()
    until(lambda: all(_hears(member) for member in members))


def _hears(member: Member) -> bool:
    subscriber = member.subscriber
    return member.publisher._position is not None and (subscriber is None or subscriber._complete)


def test_a_standalone_mongodb_is_polled(make_member: MakeMember, connection: Connection) -> None:
    assert not InvalidationFeed(connection).open()
    ada, bob = make_member(), make_member()
    follow(ada, bob)
    bob.keep()
    ada.publisher.record(ACME)
    until(lambda: not bob.has())


def test_a_replica_set_tells_by_itself(make_member: MakeMember, make_mongod: Callable[..., Mongod]) -> None:
    uri = make_mongod("set", replica_set="rs0").start()
    ada, bob = make_member(uri=uri), make_member(uri=uri)
    follow(ada, bob)
    for number in range(20):
        bob.keep()
        ada.publisher.record(ACME)
        until(lambda: not bob.has())
        assert bob.publisher.record(Selection.deals(ids=[str(number)])).everywhere


def test_the_feed_tells_each_entry_once_and_in_order(make_mongod: Callable[..., Mongod]) -> None:
    connection = Connection(make_mongod("set", replica_set="rs0").start(), "dealcache")
    record, feed = InvalidationLog(connection, connection), InvalidationFeed(connection)
    assert feed.open()
    assert feed.read() == []
    written = [record.append([Invalidation(Selection.deals(ids=[str(number)]), now())])[0] for number in range(5)]
    heard = []
    while len(heard) < 5:
        heard += feed.read()
    assert heard == written
    feed.close()
    connection.close()


def test_redis_tells_before_anybody_looks(make_member: MakeMember, redis_connection: RedisConnection) -> None:
    """The follower of MongoDB is not started here, so nothing else can have told."""
    ada, bob = make_member(redis_connection), make_member(redis_connection)
    listen(bob)
    bob.keep()
    ada.publisher.record(ACME)
    until(lambda: not bob.has())


def listen(member: Member) -> None:
    member.watermark.begin()
    member.subscriber.thread.start()
    until(lambda: _hears(member))


@pytest.mark.parametrize("with_redis", [False, True], ids=["without Redis", "with Redis"])
def test_who_cannot_hear_mistrusts_and_who_hears_again_trusts_what_is_left(
    make_member: MakeMember, relay: Relay, relayed_uri: str, own_redis: RedisServer, with_redis: bool
) -> None:
    redis = RedisConnection(own_redis.url, "test") if with_redis else None
    member = make_member(redis, uri=relayed_uri)
    follow(member)
    member.keep("Acme", "7")
    member.keep("Other", "8")

    began_at = time.monotonic()
    relay.cut()
    if with_redis:
        time.sleep(2)  # the time in which a process without Redis becomes unsure
        assert member.has("Acme")
        own_redis.kill()
    until(lambda: member.watermark.floor() > 0)
    member.clock.tick(time.monotonic() - began_at)  # both clocks have gone on by the same
    assert not member.has("Acme")

    relay.mend()
    until(lambda: member.watermark.floor() == float("-inf"))
    assert member.has("Acme")
    assert member.has("Other")


def test_what_was_recorded_meanwhile_is_known_before_anything_is_trusted(
    make_member: MakeMember, relay: Relay, relayed_uri: str
) -> None:
    ada, bob = make_member(uri=relayed_uri), make_member(uri=relayed_uri)
    follow(bob)
    bob.keep("Acme", "7")
    bob.keep("Other", "8")
    relay.cut()
    until(lambda: bob.watermark.floor() > 0)
    relay.mend()
    with suppress(StoreError):
        ada.publisher.record(ACME)
    until(lambda: bob.watermark.floor() == float("-inf") and bob.has("Other"))
    until(lambda: not bob.has("Acme"))


def test_redis_that_comes_back_is_listened_to_again(make_member: MakeMember, own_redis: RedisServer) -> None:
    redis = RedisConnection(own_redis.url, "test")
    ada, bob = make_member(redis), make_member(redis)
    listen(bob)
    own_redis.kill()
    own_redis.start()
    bob.watermark._sure = (float("-inf"), 0.0)
    until(lambda: bob.watermark.floor() == float("-inf"))

    def told() -> bool:
        bob.keep()
        ada.publisher.record(ACME)
        time.sleep(0.05)
        return not bob.has()

    until(told)


def test_what_could_not_be_recorded_is_told_through_redis_all_the_same(
    make_member: MakeMember, relay: Relay, relayed_uri: str, redis_connection: RedisConnection
) -> None:
    ada, bob = make_member(redis_connection, uri=relayed_uri), make_member(redis_connection, uri=relayed_uri)
    follow(bob)
    bob.keep()
    relay.cut()
    assert not ada.publisher.record(ACME).everywhere
    until(lambda: not bob.has())


def test_a_message_that_is_none_of_ours_does_no_harm(
    make_member: MakeMember, redis_connection: RedisConnection
) -> None:
    ada, bob = make_member(redis_connection), make_member(redis_connection)
    listen(bob)
    with redis_connection.operation() as redis:
        for junk in (b"", b"{", b"[1]", b'[{"generation": 1}]', b"null"):
            redis.publish(redis_connection.key("invalidations"), junk)
    bob.keep()
    ada.publisher.record(ACME)
    until(lambda: not bob.has())
