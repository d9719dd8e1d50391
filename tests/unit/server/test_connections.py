"""The bytes that a connection keeps for its client, and the poller that asks for them."""

from __future__ import annotations

import socket
from selectors import EVENT_READ, EVENT_WRITE

import pytest
from gunicorn.config import Config

from dealcache.server.connections import ClientGoneError, Connection
from dealcache.server.phases import ENOUGH
from dealcache.server.poller import Poller


@pytest.fixture
def pair():
    ends = socket.socketpair()
    yield ends
    for end in ends:
        end.close()


def raise_again(_argument: object, error: Exception) -> None:
    raise error


def connection(sock: socket.socket) -> Connection:
    return Connection(Config(), sock, ("127.0.0.1", 1), ("127.0.0.1", 2))


def test_the_poller_calls_for_what_is_ready(pair):
    poller, called = Poller(raise_again), []
    poller.register(pair[0], EVENT_READ, called.append)
    poller.dispatch(0)
    assert called == []
    pair[1].send(b"x")
    poller.dispatch(0)
    poller.register(pair[0], EVENT_WRITE, lambda sock: called.append("writable"))
    poller.dispatch(0)
    assert called == [pair[0], "writable"]
    poller.unregister(pair[0])
    poller.dispatch(0)
    assert len(called) == 2
    with pytest.raises(KeyError):
        poller.unregister(pair[0])
    poller.close()


def test_who_is_unregistered_by_another_call_is_not_called(pair):
    poller, called = Poller(raise_again), []

    def first_come(sock: socket.socket) -> None:
        called.append(sock)
        for end in pair:
            poller.unregister(end)

    for end in pair:
        poller.register(end, EVENT_WRITE, first_come)
    poller.dispatch(0)
    assert len(called) == 1
    poller.close()


def test_a_call_that_fails_is_told_with_its_argument_and_the_next_one_is_called(pair):
    failed, called = [], []
    poller = Poller(lambda argument, error: failed.append((argument, str(error))))
    poller.register(pair[0], EVENT_WRITE, {}.__getitem__, "first")
    poller.register(pair[1], EVENT_WRITE, called.append, "second")
    poller.dispatch(0)
    assert failed == [("first", "'first'")]
    assert called == ["second"]
    poller.close()


def receive_all(sender: Connection, receiver: socket.socket, count: int) -> bytes:
    """Return what the receiver gets while the sender sends on."""
    got = b""
    while len(got) < count:
        got += receiver.recv(10_000)
        sender.send_more()
    return got


@pytest.fixture
def ends(pair):
    pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    return connection(pair[0]), pair[1]


def test_an_answer_goes_out_as_the_client_takes_it(ends):
    sender, receiver = ends
    head, body = b"h" * 100, bytes(range(256)) * 4_000
    assert not sender.send(head, body)
    assert 0 < sender.unsent_bytes < len(head) + len(body)
    assert receive_all(sender, receiver, len(head) + len(body)) == head + body
    assert not sender.unsent
    assert sender.send(head, b"")
    receiver.close()
    with pytest.raises(ClientGoneError, match="Broken pipe"):
        sender.send(head, body)


def test_what_is_written_waits_its_turn_behind_what_is_kept(ends):
    sender, receiver = ends
    pieces = [bytes([number]) * 50_000 for number in range(10)]
    for piece in pieces:
        sender.send(piece)
    assert sender.unsent_bytes > 300_000
    assert receive_all(sender, receiver, 500_000) == b"".join(pieces)
    receiver.close()
    with pytest.raises(ClientGoneError):
        sender.send(b"x")


def test_parts_are_sent_in_their_order_however_much_of_them_is_taken_at_once(ends):
    sender, receiver = ends
    parts = [b"h" * 100, bytes(range(256)) * 2_000, b"", b"end"]
    sender.send(*parts[:2])
    assert 0 < sender.unsent_bytes < 512_100
    sender.send(*parts[2:])
    assert receive_all(sender, receiver, 512_103) == b"".join(parts)
    assert not sender.unsent


def test_a_byte_now_and_then_is_no_progress(pair):
    one = connection(pair[0])
    assert not any(one.moves(1) for _ in range(ENOUGH - 1))
    assert one.moves(1)
    assert not one.moves(ENOUGH - 1)
    one.begin_phase()
    assert not one.moves(1)
