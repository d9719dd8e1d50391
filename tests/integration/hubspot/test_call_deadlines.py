"""Peers that answer without end, or not at all, over real connections: every call ends with its deadline."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from dealcache.hubspot.answers import Answer
from dealcache.hubspot.errors import HubSpotError, TimedOut, Unavailable
from dealcache.hubspot.transport import Request, Transport
from dealcache.model.deadline import Deadline
from dealcache.model.jobs import CancelReason
from dealcache.sync.cancellation import CancellationToken

#: Every peer here goes on until the test is over: a call that outlived its deadline would last for 110 s or for ever.
pytestmark = pytest.mark.timeout(60)

#: What a peer does with a connection, until it is told to stop.
Peer = Callable[[socket.socket, threading.Event], None]

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = OK + b'Content-Length: 7\r\n\r\n{"a":1}'


@contextmanager
def peer(behaviour: Peer, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server on the loopback interface whose connections are handled by ``behaviour``; its URL."""
    stop, threads = threading.Event(), []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)

    def handle(connection: socket.socket) -> None:
        try:
            with connection if context is None else context.wrap_socket(connection, server_side=True) as wrapped:
                behaviour(wrapped, stop)
        except OSError:
            connection.close()  # the client has gone

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            connection.settimeout(2.0)
            threads.append(threading.Thread(target=handle, args=(connection,)))
            threads[-1].start()

    server = threading.Thread(target=serve)
    server.start()
    try:
        yield f"http{'s' if context else ''}://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        for thread in (server, *threads):
            thread.join()
        listener.close()


def repeating(start: bytes, again: bytes, pause: float = 0.01) -> Peer:
    """Reads a request, sends ``start``, then ``again`` without end."""

    def behaviour(connection: socket.socket, stop: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(start)
        while not stop.wait(pause):
            connection.sendall(again)

    return behaviour


def deaf(_connection: socket.socket, stop: threading.Event) -> None:
    """Reads nothing and says nothing."""
    stop.wait()


def get(url: str, deadline: Deadline, body: str | None = None, answer_seconds: float = 110.0) -> Answer:
    transport = Transport(url, "token", 1)
    try:
        request = Request("things", "GET" if body is None else "POST", "/x", json=body)
        return transport.exchange(request, deadline, answer_seconds)
    finally:
        transport.close()


ENDLESS = {
    "nothing": repeating(b"", b""),
    "status line": repeating(b"HTTP/1.1 200 O", b"K"),
    "header": repeating(OK + b"X-Padding: ", b"x"),
    "headers": repeating(OK, b"X: y\r\n", 0.02),
    "100 Continue": repeating(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "100 Continue in a flood": repeating(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500, 0.0),
    "chunk size": repeating(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "chunk": repeating(OK + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n", b" "),
    "chunks": repeating(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "trailers": repeating(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"X: y\r\n"),
    "body": repeating(OK + b"Content-Length: 100000\r\n\r\n", b" "),
    "body until the end": repeating(OK + b"Connection: close\r\n\r\n", b" "),
    "body of an error": repeating(b"HTTP/1.1 500 Oops\r\nContent-Length: 100000\r\n\r\n", b" "),
}


@pytest.mark.parametrize("behaviour", ENDLESS.values(), ids=ENDLESS)
def test_no_answer_outlives_the_deadline(behaviour: Peer) -> None:
    with peer(behaviour) as url, pytest.raises(TimedOut):
        get(url, Deadline(0.6))


@pytest.mark.parametrize("behaviour", ENDLESS.values(), ids=ENDLESS)
def test_a_cancelled_sync_waits_for_no_answer(behaviour: Peer) -> None:
    stop = CancellationToken()
    with peer(behaviour) as url:
        threading.Timer(0.3, stop.cancel, (CancelReason.CANCELLED,)).start()
        with pytest.raises(TimedOut):
            get(url, Deadline(300.0, is_cancelled=stop.is_cancelled))


@pytest.mark.parametrize("status", [b"102 Processing", b"103 Early Hints", b"199 Whatever"])
def test_an_interim_answer_is_never_taken_for_the_answer(status: bytes) -> None:
    """Else the answer that follows would be that of the next call on the connection."""
    with (
        peer(repeating(b"HTTP/1.1 " + status + b"\r\n\r\n" + WHOLE, b"")) as url,
        pytest.raises(Unavailable, match="BadStatusLine"),
    ):
        get(url, Deadline(50.0))


def test_a_reader_does_not_wait_as_long_as_a_sync_for_the_first_byte() -> None:
    with peer(deaf) as url, pytest.raises(TimedOut):
        get(url, Deadline(300.0), answer_seconds=0.4)


def test_headers_without_end_are_refused_before_the_deadline() -> None:
    with peer(repeating(OK, b"X: y\r\n" * 50)) as url, pytest.raises(Unavailable):
        get(url, Deadline(300.0))


def test_a_connection_that_was_broken_off_is_not_used_again() -> None:
    connections: list[socket.socket] = []

    def behaviour(connection: socket.socket, stop: threading.Event) -> None:
        connections.append(connection)
        while connection.recv(65536):
            if len(connections) == 1:
                connection.sendall(OK + b"Content-Length: 7\r\n\r\n{")
                stop.wait()
            connection.sendall(WHOLE)

    with peer(behaviour) as url:
        transport = Transport(url, "token", 1)

        def call(seconds: float) -> bytes:
            return transport.exchange(Request("things", "GET", "/x"), Deadline(seconds), 50.0).body

        with pytest.raises(TimedOut):
            call(0.5)
        assert [call(50.0), call(50.0)] == [b'{"a":1}'] * 2
        assert len(connections) == 2
        transport.close()


def test_a_peer_that_takes_no_body_outlives_no_deadline() -> None:
    with peer(deaf) as url, pytest.raises(TimedOut):
        get(url, Deadline(0.6), body=" " * 50_000_000)


def test_a_large_body_arrives_whole_at_a_slow_reader() -> None:
    received = bytearray()

    def slow(connection: socket.socket, stop: threading.Event) -> None:
        while not received.endswith(b' "'):
            stop.wait(0.002)
            received.extend(connection.recv(20_000))
        connection.sendall(WHOLE)

    with peer(slow) as url:
        assert get(url, Deadline(50.0), body=" " * 3_000_000).body == b'{"a":1}'
    assert received.count(b" ") >= 3_000_000


def test_a_host_that_accepts_no_connection_outlives_no_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_connection(full.getsockname()):
        address = f"http://127.0.0.1:{full.getsockname()[1]}"
        with socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(full.getsockname())
            with pytest.raises(TimedOut):
                get(address, Deadline(0.7))


def test_a_name_that_is_not_resolved_outlives_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve, never, asked = socket.getaddrinfo, threading.Event(), []

    def hanging(host: str, port: int, *rest: int, flags: int = 0) -> object:
        if not flags:
            asked.append(host)
            never.wait()
        return resolve(host, port, *rest, flags=flags)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    for _ in range(2):
        with pytest.raises(TimedOut):
            get("http://hubspot.test", Deadline(0.6))
    never.set()
    assert asked == ["hubspot.test"]  # both waited for one look-up


def test_a_name_that_does_not_exist_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="gaierror"):
        get("http://no-such-host.invalid", Deadline(50.0))


def test_a_name_is_resolved_and_the_next_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def two(host: str, port: int, *rest: int, flags: int = 0) -> list[object]:
        if flags:
            return list(resolve(host, port, *rest, flags=flags))
        return [*resolve("127.0.0.1", refused, *rest), *resolve("127.0.0.1", port, *rest)]

    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = taken.getsockname()[1]
    monkeypatch.setattr(socket, "getaddrinfo", two)
    with peer(repeating(WHOLE, b"")) as url:
        assert get(url.replace("127.0.0.1", "hubspot.test"), Deadline(50.0)).status == 200


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """A server's context, and the certificate that its clients must trust."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")
    directory = tmp_path_factory.mktemp("tls")
    certificate, key = str(directory / "certificate.pem"), str(directory / "key.pem")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-nodes", "-keyout", key, "-out", certificate]
    subprocess.run([openssl, "req", "-x509", "-newkey", "rsa:2048", *files, *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


def test_tls_is_spoken(tls: tuple[ssl.SSLContext, str], monkeypatch: pytest.MonkeyPatch) -> None:
    context, certificate = tls
    with peer(repeating(WHOLE, b""), context) as url:
        with pytest.raises(HubSpotError, match="SSLCertVerificationError"):
            get(url, Deadline(50.0))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)
        assert get(url, Deadline(50.0)).body == b'{"a":1}'


@pytest.mark.parametrize("name", ["nothing", "header", "trailers", "body until the end"])
def test_no_answer_by_tls_outlives_the_deadline(
    tls: tuple[ssl.SSLContext, str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    context, certificate = tls
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)
    with peer(ENDLESS[name], context) as url, pytest.raises(TimedOut):
        get(url, Deadline(1.2))


@pytest.mark.parametrize(
    "behaviour", [deaf, repeating(b"\x16\x03\x03\x40\x00", b"\x02", 0.05)], ids=["silent", "dripping"]
)
def test_no_handshake_outlives_the_deadline(behaviour: Peer) -> None:
    with peer(behaviour) as url, pytest.raises(HubSpotError):
        get(url.replace("http:", "https:"), Deadline(1.2))


def tunnel(upstream: str, head: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Peer:
    """A proxy that opens tunnels to ``upstream``, or forwards to it."""
    host, port = upstream.split("//")[1].split(":")

    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            return

    def behaviour(connection: socket.socket, stop: threading.Event) -> None:
        first = connection.recv(65536)
        with socket.create_connection((host, int(port)), 1.0) as onward:
            if first.startswith(b"CONNECT"):
                connection.sendall(head)
            else:
                onward.sendall(first)
            threading.Thread(target=pump, args=(connection, onward), daemon=True).start()
            pump(onward, connection)
            stop.wait(0.1)

    return behaviour


def test_a_proxy_forwards_and_tunnels(tls: tuple[ssl.SSLContext, str], monkeypatch: pytest.MonkeyPatch) -> None:
    context, certificate = tls
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    for served in (None, context):
        with peer(repeating(WHOLE, b""), served) as url, peer(tunnel(url)) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy)
            monkeypatch.setenv("HTTPS_PROXY", proxy)
            assert get(url, Deadline(50.0)).body == b'{"a":1}'


def test_a_proxy_that_drips_outlives_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with peer(repeating(b"HTTP/1.1 200 OK\r\nX: ", b"y")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        with pytest.raises(HubSpotError):
            get("https://hubspot.test", Deadline(0.7))
