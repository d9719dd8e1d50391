"""Deliveries: only those that HubSpot signed are stored, and each answer tells what came of it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from types import SimpleNamespace

import orjson
import pytest

from dealcache.api import webhooks
from dealcache.api.access import Tokens
from dealcache.api.webhook_guard import WebhookGuard
from dealcache.repositories import StoreUnavailable
from dealcache.setting_values import networks
from tests.clocks import ManualClock
from tests.unit.api.stands import client_of

PATH = "/api/hubspot/webhooks"
SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
EVENT = {"subscriptionType": "deal.creation", "objectId": 1, "occurredAt": 1782371972438, "subscriptionId": 5}


class Events:
    """Events in memory, each once, as :class:`WebhookEventRepository` keeps them."""

    def __init__(self) -> None:
        self.stored = {}
        self.times = []
        self.down = False

    def store(self, received, now):
        if self.down:
            raise StoreUnavailable("no answer")
        self.times.append(now.timestamp())
        before = len(self.stored)
        self.stored |= {event.key: event for event in received}
        return len(self.stored) - before


class Stand:
    """The blueprint with everything around it."""

    def __init__(self, secret=SECRET, public_url="https://deals.example.com", trusted="127.0.0.1", tokens=None):
        self.clock = ManualClock()
        self.events = Events()
        self.wakes = 0
        guard = WebhookGuard(secret, public_url, networks(trusted), self.clock)
        self.client = client_of(
            webhooks.blueprint,
            tokens,
            clock=self.clock,
            webhook_guard=guard,
            storage=SimpleNamespace(webhook_events=self.events),
            names_people=False,
            wake_webhooks=self._wake,
        )

    def _wake(self):
        self.wakes += 1

    def signed(self, body: bytes, uri=f"https://deals.example.com{PATH}", age=0.0, secret=SECRET):
        stamp = str(int((self.clock.now - age) * 1000))
        message = f"POST{uri}".encode() + body + stamp.encode()
        signature = base64.b64encode(hmac.digest(secret.encode(), message, "sha256")).decode()
        return {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": stamp}

    def post(self, content, headers=None, **more):
        body = content if isinstance(content, bytes) else orjson.dumps(content)
        chosen = self.signed(body) if headers is None else headers
        return self.client.post(PATH, data=body, headers=chosen, content_type="application/json", **more)


@pytest.fixture
def stand():
    return Stand()


def first(body: bytes) -> dict[str, str]:
    signature = hashlib.sha256(SECRET.encode() + body).hexdigest()
    return {"X-HubSpot-Signature": signature, "X-HubSpot-Signature-Version": "v1"}


def test_a_delivery_is_stored_and_told_how_much_of_it_was_new(stand):
    contact = EVENT | {"subscriptionType": "contact.creation"}
    answer = stand.post([EVENT, EVENT | {"objectId": 2}, EVENT | {"eventId": 9, "attemptNumber": 1}, contact])
    assert answer.status_code == 200
    assert answer.get_json() == {"status": "accepted", "events": 4, "new": 2}
    assert {event.object_id for event in stand.events.stored.values()} == {"1", "2"}
    assert (stand.events.times, stand.wakes) == ([stand.clock.now], 1)
    assert stand.post([EVENT]).get_json() == {"status": "accepted", "events": 1, "new": 0}


def test_nothing_of_ours_in_a_delivery_is_fine_too(stand):
    assert stand.post([]).get_json() == {"status": "accepted", "events": 0, "new": 0}
    assert (stand.events.times, stand.wakes) == ([], 0)


def test_version_1_alone_is_let_in(stand):
    body = orjson.dumps([EVENT])
    assert stand.post(body, first(body)).status_code == 200


def refused(answer) -> bool:
    return (
        answer.status_code == 401
        and answer.content_type == "application/problem+json"
        and "WWW-Authenticate" not in answer.headers
    )


def test_what_is_not_signed_or_wrongly_is_refused_and_not_stored(stand):
    body = orjson.dumps([EVENT])
    wrong = [
        {},
        stand.signed(b"[]"),
        stand.signed(body, secret="other"),
        stand.signed(body, uri=f"https://evil.example.com{PATH}"),
        stand.signed(body, age=301),
        stand.signed(b"[]") | first(body),
        {"X-HubSpot-Signature-v3": stand.signed(body)["X-HubSpot-Signature-v3"]},
        first(b"[]"),
        {"X-HubSpot-Signature-v3": "é"},
    ]
    for headers in wrong:
        assert refused(stand.post(body, headers)), headers
    assert (stand.events.stored, stand.wakes) == ({}, 0)


def test_without_a_secret_nothing_is_let_in():
    stand = Stand(secret=None)
    body = orjson.dumps([EVENT])
    assert refused(stand.post(body))
    assert refused(stand.post(body, stand.signed(body, secret="")))


def test_the_query_is_signed_too(stand):
    body = orjson.dumps([EVENT])
    uri = f"https://deals.example.com{PATH}?a=b%2Fc"
    decoded = f"https://deals.example.com{PATH}?a=b/c"
    headers = stand.signed(body, uri=decoded)
    more = {"query_string": "a=b%2Fc", "environ_overrides": {"RAW_URI": f"{PATH}?a=b%2Fc"}}
    assert stand.post(body, headers, **more).status_code == 200
    assert refused(stand.post(body, stand.signed(body, uri=uri), **more))


@pytest.mark.parametrize(("peer", "status"), [("127.0.0.1", 200), ("192.0.2.1", 401)])
def test_without_a_public_url_a_trusted_proxy_tells_it(peer, status):
    stand = Stand(public_url=None)
    body = orjson.dumps([EVENT])
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "deals.example.com"}
    answer = stand.post(body, stand.signed(body) | forwarded, environ_overrides={"REMOTE_ADDR": peer})
    assert answer.status_code == status


def test_no_token_is_asked_for():
    stand = Stand(tokens=Tokens("api", "admin"))
    assert stand.post([EVENT]).status_code == 200
    assert stand.post([EVENT], query_string="refresh=true", headers={}).status_code == 401


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"null", b"7", b"\xff", orjson.dumps([EVENT] * 1001)])
def test_a_signed_body_that_is_no_array_of_up_to_1000_events_is_422(stand, body):
    answer = stand.post(body)
    assert (answer.status_code, set(answer.get_json()["errors"])) == (422, {"body"})
    assert stand.events.stored == {}


def test_a_thousand_events_are_taken(stand):
    assert stand.post([EVENT | {"objectId": number} for number in range(1, 1001)]).get_json()["new"] == 1000


def test_events_that_make_no_sense_do_not_spoil_the_others(stand, caplog):
    with caplog.at_level(logging.WARNING):
        assert stand.post([EVENT, {}, 7]).get_json() == {"status": "accepted", "events": 3, "new": 1}
    assert "2 of 3 events" in caplog.text


def test_long_texts_make_a_large_delivery_which_is_taken_up_to_a_bound(stand):
    long = [EVENT | {"objectId": number, "propertyValue": "x" * 65_536} for number in range(1, 101)]
    assert stand.post(long).status_code == 200
    assert stand.post(b"[" + b" " * (8 * 1024 * 1024)).status_code == 413


def test_mongodb_down_is_503_so_that_hubspot_sends_again(stand):
    stand.events.down = True
    answer = stand.post([EVENT])
    assert (answer.status_code, stand.wakes) == (503, 0)
    assert "Retry-After" in answer.headers
    stand.events.down = False
    assert stand.post([EVENT]).get_json()["new"] == 1


def test_refusals_are_logged_once_a_minute_with_the_number_of_the_others(stand, caplog):
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            stand.post([EVENT], headers={})
        stand.clock.tick(59.9)
        stand.post([EVENT], headers={})
        assert [record.getMessage() for record in caplog.records] == [
            "refused a webhook delivery of 127.0.0.1: it is not signed (0 more since the last line)"
        ]
        stand.clock.tick(0.1)
        stand.post([EVENT], headers={"X-HubSpot-Signature-v3": "x"})
        assert caplog.records[-1].getMessage() == (
            "refused a webhook delivery of 127.0.0.1: its signature is wrong or old for "
            f"'https://deals.example.com{PATH}' (5 more since the last line)"
        )
    assert len(caplog.records) == 2


def test_a_clock_that_is_set_back_does_not_silence_the_log(stand, caplog):
    with caplog.at_level(logging.WARNING):
        stand.post([EVENT], headers={})
        stand.clock.tick(-3600)
        stand.post([EVENT], headers={})
    assert len(caplog.records) == 2
