"""Cursors: where a page ended, as an opaque text that belongs to one question. Pure."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import orjson

from dealcache.reader.question_errors import InvalidCursorError

#: The characters of a cursor, for the API's description. To clients it is opaque.
CURSOR_PATTERN = r"^[0-9A-Za-z_-]{1,8192}$"

#: Bytes of the checksum.
_CHECKSUM = 9


def encode_cursor(question: Sequence[object], place: Sequence[object]) -> str:
    """Return the cursor of a page that ended at ``place``; both arguments consist of JSON values."""
    content = orjson.dumps(list(place))
    return base64.urlsafe_b64encode(_checksum(question, content) + content).rstrip(b"=").decode("ascii")


def decode_cursor(cursor: str, question: Sequence[object]) -> list[Any]:
    """Return the place of a cursor. Anyone can compute the checksum, so the caller must check each value.

    Raises:
        InvalidCursorError: it never came from an answer to this question.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place: Any = orjson.loads(raw[_CHECKSUM:])
        is_ours = isinstance(place, list) and cursor == encode_cursor(question, place)
    except (ValueError, TypeError):
        raise InvalidCursorError("not a cursor of this list") from None
    if not is_ours:
        raise InvalidCursorError("not a cursor of this list: it was changed, or belongs to another question")
    return list(place)


def _checksum(question: Sequence[object], content: bytes) -> bytes:
    return blake2b(orjson.dumps(list(question)) + content, digest_size=_CHECKSUM).digest()
