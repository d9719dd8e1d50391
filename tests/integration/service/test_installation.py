"""Installations that share a Redis, and the names of what each of them keeps there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis

from dealcache.container.through_redis import make_rate_limits, shared_tier
from dealcache.hubspot.limits.buckets import Bucket, Priority
from dealcache.model.deadline import Deadline
from dealcache.model.workers import RedisUnavailable
from dealcache.redis_connection import RedisConnection
from dealcache.repositories import Connection, IdentityRepository
from dealcache.sandbox.embedded import Mongod
from dealcache.sandbox.simulator import Simulator, demo_data, live_deals
from dealcache.settings import load_settings
from dealcache.tiers import CacheKey, View
from tests.clocks import ManualClock
from tests.integration.service.harness import ACME, TOKEN, Service, running, tier
from tests.redis_server import RedisServer
from tests.tier_contract import always, entry, key

ENVIRONMENT = {"HUBSPOT_ACCESS_TOKEN": TOKEN, "MONGODB_URI": "mongodb://localhost"}
SETTINGS = load_settings(ENVIRONMENT)


@pytest.fixture
def installed(
    make_mongod: Callable[..., Mongod], mongodb_uri: str, own_redis: RedisServer, clock: ManualClock
) -> Iterator[list[Service]]:
    """Two installations of one name, each with a HubSpot account and a MongoDB of its own, on one Redis."""
    with ExitStack() as stack:
        made = []
        for number, uri in enumerate((mongodb_uri, make_mongod("second").start()), start=1):
            data = demo_data(1)
            hubspot = stack.enter_context(Simulator(data, token=TOKEN, limits=None, clock=clock, portal_id=number))
            data.update("deals", live_deals(data)[0].id, {"amount": str(number)})
            made.append(stack.enter_context(running(hubspot, uri, "same_name", clock, REDIS_URL=own_redis.url)))
        yield made


def amount(service: Service) -> Any:
    return service.get("deal-info", dealName=ACME).get_json()["amount"]


def test_one_installation_serves_and_clears_nothing_of_another(
    installed: list[Service], own_redis: RedisServer
) -> None:
    one, two = installed
    assert (amount(one), amount(two)) == (1.0, 2.0)
    with redis.Redis.from_url(own_redis.url) as client:
        entries = {key.split(b":")[2].decode() for key in client.keys("*:entry:*")}
        names = {service.app.extensions["dealcache"].storage.installation for service in installed}
        assert entries == names
        assert len(names) == 2
        assert not client.keys("*same_name*")
        assert one.clear() > 0
        assert {key.split(b":")[2].decode() for key in client.keys("*:entry:*")} == names - {
            one.app.extensions["dealcache"].storage.installation
        }


def test_processes_of_one_database_share_what_redis_holds(
    hubspot: Simulator, mongodb_uri: str, database_name: str, clock: ManualClock, own_redis: RedisServer
) -> None:
    with running(hubspot, mongodb_uri, database_name, clock, REDIS_URL=own_redis.url) as one:
        assert tier(one.get("deal-info", dealName=ACME)) == "hubspot"
        with running(hubspot, mongodb_uri, database_name, clock, REDIS_URL=own_redis.url) as two:
            two.app.extensions["dealcache"].publisher.catch_up()  # as its follower does at once
            assert tier(two.get("deal-info", dealName=ACME)) == "redis"


@pytest.mark.parametrize(
    "setting",
    [{"TIMELINE_TIMEZONE": "Europe/Berlin"}, {"HUBSPOT_DEAL_PROPERTIES": "size"}, {"ASSOCIATED_NAMES": "on"}],
    ids=lambda setting: next(iter(setting)),
)
def test_each_setting_that_decides_what_views_show_has_entries_of_its_own(
    setting: dict[str, str], redis_connection: RedisConnection, clock: ManualClock
) -> None:
    one, same = (shared_tier(redis_connection, clock, load_settings(ENVIRONMENT | setting)) for _ in range(2))
    without = shared_tier(redis_connection, clock, SETTINGS)
    assert one is not None
    assert same is not None
    assert without is not None
    assert one.put(key(), entry(clock), always)
    assert same.get(key()) is not None
    assert without.get(key()) is None


def test_until_it_is_known_whose_keys_are_ours_redis_is_left_out(own_redis: RedisServer) -> None:
    name: list[str | None] = [None]
    connection = RedisConnection(own_redis.url, lambda: name[0])
    cache = shared_tier(connection, ManualClock(), SETTINGS)
    assert cache is not None
    with pytest.raises(RedisUnavailable, match="whose keys"):
        cache.get(CacheKey(View.INFO, "name", "x"))
    with pytest.raises(RedisUnavailable, match="whose keys"), connection.subscription("c"):
        pass
    name[0] = "known"
    assert cache.get(CacheKey(View.INFO, "name", "x")) is None
    with connection.subscription("c") as subscription:
        assert list(subscription.until_answer()) == []
        name[0] = "another"
        with pytest.raises(RedisUnavailable, match="another one now"):
            list(subscription.until_answer())
    connection.close()


class TestIdentity:
    def test_all_who_ask_at_once_hear_the_same(self, connection: Connection) -> None:
        names: list[str] = []
        threads = [
            threading.Thread(target=lambda: names.append(IdentityRepository(connection).installation()))
            for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(names) == 16
        assert len(set(names)) == 1

    def test_a_copy_made_by_a_dump_is_another_installation(self, connection: Connection) -> None:
        identity = IdentityRepository(connection)
        name = identity.installation()
        with connection.operation() as database:
            documents = database.identity.find().to_list()
            database.drop_collection("identity")
            database.identity.insert_many(documents)  # what mongorestore does
        assert identity.installation() != name
        assert identity.installation().partition("-")[0] == name.partition("-")[0]


class TestRateLimits:
    """Which installations share which of HubSpot's limits."""

    class Account:
        def __init__(self, own: int | None, *, is_withheld: bool = False) -> None:
            self.own, self.is_withheld = own, is_withheld

    def keys(self, server: RedisServer, token: str, account: Account) -> dict[str, str]:
        """The namespace of each bucket of which one call has been made."""
        connection = RedisConnection(server.url, "installation")
        rate_limits = make_rate_limits(connection, lambda: 1, token, account)  # type: ignore[arg-type]
        with redis.Redis.from_url(server.url) as client:
            client.flushall()
            for bucket in Bucket:
                with rate_limits[bucket].acquire(Deadline(2.0), Priority.INTERACTIVE):
                    pass
            found = {key.decode().split(":")[4]: key.decode().split(":")[2] for key in client.keys("*:budget:*")}
        connection.close()
        return found

    def test_accounts_share_searches_and_associations_and_apps_the_rest(self, own_redis: RedisServer) -> None:
        one = self.keys(own_redis, "a", self.Account(7))
        assert one["search"] == one["associations"] == "account-7"
        assert one["app"].startswith("token-")
        assert self.keys(own_redis, "a", self.Account(7)) == one
        other_app = self.keys(own_redis, "b", self.Account(7))
        assert other_app == one | {"app": other_app["app"]}
        assert other_app["app"] != one["app"]
        assert self.keys(own_redis, "a", self.Account(8))["search"] == "account-8"

    def test_an_account_that_hubspot_does_not_tell_is_known_by_its_token(self, own_redis: RedisServer) -> None:
        found = self.keys(own_redis, "a", self.Account(None, is_withheld=True))
        assert set(found.values()) == {found["app"]}

    def test_before_the_account_is_known_each_keeps_to_its_share(self, own_redis: RedisServer) -> None:
        assert set(self.keys(own_redis, "a", self.Account(None))) == {"app"}
