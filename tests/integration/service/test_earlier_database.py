"""A database that an earlier version wrote goes on: all of it is read, and what was under way is taken up.

``earlier_database.json.gz`` was written by commit 41838f4: by its syncs, webhooks, reads and clears of twelve small
deals, while a full load, a read and some webhook events were under way. :func:`hubspot_of_then` does to HubSpot what
was done to it then.
"""

from __future__ import annotations

import gzip
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pymongo
import pytest
from bson import json_util
from pymongo.database import Database

from dealcache.sandbox.simulator import Dataset, Simulator
from tests.clocks import ManualClock
from tests.integration.service.harness import TOKEN, VIEWS, Service, running
from tests.integration.sync.harness import some_deals
from tests.waiting import until

DUMP = Path(__file__).with_name("earlier_database.json.gz")
#: Each deal that HubSpot has in the end, by its id.
NAMES = {
    "1004": "Ünïted  Straße",
    "1005": "deal 6",
    "1006": "Deal 6",
    "1007": "Renamed by webhook",
    "1008": "Deal 8",
    "1009": "Told of",
    "1010": "Deal 10",
    "1011": "Set aside, later healed",
    "1012": "Failing, later healed",
    "1013": "Deal 1",
    "2001": "Read alone",
    "2002": "Being read",
}
OTHERS = {"sentiment": "positive", "buyer_intent": "high", "buyer_intent_explanation": "asks for the price"}
FULL_LOAD = "7b7478c849ff4633b863a7438be55bf2"


class Upgraded(NamedTuple):
    """The earlier version's database, as old as when it was written, and what it is to be compared with."""

    database: Database[dict[str, Any]]
    hubspot: Simulator
    clock: ManualClock
    stack: ExitStack

    def start(self, *, jobs: bool = True) -> Service:
        """Start the present version on it; unless ``jobs``, as a worker does that never comes to run any."""
        uri = "mongodb://{}:{}/".format(*self.database.client.address)  # type: ignore[misc]
        service = self.stack.enter_context(running(self.hubspot, uri, self.database.name, self.clock))
        if jobs:
            service.parts.start()
        return service

    def settled(self) -> bool:
        """Return True if nothing is under way any more."""
        jobs = self.database.sync_jobs.count_documents({"status": {"$in": ["queued", "running"]}, "due_at": self._due})
        return jobs == self.database.webhook_events.count_documents({"pending": True}) == 0

    @property
    def _due(self) -> dict[str, datetime]:
        return {"$lte": datetime.fromtimestamp(self.clock(), UTC)}


def hubspot_of_then(clock: ManualClock, seconds: float) -> Dataset:
    """Do to HubSpot, in the ``seconds`` up to now, what was done to it while the dump was written."""
    data, now = some_deals(12), clock()
    data.clock = clock
    clock.now = now - seconds
    clock.tick(60)
    data.merge("deals", 1001, 1002)
    data.archive("deals", 1003)
    data.update("deals", 1004, {"dealname": NAMES["1004"], "amount": "1500", "closedate": "2026-12-24"})
    data.update("deals", 1005, {"dealname": NAMES["1005"]})
    clock.tick(121)
    data.update("deals", 1007, {"dealname": NAMES["1007"]})
    read = data.add_deal(NAMES["2001"], record_id=2001, already_indexed=True)
    data.add_activity("notes", deals=[read], already_indexed=True)
    data.update("deals", 1011, {"dealname": NAMES["1011"]})
    clock.now = now - 60
    data.update("deals", 1012, {"dealname": NAMES["1012"]})
    clock.now = now
    data.update("deals", 1009, {"dealname": NAMES["1009"]})
    data.update("notes", 9, {"hs_note_body": "told of"})
    data.add_deal(NAMES["2002"], record_id=2002, already_indexed=True)
    return data


def as_of_now(value: Any, later: timedelta, since: datetime) -> Any:
    """Move the moments of the dump's own days, wherever they stand in a document."""
    if isinstance(value, datetime):
        return value + later if value > since else value
    if isinstance(value, dict):
        return {name: as_of_now(one, later, since) for name, one in value.items()}
    if isinstance(value, list):
        return [as_of_now(one, later, since) for one in value]
    return value


@pytest.fixture
def earlier(mongodb_uri: str) -> Iterator[Upgraded]:
    dump = json_util.loads(gzip.decompress(DUMP.read_bytes()), json_options=json_util.JSONOptions(tz_aware=True))
    clock = ManualClock(float(int(time.time())))
    began = datetime.fromtimestamp(dump["began"], UTC) - timedelta(hours=1)
    later = timedelta(seconds=clock() - dump["recorded_at"])
    with pymongo.MongoClient(mongodb_uri, tz_aware=True) as client, ExitStack() as stack:
        database = client[f"test_{uuid.uuid4().hex}"]
        for name, documents in dump["collections"].items():
            if documents:
                database[name].insert_many(as_of_now(documents, later, began))
        for name, indexes in dump["indexes"].items():
            database.command("createIndexes", name, indexes=[one | {"key": dict(one["key"])} for one in indexes])
        data = hubspot_of_then(clock, dump["ticked"])
        hubspot = stack.enter_context(Simulator(data, token=TOKEN, limits=None, clock=clock))
        clock.tick(60)  # the dead worker's leases have run out
        yield Upgraded(database, hubspot, clock, stack)
        stack.close()
        client.drop_database(database)


def start_together(earlier: Upgraded) -> list[Service]:
    """Start two workers at the same moment."""
    barrier, services = threading.Barrier(2), [earlier.start(jobs=False) for _ in range(2)]

    def start(service: Service) -> None:
        barrier.wait()
        service.parts.start()

    threads = [threading.Thread(target=start, args=(service,)) for service in services]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return services


def rows(service: Service, path: str, **query: Any) -> Any:
    response = service.get(f"v2/{path}", **query)
    assert response.status_code == 200, response.text
    return response.get_json()


def test_before_anything_runs_all_of_it_is_shown_as_it_was_stored(earlier: Upgraded) -> None:
    service = earlier.start(jobs=False)
    live = {one["deal_id"]: one["deal_name"] for one in earlier.database.deal_info.find({"archived": False})}
    assert set(live) == set(NAMES) - {"2002"}
    activities = {}
    for deal_id, name in live.items():
        info, count, timeline = (
            rows(service, view, dealId=deal_id) for view in ("deal-info", "deal-activities-count", "deal-timeline")
        )
        assert (info["dealName"], info["dealStage"]) == (name, "Appointment Scheduled")
        assert info["activityCount"] == count["count"] == len(timeline["events"]) > 0
        activities[deal_id] = count["count"]
    assert {one["deal_id"]: one["activities"] for one in rows(service, "all-deals")} == activities
    assert len(rows(service, "deals", stage="appointment scheduled")) == len(live)
    assert rows(service, "pipeline-summary")[0]["count"] == len(live)
    assert rows(service, "deal-info", dealName="ÜNÏTED  STRASSE")["amount"] == 1500
    emails = [one for one in rows(service, "deal-timeline", dealName="deal 1")["events"] if "sentiment" in one]
    assert {name: emails[0][name] for name in OTHERS} == OTHERS
    jobs = rows(service, "sync/jobs")["jobs"]
    assert sorted(job["status"] for job in jobs) == [
        *["cancelled", "completed", "completed", "completed", "failed", "queued", "running"]
    ]
    for job in jobs:
        assert rows(service, f"sync/status/{job['job_id']}") == job
    assert earlier.hubspot.calls.count() == 0


def test_two_workers_at_once_take_up_what_was_under_way(earlier: Upgraded) -> None:
    identity = earlier.database.identity.find().to_list()
    services = start_together(earlier)
    until(earlier.settled)
    assert rows(services[0], f"sync/status/{FULL_LOAD}")["status"] == "completed"
    listed = rows(services[0], "all-deals")
    assert {one["deal_id"]: one["name"] for one in listed} == NAMES
    for one in listed:
        assert rows(services[1], "deal-activities-count", dealId=one["deal_id"])["count"] == one["activities"]
    for service in services:
        for deal_id, name in NAMES.items():
            for view in VIEWS:
                assert service.get(view, dealId=deal_id).status_code == 200
            assert service.get("deal-info", dealName=name).get_json()["dealName"] == name
    notes = [one for one in rows(services[1], "deal-timeline", dealId="1009")["events"] if one["type"] == "Note"]
    assert [one["content"] for one in notes] == ["told of"]
    kept = earlier.database.deal_timeline.find_one({"engagement_type": "emails", "deal_id": "1013"} | OTHERS)
    assert kept is not None
    assert earlier.database.deal_info.count_documents({"score_of_others": 7}) == 1
    # Beside what was there, the company's currencies are noted.
    assert [one for one in earlier.database.identity.find() if one["_id"] != "company"] == identity


def test_a_read_whose_worker_has_died_is_done_by_the_next_reader(earlier: Upgraded) -> None:
    service = earlier.start(jobs=False)
    assert service.get("deal-info", dealName="Being read").get_json()["dealId"] == "2002"


def test_starting_once_more_changes_nothing(earlier: Upgraded) -> None:
    start_together(earlier)
    until(earlier.settled)
    version = earlier.start(jobs=False).parts.storage.prepare_lists()
    before = {name: earlier.database[name].find().sort("_id").to_list() for name in ("deal_info", "deal_timeline")}
    indexes = {name: earlier.database[name].index_information() for name in earlier.database.list_collection_names()}
    earlier.start(jobs=False)
    assert {name: earlier.database[name].find().sort("_id").to_list() for name in before} == before
    assert {name: earlier.database[name].index_information() for name in indexes} == indexes
    # A worker of the earlier version may have changed lists in the meantime, and raises no version.
    again = earlier.start()
    until(lambda: again.parts.storage.prepare_lists() > version)


def test_a_worker_of_the_earlier_version_may_still_run(earlier: Upgraded) -> None:
    """The earlier version writes while the present one runs: events, jobs, and what is not to be served any more."""
    job = earlier.database.sync_jobs.find_one({"status": "queued"}) or {}
    event = earlier.database.webhook_events.find_one({"_id": "deals-1009"}) or {}
    recorded = earlier.database.invalidations.find_one({"name_keys": ["deal 8"]}) or {}
    services = start_together(earlier)
    until(earlier.settled)
    cached = {"dealId": "1008"}
    for service in services:
        for _ in range(3):
            service.get("deal-info", **cached)
        assert service.get("deal-info", **cached).headers["X-Cache-Tier"] == "memory"

    now = datetime.fromtimestamp(earlier.clock(), UTC)
    earlier.database.deal_info.update_one({"deal_id": "1008"}, {"$set": {"amount": 8.0}})
    last = earlier.database.invalidations.find_one(sort=[("_id", -1)]) or {}
    entry = {"_id": last["_id"] + 1, "nonce": uuid.uuid4().hex, "at": datetime.now(UTC), "deal_ids": ["1008"]}
    earlier.database.invalidations.insert_one(recorded | entry)
    for service in services:
        until(lambda service=service: service.get("deal-info", **cached).get_json()["amount"] == 8.0)

    earlier.hubspot.data.update("deals", 1010, {"dealname": "Told by the earlier version"})
    told = {"_id": "deals-1010", "object_id": "1010", "received_at": now, "occurred_at": now}
    earlier.database.webhook_events.insert_one(event | told)
    earlier.database.sync_jobs.insert_one(job | {"_id": uuid.uuid4().hex, "created_at": now, "due_at": now})
    until(earlier.settled)
    for service in services:
        until(
            lambda service=service: (
                service.get("deal-info", dealId="1010").get_json()["dealName"] == "Told by the earlier version"
            )
        )
