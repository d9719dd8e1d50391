"""Stopping under load, and workers that die."""

from __future__ import annotations

import http.client
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from tests.e2e.programs import ACME, READ, Gunicorn, HubSpot, StartService, signal_and_wait
from tests.freezing import frozen
from tests.waiting import until

HIT = f"{READ}?dealName={quote(ACME)}"


class Load:
    """A client that asks again and again on one connection, and notes what became of each request."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answered = 0
        self.idle_closed = 0
        self.failures: list[str] = []

    def run(self) -> None:
        """Ask until the service takes no connection any more."""
        connection = None
        while True:
            fresh = connection is None
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    return
            try:
                connection.request("GET", HIT)
                response = connection.getresponse()
            except (http.client.RemoteDisconnected, ConnectionError) as error:
                # A server may close a kept connection while it is idle; the client asks anew (RFC 9112, 9.3.1).
                if fresh:
                    self.failures.append(repr(error))
                self.idle_closed += not fresh
                connection.close()
                connection = None
                continue
            body = response.read()
            if response.status != 200 or not body:
                self.failures.append(f"{response.status} {body[:200]!r}")
            self.answered += 1
            if response.will_close:
                connection.close()
                connection = None


def test_sigterm_under_load_leaves_no_request_without_its_answer(start_service: StartService, hubspot: HubSpot) -> None:
    service = start_service()
    assert service.get(READ, dealName=ACME).status_code == 200
    hubspot.steer("POST", "faults", match="search", delay=1.5)
    deals = [deal["name"] for deal in hubspot.steer("GET", "deals")["deals"][40:44]]
    idle = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(4)]
    for connection in idle[:2]:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    loads = [Load(service.port) for _ in range(8)]
    with ThreadPoolExecutor(len(loads) + len(deals)) as pool:
        slow = [pool.submit(service.get, READ, dealName=name) for name in deals]
        running = [pool.submit(load.run) for load in loads]
        until(lambda: hubspot.calls().get("search", 0) >= 1 + len(deals))
        until(lambda: all(load.answered > 20 for load in loads))
        code, seconds = signal_and_wait(service)
        assert [(answer.result().status_code, answer.result().json()["dealName"]) for answer in slow] == [
            (200, name) for name in deals
        ]
        for future in running:
            future.result(60)
    for connection in idle:
        connection.close()
    assert [failure for load in loads for failure in load.failures] == []
    assert code == 0
    # The slow reads need less than two seconds; the graceful time-out is thirty, a kept connection lives for 75.
    assert seconds < 28
    assert not [line for line in service.log() if line["level"] in ("ERROR", "CRITICAL")]


def test_idle_connections_do_not_keep_it_from_stopping(start_service: StartService) -> None:
    service = start_service(WEB_CONCURRENCY="2")
    connections = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(10)]
    for connection in connections[:7]:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    code, seconds = signal_and_wait(service)
    for connection in connections:
        connection.close()
    assert code == 0
    assert seconds < 28  # the graceful time-out is thirty; the silent ones alone take five


def test_a_killed_worker_is_replaced_and_its_values_come_from_mongodb(
    start_service: StartService, hubspot: HubSpot
) -> None:
    service = start_service()
    first = service.get(READ, dealName=ACME)
    until(lambda: service.get(READ, dealName=ACME).headers.get("X-Cache-Tier") == "memory")
    (worker,) = service.workers()
    os.kill(worker, signal.SIGKILL)
    until(lambda: service.workers() and worker not in service.workers())
    searches = hubspot.calls()["search"]
    again = until(lambda: answer_of(service))
    assert (again.headers["X-Cache-Tier"], again.content) == ("mongodb", first.content)
    assert hubspot.calls()["search"] == searches
    # What a worker reads before it knows of all invalidations, it lets go when it does.
    until(lambda: service.get(READ, dealName=ACME).headers.get("X-Cache-Tier") == "memory")
    # Counters go on; what the dead worker held is held no longer.
    assert 'dealcache_reads_total{tier="hubspot",view="info"} 1.0' in service.get("/metrics").text
    until(lambda: service.get(READ, dealName=ACME).ok and "dealcache_cache_entries 1.0" in service.get("/metrics").text)
    assert signal_and_wait(service)[0] == 0


def answer_of(service: Gunicorn) -> object:
    """The answer to a read, None while nobody listens to us."""
    try:
        return service.get(READ, dealName=ACME)
    except OSError:
        return None


@pytest.mark.long
def test_slow_cold_reads_leave_room_for_hits_and_probes(start_service: StartService, hubspot: HubSpot) -> None:
    service = start_service(HUBSPOT_DEADLINE_SECONDS="60")
    assert service.get(READ, dealName=ACME).status_code == 200
    names = [deal["name"] for deal in hubspot.steer("GET", "deals")["deals"][-64:]]
    with ThreadPoolExecutor(len(names)) as pool:
        with frozen(hubspot.process.pid):
            cold = [pool.submit(service.get, READ, dealName=name) for name in names]
            until(lambda: sum(one.done() for one in cold) >= len(names) / 2)
            refused = [one.result() for one in cold if one.done()]
            for path in (HIT, "/healthz") * 20:
                assert service.get(path).status_code == 200
        statuses = {one.result().status_code for one in cold}
    # Three quarters of the threads may wait for HubSpot; who finds no place waits for no search.
    assert sum(one.result().status_code == 200 for one in cold) >= 12
    assert statuses == {200, 503}
    for answer in refused:
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json()["status"] == 503
    assert service.get("/readyz").status_code == 200
