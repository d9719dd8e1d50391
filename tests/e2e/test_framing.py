"""Requests whose framing, target or fields are not what they should be have the same answer on every way."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator

import pytest

from tests.e2e.programs import ACME, READ, Gunicorn, StartService, assert_problem
from tests.waiting import until

#: How the request is received: by the event loop, with the lane and without, or by a thread, as with a gunicorn that
#: the loop is not made for.
WAYS = {
    "lane": {},
    "no lane": {"HIT_LANE": "off"},
    "threads": {"GUNICORN_CMD_ARGS": "--http-parser python"},
}


@pytest.fixture(scope="module")
def ways(module_services: StartService) -> Iterator[dict[str, Gunicorn]]:
    """One service for each way, with a deal in memory."""
    started = {name: module_services(**environ) for name, environ in WAYS.items()}
    for service in started.values():
        until(lambda service=service: service.get(READ, dealName=ACME).headers.get("X-Cache-Tier") == "memory")
    yield started
    for service in started.values():
        assert "Traceback" not in service.err
        assert len(service.workers()) == 1


BATCH = b"POST /api/hubspot/deals-batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = BATCH + b"Transfer-Encoding: chunked\r\n\r\n"
NAMES = b'{"deal_names": ["Acme renewal"]}'
MALFORMED = {
    "size that is no number": CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n",
    "negative size": CHUNKED + b"-1\r\nabc\r\n0\r\n\r\n",
    "prefixed size": CHUNKED + b"0x20\r\n" + NAMES + b"\r\n0\r\n\r\n",
    "size with an underscore": CHUNKED + b"2_0\r\n" + NAMES + b"\r\n0\r\n\r\n",
    "no size": CHUNKED + b"\r\n" + NAMES + b"\r\n0\r\n\r\n",
    "chunk without its end": CHUNKED + b"20\r\n" + NAMES + b"0\r\n\r\n",
    "bare line feeds": CHUNKED + b"20\n" + NAMES + b"\n0\n\n",
    "bad extension": CHUNKED + b"20;=\r\n" + NAMES + b"\r\n0\r\n\r\n",
    "bad trailer": CHUNKED + b"20\r\n" + NAMES + b"\r\n0\r\nbroken\r\n\r\n",
    "forbidden trailer": CHUNKED + b"20\r\n" + NAMES + b"\r\n0\r\nContent-Length: 3\r\n\r\n",
    "cut in a chunk": CHUNKED + b"20\r\n" + NAMES[:9],
    "cut before the last chunk": CHUNKED + b"20\r\n" + NAMES + b"\r\n",
    "cut in the trailers": CHUNKED + b"20\r\n" + NAMES + b"\r\n0\r\nX-A: b\r\n",
    "cut in a body": BATCH + b"Content-Length: 32\r\n\r\n" + NAMES[:-1],
    "nothing of a body": BATCH + b"Content-Length: 32\r\n\r\n",
    "length and chunks": BATCH + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": BATCH + b"Content-Length: 32\r\nContent-Length: 32\r\n\r\n" + NAMES,
    "list of lengths": BATCH + b"Content-Length: 32, 32\r\n\r\n" + NAMES,
    "negative length": BATCH + b"Content-Length: -1\r\n\r\n",
    "signed length": BATCH + b"Content-Length: +32\r\n\r\n" + NAMES,
    "length of many digits": BATCH + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n",
    "length that is no number": BATCH + "Content-Length: ²\r\n\r\n".encode("latin-1"),
    "chunked twice": BATCH + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked, then something": BATCH + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunks of an old version": CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"0\r\n\r\n",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_body_is_the_clients_fault(ways: dict[str, Gunicorn], way: str, name: str) -> None:
    status, headers, body = ways[way].ask(MALFORMED[name])
    assert_problem(status, headers, body)
    assert status == 400


@pytest.mark.parametrize("way", WAYS)
def test_a_body_in_chunks_is_read(ways: dict[str, Gunicorn], way: str) -> None:
    chunks = b'10;a="b"\r\n' + NAMES[:16] + b"\r\n" + b"10\r\n" + NAMES[16:] + b"\r\n00\r\nX-Trailer: a\r\n\r\n"
    status, _, body = ways[way].ask(CHUNKED + chunks)
    assert status == 200
    assert ACME.encode() in body


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "octets", [b"Content-Length: 1048577\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n100001\r\n"]
)
def test_nothing_of_a_body_that_is_too_large_is_waited_for(ways: dict[str, Gunicorn], way: str, octets: bytes) -> None:
    if way == "threads" and b"chunked" in octets:
        pytest.skip("a thread counts what it has read")
    with socket.create_connection(("127.0.0.1", ways[way].port), timeout=60) as connection:
        connection.sendall(BATCH + octets)
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer


@pytest.mark.parametrize("way", WAYS)
def test_who_expects_to_be_told_is_told_and_then_answered(ways: dict[str, Gunicorn], way: str) -> None:
    head = BATCH + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(NAMES)
    with socket.create_connection(("127.0.0.1", ways[way].port), timeout=60) as connection:
        connection.sendall(head)
        told = b""
        while not told.endswith(b"\r\n\r\n"):
            told += connection.recv(1)
        connection.sendall(NAMES)
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    assert told == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def status_of(service: Gunicorn, target: str, fields: str = "") -> int:
    octets = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n"
    return service.ask(octets.encode("latin-1"))[0]


FILE = "/api/docs/assets/swagger-ui.css"
KNOWN = (f"{READ}?dealName=Acme%20renewal", "/metrics", "/healthz", "/api/openapi.json", FILE)
#: Forms of a path that is known, none of which is.
UNKNOWN_FORMS = (
    *("/{}", "//{}", "/%2F{}", "/%2f{}", "http://localhost/{}", "http:///{}", "/.{}", "/..{}", "/%2E{}", "/;{}"),
    *("/x/..{}", "/%00{}", "/%5C{}", "{}%00", "{}%2F", "{}/", "{}//", "{};a=b"),
)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", UNKNOWN_FORMS)
def test_a_path_in_another_form_is_unknown(ways: dict[str, Gunicorn], way: str, form: str) -> None:
    for known in KNOWN:
        path, mark, query = known.partition("?")
        assert status_of(ways[way], form.format(path) + mark + query) == 404, (form, known)


@pytest.mark.parametrize("way", WAYS)
def test_a_separator_in_another_form_is_none(ways: dict[str, Gunicorn], way: str) -> None:
    for known, other in itertools.product(KNOWN, ("//", "%2F", "%2f", "\\", "%5c", "/./", "/%2e/")):
        if known.count("/") > 1:
            assert status_of(ways[way], "/" + known[1:].replace("/", other, 1)) == 404, (known, other)
    for other in ("//", "/./", "/x/../", "%2F", "%2f", "/%2e/", "/%2f"):
        assert status_of(ways[way], FILE.replace("/swagger", f"{other}swagger")) == 404, other


@pytest.mark.parametrize("way", WAYS)
def test_the_usual_forms_are_known(ways: dict[str, Gunicorn], way: str) -> None:
    for form, known in itertools.product(("{}", "http://localhost{}", "{}#part"), KNOWN):
        assert status_of(ways[way], form.format(known)) == 200, (form, known)


FIELDS = ("SCRIPT_NAME", "Script_Name", "SCRIPT-NAME", "PATH_INFO", "Path-Info", "REMOTE_USER", "REMOTE_ADDR")
FIELDS += ("X_FORWARDED_HOST", "X-Forwarded-Prefix", "HTTP_HOST", "wsgi_url_scheme", "QUERY_STRING", "CONTENT_LENGTH")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_named_like_a_variable_of_the_server_changes_nothing(
    ways: dict[str, Gunicorn], way: str, field: str
) -> None:
    for known, value in itertools.product(KNOWN, ("/x", "/api", "/", "evil")):
        assert status_of(ways[way], known, f"{field}: {value}\r\n") == 200, (known, value)
    assert status_of(ways[way], "/x/healthz", f"{field}: /x\r\n") == 404
