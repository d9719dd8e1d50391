"""The hub with its thread, on real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from wsproto.events import CloseConnection
from wsproto.frame_protocol import CloseReason

from dealcache.live import Hub, Subscription
from tests.integration.live.peers import Peer, update
from tests.waiting import PATIENCE


class Observer:
    """Notes what it is told, and lets others wait for it."""

    def __init__(self) -> None:
        self._told = threading.Condition()
        self.clients = 0
        self.messages = 0
        self.dropped: list[str] = []

    def live_clients(self, count: int) -> None:
        with self._told:
            self.clients = count
            self._told.notify_all()

    def live_messages(self, count: int) -> None:
        with self._told:
            self.messages += count
            self._told.notify_all()

    def live_dropped(self, reason: str) -> None:
        with self._told:
            self.dropped.append(reason)
            self._told.notify_all()

    def until(self, condition: Callable[[], Any]) -> None:
        with self._told:
            assert self._told.wait_for(condition, PATIENCE)


class Stand:
    """A hub, and its clients' peers."""

    def __init__(self, places: int = 10) -> None:
        self.observer = Observer()
        self.hub = Hub(self.observer)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("dealcache.live.hub.make_room", lambda: places)
            self.hub.start()
        self._peers: list[Peer] = []

    def join(self, *names: str) -> Peer | None:
        """A connected client; None when there is no place."""
        client = self.hub.admit(Subscription.to(names) if names else Subscription())
        if client is None:
            return None
        ours, theirs = socket.socketpair()
        self._peers.append(Peer(theirs))
        self.hub.connect(client, ours)
        return self._peers[-1]

    def has_ended(self) -> bool:
        assert self.hub._thread is not None
        return not self.hub._thread.is_alive()

    def end(self) -> None:
        self.hub.stop()
        for peer in self._peers:
            peer.sock.close()


@pytest.fixture
def stand() -> Iterator[Stand]:
    made = Stand()
    yield made
    made.end()


def test_what_many_threads_publish_reaches_every_client_in_order(stand):
    peers = [stand.join() for _ in range(3)]
    one = stand.join("1 of 5")

    def publish(thread: int) -> None:
        for number in range(50):
            stand.hub.publish([update(f"{number} of {thread}")])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(publish, range(8)))
    for peer in peers:
        got = [peer.message()["deal_name"] for _ in range(8 * 50)]
        for thread in range(8):
            assert [name for name in got if name.endswith(f"of {thread}")] == [f"{n} of {thread}" for n in range(50)]
    assert one.message()["deal_name"] == "1 of 5"
    stand.hub.wait_until_idle(PATIENCE)
    assert stand.observer.messages == 3 * 8 * 50 + 1


def test_publishing_waits_for_nobody_even_while_the_thread_is_stuck(stand):
    stuck, free = threading.Event(), threading.Event()

    def hold(_count: int) -> None:
        stuck.set()
        free.wait(PATIENCE)

    stand.observer.live_messages = hold
    peer = stand.join()
    stand.hub.publish([update("0")])
    assert stuck.wait(PATIENCE)
    for number in range(1, 5000):  # more than the buffer of its wake-ups takes
        stand.hub.publish([update(str(number))])
    stand.hub.wait_until_idle(0)
    assert not stand.hub._idle.is_set()
    free.set()
    assert [peer.message()["deal_name"] for _ in range(5000)] == [str(number) for number in range(5000)]
    stand.hub.wait_until_idle(PATIENCE)
    assert stand.hub._idle.is_set()


def test_no_more_clients_than_places_and_a_place_that_is_left_is_free():
    stand = Stand(places=2)
    assert not stand.hub.has_clients
    first, second = stand.join(), stand.join()
    assert stand.join() is None
    assert stand.hub.has_clients
    stand.observer.until(lambda: stand.observer.clients == 2)  # else 1 may be the count before the second came
    first.send(CloseConnection(CloseReason.NORMAL_CLOSURE))
    assert first.ends()
    stand.observer.until(lambda: stand.observer.clients == 1)
    assert stand.join() is not None
    assert stand.join() is None
    stand.observer.until(lambda: stand.observer.clients == 2)
    second.sock.close()
    stand.observer.until(lambda: stand.observer.clients == 1)
    stand.end()


def test_a_stop_says_goodbye_and_does_not_wait_for_who_does_not_answer(stand):
    polite, mute = stand.join(), stand.join()
    stand.hub.say_goodbye()
    closed = polite.closed()
    assert closed.code == CloseReason.GOING_AWAY
    polite.send(closed.response())
    assert polite.ends()
    assert stand.join() is None
    stand.hub.stop()
    assert stand.has_ended()
    assert mute.closed().code == CloseReason.GOING_AWAY
    assert mute.ends()
    assert stand.observer.clients == 0
    assert not stand.hub.has_clients


def test_a_stop_may_be_repeated(stand):
    stand.hub.stop()
    assert stand.has_ended()
    stand.hub.stop()
    assert stand.join() is None
    stand.hub.publish([update("Acme")])


def test_who_is_late_finds_the_connection_closed(stand):
    client = stand.hub.admit(Subscription())
    stand.hub.stop()
    ours, theirs = socket.socketpair()
    stand.hub.connect(client, ours)
    assert Peer(theirs).ends()
    theirs.close()


def test_who_comes_at_the_very_end_finds_the_connection_closed_too(stand, monkeypatch):
    client = stand.hub.admit(Subscription())
    ours, theirs = socket.socketpair()

    def come_and_end() -> bool:
        stand.hub.connect(client, ours)
        return True

    monkeypatch.setattr(stand.hub, "_is_done", come_and_end)
    stand.hub.stop()
    assert Peer(theirs).ends()
    theirs.close()


def test_before_the_start_and_for_the_command_line_there_is_nobody():
    hub = Hub(Observer())
    assert hub.admit(Subscription()) is None
    hub.publish([update("Acme")])
    assert not hub.has_clients
    hub.stop()


def test_work_that_fails_does_not_end_the_thread(stand, caplog):
    peer = stand.join()
    stand.hub.publish([None])
    stand.hub.publish([update("Acme")])
    assert peer.message()["deal_name"] == "Acme"
    assert "a piece of work of live updates failed" in caplog.text
