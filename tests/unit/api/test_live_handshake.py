"""The handshake of live updates: which clients are let in, and what the others are told."""

from __future__ import annotations

import socket
import ssl
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dealcache.api import live_handshake
from dealcache.api.access import Tokens, authorization_of
from dealcache.api.cross_site import Cors, CrossSiteGuard
from dealcache.live import Subscription
from tests.unit.api.stands import client_of

PATH = "/ws/deal-updates"

#: The example of RFC 6455, section 1.3.
KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
VALID = {
    "Host": "deals.example.com",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}


class Hub:
    """Notes who is admitted, and whose socket it gets."""

    def __init__(self) -> None:
        self.full = False
        self.admitted: list[Subscription] = []
        self.connected: list[tuple[Any, socket.socket, bytes]] = []

    def admit(self, subscription: Subscription) -> object | None:
        self.admitted.append(subscription)
        return None if self.full else subscription

    def connect(self, client: object, sock: socket.socket, early: bytes) -> None:
        self.connected.append((client, sock, early))


class Stand:
    """The path, asked by a client on a socket that a gunicorn might have accepted."""

    def __init__(self, sock: socket.socket, tokens: Tokens | None = None, origins: tuple[str, ...] = ()) -> None:
        self.hub = Hub()
        self.sock = sock
        cors = Cors(frozenset(origins))
        guard = CrossSiteGuard("0.0.0.0:8000", "https://public.example.com/deals", cors, tokens=tokens is not None)
        self.client: FlaskClient = client_of(live_handshake.blueprint, tokens, guard=guard, live=self.hub)

    def ask(self, query: str = "", http: str = "HTTP/1.1", without: str = "", **changed: str) -> TestResponse:
        """A valid handshake, but for what is given."""
        changes = {name.replace("_", "-"): value for name, value in changed.items()}
        headers = {name: value for name, value in (VALID | changes).items() if name != without}
        unreader = SimpleNamespace(take_buffered=lambda: b"early")
        given: dict[str, Any] = {
            "SERVER_PROTOCOL": http,
            "gunicorn.socket": self.sock,
            "wsgi.input": SimpleNamespace(reader=SimpleNamespace(unreader=unreader)),
        }
        if "Content-Length" in headers:  # the test client would put the true one in its place
            given["CONTENT_LENGTH"] = headers["Content-Length"]
        return self.client.get(PATH, query_string=query, headers=headers, environ_overrides=given, buffered=False)


@pytest.fixture
def sock():
    ours, theirs = socket.socketpair()
    yield ours
    ours.close()
    theirs.close()


@pytest.fixture
def stand(sock):
    return Stand(sock)


def problem_of(response: TestResponse, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    return response.get_json()["detail"]


def test_a_client_is_let_in_and_its_socket_goes_to_the_hub_when_the_answer_is_out(stand, sock):
    number = sock.fileno()
    response = stand.ask()
    assert response.status_code == 101
    assert {name: response.headers.get(name) for name in ("Upgrade", "Connection", "Sec-WebSocket-Accept")} == {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": ACCEPT,
    }
    assert not {"Content-Type", "Content-Length", "Sec-WebSocket-Protocol"} & set(response.headers.keys())
    assert stand.hub.admitted == [Subscription()]
    assert stand.hub.connected == []
    response.close()
    ((client, taken, early),) = stand.hub.connected
    assert (client, taken.fileno(), early, sock.fileno()) == (Subscription(), number, b"early", -1)
    taken.close()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("dealName=Acme", ["Acme"]),
        ("dealName=%20Acme%20&dealName=M%C3%BCller+%26+S%C3%B6hne&more=1", ["acme", "müller & söhne"]),
    ],
)
def test_names_in_the_query_narrow_it(stand, query, names):
    assert stand.ask(query).status_code == 101
    assert stand.hub.admitted == [Subscription.to(names)]


@pytest.mark.parametrize(
    "query", ["dealName=", "dealName=a&dealName=%00", "dealName=a&dealName=%zz", "dealName=" + "x" * 513]
)
def test_names_that_cannot_be_are_refused(stand, query):
    response = stand.ask(query)
    assert "dealName" in problem_of(response, 422)
    assert response.get_json()["errors"].keys() == {"dealName"}
    assert stand.hub.admitted == []


@pytest.mark.parametrize(
    "changes",
    [
        {"without": "Upgrade"},
        {"without": "Connection"},
        {"Upgrade": "h2c"},
        {"Connection": "close"},
        {"http": "HTTP/1.0"},
        {"Sec_WebSocket_Version": "8"},
        {"without": "Sec-WebSocket-Version"},
    ],
    ids=str,
)
def test_what_asks_for_no_websocket_is_told_to(stand, changes):
    response = stand.ask(**changes)
    problem_of(response, 426)
    assert response.headers["Upgrade"] == "websocket"
    assert response.headers["Sec-WebSocket-Version"] == "13"
    assert stand.hub.admitted == []


@pytest.mark.parametrize(
    "changes",
    [
        {"without": "Sec-WebSocket-Key"},
        {"Sec_WebSocket_Key": "short"},
        {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ"},
        {"Sec_WebSocket_Key": "AAAA" * 8},
        {"Sec_WebSocket_Key": f"{KEY},{KEY}"},
        {"Sec_WebSocket_Key": "é" * 16},
        {"Content_Length": "5"},
        {"Transfer_Encoding": "chunked"},
    ],
    ids=str,
)
def test_bad_handshakes_are_refused(stand, changes):
    problem_of(stand.ask(**changes), 400)
    assert stand.hub.admitted == []


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("https://deals.example.com", "deals.example.com", 101),
        ("https://DEALS.example.com", "deals.Example.com", 101),
        ("http://127.0.0.1:8000", "127.0.0.1:8000", 101),
        ("http://[::1]:8000", "[::1]:8000", 101),
        ("https://deals.example.com:8443", "deals.example.com", 101),  # the proxy passes the name alone
        ("https://ui.example.com", "deals.example.com", 101),  # in CORS_ORIGINS
        ("https://public.example.com", "10.0.0.7:8000", 101),  # in PUBLIC_URL, which the proxy does not pass on
        ("http://ui.example.com", "deals.example.com", 403),
        ("http://127.0.0.1:3000", "127.0.0.1:8000", 403),
        ("https://example.com", "deals.example.com", 403),
        ("https://deals.example.com.evil.test", "deals.example.com", 403),
        ("https://evil.test/deals.example.com", "deals.example.com", 403),
        ("null", "deals.example.com", 403),
        ("", "", 403),
        ("https://[", "deals.example.com", 403),
        ("https://deals.example.com:x", "deals.example.com:1", 403),
    ],
)
def test_only_pages_of_this_host_and_of_known_origins_may_connect(sock, origin, host, status):
    stand = Stand(sock, origins=("https://ui.example.com",))
    assert stand.ask(Origin=origin, Host=host).status_code == status
    assert len(stand.hub.admitted) == (status == 101)


def test_any_page_may_connect_where_all_origins_are_allowed(sock):
    assert Stand(sock, origins=("*",)).ask(Origin="null").status_code == 101


def with_tls(sock: socket.socket) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    return context.wrap_socket(sock, do_handshake_on_connect=False)


@pytest.mark.parametrize("given", [lambda _sock: None, with_tls], ids=["another server", "TLS"])
def test_a_server_that_cannot_hand_over_says_so(stand, sock, given):
    with given(sock) or nullcontext() as stand.sock:
        assert "gunicorn" in problem_of(stand.ask(), 501)
    assert stand.hub.admitted == []


def test_when_all_places_are_taken_a_client_is_told_to_come_again(stand):
    stand.hub.full = True
    response = stand.ask()
    problem_of(response, 503)
    assert int(response.headers["Retry-After"]) > 0
    response.close()
    assert stand.hub.connected == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer api"}, 101),
        ({"Authorization": "Bearer admin"}, 101),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Sec_WebSocket_Protocol": "bearer, api"}, 101),
        ({"Sec_WebSocket_Protocol": "Bearer,admin"}, 101),
        ({"Sec_WebSocket_Protocol": "bearer, wrong"}, 401),
        ({"Sec_WebSocket_Protocol": "bearer"}, 401),
        ({"Sec_WebSocket_Protocol": "api"}, 401),
        ({"Sec_WebSocket_Protocol": "chat, bearer, api"}, 401),
        ({"Authorization": "Bearer wrong", "Sec_WebSocket_Protocol": "bearer, api"}, 401),
    ],
    ids=str,
)
def test_tokens(sock, headers, status):
    stand = Stand(sock, Tokens("api", "admin"))
    response = stand.ask(**headers)
    assert response.status_code == status
    if status == 401:
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    offered = "Sec_WebSocket_Protocol" in headers
    assert response.headers.get("Sec-WebSocket-Protocol") == ("bearer" if offered and status == 101 else None)


def test_a_token_in_the_query_is_none(sock):
    assert Stand(sock, Tokens("api", None)).ask("token=api&access_token=api").status_code == 401


def test_subprotocols_stand_for_a_token_in_handshakes_only():
    assert authorization_of("/ws/deal-updates", None, "bearer, t") == "Bearer t"
    assert authorization_of("/ws/deal-updates", "Basic x", "bearer, t") == "Basic x"
    assert authorization_of("/ws/deal-updates", None, None) is None
    assert authorization_of("/api/hubspot/deal-info", None, "bearer, t") is None
