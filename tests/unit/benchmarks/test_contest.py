"""Nothing is measured but answers from the cache of the server that is meant, in full."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from benchmarks.client import UnexpectedAnswerError
from benchmarks.contest import Contestant, Subject, check_reads

SUBJECT = Subject("/deal", b'{"a":1,"b":"\xc3\xa9"}')


@dataclass
class Stub:
    """A server that shows ``body`` at the target of the subject, and nothing elsewhere."""

    base_url: str
    body: bytes = SUBJECT.body


@pytest.fixture
def server() -> Iterator[Stub]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == SUBJECT.target else 404)
            self.send_header("X-Cache", "HIT")
            self.end_headers()
            self.wfile.write(stub.body)

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        stub = Stub(f"http://127.0.0.1:{listening.server_port}")
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield stub
        listening.shutdown()
        thread.join()


@pytest.fixture
def contestant(server) -> Contestant:
    return Contestant("peer", server, is_hit=lambda reply: reply.headers.get("x-cache") == "HIT")


@pytest.mark.parametrize("body", [SUBJECT.body, b'{\n  "b": "\\u00e9",\n  "a": 1\n}\n'])
def test_the_same_json_in_any_form_will_do(server, contestant, body):
    server.body = body
    contestant.check(SUBJECT)


def test_another_body_will_not(server, contestant):
    server.body = b'{"a":2,"b":"\xc3\xa9"}'
    with pytest.raises(UnexpectedAnswerError, match="peer shows something else"):
        contestant.check(SUBJECT)


def test_a_miss_will_not(contestant):
    with pytest.raises(UnexpectedAnswerError, match="did not answer from its cache"):
        replace(contestant, is_hit=lambda reply: reply.headers.get("x-cache") == "MISS").check(SUBJECT)


def test_another_status_will_not(contestant):
    with pytest.raises(UnexpectedAnswerError, match="expected 200, got 404"):
        replace(contestant, target=lambda _: "/elsewhere").check(SUBJECT)


NONE = {"memory": 0, "redis": 0, "mongodb": 0, "hubspot": 0}


@pytest.mark.parametrize("tier", NONE)
def test_a_peer_that_asks_the_service_is_not_measured(contestant, tier):
    check_reads(contestant, 50, NONE)
    with pytest.raises(UnexpectedAnswerError, match="50 requests"):
        check_reads(contestant, 50, NONE | {tier: 1})


def test_every_request_to_the_service_is_a_memory_hit_of_its_own(contestant):
    ours = replace(contestant, is_origin=True)
    check_reads(ours, 50, NONE | {"memory": 52})  # those that check are hits too
    for reads in ({"memory": 49}, {"memory": 52, "mongodb": 1}, {"memory": 52, "hubspot": 1}):
        with pytest.raises(UnexpectedAnswerError):
            check_reads(ours, 50, NONE | reads)
