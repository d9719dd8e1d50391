"""Hosts whose clocks are wrong, and are set while they run: each a gunicorn under libfaketime, on one MongoDB."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.programs import ACME, READ, Gunicorn, HubSpot, StartService
from tests.waiting import until

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)

#: Two services are started for each, and waited for by the clock: for `make test-long`.
pytestmark = [pytest.mark.long, pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed")]

#: libfaketime takes its offset off the monotonic moment until which Python sleeps, as if it were one of the wall clock.
SITECUSTOMIZE = """
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""


class Host:
    """A service whose host's wall clock is wrong by some seconds, and can be set while it runs."""

    def __init__(self, start: StartService, directory: Path, wrong_by: float, **environ: str) -> None:
        directory.mkdir()
        (directory / "sitecustomize.py").write_text(SITECUSTOMIZE)
        self._file = directory / "clock"
        self.set_clock(wrong_by)
        self.service: Gunicorn = start(
            LD_PRELOAD=str(LIBRARY),
            PYTHONPATH=str(directory),
            FAKETIME_TIMESTAMP_FILE=str(self._file),
            FAKETIME_CACHE_DURATION="1",  # seconds; to read it at each look at the clock takes a processor
            FAKETIME_DONT_FAKE_MONOTONIC="1",
            **environ,
        )

    def set_clock(self, wrong_by: float) -> None:
        whole = self._file.with_suffix(".new")
        whole.write_text(f"{wrong_by:+g}\n")
        whole.replace(self._file)  # at once: the service reads it once a second

    def read(self, path: str = READ, **query: Any) -> requests.Response:
        answer = self.service.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer


#: Starts hosts on one database, by how much their clocks are wrong.
StartHost = Callable[..., Host]


@pytest.fixture
def host(start_service: StartService, tmp_path: Path) -> StartHost:
    database = f"test_{uuid.uuid4().hex}"

    def start(wrong_by: float, **environ: str) -> Host:
        return Host(start_service, tmp_path / uuid.uuid4().hex, wrong_by, MONGODB_DATABASE=database, **environ)

    return start


def events_at(host: Host, path: str, name: dict[str, str], **query: str) -> list[Any]:
    found: list[Any] = host.read(path, **name, **query).json()["events"]
    return found


def refreshed(host: Host, name: dict[str, str], count: int) -> list[Any] | None:
    """The events after a refresh that was not one too many within ten seconds."""
    found = events_at(host, "/api/hubspot/deal-timeline", name, refresh="true")
    return found if len(found) == count else None


def shown(host: Host, name: dict[str, str], count: int) -> bool:
    return len(events_at(host, "/api/hubspot/deal-timeline", name)) == count


def ended(host: Host, job_id: str) -> bool:
    job = host.read(f"/api/hubspot/v2/sync/status/{job_id}").json()
    assert job["status"] not in ("failed", "cancelled"), job
    return bool(job["status"] == "completed")


@pytest.mark.parametrize("wrong_by", [-30.0, 3_600.0])
def test_each_host_sees_its_own_refresh_and_the_others(host: StartHost, hubspot: HubSpot, wrong_by: float) -> None:
    name = {"dealName": f"Clock {wrong_by:g}"}
    (deal_id,) = hubspot.change({"do": "add_deal", "name": name["dealName"]})
    right, wrong = host(0.0), host(wrong_by)
    told = next(line for line in wrong.service.err.splitlines() + wrong.service.out.splitlines() if '"time"' in line)
    assert time.strftime("%Y-%m-%dT%H", time.gmtime(time.time() + wrong_by)) in told
    for count, (one, other) in enumerate(((right, wrong), (wrong, right)), start=1):
        (note,) = hubspot.change({"do": "add_activity", "object_type": "notes", "deals": [deal_id]})
        events = until(partial(refreshed, one, name, count), every=1.0)
        assert events[-1]["engagement_id"] == note
        until(partial(shown, other, name, count))
        assert len(events_at(one, "/api/hubspot/v2/deal-timeline", name)) == count
    # An association that is gone changes no date of HubSpot's: the later reading alone tells.
    away = {"do": "disassociate", "from_type": "deals", "from_id": deal_id, "to_type": "notes", "to_id": note}
    hubspot.change(away)
    for one in (wrong, right):
        until(partial(refreshed, one, name, 1), every=1.0)
        assert len(events_at(one, "/api/hubspot/v2/deal-timeline", name)) == 1


@pytest.mark.parametrize("step", [-120.0, -86_400.0, 120.0])
def test_a_clock_that_is_set_keeps_no_value_fresh_for_longer(host: StartHost, hubspot: HubSpot, step: float) -> None:
    one = host(0.0, CACHE_TTL_SECONDS="5")
    name = {"dealName": f"Set {step:g}"}
    hubspot.change({"do": "add_deal", "name": name["dealName"]})
    # What a worker reads before it knows of all invalidations, it lets go when it does.
    until(lambda: one.read(dealName=ACME).headers.get("X-Cache-Tier") == "memory")
    loaded_at = time.monotonic()
    one.read(**name)
    one.set_clock(step)
    while True:
        asked_at = time.monotonic()
        answer = one.read(**name)
        if "unsure" in answer.headers["Cache-Status"]:  # a busy machine may make it doubt its memory
            loaded_at = asked_at
        elif answer.headers["X-Cache-Tier"] == "memory":
            assert int(answer.headers["Age"]) <= 6
            assert asked_at - loaded_at < 60  # it would be 120 with the clock that was set
            time.sleep(0.1)
        else:
            break
    assert answer.headers["X-Cache-Tier"] == "mongodb"
    assert time.monotonic() - loaded_at > 4


@pytest.mark.parametrize("wrong_by", [-86_400.0, 3_600.0])
def test_syncs_of_either_host_find_what_changed(host: StartHost, hubspot: HubSpot, wrong_by: float) -> None:
    right, wrong = host(0.0), host(wrong_by)
    for number, one in enumerate((wrong, right, wrong)):
        name = f"Synced {wrong_by:g} {number}"
        (deal_id,) = hubspot.change({"do": "add_deal", "name": name})
        job_id = requests.post(f"{one.service.url}/api/hubspot/v2/sync", timeout=60).json()["job_id"]
        until(partial(ended, one, job_id))
        for each in (right, wrong):
            assert each.read("/api/hubspot/v2/deal-info", dealId=deal_id).json()["dealName"] == name
        wrong.set_clock(-wrong_by)
