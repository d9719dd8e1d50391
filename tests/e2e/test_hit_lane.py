"""The hit lane gives what Flask gives, byte for byte, for whatever clients send."""

from __future__ import annotations

import re
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.programs import ACME, Gunicorn, HubSpot
from tests.e2e.requests_of_all_kinds import API, BASE, COLD, ID_LINES, ORIGIN, VIEWS, Script, oddities, scripts, varied
from tests.examples import ALL, examples
from tests.waiting import until

#: What two answers to the same request may differ in: dates, times, durations, and ids that were made.
MAY_DIFFER = (
    (re.compile(rb"(?m)^Date: [^\r]*"), b"Date: ..."),
    (re.compile(rb"(?m)^Age: \d+"), b"Age: ..."),
    (re.compile(rb"; ttl=-?\d+"), b"; ttl=..."),
    (re.compile(rb";dur=\d+\.\d+"), b";dur=..."),
    (re.compile(rb"\b[0-9a-f]{32}\b"), b"id"),
)
HIT = f"GET {BASE}deal-info?dealName=Acme%20renewal HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {API}\r\n"


class Both(NamedTuple):
    """Two services on the same deals, which both have in memory: one with the lane, one without."""

    on: Gunicorn
    off: Gunicorn
    etag: str

    def warm(self) -> None:
        """Have both hold the deal, and the name that nobody has, in memory."""
        headers = {"Authorization": f"Bearer {API}"}
        for service in (self.on, self.off):
            for view in VIEWS:
                until(lambda service=service, view=view: _tier(service, view, headers) == "memory")
            service.get(BASE + VIEWS[0], headers, dealName=COLD)


def _tier(service: Gunicorn, view: str, headers: dict[str, str]) -> str | None:
    return service.get(BASE + view, headers, dealName=ACME).headers.get("X-Cache-Tier")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, hubspot_process: HubSpot, mongodb_uri: str) -> Iterator[Both]:
    tokens = {"API_TOKEN": API, "ADMIN_TOKEN": "admin-token"}
    yield from _started(tmp_path_factory, hubspot_process, mongodb_uri, tokens)


@pytest.fixture
def both_without_tokens(
    tmp_path_factory: pytest.TempPathFactory, hubspot_process: HubSpot, mongodb_uri: str
) -> Iterator[Both]:
    yield from _started(tmp_path_factory, hubspot_process, mongodb_uri, {"PUBLIC_URL": "https://deals.example.com"})


def _started(
    tmp_path_factory: pytest.TempPathFactory, hubspot_process: HubSpot, mongodb_uri: str, more: dict[str, str]
) -> Iterator[Both]:
    hubspot_process.reset()
    environ = more | {
        "MONGODB_DATABASE": f"test_{uuid.uuid4().hex}",
        "CORS_ORIGINS": ORIGIN,
        "NEGATIVE_TTL_SECONDS": "3600",
        # The methods that a path allows come out of a set.
        "PYTHONHASHSEED": "0",
        # Each has the machine's cores in common with the other, and with whoever asks.
        "CPU_AFFINITY": "off",
    }
    started: list[Gunicorn] = []
    for lane in ("on", "off"):
        place: Path = tmp_path_factory.mktemp(f"lane_{lane}")
        started.append(Gunicorn(place, hubspot_process.url, mongodb_uri, HIT_LANE=lane, **environ))
    on, off = started
    answer = on.get(BASE + "deal-info", {"Authorization": f"Bearer {API}"}, dealName=ACME)
    pair = Both(on, off, answer.headers["ETag"])
    pair.warm()
    yield pair
    for service in started:
        service.stop()


def said(service: Gunicorn, script: Script) -> bytes:
    """All that a service says to a client that sends a script and then ends its side of the connection."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = b""
        try:
            for number, piece in enumerate(script.pieces):
                if number:
                    time.sleep(0.001)  # so that it comes by itself, most often
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(1 << 20):
                answer += chunk
        except (ConnectionResetError, BrokenPipeError):
            # It was told off, and went on sending: what it got before is all there is.
            answer += b"<reset>"
    for pattern, placeholder in MAY_DIFFER:
        answer = pattern.sub(placeholder, answer)
    # A redirect leads to the service's own address if the request names no host.
    return answer.replace(b"//127.0.0.1:%d/" % service.port, b"//127.0.0.1/")


def differ(both: Both, script: Script) -> tuple[bytes, bytes] | None:
    """Return what the two say if they keep differing; a busy machine may make one of them doubt its memory."""
    for _ in range(20):
        answers = said(both.on, script), said(both.off, script)
        if _without_resets(answers[0]) == _without_resets(answers[1]):
            return None
        both.warm()
    return answers


def _without_resets(answer: bytes) -> bytes:
    return answer.removesuffix(b"<reset>")


def lane_hits(service: Gunicorn) -> float:
    """Return how many hits the lane has answered so far."""
    return float(re.findall(r"^dealcache_lane_hits_total (.*)$", service.get("/metrics").text, re.MULTILINE)[0])


@pytest.mark.fuzz
def test_both_ways_say_the_same(both: Both) -> None:
    before = lane_hits(both.on)
    sent = 0

    @settings(max_examples=examples(1500), deadline=None, suppress_health_check=list(HealthCheck))
    @given(script=scripts(both.etag))
    def compare(script: Script) -> None:
        nonlocal sent
        sent += 1
        difference = differ(both, script)
        assert difference is None, difference

    compare()
    # To compare Flask with itself would prove nothing.
    assert lane_hits(both.on) - before > sent / 10
    assert lane_hits(both.off) == 0
    assert "the hit lane is off" not in both.off.err  # it was meant


def test_each_oddity_by_itself(both: Both) -> None:
    """Each is followed by a plain hit, which shows whether both ways see the same end of the request before."""
    after = f"{HIT}X-Request-ID: after\r\n\r\n".encode()
    every = list(oddities(both.etag))
    assert len(every) > 300
    for octets in every:
        difference = differ(both, Script((octets + after,)))
        assert difference is None, (octets, difference)


def test_a_redirect_of_a_request_that_names_no_host(both: Both) -> None:
    octets = f"{HIT}\r\nGET http://localhost HTTP/1.1\r\nAuthorization: Bearer {API}\r\n\r\n".encode()
    assert b'href="http://127.0.0.1/"' in said(both.on, Script((octets,)))
    assert differ(both, Script((octets,))) is None


@pytest.mark.parametrize("place", range(3))
def test_each_kind_of_id_in_a_request_that_is_known_but_for_it(both: Both, place: int) -> None:
    after = f"{HIT}X-Request-ID: after\r\n\r\n".encode()
    before = lane_hits(both.on)
    for first, octets in varied(place):
        for pieces in ((first, octets, after), (first, octets + after), (first, after + octets)):
            difference = differ(both, Script(pieces))
            assert difference is None, (octets, difference)
    assert lane_hits(both.on) - before > 3 * len(ID_LINES)


@pytest.mark.long
def test_without_tokens_both_answer_to_the_same_names_and_pages(both_without_tokens: Both) -> None:
    own = ("localhost", "127.0.0.1:1", "[::1]", "deals.example.com", "DEALS.example.com:443", "ui.example.com")
    others = ("evil.example", "localhost.evil.example", "evil@localhost", "10.0.0.1", "[2001:db8::1]:80", "a,b")
    before = lane_hits(both_without_tokens.on)
    for host in (*own, *others):
        for origin in ("", f"Origin: {ORIGIN}\r\n", "Origin: https://evil.example\r\n", "Origin: null\r\n"):
            for method in ("GET", "POST"):
                request = f"{method} {BASE}deal-info?dealName=Acme%20renewal HTTP/1.1\r\nHost: {host}\r\n{origin}\r\n"
                script = Script((request.encode(),))
                assert differ(both_without_tokens, script) is None, request
                status = said(both_without_tokens.on, script).split(b" ")[1]
                foreign = method == "POST" and origin and ORIGIN not in origin
                answered = b"200" if method == "GET" else b"405"
                assert status == (b"421" if host in others else b"403" if foreign else answered), request
    assert lane_hits(both_without_tokens.on) - before >= len(own) * 4


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("more", ["", "If-None-Match: *\r\n", "X-Request-ID: mine\r\n", f"Origin: {ORIGIN}\r\n"])
def test_a_plain_hit_takes_the_lane(both: Both, method: str, more: str) -> None:
    before = lane_hits(both.on)
    script = Script((f"{HIT}{more}\r\n".replace("GET", method, 1).encode(),))

    def takes_the_lane() -> bool:
        assert differ(both, script) is None
        return lane_hits(both.on) > before

    until(takes_the_lane)  # at once, unless a busy machine makes the service doubt its memory


@pytest.mark.fuzz
def test_split_at_every_byte(both: Both) -> None:
    second = f"{HIT}If-None-Match: {both.etag}\r\nX-Request-ID: mine\r\n\r\n".encode()
    octets = f"{HIT}X-Request-ID: mine\r\n\r\n".encode() + second
    whole = said(both.on, Script((octets,)))
    assert whole.count(b"HTTP/1.1 200 OK") == whole.count(b"HTTP/1.1 304 NOT MODIFIED") == 1
    for place in range(1, len(octets), 1 if ALL else 5):
        assert differ(both, Script((octets[:place], octets[place:]))) is None


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(count=st.integers(33, 200))
def test_many_pipelined_requests_are_answered_in_order(both: Both, count: int) -> None:
    octets = "".join(f"{HIT}X-Request-ID: number-{number}\r\n\r\n" for number in range(count)).encode()
    answer = said(both.on, Script((octets,)))
    assert re.findall(rb"X-Request-ID: number-(\d+)", answer) == [b"%d" % number for number in range(count)]


def test_what_a_thread_has_read_too_far_is_answered_after_it(both: Both) -> None:
    slow = HIT.replace("Host", "Connection: keep-alive\r\nCache-Control: no-cache\r\nHost")
    octets = f"{slow}X-Request-ID: a\r\n\r\n{HIT}X-Request-ID: b\r\n\r\n{HIT[:60]}".encode()
    answer = said(both.on, Script((octets,)))
    assert re.findall(rb"X-Request-ID: (.)\r", answer) == [b"a", b"b"]
