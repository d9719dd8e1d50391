"""The event loop's connections hold no thread, lose nothing, and end as gunicorn's connections end."""

from __future__ import annotations

import os
import re
import signal
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.e2e.impatient import OPTIONS
from tests.e2e.metrics import all_follow
from tests.e2e.programs import ACME, READ, Gunicorn, HubSpot, StartService, signal_and_wait
from tests.waiting import PATIENCE, until

HIT = b"GET /api/hubspot/deal-timeline?dealName=Acme%20renewal HTTP/1.1\r\nHost: localhost\r\n\r\n"
BEGINNING = HIT[:50]


@pytest.fixture(scope="module")
def few_threads(module_services: StartService) -> Gunicorn:
    """A service with two threads, and places for four that wait for HubSpot, with a deal in memory."""
    service = module_services(THREADS="2", CPU_AFFINITY="off")
    warm(service)
    return service


def warm(service: Gunicorn) -> None:
    all_follow(service)
    for view in (READ, "/api/hubspot/deal-timeline"):
        until(lambda view=view: service.get(view, dealName=ACME).headers.get("X-Cache-Tier") == "memory")


@contextmanager
def connections(service: Gunicorn, count: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """So many connections, each of which has sent the same and will stay."""
    with ExitStack() as stack:
        every = [
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=60)) for _ in range(count)
        ]
        for one in every:
            one.sendall(sent)
        yield every


def read_answers(connection: socket.socket, count: int) -> list[bytes]:
    """The bodies of so many answers that come one after the other."""
    bodies = []
    with connection.makefile("rb") as stream:
        for _ in range(count):
            status = stream.readline()
            assert status == b"HTTP/1.1 200 OK\r\n", status
            length = 0
            while (line := stream.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            bodies.append(stream.read(length))
    return bodies


def fill(connection: socket.socket) -> None:
    """Ask until no more requests go into the buffers, because no answers come out of them."""
    connection.setblocking(False)
    deadline = time.monotonic() + PATIENCE
    blocked = 0
    while blocked < 10:
        assert time.monotonic() < deadline
        try:
            connection.send(HIT * 100)
            blocked = 0
        except BlockingIOError:
            blocked += 1
            time.sleep(0.02)
    connection.settimeout(60)


def lane_hits(service: Gunicorn) -> int:
    return int(float(re.findall(r"^dealcache_lane_hits_total (.*)$", service.get("/metrics").text, re.MULTILINE)[0]))


@pytest.mark.parametrize("sent", [b"", BEGINNING], ids=["silent", "with the beginning of a request"])
def test_who_sends_no_request_holds_no_thread(few_threads: Gunicorn, sent: bytes) -> None:
    with connections(few_threads, 64, sent) as every:
        time.sleep(0.2)
        for path in ("/healthz", "/api/hubspot/deal-timeline"):
            # 64 that hold one of two threads for five seconds or more would have it wait beyond its time-out.
            assert few_threads.get(path, dealName=ACME if "deal" in path else None).status_code == 200
        for one in every:
            one.sendall(HIT[len(sent) :])
            assert len(read_answers(one, 1)) == 1


def test_who_takes_answers_slowly_holds_up_nobody_and_gets_them_all(few_threads: Gunicorn) -> None:
    body = few_threads.get("/api/hubspot/deal-timeline", dealName=ACME).content
    with connections(few_threads, 8) as every:
        for one in every:
            fill(one)
        # Eight that hold one of two threads for half a minute would have it wait beyond its time-out.
        assert few_threads.get("/api/hubspot/deal-timeline", dealName=ACME).status_code == 200
        assert few_threads.get("/healthz").status_code == 200
        assert read_answers(every[0], 500) == [body] * 500


def test_an_answer_that_is_being_taken_slowly_is_finished_when_the_service_stops(start_service: StartService) -> None:
    service = start_service(THREADS="2", CPU_AFFINITY="off")
    warm(service)
    body = service.get("/api/hubspot/deal-timeline", dealName=ACME).content
    count = 60
    with connections(service, 2) as (one, idle):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.sendall(HIT * count)
        assert one.recv(1, socket.MSG_PEEK)
        service.process.send_signal(signal.SIGTERM)
        assert idle.recv(1) == b""  # idle connections have had their time
        bodies = []
        while len(bodies) < count:
            try:
                bodies += read_answers(one, 1)
            except (AssertionError, ConnectionResetError):
                break  # requests that it had not begun to answer are not answered any more
        assert bodies
        assert bodies == [body] * len(bodies)
    assert service.process.wait(40) == 0


def test_peers_that_go_leave_nothing_behind(start_service: StartService) -> None:
    service = start_service(GUNICORN_CMD_ARGS="--worker-connections 30")
    warm(service)
    for number in range(300):
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as one:
            one.sendall((b"", BEGINNING, HIT, HIT * 50)[number % 4])
            if number % 8 > 3:  # with a reset instead of an end
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with connections(service, 20, HIT) as every:
        for one in every:
            assert len(read_answers(one, 1)) == 1
    assert "Traceback" not in service.err


def test_time_outs(start_service: StartService) -> None:
    service = start_service(GUNICORN_CMD_ARGS=f"--keep-alive 3 {OPTIONS}")
    warm(service)
    with connections(service, 1) as (silent,), connections(service, 1, BEGINNING) as (slow,):
        with connections(service, 1) as (active,):
            started = time.monotonic()
            while time.monotonic() - started < 7:
                active.sendall(HIT)
                assert len(read_answers(active, 1)) == 1
                time.sleep(0.1)
        assert silent.recv(100) == b""
        told = b""
        while chunk := slow.recv(1000):
            told += chunk
    assert told.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"application/problem+json" in told


def test_a_worker_that_has_answered_its_share_of_requests_is_replaced(start_service: StartService) -> None:
    service = start_service(GUNICORN_CMD_ARGS="--max-requests 40")
    warm(service)
    workers = set()
    for _ in range(150):
        assert service.get("/api/hubspot/deal-timeline", dealName=ACME).status_code == 200
        workers |= service.workers()
        if len(workers) > 1:
            break
    else:
        pytest.fail("no worker was replaced")
    for _ in range(10):  # the new one answers too
        assert service.get("/api/hubspot/deal-timeline", dealName=ACME).status_code == 200


def test_each_hit_is_counted_and_logged(start_service: StartService, hubspot: HubSpot) -> None:
    service = start_service(LOG_FORMAT="json")
    warm(service)
    before = lane_hits(service)
    with connections(service, 1) as (one,):
        for _ in range(4):
            one.sendall(HIT * 150)
            read_answers(one, 150)
    assert lane_hits(service) == before + 600
    metrics = service.get("/metrics").text
    stats = service.get("/api/hubspot/cache-stats", prefix="timeline:").json()
    reads = float(re.findall(r'reads_total\{tier="memory",view="timeline"\} (.*)', metrics)[0])
    durations = float(re.findall(r'read_seconds_count\{tier="memory"\} (.*)', metrics)[0])
    requests = float(re.findall(r'requests_total\{route="/api/hubspot/deal-timeline",status="200"\} (.*)', metrics)[0])
    assert reads >= 600
    assert requests >= reads  # of which those that memory did not answer are no hits
    assert durations == stats["tiers"]["memory"]["hits"]
    assert stats["entries"][0]["hits"] == reads
    for logger, count in (("dealcache.read", reads), ("gunicorn.access", requests)):

        def mine(logger: str = logger) -> list[dict[str, Any]]:
            lines = [one for one in service.log() if one["logger"] == logger and one.get("tier", "memory") == "memory"]
            return [one for one in lines if re.search("timeline.*Acme", one["message"])]

        # Most share lines, which come once a second, and some have lines of their own, with all that is known of them.
        until(lambda mine=mine, count=count: sum(line.get("count", 1) for line in mine()) == count)
        assert any("count" in line for line in mine())
        assert any(len(line["request_id"]) == 32 and "ms" in line for line in mine())


def test_with_settings_that_the_lane_does_not_know_threads_answer_as_before(start_service: StartService) -> None:
    """That it is the same with ``HIT_LANE=off``, and without a word about it, test_hit_lane shows."""
    service = start_service(GUNICORN_CMD_ARGS="--permit-obsolete-folding")
    warm(service)
    assert lane_hits(service) == 0
    assert "the hit lane is off" in service.err
    assert signal_and_wait(service)[0] == 0


@pytest.mark.skipif(not {0, 1} <= os.sched_getaffinity(0), reason="one core is no choice")
@pytest.mark.long
@pytest.mark.parametrize("wanted", ["auto", "0,1"])
def test_each_worker_has_a_core_of_its_own(start_service: StartService, wanted: str) -> None:
    service = start_service(WEB_CONCURRENCY="2", CPU_AFFINITY=wanted)
    until(lambda: len(service.workers()) == 2)

    def cores() -> list[frozenset[int]]:
        return [frozenset(os.sched_getaffinity(pid)) for pid in service.workers()]

    until(lambda: all(len(one) == 1 for one in cores()))
    assert len(set(cores())) == 2
    victim = min(service.workers())
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(service.workers()) == 2 and victim not in service.workers())
    until(lambda: all(len(one) == 1 for one in cores()))
    assert len(set(cores())) == 2
