"""The bytes of the Redis tier: what goes in comes out, and nothing that has been tampered with does."""

from __future__ import annotations

import json
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from dealcache.model.deals import DealKey
from dealcache.tiers import CacheKey, Entry, View
from dealcache.tiers.wire import (
    COMPRESSED_FROM_BYTES,
    HEAD_AT,
    MAX_BODY_BYTES,
    TooLargeError,
    UnreadableError,
    decode,
    encode,
)

KEY = CacheKey.of(View.TIMELINE, DealKey("name", "ACME"))
HEAD = {
    "status": 200,
    "etag": "",
    "expires_at": 2.0,
    "keep_until": 3.0,
    "deal_id": "1",
    "deal_name": "A",
    "generation": 0,
    "data_as_of": None,
}
ENTRY = Entry(200, b"x" * 5000, '"tag"', 1_800_000_000.25, 1_800_000_600.5, 1_800_087_000.5, "1", "Acme", 7)

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=600)
times = st.floats(0, 4e9, allow_nan=False)
entries = st.builds(
    Entry,
    status=st.sampled_from([200, 404]),
    body=st.binary(max_size=3 * COMPRESSED_FROM_BYTES)
    | st.builds(bytes.__mul__, st.binary(min_size=1, max_size=9), st.integers(1, 50_000)),
    etag=st.text('0123456789abcdef"', max_size=40),
    fetched_at=times,
    expires_at=times,
    keep_until=times,
    deal_id=st.none() | st.from_regex(r"\A[0-9]{1,20}\Z"),
    deal_name=st.none() | names,
    generation=st.integers(0, 2**53),
    data_as_of=st.none() | times,
)
keys = st.builds(CacheKey, st.sampled_from(View), st.sampled_from(["name", "id"]), names)


def forged(head: object, body: bytes, packing: int = 0, size: int | None = None) -> bytes:
    """A value whose checksum is right, whatever it holds."""
    text = json.dumps(head).encode()
    numbers = struct.pack(">dBII", 1.0, packing, len(body) if size is None else size, len(text))
    return numbers + struct.pack(">I", zlib.crc32(numbers + text + body)) + text + body


@given(keys, entries)
def test_what_goes_in_comes_out(key, entry):
    assert decode(encode(key, entry)) == entry


def test_begins_with_the_time_at_which_it_was_read():
    assert struct.unpack(">d", encode(KEY, ENTRY)[:8]) == (ENTRY.fetched_at,)


def test_tells_scripts_where_an_entry_is_indexed_and_what_it_is_shown_as():
    value = encode(KEY._replace(by="id", value="1"), replace(ENTRY, body=b"", deal_name="Straße"))
    told = json.loads(value[HEAD_AT:])
    assert (told["deal_id"], told["name_key"], told["shown"], told["generation"]) == (
        "1",
        "strasse",
        "timeline:Straße",
        7,
    )


def test_packs_large_bodies_only_and_only_if_that_makes_them_smaller():
    small = replace(ENTRY, body=b"x" * (COMPRESSED_FROM_BYTES - 1))
    large = replace(ENTRY, body=b"x" * COMPRESSED_FROM_BYTES)
    random = replace(ENTRY, body=b"".join(zlib.crc32(b"%d" % number).to_bytes(4, "big") for number in range(1000)))
    assert encode(KEY, small).endswith(small.body)
    assert len(encode(KEY, large)) < COMPRESSED_FROM_BYTES / 2
    assert len(encode(KEY, random)) == len(encode(KEY, replace(random, body=b""))) + len(random.body)


def test_threads_do_not_disturb_each_other():
    many = [replace(ENTRY, body=b"%d " % number * 50_000) for number in range(8)]

    def work(entry: Entry) -> bool:
        return all(decode(encode(KEY, entry)) == entry for _ in range(30))

    with ThreadPoolExecutor(len(many)) as threads:
        assert all(threads.map(work, many))


def test_the_largest_body_passes_and_a_larger_one_does_not():
    largest = replace(ENTRY, body=bytes(MAX_BODY_BYTES))
    assert decode(encode(KEY, largest)) == largest
    with pytest.raises(TooLargeError):
        encode(KEY, replace(ENTRY, body=bytes(MAX_BODY_BYTES + 1)))


@given(st.binary(max_size=200))
def test_garbage_is_no_entry(garbage):
    with pytest.raises(UnreadableError):
        decode(garbage)


@given(st.sampled_from([ENTRY, replace(ENTRY, body=b"short")]), st.data())
def test_a_part_of_an_entry_is_none(entry, data):
    value = encode(KEY, entry)
    with pytest.raises(UnreadableError):
        decode(value[: data.draw(st.integers(0, len(value) - 1))])
    with pytest.raises(UnreadableError):
        decode(value + data.draw(st.binary(min_size=1, max_size=5)))


@given(st.sampled_from([ENTRY, replace(ENTRY, body=b"short")]), st.data())
def test_an_entry_of_which_one_byte_has_changed_is_none(entry, data):
    value = bytearray(encode(KEY, entry))
    value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(UnreadableError):
        decode(bytes(value))


def test_a_forged_entry_is_read_if_it_is_one():
    assert decode(forged(HEAD, b"{}")).body == b"{}"
    assert decode(forged(HEAD, zstandard.compress(b"{}"), 1, 2)).body == b"{}"


@pytest.mark.parametrize(
    "value",
    [
        forged([1, 2], b"{}"),
        forged("text", b"{}"),
        forged({"status": 200}, b"{}"),
        forged(HEAD, b"{}", size=3),
        forged(HEAD, b"{}", packing=2),
        forged(HEAD, b"not zstd", packing=1),
        forged(HEAD, zstandard.compress(b"{}"), 1, 3),
        forged(HEAD, zstandard.compress(b"{}") + b"more", 1, 2),
        forged(HEAD, zstandard.compress(b"{}")[:-1], 1, 2),
        forged(HEAD, zstandard.ZstdCompressor(write_content_size=False).compress(b"{}"), 1, 2),
    ],
    ids=[
        *(
            "no object",
            "text",
            "fields are missing",
            "another size",
            "unknown packing",
            "no frame",
            "frame of another size",
        ),
        *("more than a frame", "half a frame", "frame of unknown size"),
    ],
)
def test_a_right_checksum_alone_makes_no_entry(value):
    with pytest.raises(UnreadableError):
        decode(value)


def test_a_bomb_is_not_unpacked(monkeypatch):
    """Two kilobytes that announce, and hold, more than any entry may."""
    bomb = zstandard.compress(bytes(MAX_BODY_BYTES + 1))
    assert len(bomb) < 2000
    monkeypatch.setattr("dealcache.tiers.wire._codecs", None)  # whoever unpacks fails with another error
    with pytest.raises(UnreadableError, match="announced"):
        decode(forged(HEAD, bomb, 1, MAX_BODY_BYTES + 1))
    with pytest.raises(UnreadableError, match="announced"):
        decode(forged(HEAD, bomb, 1, 100))
