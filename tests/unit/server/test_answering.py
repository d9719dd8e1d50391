"""An answer is made in steps, and no step waits for the client."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config

from dealcache.api.streaming import AnswerBrokenError
from dealcache.server.answering import Answering, most_unsent
from dealcache.server.connections import Connection, Next
from dealcache.server.incoming import Incoming

PIECE = b"x" * 200_000
seen_in = ContextVar("seen_in", default="nothing")


class Worker:
    """gunicorn's worker as far as an answer needs it."""

    def __init__(self, wsgi: Callable[..., Iterable[bytes]]) -> None:
        self.cfg = Config()
        self.wsgi = wsgi
        self.nr, self.max_requests, self.alive = 0, 10, True
        self.logged: list[int] = []
        self.log = SimpleNamespace(access=self._tell, info=lambda *_: None, debug=lambda *_: None)
        self.behind = 0
        self.keepalived_conns = SimpleNamespace(in_phase=lambda _phase: range(self.behind))

    def refuse(self, error: BaseException, _client: Any) -> bytes:
        return b"refused: %r" % error

    def _tell(self, response: Any, *_others: Any) -> None:
        self.logged.append(response.sent)


class Pieces:
    """An answer in pieces, which says when it is closed."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def ends() -> Iterator[tuple[Connection, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield Connection(Config(), ours, ("127.0.0.1", 1), ("127.0.0.1", 2)), theirs
    ours.close()
    theirs.close()


def answering(connection: Connection, worker: Worker, head: bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") -> Answering:
    return Answering(worker, connection, Incoming(Config(), head, connection.client))


def giving(pieces: Iterable[bytes], headers: list[tuple[str, str]] | None = None) -> Any:
    def wsgi(_environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", headers or [])
        return pieces

    return wsgi


def taken(connection: Connection, theirs: socket.socket) -> bytes:
    """Return what the client gets of what there is."""
    theirs.setblocking(False)
    got = b""
    while True:
        try:
            got += theirs.recv(1 << 20)
        except BlockingIOError:
            if not connection.unsent:
                return got
        connection.send_more()


def test_pieces_are_waited_with_until_the_client_has_caught_up(ends):
    connection, theirs = ends
    made = []
    pieces = Pieces(made.append(number) or PIECE for number in range(20))
    worker = Worker(giving(pieces))
    one = answering(connection, worker)
    got, steps = b"", 0
    while one.step() is Next.PIECES:
        steps += 1
        assert len(made) < 20
        assert connection.unsent_bytes < most_unsent(0) + len(PIECE) + 20
        assert pieces.closed == 0
        got += taken(connection, theirs)
    got += taken(connection, theirs)
    assert steps >= 2
    assert got.count(b"x" * 1000) == 20 * 200
    assert got.endswith(b"\r\n0\r\n\r\n")
    assert (pieces.closed, worker.logged) == (1, [20 * len(PIECE)])


class Counted:
    """A socket that keeps each call of the kernel."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.calls: list[bytes] = []

    def send(self, data: bytes) -> int:
        self.calls.append(data)
        return self._sock.send(data)

    def sendmsg(self, parts: Iterable[bytes]) -> int:
        self.calls.append(b"".join(parts))
        return self._sock.sendmsg(parts)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


@pytest.mark.parametrize(
    ("head", "pieces", "headers", "calls"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", [b"one", b"two"], [("Content-Length", "6")], [b"one", b"two"]),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", [b"one"], [], [b"3\r\none\r\n", b"0\r\n\r\n"]),
        (b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", [], [("Content-Length", "6")], [b""]),
    ],
)
def test_the_head_goes_out_with_the_first_piece(ends, head, pieces, headers, calls):
    connection, theirs = ends
    connection.sock = counted = Counted(connection.sock)
    assert answering(connection, Worker(giving(iter(pieces), headers)), head).step() is Next.REQUEST
    first, *others = counted.calls
    assert [first.partition(b"\r\n\r\n")[2], *others] == calls
    assert taken(connection, theirs) == b"".join(counted.calls)


def test_a_long_answer_lets_other_requests_have_its_thread(ends, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("dealcache.server.answering.monotonic", lambda: now[0])

    def pieces() -> Iterator[bytes]:
        for _ in range(10):
            now[0] += 0.02
            yield b"abc"

    connection, theirs = ends
    one = answering(connection, Worker(giving(pieces())))
    steps = [one.step() for _ in range(4)]
    assert steps == [Next.PIECES] * 3 + [Next.REQUEST]
    assert taken(connection, theirs).count(b"abc") == 10


def test_the_more_clients_are_behind_the_less_is_kept_for_each(ends):
    connection, _theirs = ends
    worker = Worker(giving(Pieces(PIECE for _ in range(20))))
    worker.behind = 999
    assert answering(connection, worker).step() is Next.PIECES
    assert connection.unsent_bytes < 34_000 + len(PIECE) + 20
    assert [most_unsent(behind) for behind in (0, 31, 32, 999)] == [1_048_576, 1_048_576, 1_016_800, 33_554]


def test_an_answer_whose_client_has_gone_is_closed_and_told_of(ends):
    connection, theirs = ends
    pieces = Pieces(PIECE for _ in range(20))
    worker = Worker(giving(pieces))
    one = answering(connection, worker)
    assert one.step() is Next.PIECES
    theirs.close()
    connection.unsent.clear()
    assert one.step() is Next.END
    assert pieces.closed == 1
    abandoned = Pieces(PIECE for _ in range(20))
    worker = Worker(giving(abandoned))
    answering(connection, worker).abandon()
    assert worker.logged == []


def test_an_answer_that_is_given_up_is_closed_and_told_of_once(ends):
    connection, _theirs = ends
    pieces = Pieces(PIECE for _ in range(20))
    worker = Worker(giving(pieces))
    one = answering(connection, worker)
    assert one.step() is Next.PIECES
    one.abandon()
    one.abandon()
    assert (pieces.closed, len(worker.logged)) == (1, 1)


@pytest.mark.parametrize("before", [0, 1])
def test_what_fails_inside_ends_the_connection(ends, before, caplog):
    def pieces() -> Iterator[bytes]:
        for _ in range(before):
            yield b"a"
        raise RuntimeError("inside")

    connection, theirs = ends
    assert answering(connection, Worker(giving(pieces()))).step() is Next.END
    got = taken(connection, theirs)
    assert got.startswith(b"HTTP/1.1 200 OK" if before else b"refused: RuntimeError")
    assert b"refused" not in got or not before
    assert ("an answer broke off" in caplog.text) == bool(before)


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_no_client_takes_an_answer_that_broke_off_for_whole(version, caplog):
    def pieces() -> Iterator[bytes]:
        yield b"a"
        raise AnswerBrokenError("MongoDB does not answer")

    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as theirs:
        connection = Connection(Config(), listener.accept()[0], theirs.getsockname(), listener.getsockname())
        request = b"GET / HTTP/%b\r\nHost: a\r\n\r\n" % version
        assert answering(connection, Worker(giving(pieces())), request).step() is Next.END
        if version == b"1.1":
            assert theirs.recv(1000).endswith(b"\r\n\r\n1\r\na\r\n")
            connection.close()
        else:
            with pytest.raises(ConnectionResetError):
                b"".join(iter(lambda: theirs.recv(1000), b""))
    assert "an answer broke off: MongoDB does not answer" in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    ("head", "after"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", Next.REQUEST),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", Next.END),
        (b"GET / HTTP/1.0\r\n\r\n", Next.END),
    ],
)
def test_whether_the_connection_stays(ends, head, after):
    connection, _theirs = ends
    assert answering(connection, Worker(giving([b"a"], [("Content-Length", "1")])), head).step() is after


def test_the_last_request_of_a_worker_ends_its_connection(ends):
    connection, _theirs = ends
    worker = Worker(giving([b"a"], [("Content-Length", "1")]))
    worker.nr = worker.max_requests - 1
    assert answering(connection, worker).step() is Next.END
    assert not worker.alive


def test_every_step_sees_what_belongs_to_the_request(ends):
    seen = []

    def wsgi(_environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        seen_in.set("the request")
        return (seen.append(seen_in.get()) or PIECE for _ in range(20))

    connection, theirs = ends
    one = answering(connection, Worker(wsgi))
    while one.step() is Next.PIECES:
        taken(connection, theirs)
        assert seen_in.get() == "nothing"
    assert seen == ["the request"] * 20


def test_a_handshake_that_is_not_out_hands_nothing_over(ends):
    connection, theirs = ends
    closed = []
    pieces = Pieces(iter([b""]))
    pieces.close = lambda: closed.append(connection.sock.fileno())
    connection.unsent.append(memoryview(b"an answer that was not taken"))

    def wsgi(_environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("101 Switching Protocols", [("Connection", "upgrade"), ("Upgrade", "websocket")])
        return pieces

    answering(connection, Worker(wsgi)).step()
    assert len(closed) == 1
    assert not connection.unsent
    assert theirs.recv(10) == b""
