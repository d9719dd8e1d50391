"""Clients that stall hold up nobody, and their time runs out."""

from __future__ import annotations

import re
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pymongo
import pytest
import requests

from tests.e2e.impatient import OPTIONS, SECONDS
from tests.e2e.programs import ACME, Gunicorn, StartService, assert_problem
from tests.ports import free_port
from tests.stalled import KINDS, StalledConnections
from tests.waiting import until

HIT = "/api/hubspot/deal-timeline"
LARGE = "/api/docs/assets/swagger-ui-bundle.js"

TOLD_LATE = 'requests_total{route="unmatched",status="408"}'
AT_LIMIT = 'connections_dropped_total{reason="limit"}'
DROPPED = 'connections_dropped_total{reason="stalled"}'

#: What each kind is told when its time is over; what is not here is told nothing, or has its answer.
TOLD = {
    "head without end": 431,
    "head of long fields": 431,
    "head a byte a second": 408,
    "no body": 408,
    "body a byte a second": 408,
    "large body without its end": 408,
    "chunks without end": 408,
    "chunk without content": 408,
    "chunk extensions without end": 408,
    "trailers without end": 408,
    "body in a plain read": 408,
}


def warm(service: Gunicorn) -> None:
    until(lambda: service.get(HIT, dealName=ACME).headers.get("X-Cache-Tier") == "memory")


def serves(service: Gunicorn) -> bool:
    """Ask for a hit, and for what a thread answers; neither comes within its time-out while clients hold all threads.

    There are so many clients that those who wait for two threads, or for a place, would wait for more than a minute.
    """
    paths = ("/healthz", f"{HIT}?dealName=Acme%20renewal")
    return all(requests.get(service.url + path, timeout=60).status_code == 200 for path in paths)


@pytest.fixture(scope="module", params=["on", "off"])
def service(request: pytest.FixtureRequest, module_services: StartService) -> Gunicorn:
    """A service of few threads that waits three seconds where others wait thirty, with the lane and without."""
    started = module_services(THREADS="2", HIT_LANE=request.param, GUNICORN_CMD_ARGS=OPTIONS)
    warm(started)
    return started


@pytest.fixture(scope="module")
def crowded(module_services: StartService) -> Gunicorn:
    """A service that has room for thirty connections."""
    started = module_services(GUNICORN_CMD_ARGS="--worker-connections 30")
    warm(started)
    return started


def counted(service: Gunicorn, sample: str) -> int:
    """Return what a sample of its metrics says, 0 before there is one."""
    found = re.findall(rf"^dealcache_{re.escape(sample)} (\d+)\.0$", service.get("/metrics").text, re.MULTILINE)
    return int(found[0]) if found else 0


def test_each_kind_holds_up_nobody_and_is_told_in_the_end(service: Gunicorn) -> None:
    counts = dict.fromkeys(KINDS, 12)
    before = counted(service, TOLD_LATE), counted(service, DROPPED)
    with StalledConnections(("127.0.0.1", service.port), counts) as stalled:
        assert serves(service)
        ending = sum(count for name, count in counts.items() if name not in ("silent", "kept open after the end"))
        until(lambda: sum(stalled.ended[name] for name in counts if name != "kept open after the end") >= ending)
        assert serves(service)
        assert stalled.ended["silent"] == 0
        until(lambda: stalled.statuses[408] == 12 * list(TOLD.values()).count(408))
        assert stalled.statuses[431] == 24
        assert stalled.statuses[200] == 12 * 4
        assert stalled.statuses[100] == 12
    until(lambda: counted(service, TOLD_LATE) - before[0] == 12 * 10)
    until(lambda: counted(service, DROPPED) - before[1] == 36)
    assert "Traceback" not in service.err


@pytest.mark.long
def test_it_is_the_same_on_a_unix_socket(
    start_service: StartService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, path = free_port(), str(tmp_path / "socket")
    monkeypatch.setattr("tests.e2e.programs.free_port", lambda: port)
    bound = f"--bind unix:{path} --bind 127.0.0.1:{port}"
    service = start_service(THREADS="2", GUNICORN_CMD_ARGS=f"{OPTIONS} {bound}")
    warm(service)
    counts = {name: 12 for name, kind in KINDS.items() if kind.reads and name in TOLD}
    with StalledConnections(path, counts | {"answers unread": 12}) as stalled:
        assert serves(service)
        until(lambda: sum(stalled.ended[name] for name in counts) == 12 * len(counts))
        assert stalled.statuses[408] + stalled.statuses[431] == 12 * len(counts)
        until(lambda: 'connections_dropped_total{reason="stalled"} 12.0' in service.get("/metrics").text)
        assert serves(service)
    assert "Traceback" not in service.err


def ask(service: Gunicorn, octets: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=60)
    connection.sendall(octets)
    return connection


def rest_of(connection: socket.socket) -> bytes:
    octets = b""
    while chunk := connection.recv(1 << 16):
        octets += chunk
    return octets


@pytest.mark.parametrize(
    ("opening", "seconds"),
    [
        (b"GET /healthz HTTP/1.1\r\nX-Long: a", SECONDS),
        (b"POST /api/hubspot/webhooks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n[", SECONDS),
    ],
    ids=["head", "body"],
)
def test_who_does_not_finish_a_request_is_told_when_its_time_is_over(
    service: Gunicorn, opening: bytes, seconds: float
) -> None:
    started = time.monotonic()
    with ask(service, opening) as connection:
        answer = rest_of(connection)
    assert seconds <= time.monotonic() - started < 28  # without the setting, thirty
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert_problem(408, headers, body)


def test_who_sends_or_takes_slowly_but_steadily_comes_to_the_end(service: Gunicorn) -> None:
    """Each takes longer than a phase may, and moves enough."""
    body = b"[" + b" " * 150_000 + b"]"
    head = (
        b"POST /api/hubspot/webhooks HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        % len(body)
    )
    with ask(service, head) as sender, socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        reader.connect(("127.0.0.1", service.port))
        reader.sendall(b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % LARGE.encode())
        got = b""
        for place in range(0, len(body), len(body) // 30):
            sender.sendall(body[place : place + len(body) // 30])
            got += reader.recv(12_000)
            time.sleep(SECONDS * 1.5 / 30)
        assert rest_of(sender).startswith(b"HTTP/1.1 401 ")  # it is not signed
        while chunk := reader.recv(1 << 20):
            got += chunk
    assert got.partition(b"\r\n\r\n")[2] == service.get(LARGE).content


def test_an_answer_in_pieces_waits_for_its_client_without_a_thread(service: Gunicorn) -> None:
    asked = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % LARGE.encode()
    body = service.get(LARGE).content
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        reader.connect(("127.0.0.1", service.port))
        reader.settimeout(60)
        reader.sendall(asked * 3 + asked.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        time.sleep(SECONDS / 6)
        got = rest_of(reader)
    assert got.count(b"HTTP/1.1 200 OK\r\n") == 4
    assert got.count(body) == 4


def test_a_list_that_is_not_taken_holds_no_thread_and_no_cursor(service: Gunicorn, mongodb_uri: str) -> None:
    """More lists than there are threads, each longer than what the kernel and the service keep for a client."""
    lists = [b"all-deals"] * 3 + [b"deal-list?format=csv"] * 2
    with pymongo.MongoClient[dict[str, Any]](mongodb_uri) as client, ExitStack() as stack:
        collection = client[service.database].deal_info
        template = collection.find_one({}, {"_id": 0}) or {}
        name = "A deal with a very long name " * 60
        collection.insert_many(template | {"deal_id": str(10**9 + n), "deal_name": name} for n in range(5_000))

        def cursors() -> int:
            operations = client.admin.aggregate(
                [{"$currentOp": {"idleCursors": True}}, {"$match": {"type": "idleCursor", "ns": collection.full_name}}]
            )
            return len(operations.to_list())

        dropped = counted(service, DROPPED)
        for path in lists:
            reader = stack.enter_context(socket.socket())
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            reader.connect(("127.0.0.1", service.port))
            reader.sendall(b"GET /api/hubspot/v2/%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)
        until(lambda: cursors() == 3)  # an export holds none
        assert serves(service)
        until(lambda: counted(service, DROPPED) == dropped + 5)
        until(lambda: cursors() == 0)
        assert serves(service)
        collection.delete_many({"deal_name": name})


def test_the_longest_idle_connection_gives_way(crowded: Gunicorn) -> None:
    before = counted(crowded, AT_LIMIT)
    with StalledConnections(("127.0.0.1", crowded.port), {"silent": 200}) as stalled:
        for _ in range(20):
            assert serves(crowded)
        until(lambda: stalled.ended["silent"] >= 160)
    until(lambda: counted(crowded, AT_LIMIT) - before >= 160)


def test_requests_that_are_never_finished_give_way_too_and_answers_do_not(crowded: Gunicorn) -> None:
    body = crowded.get(LARGE).content
    with ask(crowded, b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % LARGE.encode()) as reader:
        with StalledConnections(("127.0.0.1", crowded.port), {"head a byte a second": 60, "no body": 60}):
            assert serves(crowded)
        assert rest_of(reader).endswith(body)
