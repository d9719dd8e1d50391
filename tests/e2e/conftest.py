"""What the end-to-end tests share: one mongod, one simulated HubSpot, and services that are stopped by process id."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from dealcache.embedded import Mongod
from tests.e2e.programs import Gunicorn, HubSpot, StartService


@pytest.fixture(scope="session")
def mongodb_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a mongod for all tests; each service gets a database of its own."""
    mongod = Mongod(tmp_path_factory.mktemp("mongod") / "data")
    yield mongod.start()
    mongod.stop()


@pytest.fixture(scope="session")
def hubspot_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubSpot]:
    """A simulated HubSpot with demo data and without limits."""
    program = HubSpot(tmp_path_factory.mktemp("hubspot"), "--deals", "120")
    yield program
    program.stop()


@pytest.fixture
def hubspot(hubspot_process: HubSpot) -> HubSpot:
    """That HubSpot, with nothing left of the test before."""
    hubspot_process.reset()
    return hubspot_process


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
