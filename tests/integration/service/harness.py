"""The whole service in the test's own process: a real MongoDB below it, a simulated HubSpot, and a clock to tick."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from flask import Flask
from pymongo.database import Database
from werkzeug.test import TestResponse

from dealcache.app import create_app
from dealcache.container import Container
from dealcache.hubspot.errors import HubSpotError
from dealcache.hubspot.limits.buckets import Bucket
from dealcache.hubspot.session import HubSpotSession
from dealcache.model.deadline import Deadline
from dealcache.repositories import LoadLeaseRepository
from dealcache.sandbox.simulator import Simulator
from dealcache.settings import load_settings
from tests.clocks import ManualClock
from tests.databases import client_of, prepare

TOKEN = "pat-na1-5d41402a-not-to-be-seen"
VIEWS = ("deal-activities-count", "deal-timeline", "deal-info")
V1 = "/api/hubspot/"
V2 = "/api/hubspot/v2/"
ACME = "Acme renewal"


class NoRateLimiter:
    """Lets every call through at once, so that a test may read as many deals as it likes."""

    limit = 1_000

    def acquire(self, *_: Any) -> AbstractContextManager[None]:
        return nullcontext()

    def pause(self, seconds: float) -> None:
        pass

    def set_limit(self, limit: int) -> None:
        pass

    def left(self) -> int:
        return 1_000


def no_rate_limits(*_: Any, **__: Any) -> dict[Bucket, NoRateLimiter]:
    return dict.fromkeys(Bucket, NoRateLimiter())


class Service:
    """One app with everything around it."""

    def __init__(self, app: Flask, hubspot: Simulator, clock: ManualClock, database: Database[Any]) -> None:
        self.app = app
        self.hubspot = hubspot
        self.clock = clock
        self.database = database
        self.parts: Container = app.extensions["dealcache"]

    def request(self, method: str, path: str, headers: Any = None, **query: Any) -> TestResponse:
        """One request of a client of its own; ``path`` is one below ``/api/hubspot/`` unless it begins with a slash."""
        full = path if path.startswith("/") else V1 + path
        return self.app.test_client().open(full, method=method, headers=headers, query_string=query or None)

    def get(self, path: str, headers: Any = None, **query: Any) -> TestResponse:
        return self.request("GET", path, headers, **query)

    def batch(self, *names: Any, headers: Any = None, **more: Any) -> TestResponse:
        """Ask for many deals at once; ``more`` goes into the body besides their names."""
        body = {"deal_names": list(names)} | more
        return self.app.test_client().post(f"{V1}deals-batch", json=body, headers=headers)

    def clear(self, **query: Any) -> int:
        """Clear the cache; returns how many entries left."""
        response = self.request("DELETE", "clear-endpoint-cache", **query)
        assert response.status_code == 200, response.text
        return response.get_json()["entries_cleared"]

    def clear_here(self) -> None:
        """Clear the cache while MongoDB is away: that holds here, and the answer says that it does so only here."""
        problem = assert_problem(self.request("DELETE", "clear-endpoint-cache"), 503)
        assert "MongoDB" in problem["detail"]

    def raw(self, path: str, query: str, method: str = "GET", **environ: str) -> TestResponse:
        """One request whose query string is sent as it stands."""
        return self.app.test_client().open(path, method=method, environ_overrides={"QUERY_STRING": query, **environ})

    def calls(self, kind: str | None = None) -> int:
        """Return how many calls HubSpot got."""
        return self.hubspot.calls.count(kind)

    def together(self, count: int, work: Callable[[int], Any]) -> list[Any]:
        """Return what ``work`` returns in each of ``count`` threads that begin at the same moment."""
        barrier = threading.Barrier(count)

        def begin(number: int) -> Any:
            barrier.wait()
            return work(number)

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(begin, range(count)))


#: Makes services; what is given goes into their environment.
MakeService = Callable[..., Service]


@contextmanager
def running(
    hubspot: Simulator, uri: str, database_name: str, clock: ManualClock, *, own_mongod: bool = False, **environ: str
) -> Iterator[Service]:
    """The service as ``create_app`` makes it, but for waits: no rate_limits, and no pause before a call is tried again.

    With ``own_mongod`` the test has a mongod of its own, which may be gone already.
    """
    settings = {
        "HUBSPOT_ACCESS_TOKEN": TOKEN,
        "HUBSPOT_BASE_URL": hubspot.base_url,
        "MONGODB_URI": uri,
        "MONGODB_DATABASE": database_name,
        # Tests that let hours pass do not mean to have deals read again behind, by calls that they count.
        "MAX_DATA_AGE_SECONDS": "0",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dealcache.container.through_redis.local_rate_limits", no_rate_limits)
        patch.setattr("dealcache.hubspot.limits.shared_window.shared_rate_limits", no_rate_limits)
        made: list[HubSpotSession] = []

        def session(*arguments: Any, **more: Any) -> HubSpotSession:
            made.append(HubSpotSession(*arguments, **more, sleep=lambda _: None))
            return made[-1]

        patch.setattr("dealcache.hubspot.gateway.HubSpotSession", session)
        now = partial(_utc, clock)
        # A deal that was refreshed may be refreshed again when the tests' clock says so, not MongoDB's.
        patch.setattr("dealcache.repositories.storage.LoadLeaseRepository", partial(LoadLeaseRepository, now=now))
        app = create_app(load_settings(settings | environ), clock)
    try:
        with client_of(uri) as client:
            if not own_mongod:
                prepare(uri, database_name)
                # As it is done at start, so that tests count the calls of their reads alone.
                app.extensions["dealcache"].storage.learn_installation()
                with suppress(HubSpotError):
                    app.extensions["dealcache"].account.check(Deadline(5.0))
                hubspot.calls.clear()
                made[0].health = None  # and readiness does not go by a call that no test has made
            yield Service(app, hubspot, clock, client[database_name])
    finally:
        app.extensions["dealcache"].stop()


def _utc(clock: ManualClock) -> datetime:
    return datetime.fromtimestamp(clock(), UTC)


def cache_status(response: TestResponse) -> dict[str, str]:
    """The members of ``Cache-Status`` in order: the tier's name and what is said of it."""
    members = (member.strip().partition("; ") for member in response.headers["Cache-Status"].split(","))
    return {name.removeprefix("dealcache-"): rest for name, _, rest in members}


def tier(response: TestResponse) -> str:
    """The tier that answered a read that went well."""
    assert response.status_code == 200, response.text
    return response.headers["X-Cache-Tier"]


def assert_problem(response: TestResponse, status: int) -> dict[str, Any]:
    """That a response is a problem as the contract wants it; returns its members."""
    assert response.status_code == status, f"{response.status}: {response.text[:500]}"
    assert response.content_type == "application/problem+json"
    problem = json.loads(response.data)
    assert set(problem) - {"errors"} == {"type", "title", "status", "detail", "request_id", "error"}
    assert problem["status"] == status
    assert problem["detail"]
    assert problem["error"] == problem["detail"]
    assert problem["request_id"] == response.headers["X-Request-ID"]
    if status == 422:
        assert problem["errors"]
        assert all(isinstance(text, str) for texts in problem["errors"].values() for text in texts)
    if status == 503 and response.request.method == "GET":
        assert int(response.headers["Retry-After"]) > 0
    assert TOKEN not in response.text
    assert "Traceback" not in response.text
    return problem


def event_ids(response: TestResponse) -> list[str]:
    """The ids of a timeline's events, in order."""
    assert response.status_code == 200, response.text
    return [event["id"] for event in response.get_json()["events"]]


def bodies(responses: Sequence[TestResponse]) -> set[bytes]:
    """The different bodies of responses that all went well."""
    assert [response.status_code for response in responses] == [200] * len(responses)
    return {response.data for response in responses}
