from __future__ import annotations

import logging
import socket
import threading

import pytest
import requests
import urllib3

from dealcache.hubspot.errors import (
    Forbidden,
    HubSpotError,
    MalformedAnswer,
    NotFound,
    RateLimited,
    Rejected,
    TimedOut,
    Unauthorised,
    Unavailable,
)
from dealcache.hubspot.limits.buckets import Bucket, Priority
from dealcache.hubspot.limits.rate_limiter import local_rate_limits
from dealcache.hubspot.retry import Asked
from dealcache.hubspot.session import _ANSWER_SECONDS, HubSpotSession
from dealcache.hubspot.transport import Request, Transport
from dealcache.model.deadline import Deadline
from tests.unit.hubspot.conftest import BASE_URL, TOKEN

URL = f"{BASE_URL}/x"


@pytest.fixture
def call(session, clock):
    def make(seconds=100.0, bucket=Bucket.APP, priority=Priority.INTERACTIVE, check=None, **parts):
        request = Request("things", "POST", "/x", **parts)
        return session.call(request, bucket, Deadline(seconds, clock), Asked(priority), check)

    return make


def test_a_call_is_signed_and_its_json_returned(call, hubspot, notes, session):
    hubspot.post(URL, json={"ok": 1})
    assert call(json={"näme": "ü"}, params={"a": "b"}) == {"ok": 1}
    request = hubspot.calls[0].request
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"].startswith("dealcache/")
    assert request.body == '{"näme":"ü"}'.encode()
    assert request.url == f"{URL}?a=b"
    assert notes.calls == [("things", "200", 0.0)]
    assert notes.left == [("app", 99)]
    assert session.health.failure is None


def test_the_token_stays_what_it_is_beside_a_netrc(call, hubspot, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine hubspot.test login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    hubspot.post(URL, json={})
    call()
    assert hubspot.calls[0].request.headers["Authorization"] == f"Bearer {TOKEN}"


def test_207_is_an_answer(call, hubspot):
    hubspot.post(URL, json={"numErrors": 1}, status=207)
    assert call() == {"numErrors": 1}


def test_a_redirect_is_not_followed(call, hubspot):
    hubspot.post(URL, status=302, headers={"Location": "https://elsewhere.test/"})
    with pytest.raises(MalformedAnswer):
        call()
    assert len(hubspot.calls) == 1


@pytest.mark.parametrize(
    ("status", "kind", "tries"),
    [
        (400, Rejected, 1),
        (401, Unauthorised, 1),
        (403, Forbidden, 1),
        (404, NotFound, 1),
        (423, Unavailable, 4),
        (429, RateLimited, 4),
        (500, Unavailable, 2),
        (502, Unavailable, 4),
        (503, Unavailable, 4),
        (504, Unavailable, 4),
        (521, Unavailable, 4),
        (523, Unavailable, 4),
        (524, Unavailable, 4),
    ],
)
def test_each_status_is_tried_as_often_as_it_deserves(call, hubspot, notes, status, kind, tries):
    hubspot.post(URL, status=status, body="<html>")
    with pytest.raises(kind):
        call()
    assert len(hubspot.calls) == tries
    assert [outcome for _, outcome, _ in notes.calls] == [str(status)] * tries
    assert notes.retries == [("things", str(status))] * (tries - 1)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (requests.ConnectionError(f"Bearer {TOKEN}"), Unavailable),
        (requests.exceptions.ChunkedEncodingError("cut short"), Unavailable),
        (requests.ReadTimeout("late"), TimedOut),
        (requests.ConnectTimeout("late"), TimedOut),
        (urllib3.exceptions.ProtocolError("cut", ConnectionResetError()), Unavailable),
    ],
)
def test_broken_connections_are_tried_again(call, hubspot, notes, session, error, kind):
    hubspot.post(URL, body=error)
    with pytest.raises(kind) as caught:
        call()
    assert len(hubspot.calls) == 4
    assert notes.calls[0][1] == kind.__name__
    assert session.health.failure is caught.value
    assert caught.value.__context__ is None


def test_a_second_try_can_succeed(call, hubspot, clock):
    hubspot.post(URL, status=503)
    hubspot.post(URL, json={"ok": 1})
    assert call() == {"ok": 1}
    assert clock.slept == pytest.approx([0.25])


def test_a_477_is_waited_for_only_within_the_deadline(call, hubspot, clock):
    hubspot.post(URL, status=477, headers={"Retry-After": "30"})
    hubspot.post(URL, json={"ok": 1})
    with pytest.raises(RateLimited) as caught:
        call(seconds=20)
    assert caught.value.retry_after == 30.0
    assert clock.slept == []
    assert call(seconds=60) == {"ok": 1}


def test_a_429_pauses_the_bucket_for_everybody(call, hubspot, clock, rate_limits):
    hubspot.post(URL, status=429)
    with pytest.raises(RateLimited):
        call(seconds=5, bucket=Bucket.SEARCH)
    assert rate_limits[Bucket.SEARCH].left() == 0
    assert rate_limits[Bucket.APP].left() == 100


def test_the_limit_of_the_day_is_asked_about_once_a_minute(call, hubspot, clock):
    hubspot.post(URL, status=429, json={"policyName": "DAILY"})
    for _ in range(5):
        with pytest.raises(RateLimited):
            call(seconds=15)
    assert len(hubspot.calls) == 1
    clock.now += 61
    with pytest.raises(RateLimited) as caught:
        call(seconds=15)
    assert len(hubspot.calls) == 2
    assert caught.value.retry_after >= 3600


def test_each_try_takes_a_slot(call, hubspot, notes):
    hubspot.post(URL, status=502)
    with pytest.raises(Unavailable):
        call(bucket=Bucket.APP)
    assert [left for _, left in notes.left] == [99, 98, 97, 96]


def test_the_limit_that_hubspot_states_is_adopted_from_ordinary_calls_alone(call, hubspot, rate_limits):
    hubspot.post(URL, json={}, headers={"X-HubSpot-RateLimit-Max": "190"})
    call(bucket=Bucket.ASSOCIATIONS)
    assert rate_limits[Bucket.APP].left() == 100
    call()
    assert rate_limits[Bucket.APP].left() == 189
    assert rate_limits[Bucket.ASSOCIATIONS].left() == 149


@pytest.mark.parametrize("value", ["", "many", "-5", "٣٠٠", "9" * 50])
def test_an_odd_limit_is_ignored(call, hubspot, rate_limits, value):
    hubspot.post(URL, json={}, headers={"X-HubSpot-RateLimit-Max": value.encode().decode("latin-1")})
    call()
    assert rate_limits[Bucket.APP].left() == 99


def test_a_passed_deadline_makes_no_call(call, hubspot):
    with pytest.raises(TimedOut):
        call(seconds=0)
    assert len(hubspot.calls) == 0


def test_health_follows_the_calls(call, hubspot, session):
    assert session.health is None
    hubspot.post(URL, status=401)
    with pytest.raises(Unauthorised) as caught:
        call()
    assert session.health.failure is caught.value
    hubspot.post(URL, status=400)
    with pytest.raises(Rejected):
        call()
    assert session.health.failure is None


def test_the_probe_asks_for_the_account(session, hubspot, clock):
    hubspot.get(f"{BASE_URL}/account-info/v3/details", json={"portalId": 1})
    assert session.probe("/account-info/v3/details", Deadline(5, clock)) == {"portalId": 1}


def test_a_body_that_never_ends_is_refused(call, hubspot, monkeypatch):
    monkeypatch.setattr("dealcache.hubspot.transport.MOST_BODY_BYTES", 1000)
    hubspot.post(URL, body=b'{"a":"' + b"x" * 2000 + b'"}')
    with pytest.raises(MalformedAnswer):
        call()
    assert len(hubspot.calls) == 1


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "tökén", "a\x00"])
def test_an_impossible_token_is_refused_without_being_shown(token):
    with pytest.raises(ValueError, match="token") as caught:
        Transport(BASE_URL, token, 1)
    assert token == "" or token not in str(caught.value)


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 477, 500, 503, "reset", "timeout", "html"])
def test_the_token_shows_nowhere(call, hubspot, session, notes, caplog, status):
    caplog.set_level(logging.DEBUG)
    echo = {"message": TOKEN, "category": TOKEN, "correlationId": TOKEN}
    echo["errors"] = [{"context": {"requiredGranularScopes": [TOKEN]}}]
    bodies = {
        "reset": requests.ConnectionError(TOKEN),
        "timeout": requests.ReadTimeout(TOKEN),
        "html": f"<html>{TOKEN}",
    }
    if isinstance(status, int):
        hubspot.post(URL, json=[TOKEN] if status == 200 else echo, status=status)
    else:
        hubspot.post(URL, body=bodies[status])
    with pytest.raises(HubSpotError) as caught:
        call()
    shown = [repr(session), repr(session.__dict__), repr(session.health), caplog.text, repr(notes.calls)]
    shown.append(repr(Request("token_info", "POST", "/x", json={"tokenKey": TOKEN})))
    error: BaseException | None = caught.value
    while error is not None:
        shown += [str(error), repr(error), repr(vars(error))]
        error = error.__cause__ or error.__context__
    assert not [text for text in shown if TOKEN in text or TOKEN[8:16] in text]


class RawServer:
    """Answers each connection with what a test wants on the wire."""

    def __init__(self, answer):
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.connections = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._socket.close()
        self._thread.join()

    def _serve(self):
        self._socket.settimeout(0.05)
        while not self._stop.is_set():
            try:
                peer, _ = self._socket.accept()
            except OSError:
                continue
            self.connections += 1
            with peer:
                peer.settimeout(60)
                peer.recv(65536)
                try:
                    self._answer(peer, self._stop)
                except OSError:
                    continue


def over_the_wire(url, seconds):
    session = HubSpotSession(url, TOKEN, pool_size=2, rate_limits=local_rate_limits(), sleep=lambda _: None)
    try:
        return session.call(Request("things", "GET", "/x"), Bucket.APP, Deadline(seconds), Asked(Priority.INTERACTIVE))
    finally:
        session.close()


def test_a_real_answer_in_pieces_is_read_whole():
    def answer(peer, _):
        peer.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n')

    with RawServer(answer) as server:
        assert over_the_wire(server.url, 50) == {"a": 1}


@pytest.mark.parametrize(
    "cut",
    [
        b'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"a":',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n',
        b"HTTP/1.1 200 OK\r\nConte",
        b"",
    ],
)
def test_an_answer_cut_short_is_tried_again(cut):
    with RawServer(lambda peer, _: peer.sendall(cut)) as server:
        with pytest.raises(Unavailable):
            over_the_wire(server.url, 50)
        assert server.connections == 4


@pytest.mark.parametrize("close", [b"", b"Connection: close\r\n"])
def test_a_trickling_answer_cannot_outlive_the_deadline(close):
    def answer(peer, stop):
        peer.sendall(b"HTTP/1.1 200 OK\r\n" + close + b"Content-Length: 1000\r\n\r\n")
        while not stop.wait(0.02):
            peer.sendall(b" ")

    with RawServer(answer) as server, pytest.raises(TimedOut):
        over_the_wire(server.url, 0.4)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"])
def test_a_silent_server_cannot_outlive_the_deadline(head, monkeypatch):
    monkeypatch.setitem(_ANSWER_SECONDS, Priority.INTERACTIVE, 1_000.0)  # the deadline alone may end it

    def answer(peer, stop):
        peer.sendall(head)
        stop.wait()

    with RawServer(answer) as server, pytest.raises(TimedOut):
        over_the_wire(server.url, 0.3)


def test_nobody_listening_is_unavailable():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unavailable, match="ConnectionRefusedError"):
        over_the_wire(f"http://127.0.0.1:{port}", 50)


def test_priority_reaches_the_rate_limits(call, hubspot):
    hubspot.post(URL, json={})
    for _ in range(3):
        call(0.1, Bucket.SEARCH, Priority.SYNC)
    with pytest.raises(RateLimited):
        call(0.1, Bucket.SEARCH, Priority.SYNC)
    call(0.1, Bucket.SEARCH)


def test_each_try_tells_how_long_it_waited_once_it_may_start(hubspot, clock, rate_limits):
    waits = []
    session = HubSpotSession(
        BASE_URL, TOKEN, pool_size=1, rate_limits=rate_limits, clock=clock, sleep=clock.sleep, waited=waits.append
    )

    def call(seconds):
        session.call(Request("things", "POST", "/x"), Bucket.APP, Deadline(seconds, clock), Asked(Priority.SYNC))

    hubspot.post(URL, json={})
    rate_limits[Bucket.APP].pause(3.0)
    with pytest.raises(RateLimited):
        call(1.0)
    assert waits == []
    call(10.0)
    call(10.0)
    assert waits == pytest.approx([3.0, 0.0])


def test_a_sync_that_is_cancelled_while_it_waits_makes_no_call(call, hubspot, clock, rate_limits):
    hubspot.post(URL, json={})
    rate_limits[Bucket.APP].pause(2.0)
    with pytest.raises(TimedOut):
        call(seconds=2.0, priority=Priority.SYNC)
    assert len(hubspot.calls) == 0


@pytest.mark.parametrize(
    ("answer", "tries"),
    [
        ({"body": requests.ConnectionError("reset")}, 8),
        ({"body": requests.exceptions.ChunkedEncodingError("cut short")}, 8),
        ({"body": requests.ReadTimeout("late")}, 8),
        ({"body": b""}, 8),
        ({"status": 502, "body": "<html>Bad gateway</html>"}, 8),
        ({"status": 500, "body": "<html>oops</html>"}, 4),
        ({"body": "<html>Please wait</html>"}, 4),
        ({"body": b'{"results":[{"id":"1","prop'}, 4),
        ({"status": 400}, 3),
        ({"status": 401}, 3),
        ({"status": 403, "body": "<html>blocked</html>"}, 3),
        ({"status": 404, "body": "<html>no such page</html>"}, 3),
        ({"status": 408}, 8),
        ({"status": 302, "headers": {"Location": "https://status.hubspot.test"}}, 3),
        ({"json": {"category": "OBJECT_NOT_FOUND"}, "status": 404}, 1),
    ],
    ids=str,
)
def test_how_often_a_sync_tries(call, hubspot, answer, tries):
    hubspot.post(URL, **answer)
    with pytest.raises(HubSpotError):
        call(priority=Priority.SYNC)
    assert len(hubspot.calls) == tries


@pytest.mark.parametrize(
    "answer", [b'{"results":[{"id":"1","prop', b"<html>Please wait</html>", b"[]", b"null", b"\xff"]
)
def test_a_reader_is_spared_a_single_answer_that_makes_no_sense(call, hubspot, answer):
    hubspot.post(URL, body=answer)
    hubspot.post(URL, json={"results": []})
    assert call(priority=Priority.INTERACTIVE) == {"results": []}
    assert len(hubspot.calls) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 530])
def test_a_sync_is_spared_a_single_refusal_and_a_reader_is_told_at_once(call, hubspot, status):
    hubspot.post(URL, status=status)
    hubspot.post(URL, json={"results": []})
    with pytest.raises(HubSpotError):
        call(priority=Priority.INTERACTIVE)
    hubspot.reset()
    hubspot.post(URL, status=status)
    hubspot.post(URL, json={"results": []})
    assert call(priority=Priority.SYNC) == {"results": []}


def test_an_answer_that_the_caller_finds_incomplete_is_a_failed_try(call, hubspot, notes):
    hubspot.post(URL, json={"part": 1})
    hubspot.post(URL, json={"whole": 1})

    def check(answer):
        if "whole" not in answer:
            raise Unavailable("in part")

    assert call(check=check) == {"whole": 1}
    assert notes.retries == [("things", "Unavailable")]
