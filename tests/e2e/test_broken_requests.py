"""Bytes that are no request get a problem and no HTML, and the service goes on."""

from __future__ import annotations

import json

import pytest

from tests.e2e.programs import READ, Gunicorn, assert_problem

HOST = b"Host: localhost\r\n"
BROKEN = {
    "10 kB name": (b"GET " + READ.encode() + b"?dealName=" + b"a" * 10_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "no version": (b"GET /healthz\r\n\r\n", 400),
    "unknown version": (b"GET /healthz HTTP/3.7\r\n" + HOST + b"\r\n", 400),
    "header without a colon": (b"GET /healthz HTTP/1.1\r\n" + HOST + b"broken\r\n\r\n", 400),
    "header name with a space": (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X Y: z\r\n\r\n", 400),
    "header with NUL": (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-Y: a\x00b\r\n\r\n", 400),
    "two lengths": (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "length that is none": (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n", 400),
    "length and chunks": (
        b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "unsupported coding": (b"POST /nope HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: br\r\n\r\n", 501),
    "huge header": (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-Y: " + b"a" * 20_000 + b"\r\n\r\n", 431),
    "many headers": (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-Y: a\r\n" * 200 + b"\r\n", 431),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_request_that_cannot_be_parsed(two_workers: Gunicorn, name: str) -> None:
    octets, status = BROKEN[name]
    answered, headers, body = two_workers.ask(octets)
    assert b"<html" not in body
    assert_problem(answered, headers, body)
    assert answered == status
    assert two_workers.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/api/hubspot/clear-endpoint-cache"), ("POST", READ), ("POST", "/api/hubspot/nope")]
)
@pytest.mark.parametrize("chunks", [b"zz\r\nabc\r\n0\r\n\r\n", b"5\r\nabc", b"-1\r\nabc\r\n0\r\n\r\n"])
def test_a_broken_chunked_body_never_gets_html(two_workers: Gunicorn, method: str, path: str, chunks: bytes) -> None:
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    status, headers, body = two_workers.ask(head.encode() + chunks)
    assert b"<html" not in body
    if status >= 400:
        assert_problem(status, headers, body)
    else:
        # Nobody has read the body, so nobody has seen that it is broken.
        assert json.loads(body)
    assert two_workers.get("/healthz").status_code == 200


def test_what_follows_a_body_that_nobody_reads_is_not_taken_for_a_request(two_workers: Gunicorn) -> None:
    smuggled = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = b"GET /nope HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(smuggled)
    status, headers, body = two_workers.ask(head + smuggled)
    assert_problem(status, headers, body[: int(headers["content-length"])])
    assert status == 404
    assert b"HTTP/1.1" not in body


def test_the_longest_name_fits_into_a_request_line(two_workers: Gunicorn) -> None:
    response = two_workers.get(READ, dealName="長" * 512)
    assert response.status_code == 404
    assert two_workers.get(READ, dealName="長" * 513).status_code == 422
