"""``dealcache check`` on real servers, under each trouble. Nothing here waits for longer than the trouble needs."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner

from dealcache.cli.check import check_service
from dealcache.cli.main import main
from dealcache.repositories import Connection, IdentityRepository
from dealcache.sandbox.embedded import Mongod
from dealcache.sandbox.simulator import Fault, Limits, Simulator, demo_data
from dealcache.sandbox.simulator.access import ALL_SCOPES
from dealcache.settings import load_settings
from tests.freezing import frozen
from tests.redis_server import RedisServer

TOKEN = "pat-na1-not-to-be-seen"

#: Checks a service with these settings; returns the lines.
Check = Callable[..., list[str]]


@pytest.fixture(scope="module")
def hubspot_of_module() -> Iterator[Simulator]:
    with Simulator(demo_data(3), token=TOKEN) as simulator:
        yield simulator


@pytest.fixture
def hubspot(hubspot_of_module: Simulator) -> Simulator:
    """A simulated HubSpot that accepts the token and grants everything."""
    hubspot_of_module.faults.clear()
    hubspot_of_module.site.scopes = ALL_SCOPES
    hubspot_of_module.set_limits(Limits())
    return hubspot_of_module


@pytest.fixture
def environ(hubspot: Simulator, mongodb_uri: str, database_name: str) -> dict[str, str]:
    """The environment of a service."""
    return {
        "HUBSPOT_ACCESS_TOKEN": TOKEN,
        "HUBSPOT_BASE_URL": hubspot.base_url,
        "MONGODB_URI": mongodb_uri,
        "MONGODB_DATABASE": database_name,
    }


@pytest.fixture
def check(environ: dict[str, str]) -> Check:
    def run(seconds: float = 60.0, **more: str) -> list[str]:
        lines = [finding.line() for finding in check_service(load_settings(environ | more), seconds)]
        assert TOKEN not in "".join(lines)
        return lines

    return run


def bad(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.startswith("ok ")]


def test_a_well_service(check: Check, connection: Connection, own_redis: RedisServer) -> None:
    IdentityRepository(connection).bind(6_748_263)
    lines = check(REDIS_URL=own_redis.url)
    assert [line.split(":")[0].split(None, 1)[1] for line in lines] == [
        "MongoDB",
        "MongoDB indexes",
        "MongoDB writes",
        "HubSpot token",
        "HubSpot account",
        "HubSpot scope crm.objects.deals.read",
        "HubSpot scope crm.objects.contacts.read",
        "HubSpot scope sales-email-read",
        "HubSpot scope crm.objects.owners.read",
        "HubSpot limits",
        "HubSpot calls today",
        "Redis",
        "webhooks",
        "data age",
    ]
    assert bad(lines) == [
        "warning  data age: nothing is stored yet; run `dealcache sync`, or set SYNC_INTERVAL_SECONDS"
    ]
    assert "whose data the database" in lines[4]
    with connection.operation() as database:
        assert database.identity.count_documents({"_id": {"$regex": "check"}}) == 0


def test_own_properties_that_hubspot_does_not_have(check: Check, hubspot: Simulator) -> None:
    lines = check(HUBSPOT_DEAL_PROPERTIES="seats,no_such")
    (line,) = [line for line in lines if "properties of deals" in line]
    assert line.startswith("warning  HubSpot properties of deals: HubSpot does not have, or has archived: no_such;")
    assert any("properties" in line for line in check(HUBSPOT_DEAL_PROPERTIES="seats") if line.startswith("ok "))


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ({}, 0, "ok       settings: all values are valid"),
        ({"HUBSPOT_ACCESS_TOKEN": "pat-na1-revoked"}, 1, "failed   HubSpot token: "),
        ({"THREADS": "many"}, 1, "failed   settings: THREADS holds 'many'"),
    ],
)
def test_the_exit_code(environ: dict[str, str], more: dict[str, str], code: int, said: str) -> None:
    result = CliRunner().invoke(main, ["check"], env=environ | more)
    assert result.exit_code == code, result.output
    assert any(line.startswith(said) for line in result.stdout.splitlines())
    assert result.stderr == ""


def test_servers_that_stand_still(check: Check, make_mongod: Callable[..., Mongod], own_redis: RedisServer) -> None:
    mongod = make_mongod()
    uri = mongod.start()
    with frozen(mongod.pid), frozen(own_redis.pid), socket.create_server(("127.0.0.1", 0)) as silent:
        hubspot = f"http://127.0.0.1:{silent.getsockname()[1]}"
        lines = bad(check(0.5, MONGODB_URI=uri, REDIS_URL=own_redis.url, HUBSPOT_BASE_URL=hubspot))
    starts = ["failed   MongoDB: ", "failed   HubSpot: ", "failed   Redis: ", "failed   data age: "]
    assert len(lines) == len(starts)
    assert all(line.startswith(start) for line, start in zip(lines, starts, strict=True))


def test_a_look_up_that_hangs(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = {"HUBSPOT_BASE_URL": "http://hubspot.invalid", "MONGODB_URI": "mongodb://mongodb.invalid/"}
    hanging, client = socket.socketpair()
    with hanging, client:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_options: client.recv(1))
        lines = bad(check(0.2, **hosts, REDIS_URL="redis://redis.invalid/"))
        hanging.close()
    assert [line.split(":")[0] for line in lines] == [
        "failed   MongoDB",
        "failed   HubSpot",
        "failed   Redis",
        "failed   data age",
    ]


def test_writes_that_hang(check: Check, make_mongod: Callable[..., Mongod]) -> None:
    uri = make_mongod().start()
    connection = Connection(uri, "admin")
    with connection.operation() as admin:
        admin.command("fsync", 1, lock=True)
        try:
            lines = bad(check(2.0, MONGODB_URI=uri))
        finally:
            admin.command("fsyncUnlock")
    connection.close()
    assert lines[0].startswith("failed   MongoDB writes: no answer in time; ")
    assert len(lines) == 2  # with the data that are not there


def test_missing_indexes(check: Check, connection: Connection) -> None:
    with connection.operation() as database:
        database.workers.drop_index("expiry")
    assert "(workers.expiry)" in bad(check())[0]


def test_a_refused_token(check: Check) -> None:
    lines = bad(check(HUBSPOT_ACCESS_TOKEN="pat-na1-revoked"))
    assert lines[0].startswith("failed   HubSpot token: ")
    assert lines[0].endswith("; set HUBSPOT_ACCESS_TOKEN to the present token of the private app")
    assert "pat-na1-revoked" not in "".join(lines)
    assert len(lines) == 2  # with the data that are not there


@pytest.mark.parametrize("version", ["v3", "2026-09"])
@pytest.mark.parametrize(
    "scope",
    ["crm.objects.deals.read", "crm.objects.contacts.read", "sales-email-read", "crm.objects.owners.read"],
)
def test_a_missing_scope(check: Check, hubspot: Simulator, scope: str, version: str) -> None:
    hubspot.site.scopes = ALL_SCOPES - {scope}
    lines = [line for line in bad(check(HUBSPOT_API_VERSION=version)) if f"scope {scope}:" in line]
    assert len(lines) == 1
    assert lines[0].startswith("failed ")
    assert f"add {scope} to" in lines[0]


def test_names_of_people_need_two_scopes(check: Check, hubspot: Simulator) -> None:
    assert not any("companies" in line for line in check())
    lines = check(ASSOCIATED_NAMES="on")
    assert "ok       HubSpot scope crm.objects.companies.read: companies can be read" in lines
    hubspot.site.scopes = ALL_SCOPES - {"crm.objects.companies.read"}
    (line,) = [line for line in bad(check(ASSOCIATED_NAMES="on")) if "scope" in line]
    assert line.startswith("failed ")
    assert "add crm.objects.companies.read to the scopes of the private app, or set ASSOCIATED_NAMES=off" in line


def test_withheld_emails_without_the_list_of_scopes(check: Check, hubspot: Simulator) -> None:
    hubspot.site.scopes = ALL_SCOPES - {"sales-email-read"}
    hubspot.faults.add(Fault("access-token-info", status=404))
    assert "withholds what they say" in bad(check())[0]


def test_another_account(check: Check, connection: Connection) -> None:
    IdentityRepository(connection).bind(7)
    assert "belongs to HubSpot account 6748263" in bad(check())[0]


def test_few_calls_left_today(check: Check, hubspot: Simulator) -> None:
    hubspot.set_limits(Limits(daily=10_000, daily_used=9_900))
    assert bad(check())[0].startswith("warning  HubSpot calls today: ")
    hubspot.set_limits(Limits(daily=10_000, daily_used=10_000))
    assert "wait until midnight" in bad(check())[0]
    hubspot.set_limits(None)
    assert "ok       HubSpot calls today: 625,000 of 625,000 are left" in check()


def test_a_redis_that_refuses_writes(check: Check, own_redis: RedisServer) -> None:
    own_redis.be_replica()
    line = bad(check(REDIS_URL=own_redis.url))[0]
    assert line.startswith("failed   Redis: Redis refused an operation (ReadOnlyError)")
