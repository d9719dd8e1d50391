"""A service that runs out of file descriptors lives, says so once, and serves again."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest
import requests

from tests.e2e.programs import ACME, READ, Gunicorn, StartService
from tests.stalled import StalledConnections
from tests.waiting import until

#: A worker that has no descriptors left looks for some each second: for `make test-long`.
pytestmark = pytest.mark.long

#: What ``ulimit -n`` says.
FILES = 256


@pytest.fixture(scope="module")
def narrow(module_services: StartService) -> Iterator[Gunicorn]:
    """A service that may have few files open, whose bound on connections would let them take all of them."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    service = module_services(GUNICORN_CMD_ARGS="--worker-connections 1000")
    (worker,) = service.workers()
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (FILES, FILES))
    yield service
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


PAUSED, RESUMED = "no new connections for now", "new connections are accepted again"


def count(service: Gunicorn, text: str) -> int:
    return service.err.count(text)


@pytest.mark.parametrize("kind", ["silent", "no body", "answers unread"])
def test_without_descriptors_the_worker_lives_and_serves_again(narrow: Gunicorn, kind: str) -> None:
    until(lambda: narrow.get(READ, dealName=ACME).headers.get("X-Cache-Tier") == "memory")
    workers = narrow.workers()
    paused, resumed = count(narrow, PAUSED), count(narrow, RESUMED)
    with StalledConnections(("127.0.0.1", narrow.port), {kind: 400}) as stalled:
        until(lambda: count(narrow, PAUSED) > paused)
        if kind != "answers unread":  # which nobody may take from their clients, so others wait
            for _ in range(10):
                assert narrow.get("/healthz").status_code == 200
                assert narrow.get(READ, dealName=ACME).status_code == 200
            until(lambda: stalled.ended[kind] >= 100)

    def answers() -> bool:
        try:
            return narrow.get("/healthz").status_code == 200
        except requests.ConnectionError:
            return False

    until(answers)
    until(lambda: answers() and count(narrow, RESUMED) > resumed)
    assert (count(narrow, PAUSED), count(narrow, RESUMED)) == (paused + 1, resumed + 1)
    assert narrow.workers() == workers
    assert "Traceback" not in narrow.err
