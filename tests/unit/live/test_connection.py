"""One client's WebSocket, with wsproto as the client, and without a socket."""

from __future__ import annotations

import json
import random

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.frame_protocol import CloseReason

from dealcache.live.connection import (
    MESSAGES,
    MESSAGES_AT_ONCE,
    MOST_MESSAGE,
    MOST_WAITING,
    LiveConnection,
)
from dealcache.live.flow import ClientDroppedError, Outgoing, Total
from dealcache.live.messages import frames_of
from dealcache.live.subscription import Subscription
from tests.clocks import ManualClock


class Peer:
    """A connection, and a client that has all that was sent to it."""

    def __init__(self) -> None:
        self.clock = ManualClock(0.0)
        self.server = LiveConnection(Subscription(), self.clock)
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
    peer.server.send_update(b"frame")
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
        peer.server.send_update(frame)
    with pytest.raises(ClientDroppedError, match="slow"):
        peer.server.send_update(frame)
    assert peer.server.outgoing.size <= MOST_WAITING


def test_who_asks_without_taking_the_answers_is_too_slow(peer):
    question = bytes(peer.client.send(TextMessage('"' + "x" * 200_000)))
    names = bytes(peer.client.send(TextMessage(json.dumps({"action": "subscribe", "deal_names": ["x" * 200] * 1000}))))
    peer.server.receive(question + names)
    peer.clock.tick(60)
    peer.server.receive(names)
    with pytest.raises(ClientDroppedError, match="slow"):
        peer.server.receive(names)


def refusal(events: list[Event]) -> tuple[int, str | None]:
    close = events[-1]
    assert isinstance(close, CloseConnection)
    return close.code, close.reason


@pytest.mark.parametrize("event", [TextMessage("{}"), Ping(), Pong(), Ping(b"x" * 125)], ids=lambda one: repr(one)[:20])
def test_messages_and_pings_a_second_are_bounded(peer, event):
    for _ in range(MESSAGES_AT_ONCE):
        assert not any(isinstance(one, CloseConnection) for one in peer.say(event))
    for _ in range(100):
        peer.clock.tick(1.001 / MESSAGES)
        peer.say(event)
    assert peer.server.is_open
    code, reason = refusal(peer.say(event))
    assert (code, peer.server.refused) == (CloseReason.POLICY_VIOLATION, "flood")
    assert "5 messages" in (reason or "")


@pytest.mark.parametrize("part", [b"\x00\x80\0\0\0\0", b"\x00\x81\0\0\0\0x"], ids=["empty", "of one letter"])
def test_a_message_in_endless_parts_is_refused(peer, part):
    peer.server.receive(b"\x01\x80\0\0\0\0" + part * 200)
    assert peer.server.is_open
    peer.server.receive(part * 10_000)
    assert refusal(peer.heard())[0] == CloseReason.POLICY_VIOLATION
    assert len(peer.server._text) == 0


def test_a_large_message_in_parts_is_fine(peer):
    names = json.dumps({"action": "subscribe", "deal_names": ["x" * 200] * 1000})
    for start in range(0, len(names), 4096):
        part = names[start : start + 4096]
        peer.server.receive(bytes(peer.client.send(TextMessage(part, message_finished=start + 4096 >= len(names)))))
    assert text_of(peer.heard())["type"] == "subscribed"


def test_bytes_a_second_are_bounded(peer):
    large = TextMessage("x" * (MOST_MESSAGE - 100))
    assert len(peer.say(large, large, large)) == 3
    peer.clock.tick(1)
    assert refusal(peer.say(large))[0] == CloseReason.POLICY_VIOLATION


def test_who_sends_on_after_the_close_is_given_up(peer):
    peer.say(BytesMessage(b""))
    peer.server.receive(b"x" * MOST_MESSAGE)
    with pytest.raises(ClientDroppedError, match="flood"):
        peer.server.receive(b"x")


def test_a_subscription_that_all_have_no_room_for_ends_the_connection(peer):
    peer.server.share(Total(10**9), lambda wanted: len(wanted.name_keys or ()) < 3)
    assert text_of(peer.subscribe("a", "b"))["type"] == "subscribed"
    assert refusal(peer.subscribe("a", "b", "c"))[0] == CloseReason.TRY_AGAIN_LATER
    assert peer.server.refused == "crowded"
    assert peer.server.subscription == Subscription.to(["a", "b"])


def test_what_waits_for_all_is_bounded_by_those_who_take_nothing():
    total = Total(1000)
    quick, slow, slower = (Outgoing(800, total) for _ in range(3))
    slow.add(bytes(500))
    slower.add(bytes(500))
    quick.add(bytes(300))  # it had taken everything
    with pytest.raises(ClientDroppedError, match="slow"):
        slow.add(b"x")
    slower.sent(400)
    assert total.size == 900
    slow.add(b"x")
    slow.clear()
    assert (total.size, slow.size) == (400, 0)


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
    with pytest.raises(ClientDroppedError, match="slow"):
        outgoing.add(b"x")
