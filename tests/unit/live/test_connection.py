"""One client's WebSocket, with wsproto as the client, and without a socket."""

from __future__ import annotations

import json
import random

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.frame_protocol import CloseReason

from dealcache.live.connection import MOST_MESSAGE, MOST_WAITING, LiveConnection
from dealcache.live.outgoing import Outgoing, TooSlowError
from dealcache.live.subscription import Subscription
from dealcache.live.updates import frames_of


class Peer:
    """A connection, and a client that has all that was sent to it."""

    def __init__(self) -> None:
        self.server = LiveConnection(Subscription())
        self.client = Connection(ConnectionType.CLIENT)

    def say(self, *events: Event) -> list[Event]:
        """Send events, and take what comes back."""
        self.server.receive(b"".join(bytes(self.client.send(event)) for event in events))
        return self.heard()

    def heard(self) -> list[Event]:
        """All that waits for the client."""
        outgoing = self.server.outgoing
        while outgoing.size:
            part = bytes(outgoing.first())
            outgoing.sent(len(part))
            self.client.receive_data(part)
        return list(self.client.events())

    def subscribe(self, *names: str) -> list[Event]:
        return self.say(TextMessage(json.dumps({"action": "subscribe", "deal_names": names})))


@pytest.fixture
def peer() -> Peer:
    return Peer()


def text_of(events: list[Event]) -> dict[str, object]:
    (event,) = events
    assert isinstance(event, TextMessage)
    return json.loads(event.data)


def closed_with(events: list[Event]) -> int:
    (event,) = events
    assert isinstance(event, CloseConnection)
    return event.code


def test_a_subscription_replaces_what_was_there_and_is_confirmed(peer):
    assert peer.server.subscription == Subscription()
    assert text_of(peer.subscribe(" Acme ", "b")) == {"type": "subscribed", "deal_names": ["Acme", "b"]}
    assert peer.server.subscription == Subscription.to(["acme", "B"])
    peer.subscribe("c")
    assert peer.server.subscription == Subscription.to(["c"])


def test_what_is_no_subscription_changes_nothing_and_the_connection_stays(peer):
    peer.subscribe("a")
    answer = text_of(peer.say(TextMessage("hello")))
    assert answer == {"type": "error", "detail": "The message is not valid JSON."}
    assert peer.server.subscription == Subscription.to(["a"])
    assert peer.server.is_open


def test_fragments_make_one_message_with_pings_between_them(peer):
    whole = json.dumps({"action": "subscribe", "deal_names": ["Straße", "東京"]}, ensure_ascii=False)
    first, second, third = whole[:25], whole[25:42], whole[42:]
    events = [
        TextMessage(first, message_finished=False),
        Ping(b"1"),
        TextMessage(second, message_finished=False),
        TextMessage(third),
    ]
    pong, confirmed = peer.say(*events)
    assert (type(pong), pong.payload) == (Pong, b"1")
    assert text_of([confirmed])["deal_names"] == ["Straße", "東京"]


def test_it_does_not_matter_how_the_bytes_arrive(peer):
    octets = bytes(peer.client.send(TextMessage(json.dumps({"action": "subscribe", "deal_names": ["東京"]}))))
    for place in range(len(octets)):
        peer.server.receive(octets[place : place + 1])
    assert text_of(peer.heard())["deal_names"] == ["東京"]


def test_a_message_may_be_as_large_as_the_bound_and_no_larger(peer):
    assert text_of(peer.say(TextMessage("x" * MOST_MESSAGE)))["type"] == "error"
    assert closed_with(peer.say(TextMessage("東" * (MOST_MESSAGE // 3 + 1)))) == CloseReason.MESSAGE_TOO_BIG
    assert peer.server.has_failed


def test_a_message_that_would_be_too_large_is_refused_before_it_is_complete(peer):
    part = TextMessage("x" * (MOST_MESSAGE // 2 + 1), message_finished=False)
    assert peer.say(part) == []
    assert closed_with(peer.say(part)) == CloseReason.MESSAGE_TOO_BIG


def test_what_comes_together_with_what_is_refused_has_no_effect(peer):
    subscribe = TextMessage('{"action": "subscribe", "deal_names": ["Acme"]}')
    assert closed_with(peer.say(BytesMessage(b"{}"), subscribe, Ping())) == CloseReason.UNSUPPORTED_DATA
    assert peer.server.subscription == Subscription()


def test_binary_messages_are_refused(peer):
    assert closed_with(peer.say(BytesMessage(b"{}"))) == CloseReason.UNSUPPORTED_DATA


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"\x81\x02{}", CloseReason.PROTOCOL_ERROR),  # not masked
        (b"\xc1\x80\0\0\0\0", CloseReason.PROTOCOL_ERROR),  # compressed, which nobody agreed to
        (b"\x80\x80\0\0\0\0", CloseReason.PROTOCOL_ERROR),  # goes on with nothing
        (b"\x83\x80\0\0\0\0", CloseReason.PROTOCOL_ERROR),  # an unknown kind
        (b"\x09\x80\0\0\0\0", CloseReason.PROTOCOL_ERROR),  # half a ping
        (b"\x81\x81\0\0\0\0\xff", CloseReason.INVALID_FRAME_PAYLOAD_DATA),  # not UTF-8
    ],
)
def test_what_breaks_the_protocol_closes_the_connection(peer, octets, code):
    peer.server.receive(octets)
    assert closed_with(peer.heard()) == code
    assert peer.server.has_failed
    peer.server.receive(bytes(peer.client.send(CloseConnection(code))) + octets)  # not looked at
    assert peer.heard() == []


def test_random_bytes_do_no_harm():
    chance = random.Random(4)
    for _ in range(300):
        server = LiveConnection(Subscription())
        server.receive(chance.randbytes(chance.randrange(200)))
        server.receive(chance.randbytes(chance.randrange(200)))
        assert server.is_open or server.has_failed or server.is_over


def test_a_close_is_answered_and_then_all_is_over(peer):
    assert closed_with(peer.say(CloseConnection(CloseReason.NORMAL_CLOSURE, "bye"))) == CloseReason.NORMAL_CLOSURE
    assert peer.server.is_over
    assert not peer.server.has_failed
    peer.server.receive(b"more")
    peer.server.tell(b"frame")
    peer.server.ping()
    assert peer.server.outgoing.size == 0


def test_our_close_is_over_when_it_is_answered(peer):
    peer.server.close(CloseReason.GOING_AWAY, "The service stops.")
    peer.server.close(CloseReason.GOING_AWAY, "The service stops.")
    assert not peer.server.is_open
    crossing = bytes(peer.client.send(TextMessage("said before it knew")) + peer.client.send(Ping()))
    (close,) = peer.heard()
    assert (close.code, close.reason) == (CloseReason.GOING_AWAY, "The service stops.")
    peer.server.receive(crossing)
    assert peer.server.outgoing.size == 0
    assert not peer.server.is_over
    assert peer.say(close.response()) == []
    assert peer.server.is_over
    assert not peer.server.has_failed


def test_nonsense_instead_of_an_answer_to_our_close_ends_it(peer):
    peer.server.close(CloseReason.GOING_AWAY, "The service stops.")
    peer.heard()
    peer.server.receive(b"\xff\xff")
    assert peer.server.has_failed
    assert peer.server.outgoing.size == 0


def test_a_ping_of_ours_asks_for_a_pong(peer):
    peer.server.ping()
    (ping,) = peer.heard()
    assert isinstance(ping, Ping)
    assert peer.say(ping.response()) == []
    assert peer.server.is_open


def test_what_a_client_does_not_take_is_bounded(peer):
    frame = b"x" * 1000
    for _ in range(MOST_WAITING // 1000):
        peer.server.tell(frame)
    with pytest.raises(TooSlowError):
        peer.server.tell(frame)
    assert peer.server.outgoing.size <= MOST_WAITING


def test_who_asks_without_taking_the_answers_is_too_slow(peer):
    question = bytes(peer.client.send(TextMessage('"' + "x" * 200_000)))
    names = bytes(peer.client.send(TextMessage(json.dumps({"action": "subscribe", "deal_names": ["x" * 200] * 1000}))))
    peer.server.receive(question + names + names)
    with pytest.raises(TooSlowError):
        peer.server.receive(names)


def test_shared_frames_are_kept_and_not_copied():
    shared = b"".join(frames_of([])) + bytes(100_000)
    waiting = [Outgoing(1_000_000) for _ in range(3)]
    for outgoing in waiting:
        outgoing.add(shared)
        assert outgoing.first().obj is shared


def test_bytes_go_out_in_order_however_many_are_taken_at_a_time():
    outgoing, taken = Outgoing(100), b""
    outgoing.add(b"abcde")
    outgoing.add(bytearray(b"fgh"))
    outgoing.add(b"")
    while outgoing.size:
        part = bytes(outgoing.first()[:2])
        outgoing.sent(len(part))
        taken += part
    assert taken == b"abcdefgh"
    outgoing.add(b"x" * 100)
    with pytest.raises(TooSlowError):
        outgoing.add(b"x")
