"""A sync and readers together keep HubSpot's limits, and the readers do not wait for the sync."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.drills.site import MakeSite
from tests.drills.storm import stir_up
from tests.e2e.programs import READ, Gunicorn, HubSpot

#: Of all calls, how many HubSpot may refuse.
REFUSED = 0.01
#: Seconds between two cold reads, and the longest and the usual time that one may take. HubSpot answers after 100 ms,
#: and a cold read is three calls deep.
PAUSE = 0.7
LONGEST_READ, USUAL_READ = 5.0, 1.5


class Reader:
    """Somebody who opens one deal after the other, each as soon as it has been made."""

    def __init__(self, service: Gunicorn, hubspot: HubSpot) -> None:
        self._service = service
        self._hubspot = hubspot
        self._done = threading.Event()
        self.waits: list[float] = []
        self.tiers: list[str] = []

    def read(self) -> None:
        """Read until told to end."""
        while not self._done.wait(PAUSE):
            name = make_deal(self._hubspot)
            began = time.monotonic()
            response = self._service.get(READ, dealName=name)
            self.waits.append(time.monotonic() - began)
            assert response.status_code == 200, response.text
            self.tiers.append(response.headers["X-Cache-Tier"])

    @contextmanager
    def reading(self) -> Iterator[None]:
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(self.read)
            try:
                yield
            finally:
                self._done.set()
            running.result(30)

    def assert_quick(self) -> None:
        """That enough of the reads were cold, and none took long."""
        cold = [wait for wait, tier in zip(self.waits, self.tiers, strict=True) if tier == "hubspot"]
        assert len(cold) >= 5
        assert max(self.waits) < LONGEST_READ, sorted(self.waits)
        assert statistics.median(cold) < USUAL_READ, sorted(cold)


def make_deal(hubspot: HubSpot) -> str:
    """Make a deal with activities of several types; its name."""
    name = f"Just made {time.monotonic_ns()}"
    (deal_id,) = hubspot.change({"do": "add_deal", "name": name})
    kinds = ("notes", "calls", "emails")
    hubspot.change(*({"do": "add_activity", "object_type": kind, "deals": [deal_id]} for kind in kinds))
    return name


@pytest.mark.timeout(180)
def test_fewer_than_one_call_in_a_hundred_is_refused(
    make_site: MakeSite, record_property: pytest.RecordProperty
) -> None:
    site = make_site("--deals", "1000", "--limits", "on", "--latency-ms", "100")
    service = site.start_service()
    for full in ("true", "false"):
        reader = Reader(service, site.hubspot)
        with reader.reading():
            site.sync(service, full=full)
        record_property(f"seconds of reads while full={full}", sorted(reader.waits))
        reader.assert_quick()
        stir_up(site.hubspot, 12)
    calls = site.hubspot.steer("GET", "calls?limit=100000")["calls"]
    refused = [call for call in calls if call["status"] == 429]
    record_property("calls and refused calls", (len(calls), len(refused)))
    assert len(calls) > 300
    assert len(refused) < REFUSED * len(calls)
