"""The clients of a worker on real sockets, with a clock that is ticked by hand and no thread."""

from __future__ import annotations

import selectors
import socket
import struct
from collections.abc import Iterator

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Pong, TextMessage
from wsproto.frame_protocol import CloseReason

from dealcache.live.client import Client
from dealcache.live.clients import QUIET_SECONDS, Clients
from dealcache.live.connection import MESSAGES_AT_ONCE, MOST_WAITING, LiveConnection
from dealcache.live.flow import TokenBucket
from dealcache.live.subscription import Subscription
from tests.clocks import ManualClock
from tests.integration.live.peers import Peer, update


class Stand:
    """The clients, and their peers."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.clock = ManualClock(0.0)
        self.left = 0
        self.counts: list[int] = []
        self.messages = 0
        self.dropped: list[str] = []
        self.clients = Clients(self, self.clock, self.one_left)
        self._peers: list[Peer] = []

    def one_left(self) -> None:
        self.left += 1

    def live_clients(self, count: int) -> None:
        self.counts.append(count)

    def live_messages(self, count: int) -> None:
        self.messages += count

    def live_dropped(self, reason: str) -> None:
        self.dropped.append(reason)

    def enter(self, *names: str) -> Client:
        client = Client(Subscription.to(names) if names else Subscription(), self.selector)
        self.clients.enter(client)
        return client

    def connect(self, client: Client, early: bytes = b"") -> Peer:
        """Over TCP, as in a deployment: a pair of Unix sockets has other buffers."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            theirs = socket.create_connection(server.getsockname(), timeout=60)
            ours, _ = server.accept()
        self._peers.append(Peer(theirs))
        self.clients.connect(client, ours, early)
        return self._peers[-1]

    def join(self, *names: str) -> Peer:
        return self.connect(self.enter(*names))

    def turn(self) -> None:
        """Serve what is ready; waits a moment for what is on its way, which over loopback is next to nothing."""
        for key, mask in self.selector.select(0.5):
            self.clients.serve(key.data, mask)

    def watched(self) -> int:
        """Return what the only client's socket is watched for."""
        (key,) = self.selector.get_map().values()
        return key.events

    def pass_time(self, seconds: float) -> None:
        self.clock.tick(seconds)
        self.clients.keep_time()

    def end(self) -> None:
        self.clients.abandon()
        self.selector.close()
        for peer in self._peers:
            peer.sock.close()


@pytest.fixture
def stand() -> Iterator[Stand]:
    made = Stand()
    yield made
    made.end()


def test_everybody_gets_what_he_wants_and_nothing_else(stand):
    everything, acme, nothing = stand.join(), stand.join("ACME"), stand.join("Initech")
    stand.clients.deliver([update("Acme"), update("Globex"), update("acme")])
    assert [peer.names() for peer in (everything, acme, nothing)] == [
        ["Acme", "Globex", "acme"],
        ["Acme", "acme"],
        [],
    ]
    assert stand.messages == 5


def test_a_message_changes_what_a_client_wants(stand):
    peer = stand.join()
    peer.subscribe("Acme")
    stand.turn()
    assert peer.message() == {"type": "subscribed", "deal_names": ["Acme"]}
    stand.clients.deliver([update("Globex"), update("Acme")])
    assert peer.names() == ["Acme"]


def test_what_happens_between_being_let_in_and_being_connected_is_not_missed(stand):
    client = stand.enter()
    stand.clients.deliver([update("Acme")])
    peer = stand.connect(client)
    stand.clients.deliver([update("Globex")])
    assert peer.names() == ["Acme", "Globex"]


def test_what_came_behind_the_handshake_is_heard(stand):
    subscribe = TextMessage('{"action": "subscribe", "deal_names": ["Acme"]}')
    peer = stand.connect(stand.enter(), bytes(Connection(ConnectionType.CLIENT).send(subscribe)))
    assert peer.message()["type"] == "subscribed"


def test_who_does_not_connect_soon_loses_the_place(stand):
    client = stand.enter()
    stand.pass_time(QUIET_SECONDS - 1)
    assert len(stand.clients) == 1
    stand.pass_time(1)
    assert (len(stand.clients), stand.left, stand.dropped) == (0, 1, [])
    assert stand.connect(client).ends()


def deliver_until_dropped(stand: Stand) -> int:
    """Return how many bytes were delivered until a client was given up."""
    delivered, one = 0, update("x" * 400)
    while not stand.dropped:
        stand.clients.deliver([one] * 100)
        delivered += 100 * 500
        assert delivered < 100_000_000
        for peer in stand._peers[1:]:
            assert peer.names() == ["x" * 400] * 100
    return delivered


def test_a_slow_client_is_dropped_and_the_others_miss_nothing(stand):
    slow, quick = stand.join(), stand.join()
    delivered = deliver_until_dropped(stand)
    assert stand.dropped == ["slow"]
    assert len(stand.clients) == 1
    # What the kernels of both sides keep comes on top of our own bound; left to themselves they would keep megabytes.
    assert delivered < MOST_WAITING + 1_000_000
    stand.clients.deliver([update("Acme")])
    assert quick.names() == ["Acme"]
    assert slow.is_reset()


def test_who_is_slow_for_a_while_gets_everything_later(stand):
    peer, sent = stand.join(), 0
    while not stand.watched() & selectors.EVENT_WRITE:
        stand.clients.deliver([update(f"{sent} " + "x" * 400)])
        sent += 1
    names: list[str] = []
    while len(names) < sent:
        names += peer.names()
        stand.turn()
    assert [int(name.split()[0]) for name in names] == list(range(sent))
    assert stand.dropped == []
    assert stand.watched() == selectors.EVENT_READ


def test_quiet_clients_are_pinged_and_silent_ones_dropped(stand):
    silent, answering, talking = stand.join(), stand.join(), stand.join()
    assert stand.clients.keep_time() == QUIET_SECONDS
    stand.pass_time(QUIET_SECONDS)
    for peer in (silent, answering, talking):
        peer.pinged()
    answering.send(Pong())
    talking.subscribe("Acme")
    stand.pass_time(QUIET_SECONDS - 1)
    stand.turn()
    stand.pass_time(1)
    assert stand.dropped == ["silent"]
    assert silent.is_reset()
    assert len(stand.clients) == 2
    stand.pass_time(QUIET_SECONDS - 1)
    answering.pinged()


def test_who_was_heard_is_pinged_that_much_later(stand):
    peer, other = stand.join(), stand.join()
    stand.pass_time(QUIET_SECONDS - 1)
    peer.subscribe("Acme")
    stand.turn()
    stand.pass_time(1)
    other.pinged()
    assert not [event for event in peer.events() if not isinstance(event, TextMessage)]
    assert stand.clients.keep_time() == QUIET_SECONDS - 1


def test_deadlines_that_come_one_by_one_are_looked_at_together(stand):
    for _ in range(3):
        stand.join()
        stand.clock.tick(0.1)
    stand.clock.tick(QUIET_SECONDS - 0.35)
    assert stand.clients.keep_time() == 1.0


def test_nobody_is_waited_for_when_nobody_is_there(stand):
    assert stand.clients.keep_time() is None


def test_a_close_is_answered_and_the_connection_closed(stand):
    peer = stand.join()
    peer.send(CloseConnection(CloseReason.NORMAL_CLOSURE))
    stand.turn()
    assert peer.closed().code == CloseReason.NORMAL_CLOSURE
    assert peer.ends()
    assert (len(stand.clients), stand.left, stand.counts[-1], stand.dropped) == (0, 1, 0, [])


def test_an_end_without_a_close_is_one_too(stand):
    stand.join().sock.close()
    stand.turn()
    assert (len(stand.clients), stand.dropped) == (0, [])


def test_a_broken_connection_is_noted(stand):
    peer = stand.join()
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.sock.close()
    stand.turn()
    assert (len(stand.clients), stand.dropped) == (0, ["lost"])


def test_who_breaks_the_rules_is_told_why_and_then_not_listened_to(stand):
    peer = stand.join()
    peer.send(BytesMessage(b"binary"))
    stand.turn()
    assert peer.closed().code == CloseReason.UNSUPPORTED_DATA
    assert peer.ends()
    stand.clients.deliver([update("Acme")])
    for _ in range(3):  # goes on talking, which gives it no more time
        peer.sock.sendall(b"talk")
        stand.pass_time(QUIET_SECONDS / 4)
        stand.turn()
    assert len(stand.clients) == 1
    stand.pass_time(QUIET_SECONDS / 4)
    assert (len(stand.clients), stand.dropped) == (0, ["silent"])


def test_goodbye_is_said_to_all_and_to_those_who_are_still_coming(stand):
    peers, coming = [stand.join(), stand.join("Acme")], stand.enter()
    stand.clients.say_goodbye()
    peers.append(stand.connect(coming))
    for peer in peers:
        closed = peer.closed()
        assert closed.code == CloseReason.GOING_AWAY
        peer.send(closed.response())
    for _ in peers:
        stand.turn()
    assert (len(stand.clients), stand.dropped) == (0, [])
    assert all(peer.ends() for peer in peers)


def test_an_error_of_our_own_costs_one_client_and_no_other(stand, monkeypatch, caplog):
    peer, other = stand.join(), stand.join()

    def fail(*_: object) -> None:
        raise RuntimeError("ours")

    with monkeypatch.context() as patch:
        patch.setattr(LiveConnection, "receive", fail)
        peer.subscribe("Acme")
        stand.turn()
    assert stand.dropped == ["failed"]
    assert "serving a live client failed" in caplog.text
    stand.clients.deliver([update("Acme")])
    assert other.names() == ["Acme"]
    assert peer.is_reset()


def test_who_wants_more_than_there_is_room_for_is_sent_away(stand, monkeypatch):
    monkeypatch.setattr("dealcache.live.subscription.MOST_NAMES_OF_ALL", 4)
    first, second = stand.join("a", "b"), stand.join("c")
    third = stand.join("d", "e")
    assert third.closed().code == CloseReason.TRY_AGAIN_LATER
    second.subscribe("c", "d", "e")
    stand.turn()
    close = second.closed()
    assert (close.code, "try again later" in (close.reason or "")) == (CloseReason.TRY_AGAIN_LATER, True)
    assert stand.dropped == ["crowded", "crowded"]
    stand.clients.deliver([update(name) for name in "abcde"])
    assert first.names() == ["a", "b"]
    first.subscribe("a", "b", "c", "d")  # the places of those who were sent away are free
    stand.turn()
    assert first.message()["type"] == "subscribed"


def test_a_flood_is_the_end_of_one_client_alone(stand):
    calm, flood = stand.join(), stand.join()
    for _ in range(MESSAGES_AT_ONCE + 1):
        flood.subscribe("a")
    while not stand.dropped:
        stand.turn()
    assert stand.dropped == ["flood"]
    stand.clients.deliver([update("a")])
    assert calm.names() == ["a"]


def test_what_all_send_together_is_read_as_fast_as_is_allowed(stand, monkeypatch):
    monkeypatch.setattr(stand.clients, "_intake", TokenBucket(100, 1000, stand.clock))
    one, other = stand.join(), stand.join()
    one.subscribe("x" * 400, "y" * 400, "z" * 400)
    stand.turn()
    assert one.message()["type"] == "subscribed"
    assert stand.clients.has_read_enough
    other.subscribe("a")
    stand.turn()
    assert other.events() == []
    stand.clock.tick(10)
    stand.turn()
    assert other.message()["type"] == "subscribed"


def test_what_waits_for_those_who_left_is_counted_no_more(stand, monkeypatch):
    peer = stand.join()
    monkeypatch.setattr(Client, "flush", lambda _client: True)
    stand.clients.deliver([update("a")])
    assert stand.clients._total.size > 0
    stand.clients.abandon()
    assert stand.clients._total.size == 0
    assert peer.ends()
