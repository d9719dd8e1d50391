"""Figures survive their way as a message, within its bound."""

from __future__ import annotations

import random
import zlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.figures import Columns, Figures
from dealcache.group.figures_message import decode, encode
from dealcache.tiers import Listing, Usage

counts = st.integers(0, 2**53)
times = st.floats(0, 4e9, allow_nan=False)
listings = st.lists(st.builds(Listing, st.text(max_size=600), times, times, counts, counts), max_size=20)
usages = st.builds(Usage, counts, counts, counts, counts)
tiers = st.dictionaries(st.sampled_from(["memory", "redis", "mongodb", "hubspot"]), counts)


def of(listing: list[Listing]) -> Figures:
    return Figures({"memory": 1}, 2, Usage(3, 4, 5, 6), Columns.of(listing))


@given(tiers, counts, usages, listings, counts)
def test_what_goes_in_comes_out(by_tier, failed, usage, listing, untold):
    figures = Figures(by_tier, failed, usage, Columns.of(listing), untold)
    assert decode(encode(figures)) == figures


@pytest.mark.parametrize("sizes", [(900,) * 40, (20_000, *(10,) * 40), (*(10,) * 40, 20_000)], ids=str)
def test_what_would_be_too_large_is_cut_and_the_youngest_keys_stay(sizes):
    """Names that cannot be compressed, some of which are much longer than others."""
    chance = random.Random(1)
    listing = [
        Listing("".join(chr(chance.randrange(0x4E00, 0x9FFF)) for _ in range(size)), 9.0 - place, 9.0, 1, 1)
        for place, size in enumerate(sizes)
    ]
    message = encode(of(listing), most_bytes=10_000)
    assert len(message) <= 10_000
    told = decode(message)
    assert list(told.columns.keys) == [row.key for row in listing[: len(told.columns.keys)]]
    assert told.untold + len(told.columns.keys) == len(listing)
    assert told.untold > 0


def test_what_is_too_large_without_any_key_is_left_as_it_is():
    assert decode(encode(of([]), most_bytes=1)) == of([])


GOOD = orjson.loads(zlib.decompress(encode(of([Listing("info:A", 1.0, 2.0, 3, 4)]))))


def changed(name: str, value: object) -> bytes:
    return zlib.compress(orjson.dumps(GOOD | {name: value}))


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"{}",
        zlib.compress(b""),
        zlib.compress(b"[1]"),
        zlib.compress(b"{}"),
        changed("by_tier", None),
        changed("usage", {"entries": 1}),
        changed("columns", {"keys": []}),
        changed("columns", GOOD["columns"] | {"keys": [7]}),
        changed("columns", GOOD["columns"] | {"hits": ["4"]}),
        changed("columns", GOOD["columns"] | {"hits": []}),
        changed("failed", "many"),
    ],
)
def test_what_is_no_message_of_ours_is_said_to_be_none(junk):
    with pytest.raises(ValueError, match=r"."):
        decode(junk)
