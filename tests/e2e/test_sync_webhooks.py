"""HubSpot's webhooks, sent as bytes to a running service."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from pymongo import MongoClient

from dealcache.sandbox.simulator.site import PORTAL_ID
from tests.e2e.programs import Gunicorn, HubSpot, StartService, assert_problem
from tests.waiting import until

#: Many services are started, or one for long: for `make test-long`.
pytestmark = pytest.mark.long

PATH = "/api/hubspot/webhooks"
SECRET = "client-secret-of-ours"
PUBLIC = "https://deals.example.com"
TIMELINE = "/api/hubspot/deal-timeline"


def third(uri: str, body: bytes, timestamp: int) -> dict[str, str]:
    """The headers of a version 3 signature."""
    text = f"POST{uri}".encode() + body + str(timestamp).encode()
    signature = base64.b64encode(hmac.new(SECRET.encode(), text, hashlib.sha256).digest()).decode()
    return {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": str(timestamp)}


def first(body: bytes) -> dict[str, str]:
    """The headers of a version 1 signature."""
    signature = hashlib.sha256(SECRET.encode() + body).hexdigest()
    return {"X-HubSpot-Signature": signature, "X-HubSpot-Signature-Version": "v1"}


def now() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)


def deliver(service: Gunicorn, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    lines = {"Host": f"127.0.0.1:{service.port}", "Content-Type": "application/json", "Content-Length": str(len(body))}
    head = f"POST {PATH} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in (lines | headers).items())
    return service.ask(f"{head}Connection: close\r\n\r\n".encode() + body)


def note_was_made(note_id: str | None) -> dict[str, Any]:
    return {
        "eventId": 1,
        "subscriptionId": 2,
        "portalId": PORTAL_ID,
        "appId": 4,
        "occurredAt": now(),
        "subscriptionType": "object.creation",
        "objectTypeId": "0-46",
        "attemptNumber": 0,
        "objectId": int(note_id or 0),
    }


def events_of(service: Gunicorn, deal_id: str) -> set[str]:
    response = service.get(TIMELINE, dealId=deal_id)
    assert response.status_code == 200
    return {event["engagement_id"] for event in response.json()["events"]}


def new_deal_with_a_note(hubspot: HubSpot) -> str:
    (deal_id,) = hubspot.change({"do": "add_deal", "name": "Told of"})
    hubspot.change({"do": "add_activity", "object_type": "notes", "deals": [deal_id]})
    return str(deal_id)


@pytest.mark.parametrize(("version", "public_url"), [(1, ""), (3, ""), (3, PUBLIC)])
def test_a_signed_delivery_is_seen_by_readers_soon(
    start_service: StartService,
    hubspot: HubSpot,
    version: int,
    public_url: str,
    record_property: pytest.RecordProperty,
) -> None:
    service = start_service(HUBSPOT_CLIENT_SECRET=SECRET, PUBLIC_URL=public_url)
    deal_id = new_deal_with_a_note(hubspot)
    assert len(events_of(service, deal_id)) == 1
    (note_id,) = hubspot.change({"do": "add_activity", "object_type": "notes", "deals": [deal_id]})
    assert note_id not in events_of(service, deal_id)

    body = json.dumps([note_was_made(note_id)]).encode()
    uri = (public_url or service.url) + PATH
    started_at = time.monotonic()
    status, _, answer = deliver(service, body, first(body) if version == 1 else third(uri, body, now()))
    assert (status, json.loads(answer)) == (200, {"status": "accepted", "events": 1, "new": 1})
    until(lambda: note_id in events_of(service, deal_id))
    record_property("seconds until readers saw it", time.monotonic() - started_at)


def test_what_is_not_signed_is_refused_and_not_stored(
    start_service: StartService, hubspot: HubSpot, mongodb_uri: str
) -> None:
    service = start_service(HUBSPOT_CLIENT_SECRET=SECRET, PUBLIC_URL=PUBLIC)
    body = json.dumps([note_was_made("1")]).encode()
    uri, moment = PUBLIC + PATH, now()
    wrong = {
        "nothing": {},
        "other body": third(uri, body + b" ", moment),
        "other host": third(service.url + PATH, body, moment),
        "old": third(uri, body, moment - 301_000),
        "other time": third(uri, body, moment) | {"X-HubSpot-Request-Timestamp": str(moment + 1)},
        "wrong v3 beside a good v1": third(uri, b"", moment) | first(body),
        "v1 of another body": first(b"[]"),
    }
    for headers in wrong.values():
        status, answered, answer = deliver(service, body, headers)
        assert_problem(status, answered, answer)
        assert status == 401
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        events = client[service.database].webhook_events
        assert events.count_documents({}) == 0
        assert deliver(service, body, third(uri, body, moment))[0] == 200
        assert events.count_documents({}) == 1
    until(lambda: len([line for line in service.log() if line.get("target") == PATH]) == len(wrong) + 1)
    assert len([line for line in service.log() if "refused a webhook delivery" in line["message"]]) == 1


def test_what_happens_in_hubspot_is_seen_by_readers_soon(start_service: StartService, hubspot: HubSpot) -> None:
    """The simulator sends the events itself, in any order, some twice."""
    service = start_service(HUBSPOT_CLIENT_SECRET=SECRET)
    deal_id, other_id = new_deal_with_a_note(hubspot), new_deal_with_a_note(hubspot)
    for one in (deal_id, other_id):
        events_of(service, one)
    hubspot.steer("POST", "webhooks", url=service.url + PATH, secret=SECRET, shuffle=True, duplicate=0.5)
    try:
        (moved,) = hubspot.change({"do": "add_activity", "object_type": "calls", "deals": [deal_id]})
        until(lambda: moved in events_of(service, deal_id))
        ends = {"from_type": "deals", "to_type": "calls", "to_id": moved}
        hubspot.change(
            {"do": "disassociate", "from_id": deal_id, **ends}, {"do": "associate", "from_id": other_id, **ends}
        )
        until(lambda: moved in events_of(service, other_id) - events_of(service, deal_id))
        hubspot.change({"do": "archive", "object_type": "calls", "record_id": moved})
        until(lambda: moved not in events_of(service, other_id))
        hubspot.change({"do": "update", "object_type": "deals", "record_id": deal_id, "properties": {"dealname": "X"}})
        until(lambda: service.get(TIMELINE, dealId=deal_id).json()["deal_name"] == "X")
        (merged,) = hubspot.change({"do": "merge", "object_type": "deals", "primary_id": deal_id, "loser_id": other_id})
        until(lambda: service.get(TIMELINE, dealId=other_id).json().get("deal_id") == merged)
        assert len(events_of(service, str(merged))) == 2
        until(lambda: service.get(TIMELINE, dealId=deal_id).json().get("deal_id") == merged)
    finally:
        hubspot.steer("DELETE", "webhooks")


def test_one_record_that_is_refused_waits_alone_also_after_a_kill(
    start_service: StartService, hubspot: HubSpot, mongodb_uri: str
) -> None:
    service = start_service(HUBSPOT_CLIENT_SECRET=SECRET)
    good, bad = new_deal_with_a_note(hubspot), new_deal_with_a_note(hubspot)
    for one in (good, bad):
        events_of(service, one)
    hubspot.steer("POST", "faults", match=".*", status=500, record=bad)
    events = []
    for one in (good, bad):
        hubspot.change({"do": "update", "object_type": "deals", "record_id": one, "properties": {"dealname": "Anew"}})
        told = {"subscriptionType": "deal.propertyChange", "objectId": int(one), "propertyName": "dealname"}
        events.append({"subscriptionId": 2, "occurredAt": now(), "attemptNumber": 0} | told)
    body = json.dumps(events).encode()
    assert deliver(service, body, first(body))[0] == 200

    def name_of(at: Gunicorn, deal_id: str) -> str:
        return str(at.get(TIMELINE, dealId=deal_id).json()["deal_name"])

    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        stored = client[service.database].webhook_events
        until(lambda: name_of(service, good) == "Anew")
        until(lambda: stored.find_one({"record": f"deals:{bad}", "attempts": {"$gte": 1}}))
        # What a killed process had claimed stays claimed for two minutes.
        until(lambda: stored.count_documents({"pending": True}) == 1)
        service.kill()
        again = start_service(HUBSPOT_CLIENT_SECRET=SECRET, MONGODB_DATABASE=service.database)
        attempts = stored.find_one({"record": f"deals:{bad}"})["attempts"]  # type: ignore[index]
        until(lambda: stored.find_one({"record": f"deals:{bad}", "attempts": {"$gt": attempts}}), 150)
        until(lambda: "dealcache_webhook_events_pending 1.0" in again.get("/metrics").text)
        hubspot.steer("DELETE", "faults")
        until(lambda: name_of(again, bad) == "Anew")
        until(lambda: stored.count_documents({"pending": True}) == 0)
