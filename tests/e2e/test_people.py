"""Names of people in a service of two workers: renamed and deleted in HubSpot, they are so in every tier and worker."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from pymongo import MongoClient

from tests.e2e.programs import Gunicorn, HubSpot, StartService
from tests.redis_server import RedisServer
from tests.waiting import until

#: A service of two workers syncs twice, and another is started: for `make test-long`.
pytestmark = pytest.mark.long

TIMELINE = "/api/hubspot/deal-timeline"


def made(hubspot: HubSpot) -> tuple[str, str, str]:
    """A deal with a note, on both of which are Jane and John; the ids of the three."""
    deal, jane, john = hubspot.change(
        {"do": "add_deal", "name": f"Deal {uuid.uuid4().hex}"},
        *({"do": "create", "object_type": "contacts", "properties": {"firstname": name}} for name in ("Jane", "John")),
    )
    (note,) = hubspot.change({"do": "add_activity", "object_type": "notes", "deals": [deal]})
    ends = [(kind, one, contact) for kind, one in (("deals", deal), ("notes", note)) for contact in (jane, john)]
    hubspot.change(
        *(
            {"do": "associate", "from_type": kind, "from_id": one, "to_type": "contacts", "to_id": contact}
            for kind, one, contact in ends
        )
    )
    return str(deal), str(jane), str(john)


def synced(service: Gunicorn) -> None:
    job = service.post("/api/hubspot/v2/sync").json()["job_id"]
    until(lambda: service.get(f"/api/hubspot/v2/sync/status/{job}").json()["status"] == "completed", 60)


def names(timeline: dict[str, Any]) -> list[list[str]]:
    return [[one["name"] for one in people] for people in (timeline["with"], timeline["events"][0]["with"])]


def test_renamed_and_deleted_people_are_so_in_all_workers_and_tiers(
    start_service: StartService, hubspot: HubSpot, own_redis: RedisServer, mongodb_uri: str
) -> None:
    database = f"test_{uuid.uuid4().hex}"
    deal, jane, john = made(hubspot)
    settings = {"MONGODB_DATABASE": database, "REDIS_URL": own_redis.url, "WEB_CONCURRENCY": "2"}
    service = start_service(ASSOCIATED_NAMES="on", **settings)
    synced(service)

    def read() -> list[Any]:
        return [answers[0] for answers in service.get_from_each(TIMELINE, dealId=deal).values()]

    until(lambda: {one.headers["X-Cache-Tier"] for one in read()} == {"memory"})
    assert [names(one.json()) for one in read()] == [[["Jane", "John"]] * 2] * 2

    hubspot.change(
        {"do": "update", "object_type": "contacts", "record_id": jane, "properties": {"firstname": "Joan"}},
        {"do": "erase", "object_type": "contacts", "record_id": john},
    )
    synced(service)

    until(lambda: all(names(one.json()) == [["Joan"]] * 2 for one in read()))
    with MongoClient(mongodb_uri) as client:
        assert "John" not in str(client[database].contacts.find_one({"_id": john}))
    until(lambda: {one.headers["X-Cache-Tier"] for one in read()} == {"memory"})
    # Nor is it in Redis, from which a worker that begins now would take it.
    service.get("/api/hubspot/deal-info", dealId=deal)
    other = start_service(ASSOCIATED_NAMES="on", **settings)
    assert names(other.get(TIMELINE, dealId=deal).json()) == [["Joan"]] * 2
