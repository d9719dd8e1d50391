"""The form in which an entry is kept outside of the process: pure functions from entries to bytes and back.

A value has no version of its own, because its key has one, :data:`VERSION`. Its parts, numbers big-endian:

====== ===========================================================================
 bytes
====== ===========================================================================
     8 ``fetched_at`` as a double; first, so that a script can tell older from newer
     1 how the body is packed: 0 as it is, 1 by zstd
     4 size of the body when it is unpacked
     4 size of the head
     4 CRC-32 of everything else
     … the head: all other fields, as a JSON object
     … the body, packed
====== ===========================================================================

The head has two fields for the scripts in Redis: ``name_key`` tells where an entry is indexed, and ``shown`` is its
displayed key.
"""

from __future__ import annotations

import struct
import threading
from zlib import crc32

import orjson
import zstandard

from dealcache.tiers.entry import CacheKey, Entry

#: The largest body that is packed or unpacked: a timeline of some 20,000 activities. One value must not hold up a Redis
#: that others use as well.
MAX_BODY_BYTES = 16 * 1024 * 1024

#: Bodies from this size are packed, by zstd at its level 1. Measured by `python -m benchmarks --only redis` on two busy
#: cores, medians of pack and SET / GET and unpack in µs, Redis on the same machine:
#:
#: ======== ========= ================== ==================
#: timeline as it is  zlib 1             zstd 1
#: ======== ========= ================== ==================
#: 0.9 KB   165 / 141 196 / 150, to 41 % 185 / 147, to 43 %
#: 1.6 KB   155 / 136 192 / 150, to 36 % 186 / 145, to 36 %
#: 19 KB    250 / 175 345 / 226, to 17 % 270 / 192, to 15 %
#: 196 KB   345 / 325 1439 / 604, to 12 % 722 / 333, to 10 %
#: ======== ========= ================== ==================
#:
#: So zlib never wins. Packing costs a read at most 10 % and saves most of the space; below this size it would save no
#: more than Redis takes for a key anyway.
COMPRESSED_FROM_BYTES = 1024

#: The version of this form, a part of the key, so that a release does not find values that another has kept in another
#: form.
VERSION = "2"

_PLAIN, _ZSTD = 0, 1
_NUMBERS = struct.Struct(">dBII")
_CHECKSUM = struct.Struct(">I")

#: The offset of the head; the scripts use this number too.
HEAD_AT = _NUMBERS.size + _CHECKSUM.size


class UnreadableError(ValueError):
    """The bytes are not an entry, or a damaged one."""


class TooLargeError(ValueError):
    """The body of an entry is larger than :data:`MAX_BODY_BYTES`."""


class _Codecs(threading.local):
    """zstd's contexts of one thread: they must not be shared, and making one takes 15 µs."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=1)
        self.decompressor = zstandard.ZstdDecompressor()


_codecs = _Codecs()


def encode(key: CacheKey, entry: Entry) -> bytes:
    """Return the bytes of ``entry``, to be kept under ``key``.

    Raises:
        TooLargeError: its body is too large.
    """
    if len(entry.body) > MAX_BODY_BYTES:
        raise TooLargeError(f"a body of {len(entry.body)} bytes")
    head = orjson.dumps(
        {
            "status": entry.status,
            "etag": entry.etag,
            "expires_at": entry.expires_at,
            "keep_until": entry.keep_until,
            "deal_id": entry.deal_id,
            "deal_name": entry.deal_name,
            "generation": entry.generation,
            "data_as_of": entry.data_as_of,
            "name_key": entry.name_key(key),
            "shown": entry.displayed_key(key),
        }
    )
    packing, packed = _pack(entry.body)
    numbers = _NUMBERS.pack(entry.fetched_at, packing, len(entry.body), len(head))
    return b"".join((numbers, _CHECKSUM.pack(_checksum(numbers, head, packed)), head, packed))


def decode(value: bytes) -> Entry:
    """Return the entry of which :func:`encode` made these bytes; raise UnreadableError if they are anything else."""
    try:
        numbers, rest = value[: _NUMBERS.size], value[HEAD_AT:]
        fetched_at, packing, size, head_size = _NUMBERS.unpack(numbers)
        if _CHECKSUM.unpack_from(value, _NUMBERS.size) != (_checksum(numbers, rest),):
            raise UnreadableError("the checksum is wrong")
        head = orjson.loads(rest[:head_size])
        return Entry(
            status=head["status"],
            body=_unpack(packing, rest[head_size:], size),
            etag=head["etag"],
            fetched_at=fetched_at,
            expires_at=head["expires_at"],
            keep_until=head["keep_until"],
            deal_id=head["deal_id"],
            deal_name=head["deal_name"],
            generation=head["generation"],
            data_as_of=head["data_as_of"],
        )
    except (struct.error, orjson.JSONDecodeError, KeyError, TypeError, zstandard.ZstdError) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from error


def _checksum(*parts: bytes) -> int:
    checksum = 0
    for part in parts:
        checksum = crc32(part, checksum)
    return checksum


def _pack(body: bytes) -> tuple[int, bytes]:
    if len(body) < COMPRESSED_FROM_BYTES:
        return _PLAIN, body
    packed = _codecs.compressor.compress(body)
    return (_ZSTD, packed) if len(packed) < len(body) else (_PLAIN, body)


def _unpack(packing: int, packed: bytes, size: int) -> bytes:
    """Return the body, using no more memory than :data:`MAX_BODY_BYTES` whatever size the bytes announce."""
    if packing == _PLAIN:
        body = packed
    elif packing != _ZSTD:
        raise UnreadableError(f"a body packed in an unknown way, {packing}")
    # zstd allocates as much as the frame's own header says, and ignores any other bound.
    elif size > MAX_BODY_BYTES or zstandard.frame_content_size(packed) != size:
        raise UnreadableError(f"a body that is not of the {size} bytes that were announced")
    else:
        body = _codecs.decompressor.decompress(packed, allow_extra_data=False)
    if len(body) != size:
        raise UnreadableError(f"a body of {len(body)} bytes in place of {size}")
    return body
