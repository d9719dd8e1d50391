"""The order of connections, and the poller that calls for them."""

from __future__ import annotations

import socket
from selectors import EVENT_READ, EVENT_WRITE

import pytest
from gunicorn.config import Config

from dealcache.server.connections import Connection, WaitingConnections
from dealcache.server.poller import Poller


@pytest.fixture
def pair():
    ends = socket.socketpair()
    yield ends
    for end in ends:
        end.close()


def connection(sock: socket.socket) -> Connection:
    return Connection(Config(), sock, ("127.0.0.1", 1), ("127.0.0.1", 2), patience=75.0)


def test_whose_time_runs_out_first(pair):
    first, second = connection(pair[0]), connection(pair[1])
    waiting = WaitingConnections()
    with pytest.raises(IndexError):
        waiting[0]
    waiting.append(first)
    waiting.append(second)
    assert waiting[0] is first
    waiting.renew(first)
    assert list(waiting) == [second, first]
    waiting.remove(second)
    assert (len(waiting), waiting[0]) == (1, first)
    with pytest.raises(KeyError):
        waiting.remove(second)


def test_a_connection_is_busy_in_the_middle_of_a_request_and_of_an_answer(pair):
    one = connection(pair[0])
    assert not one.is_busy
    one.received = b"GET"
    assert one.is_busy
    one.received, one.unsent = b"", [memoryview(b"x")]
    assert one.is_busy


def test_the_poller_calls_for_what_is_ready(pair):
    poller, called = Poller(), []
    poller.register(pair[0], EVENT_READ, called.append)
    poller.dispatch(0)
    assert called == []
    pair[1].send(b"x")
    poller.dispatch(0)
    poller.modify(pair[0], EVENT_WRITE, lambda sock: called.append("writable"))
    poller.dispatch(0)
    assert called == [pair[0], "writable"]
    poller.unregister(pair[0])
    poller.dispatch(0)
    assert len(called) == 2
    with pytest.raises(KeyError):
        poller.unregister(pair[0])
    poller.close()


def test_who_is_unregistered_by_another_call_is_not_called(pair):
    poller, called = Poller(), []

    def first_come(sock: socket.socket) -> None:
        called.append(sock)
        for end in pair:
            poller.unregister(end)

    for end in pair:
        poller.register(end, EVENT_WRITE, first_come)
    poller.dispatch(0)
    assert len(called) == 1
    poller.close()


def test_an_answer_goes_out_as_the_client_takes_it(pair):
    sender, receiver = connection(pair[0]), pair[1]
    sender.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    head, body = b"h" * 100, bytes(range(256)) * 4_000
    assert not sender.send(head, body)
    assert sender.is_busy
    got = b""
    for _ in range(10_000):
        got += receiver.recv(10_000)
        if sender.send_more():
            break
    receiver.setblocking(False)
    while len(got) < len(head) + len(body):
        got += receiver.recv(1_000_000)
    assert got == head + body
    assert not sender.is_busy
    assert sender.send(head, b"")
    receiver.close()
    with pytest.raises(OSError, match="Broken pipe"):
        sender.send(head, body)
