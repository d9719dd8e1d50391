"""Entries of the invalidation log are the same in MongoDB and in messages of Redis."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest

from dealcache.invalidation.redis_channel import decode
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


@pytest.mark.parametrize("entry", [CHANGED, DOUBT])
def test_an_entry_is_plain_values_and_back(entry: Invalidation) -> None:
    assert Invalidation.of_fields(entry.fields()) == entry


def test_earlier_versions_do_not_tell_of_labels() -> None:
    fields = CHANGED.fields()
    del fields["labels"]
    assert Invalidation.of_fields(fields) == replace(CHANGED, labels=False)


def test_a_message_holds_entries() -> None:
    assert decode(orjson.dumps([CHANGED.fields(), DOUBT.fields()])) == [CHANGED, DOUBT]


@pytest.mark.parametrize("message", [b"", b"{}}", b"[1]", b'[{"generation": 1}]', b'[{"at": 1}]', b"7"])
def test_any_other_message_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"message|JSON|line"):
        decode(message)
