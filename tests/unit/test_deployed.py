"""The address of a deployed service, or one line that says why there is none."""

from __future__ import annotations

import http.client
import json
import socket
import ssl

import pytest

from benchmarks.client import Reply
from benchmarks.deployed import CannotMeasureError, Place, place_of, why_no_answer, why_refused


def reply(status: int, body: bytes = b"") -> Reply:
    return Reply(status, {}, body, 0.001, 0.001)


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        ("", "http://127.0.0.1:8000"),
        ("  https://deals.example.com/ ", "https://deals.example.com"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://example.com/deals", "https://example.com/deals"),
    ],
)
def test_a_url_is_taken_without_its_last_slash(host: str, base_url: str) -> None:
    assert place_of({"HOST": host}) == Place(base_url)


@pytest.mark.parametrize("name", ["TOKEN", "ADMIN_TOKEN"])
@pytest.mark.parametrize("token", ["secret\N{HORIZONTAL ELLIPSIS}", "secret word", "secret\r\nX: y", "s\xe9cret"])
def test_a_token_that_no_header_can_hold_is_refused_and_not_shown(name: str, token: str) -> None:
    with pytest.raises(CannotMeasureError, match=f"^{name} holds characters") as refused:
        place_of({name: token})
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize(
    "host",
    [
        "my-laptop",
        "127.0.0.1:8000",
        "ftp://example.com",
        "http://",
        "http://a:99999",
        "http://[::1",
        "http://u:p@a",
        "http://a?b",
    ],
)
def test_anything_else_is_refused_in_one_line(host: str) -> None:
    with pytest.raises(CannotMeasureError, match=r"^HOST must be a URL such as .*$"):
        place_of({"HOST": host})


@pytest.mark.parametrize(
    ("token", "admin_token", "admin", "sent"),
    [
        ("", "", True, None),
        ("t", "", False, "t"),
        ("t", "a", False, "t"),
        ("t", "a", True, "a"),
        ("t", "", True, "t"),
        ("", "a", False, "a"),
    ],
)
def test_the_token_fits_the_request(token: str, admin_token: str, admin: bool, sent: str | None) -> None:
    headers = Place("http://a", token, admin_token).headers(admin=admin)
    assert headers == ({"Authorization": f"Bearer {sent}"} if sent else {})


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (socket.gaierror(-2, "Name or service not known"), "the name cannot be resolved"),
        (TimeoutError("timed out"), "nothing came within 5 s"),
        (ConnectionRefusedError(111, "Connection refused"), "nothing listens there"),
        (ssl.SSLCertVerificationError("self-signed"), "cannot be trusted"),
        (http.client.BadStatusLine("\n"), "broke the connection: BadStatusLine"),
        (ConnectionResetError(104, "reset"), "broke the connection: ConnectionResetError"),
    ],
)
def test_each_reason_for_no_answer_has_its_words(error: Exception, told: str) -> None:
    line = why_no_answer(error, 5.0)
    assert told in line
    assert "\n" not in line.strip()


def test_a_refusal_says_which_token_to_give() -> None:
    assert "give the right one as TOKEN=" in why_refused(reply(401), "GET /", admin=False)
    assert "give the right one as ADMIN_TOKEN=" in why_refused(reply(401), "GET /", admin=True)
    assert "give ADMIN_TOKEN=" in why_refused(reply(403), "GET /", admin=True)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (json.dumps({"detail": "MongoDB is down"}).encode(), "MongoDB is down"),
        (b"<html>\n", r"b'<html>\n'"),
        (b"[1]", "b'[1]'"),
        (b"{}", "b'{}'"),
    ],
)
def test_another_status_is_told_with_what_it_says(body: bytes, told: str) -> None:
    assert why_refused(reply(503, body), "GET /", admin=False) == f"GET / was answered with 503: {told}"
