"""Entries of the invalidation log as they are stored, and as workers send them to those of other releases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest

from dealcache.invalidation.redis_channel import decode, encode
from dealcache.model.invalidation import INFO, TIMELINE, Invalidation, Selection

CHANGED = Invalidation(
    Selection.deals(ids=["2", "1"], names=["Acme"]),
    datetime(2026, 3, 1, 12, 30, 0, 123000, UTC),
    {"1": frozenset((INFO, TIMELINE)), "2": frozenset((INFO,))},
    {"1": frozenset(("Acme",))},
    "a nonce",
    7,
    labels=True,
)
DOUBT = Invalidation(Selection.all(), CHANGED.at, nonce="another", doubt=True)

#: Both, as that release encoded them.
MESSAGE_OF_1_0_0 = b"""[
  {"generation":7,"nonce":"a nonce","at":"2026-03-01T12:30:00.123000+00:00","everything":false,"doubt":false,
   "labels":true,"deal_ids":["1","2"],"name_keys":["acme"],"views":{"1":["info","timeline"],"2":["info"]},
   "names_of":{"1":["Acme"]}},
  {"generation":0,"nonce":"another","at":"2026-03-01T12:30:00.123000+00:00","everything":true,"doubt":true,
   "labels":false,"deal_ids":[],"name_keys":[],"views":{},"names_of":{}}
]"""


@pytest.mark.parametrize("entry", [CHANGED, DOUBT])
def test_an_entry_is_plain_values_and_back(entry: Invalidation) -> None:
    assert Invalidation.of_fields(entry.fields()) == entry


def test_earlier_versions_do_not_tell_of_labels() -> None:
    fields = CHANGED.fields()
    del fields["labels"]
    assert Invalidation.of_fields(fields) == replace(CHANGED, labels=False)


def test_a_message_is_the_one_that_1_0_0_sends_and_reads() -> None:
    assert orjson.loads(encode([CHANGED, DOUBT])) == orjson.loads(MESSAGE_OF_1_0_0)
    assert decode(encode([CHANGED, DOUBT])) == decode(MESSAGE_OF_1_0_0) == [CHANGED, DOUBT]


@pytest.mark.parametrize("message", [b"", b"{}}", b"[1]", b'[{"generation": 1}]', b'[{"at": 1}]', b"7"])
def test_any_other_message_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"message|JSON|line"):
        decode(message)


ODD = [None, [], {}, "soon", [[]], {"1": None}, "0001-01-01T00:00:00+14:00"]


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("name", ["generation", "at", "deal_ids", "name_keys", "views", "names_of"])
def test_an_odd_value_is_refused_or_read_and_ends_nothing_else(name: str, odd: object) -> None:
    (row, *_) = orjson.loads(MESSAGE_OF_1_0_0)
    try:
        (entry,) = decode(orjson.dumps([row | {name: odd}]))
    except ValueError:
        return
    assert type(entry.generation) is int
    assert type(entry.nonce) is str
