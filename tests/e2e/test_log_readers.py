"""A service whose log nobody reads goes on, and stops when it is told to."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from dealcache.telemetry.log_batches import MOST_WAITING
from tests.e2e.programs import ACME, READ, Gunicorn, HubSpot
from tests.waiting import until

#: Each starts a service, and fills its log or stops it while nobody reads: for `make test-long`.
pytestmark = pytest.mark.long

#: What the kernel keeps for the reader: as little as it can.
_PIPE_BYTES = 4096

#: Within so many seconds a request is answered: one that waited for the log would wait for ever.
_PROMPT = 15.0

#: A path whose line in the access log, which names it twice, takes 8 kB.
LONG = f"/api/hubspot/nothing-here?{'x' * 4_000}"


@pytest.fixture
def pipe() -> Iterator[list[int]]:
    """A small pipe: the end to read from, and the end to write to."""
    ends = list(os.pipe())
    fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def unread(pipe: list[int], tmp_path: Path, hubspot: HubSpot, mongodb_uri: str) -> Iterator[Gunicorn]:
    """A service that logs into the pipe, which nobody reads."""
    service = Gunicorn(
        tmp_path / "service",
        hubspot.url,
        mongodb_uri,
        stderr=pipe[1],
        MONGODB_DATABASE="unread_log",
        SYNC_INTERVAL_SECONDS="0",
    )
    try:
        yield service
    finally:
        service.stop()


def slowest(service: Gunicorn, path: str, count: int, **query: str) -> float:
    """The longest of so many requests over one connection, in seconds."""
    with requests.Session() as session:
        longest = 0.0
        for _ in range(count):
            began_at = time.monotonic()
            assert session.get(service.url + path, params=query, timeout=60).status_code in (200, 404)
            longest = max(longest, time.monotonic() - began_at)
    return longest


def read_all(reading: int, lines: list[bytes]) -> None:
    """Read until the writers are gone."""
    rest = b""
    while data := os.read(reading, 65536):
        *whole, rest = (rest + data).split(b"\n")
        lines += whole
    assert rest == b""


def dropped_by_metrics(service: Gunicorn) -> int:
    text = requests.get(f"{service.url}/metrics", timeout=60).text
    found = re.search(r"^dealcache_log_lines_dropped_total (\S+)$", text, re.MULTILINE)
    return int(float(found[1])) if found else 0


def test_hits_go_on_and_what_was_dropped_is_counted(unread: Gunicorn, pipe: list[int]) -> None:
    assert unread.get(READ, dealName=ACME).status_code == 200
    # Each of these has a line in the access log, so long that a thousand are more than may wait.
    with requests.Session() as session:
        while dropped_by_metrics(unread) < 300:
            for _ in range(100):
                session.get(unread.url + LONG, timeout=60)
    assert slowest(unread, "/healthz", 100) < _PROMPT
    assert slowest(unread, READ, 100, dealName=ACME) < _PROMPT
    lines: list[bytes] = []
    reader = threading.Thread(target=read_all, args=(pipe[0], lines))
    reader.start()
    until(lambda: any(b"were dropped" in line for line in lines))
    counted = dropped_by_metrics(unread)
    unread.stop()
    os.close(pipe[1])
    reader.join(60)
    pipe[:] = os.pipe()
    parsed = [json.loads(line) for line in lines]
    (notice,) = [line["message"] for line in parsed if "were dropped" in line["message"]]
    assert int(notice.split()[0]) == counted >= 300
    kept = [raw for raw, line in zip(lines, parsed, strict=True) if line.get("target") == LONG]
    assert MOST_WAITING * 0.9 < sum(map(len, kept)) < MOST_WAITING + 1_000_000


@pytest.mark.parametrize("reader", ["stopped", "gone"])
def test_sigterm_ends_it_though_nobody_reads(unread: Gunicorn, pipe: list[int], reader: str) -> None:
    if reader == "gone":
        os.close(pipe[0])
        pipe[0] = os.open(os.devnull, os.O_RDONLY)
    with requests.Session() as session:
        for _ in range(200):
            session.get(f"{unread.url}/api/hubspot/nothing-here", timeout=60)
    assert slowest(unread, "/healthz", 20) < _PROMPT
    unread.process.send_signal(signal.SIGTERM)
    assert unread.ended(20) == 0  # gunicorn kills after thirty


def test_a_reader_that_sleeps_for_20_seconds_costs_lines_and_nothing_else(unread: Gunicorn, pipe: list[int]) -> None:
    sleeps_until = time.monotonic() + 20
    with requests.Session() as session:
        while time.monotonic() < sleeps_until:
            for _ in range(200):
                session.get(f"{unread.url}/api/hubspot/nothing-here", timeout=60)
            assert session.get(f"{unread.url}/healthz", timeout=_PROMPT).status_code == 200
    lines: list[bytes] = []
    reader = threading.Thread(target=read_all, args=(pipe[0], lines))
    reader.start()
    until(lambda: len(lines) > 1000)
    assert slowest(unread, "/healthz", 50) < _PROMPT
    unread.stop()
    os.close(pipe[1])
    reader.join(60)
    pipe[:] = os.pipe()
