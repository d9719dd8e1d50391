"""Webhooks on the wire: a receiver that checks signatures as HubSpot's guide says, and one that fails."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from dealcache.sandbox.simulator import Dataset, Simulator
from tests.waiting import until

SECRET = "s3cret"


class Receiver(ThreadingHTTPServer):
    """Answers with ``statuses`` in turn, then 204; keeps the events it took."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/hooks?a=%2Fb"
        self.statuses, self.events, self.wrong, self.seen = [], [], 0, 0
        self.arrived = threading.Condition()

    def wait_for(self, count):
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.events) >= count, timeout=60), len(self.events)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        stamp = self.headers["X-HubSpot-Request-Timestamp"]
        uri = self.server.url.replace("%2F", "/")
        expected = hmac.new(SECRET.encode(), f"POST{uri}".encode() + body + stamp.encode(), hashlib.sha256).digest()
        with self.server.arrived:
            self.server.seen += 1
            status = self.server.statuses.pop(0) if self.server.statuses else 204
            if base64.b64decode(self.headers["X-HubSpot-Signature-v3"]) != expected:
                self.server.wrong += 1
            if abs(time.time() * 1000 - int(stamp)) > 60_000:
                self.server.wrong += 1
            if status == 204:
                self.server.events += json.loads(body)
            self.server.arrived.notify_all()
        if status:
            self.send_response(status)
            self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def simulator():
    with Simulator(Dataset(), limits=None) as running:
        yield running


def test_changes_over_the_api_and_of_the_data_arrive_signed(simulator, receiver):
    simulator.webhooks.subscribe(receiver.url, SECRET)
    first = simulator.data.add_deal("one")
    headers = {"Authorization": "Bearer simulator-token"}
    url = f"{simulator.base_url}/crm/v3/objects/deals/{first}"
    requests.patch(url, json={"properties": {"amount": "7"}}, headers=headers, timeout=60)

    receiver.wait_for(2)

    assert [one["subscriptionType"] for one in receiver.events] == ["deal.creation", "deal.propertyChange"]
    assert receiver.wrong == 0


def test_failures_are_tried_again_until_all_is_told(simulator, receiver):
    receiver.statuses = [500, 0, 429]
    simulator.webhooks.subscribe(receiver.url, SECRET, batch=10)
    for _ in range(100):
        simulator.data.add_deal("x")

    receiver.wait_for(100)

    assert len({one["objectId"] for one in receiver.events}) == 100
    assert {one["attemptNumber"] for one in receiver.events} >= {0, 1}
    assert receiver.wrong == 0


def test_what_is_pending_survives_a_stop(receiver):
    simulator = Simulator(Dataset(), limits=None)
    simulator.webhooks.subscribe(receiver.url, SECRET)
    simulator.data.add_deal("x")
    assert simulator.webhooks.pending == 1

    with simulator:
        receiver.wait_for(1)
    simulator.data.add_deal("y")
    time.sleep(0.1)
    assert len(receiver.events) == 1

    with simulator:
        receiver.wait_for(2)


def test_a_receiver_that_is_not_there(simulator):
    simulator.webhooks.subscribe("http://127.0.0.1:9/", SECRET)
    simulator.data.add_deal("x")
    until(lambda: simulator.webhooks.deliveries)
    assert simulator.webhooks.deliveries[0].status == 0
    assert requests.get(f"{simulator.base_url}/_simulator/webhooks", timeout=60).json()["pending"] == 1
