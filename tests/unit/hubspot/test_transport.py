"""The influence of the environment on calls; the rest of the transport is tested through the session."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import responses

from dealcache.hubspot.answers import Answer
from dealcache.hubspot.transport import Request, Transport
from dealcache.model.deadline import Deadline
from tests.unit.hubspot.conftest import BASE_URL, TOKEN

PROXY = "http://proxy.test:3128"
SETTINGS = ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def exchange(transport: Transport, seconds: float, path: str = "/x") -> Answer:
    return transport.exchange(Request("things", "GET", path), Deadline(seconds), seconds)


@pytest.fixture
def given(hubspot: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Makes a call after the environment was another one than at the start; what it was to be sent with."""

    def make(**environ: str) -> dict[str, Any]:
        hubspot.get(f"{BASE_URL}/x", json={})
        for name in SETTINGS:
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        transport = Transport(BASE_URL, TOKEN, 1)
        for name in environ:
            monkeypatch.delenv(name)
        exchange(transport, 1.0)
        transport.close()
        sent: dict[str, Any] = hubspot.calls[-1].request.req_kwargs
        return sent

    return make


def test_the_environments_proxy_and_certificates_count_as_they_were_at_the_start(given) -> None:
    sent = given(HTTPS_PROXY=PROXY, NO_PROXY="elsewhere.test", REQUESTS_CA_BUNDLE="/some/bundle.pem")
    assert sent["proxies"]["https"] == PROXY
    assert sent["verify"] == "/some/bundle.pem"


def test_no_proxy_for_a_host_that_needs_none(given) -> None:
    sent = given(HTTPS_PROXY=PROXY, NO_PROXY="hubspot.test")
    assert "https" not in sent["proxies"]
    assert sent["verify"] is True


def test_calls_wait_for_their_answers_at_the_same_time() -> None:
    together = threading.Barrier(2)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            together.wait(30)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, ThreadPoolExecutor(3) as pool:
        pool.submit(server.serve_forever, 0.01)
        transport = Transport(f"http://127.0.0.1:{server.server_port}", TOKEN, 2)
        answers = list(pool.map(lambda _: exchange(transport, 60.0), range(2)))
        transport.close()
        server.shutdown()
    assert [answer.status for answer in answers] == [200, 200]


def test_calls_through_a_socks_proxy_do_not_take_turns(
    hubspot: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sockets of its connections are not ours: such a call would keep the turn until its answer has come."""
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy.test:1080")
    transport = Transport(BASE_URL, TOKEN, 1)
    hubspot.get(f"{BASE_URL}/inner", body=b"inner")

    def during(_request: Any) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, exchange(transport, 1.0, "/inner").body

    hubspot.add_callback(responses.GET, f"{BASE_URL}/outer", callback=during)
    assert exchange(transport, 1.0, "/outer").body == b"inner"
