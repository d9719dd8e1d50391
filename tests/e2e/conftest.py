"""Fixtures of the end-to-end tests: one mongod, one simulated HubSpot, and services that are stopped by process id."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.demo_hubspot import hubspot as hubspot
from tests.e2e.demo_hubspot import hubspot_process as hubspot_process
from tests.e2e.programs import TOKEN, FlaskCommand, Gunicorn, HubSpot, RunFlask, StartService, environment
from tests.redis_server import RedisServer

#: So many deals that a full load has a checkpoint on its way, and so few activities that it is quick.
WIDE_DEALS, WIDE_NOTES = 1_500, 300


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, running, which it may stop and start again."""
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def demo_deals() -> int:
    """The number of deals of the simulated HubSpot."""
    return 120


@pytest.fixture(scope="session")
def wide_hubspot_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubSpot]:
    """A simulated HubSpot with many deals, on every fifth of which is a note; its limit is one that nobody reaches."""
    program = HubSpot(tmp_path_factory.mktemp("wide_hubspot"), "--deals", "0")
    try:
        ids = program.change(*({"do": "add_deal", "name": f"Wide {number}"} for number in range(WIDE_DEALS)))
        notes = [
            {"do": "add_activity", "object_type": "notes", "deals": [one]} for one in ids[:: WIDE_DEALS // WIDE_NOTES]
        ]
        program.change(*notes)
        program.steer("PATCH", "settings", limits={"ten_secondly": 5_000})
        yield program
    finally:
        program.stop()


@pytest.fixture
def wide_hubspot(wide_hubspot_process: HubSpot) -> HubSpot:
    """That HubSpot, with nothing left of the test before."""
    wide_hubspot_process.reset()
    return wide_hubspot_process


@pytest.fixture
def run_flask(tmp_path: Path, wide_hubspot: HubSpot, mongodb_uri: str) -> Iterator[RunFlask]:
    """Starts ``flask`` commands, all on one database that nobody else uses, with the HubSpot of many deals."""
    started: list[FlaskCommand] = []
    settings = {
        "HUBSPOT_BASE_URL": wide_hubspot.url,
        "HUBSPOT_ACCESS_TOKEN": TOKEN,
        "MONGODB_URI": mongodb_uri,
        "MONGODB_DATABASE": f"test_{uuid.uuid4().hex}",
    }

    def run(*arguments: str, **environ: str) -> FlaskCommand:
        place = tmp_path / f"flask{len(started)}"
        started.append(FlaskCommand(place, environment(**settings | environ), *arguments))
        return started[-1]

    yield run
    for command in started:
        command.stop()


def _starter(directory: Path, hubspot: HubSpot, mongodb_uri: str, started: list[Gunicorn]) -> StartService:
    def start(**environ: str) -> Gunicorn:
        place = directory / f"service{len(started)}"
        database = {"MONGODB_DATABASE": f"test_{uuid.uuid4().hex}"}
        started.append(Gunicorn(place, hubspot.url, mongodb_uri, **database | environ))
        return started[-1]

    return start


@pytest.fixture
def start_service(tmp_path: Path, hubspot: HubSpot, mongodb_uri: str) -> Iterator[StartService]:
    """Starts services; what is given goes into their environment."""
    started: list[Gunicorn] = []
    yield _starter(tmp_path, hubspot, mongodb_uri, started)
    for service in started:
        service.stop()


@pytest.fixture(scope="module")
def module_services(
    tmp_path_factory: pytest.TempPathFactory, hubspot_process: HubSpot, mongodb_uri: str
) -> Iterator[StartService]:
    """Starts services that all tests of a module share."""
    hubspot_process.reset()
    started: list[Gunicorn] = []
    yield _starter(tmp_path_factory.mktemp("module"), hubspot_process, mongodb_uri, started)
    for service in started:
        service.stop()


@pytest.fixture(scope="session")
def two_workers(
    tmp_path_factory: pytest.TempPathFactory, hubspot_process: HubSpot, mongodb_uri: str
) -> Iterator[Gunicorn]:
    """One service with two workers for all tests that leave it running."""
    started: list[Gunicorn] = []
    start = _starter(tmp_path_factory.mktemp("two_workers"), hubspot_process, mongodb_uri, started)
    yield start(WEB_CONCURRENCY="2")
    for service in started:
        service.stop()


@pytest.fixture(scope="session")
def two_instances(
    tmp_path_factory: pytest.TempPathFactory, hubspot_process: HubSpot, mongodb_uri: str
) -> Iterator[list[Gunicorn]]:
    """Two services of four workers each on one database; tests may kill workers, which come back."""
    started: list[Gunicorn] = []
    start = _starter(tmp_path_factory.mktemp("two_instances"), hubspot_process, mongodb_uri, started)
    database = f"test_{uuid.uuid4().hex}"
    yield [start(MONGODB_DATABASE=database, WEB_CONCURRENCY="4") for _ in range(2)]
    for service in started:
        service.stop()
