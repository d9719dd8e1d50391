"""The messages of the WebSocket: updates, messages of clients, and the answers to them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from wsproto.frame_protocol import FrameProtocol, Opcode

from dealcache.live import messages
from dealcache.live.messages import DealUpdate, frames_of
from dealcache.model.invalidation import ACTIVITIES_COUNT, INFO, TIMELINE

AT = datetime(2026, 11, 25, 21, 5, 9, 123999, tzinfo=timezone(timedelta(hours=1)))


def test_an_update_as_the_contract_has_it():
    changed = frozenset({ACTIVITIES_COUNT, TIMELINE, INFO})
    update = DealUpdate("7891023", "Müller & Söhne", changed, AT, frozenset({"Müller"}))
    assert list(json.loads(update.message()).items()) == [
        ("type", "deal.updated"),
        ("deal_id", "7891023"),
        ("deal_name", "Müller & Söhne"),
        ("changed", ["info", "timeline", "activities_count"]),
        ("at", "2026-11-25T20:05:09.123Z"),
    ]


def test_only_what_changed_is_told():
    update = DealUpdate("1", "", frozenset({TIMELINE}), AT.replace(microsecond=0))
    assert json.loads(update.message())["changed"] == ["timeline"]
    assert json.loads(update.message())["at"] == "2026-11-25T20:05:09.000Z"
    assert update.name_keys == set()


def test_a_name_that_is_longer_than_a_small_frame_makes_one_whole_frame():
    updates = [DealUpdate(str(number), "東" * 512, frozenset({INFO}), AT.astimezone(UTC)) for number in range(2)]
    client = FrameProtocol(client=True, extensions=[])
    client.receive_bytes(b"".join(frames_of(updates)))
    frames = list(client.received_frames())
    assert [json.loads(frame.payload)["deal_id"] for frame in frames] == ["0", "1"]
    assert {(frame.opcode, frame.message_finished) for frame in frames} == {(Opcode.TEXT, True)}


def names(**message: object) -> list[str]:
    return messages.names_to_subscribe(json.dumps({"action": "subscribe"} | message).encode())


def test_names_are_stripped_and_keep_their_case():
    assert names(deal_names=[" Acme ", "GLOBEX"], more=1) == ["Acme", "GLOBEX"]
    assert names(deal_names=[]) == []
    assert len(names(deal_names=["x" * 512] * messages.MOST_NAMES)) == messages.MOST_NAMES


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b'{"a": NaN}', "JSON"),
        (b'{"action": "subscribe", "deal_names": ["\\ud800"]}', "JSON"),
        (b"[" * 100_000, "JSON"),
        (b"[]", "action"),
        (b'"subscribe"', "action"),
        (b"{}", "action"),
        (b'{"action": "unsubscribe", "deal_names": ["a"]}', "action"),
        (b'{"action": "subscribe"}', "deal_names"),
        (b'{"action": "subscribe", "deal_names": "Acme"}', "deal_names"),
        (b'{"action": "subscribe", "deal_names": {"Acme": 1}}', "deal_names"),
        (json.dumps({"action": "subscribe", "deal_names": ["x"] * 1001}).encode(), "deal_names"),
        (b'{"action": "subscribe", "deal_names": ["a", 1]}', "deal_names[1]"),
        (b'{"action": "subscribe", "deal_names": ["a", "b", " "]}', "deal_names[2]"),
        (b'{"action": "subscribe", "deal_names": ["a\\u0007"]}', "deal_names[0]"),
        (json.dumps({"action": "subscribe", "deal_names": ["x" * 513]}).encode(), "deal_names[0]"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_what_means_nothing_is_refused_and_the_field_named(text, field):
    with pytest.raises(messages.InvalidMessageError) as refused:
        messages.names_to_subscribe(text)
    assert field in str(refused.value)


def test_the_answers():
    assert json.loads(messages.subscribed(["Ä", "b"])) == {"type": "subscribed", "deal_names": ["Ä", "b"]}
    assert json.loads(messages.refused("No.")) == {"type": "error", "detail": "No."}
