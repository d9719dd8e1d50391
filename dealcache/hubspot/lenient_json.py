"""Reads JSON in which single values are invalid, so that one record does not make a whole page unreadable."""

from __future__ import annotations

import json
import math
import re

#: Values nested deeper than this are left out; HubSpot's own are nested five deep.
_DEEPEST = 64

#: The most digits of a whole number: Python refuses to read more than 4,300, and no id has so many.
_MOST_DIGITS = 400

_SURROGATES = re.compile("[\ud800-\udfff]")
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)


def parse_leniently(body: bytes) -> object:
    """Return the JSON value of ``body``, None if it is not JSON.

    Broken characters, such as half an emoji where some program cut a text, are replaced. Numbers that are none
    (``NaN``, ``Infinity``) or too large (``1e400``), and values nested too deep, become null.
    """
    text = _cut_deep(body.decode(errors="replace"))
    try:
        return _mended(
            json.loads(text, parse_constant=lambda _name: None, parse_float=_finite, parse_int=_whole, strict=False)
        )
    except (ValueError, RecursionError):
        return None


def _cut_deep(text: str) -> str:
    """Return ``text`` with ``null`` in place of every value nested too deep."""
    kept: list[str] = []
    depth, start, cut_at = 0, 0, 0
    for token in _TOKENS.finditer(text):
        bracket = token[0]
        if bracket in ("[", "{"):
            depth += 1
            if depth == _DEEPEST + 1:
                cut_at = token.start()
        elif bracket in ("]", "}"):
            if depth == _DEEPEST + 1:
                kept += (text[start:cut_at], "null")
                start = token.end()
            depth -= 1
    return "".join((*kept, text[start:])) if kept else text


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _whole(text: str) -> int | None:
    return int(text) if len(text) <= _MOST_DIGITS else None


def _mended(value: object) -> object:
    """Return ``value`` with halves of characters replaced."""
    if isinstance(value, str):
        return value if value.isascii() else _SURROGATES.sub("?", value)
    if isinstance(value, dict):
        return {_mended(name): _mended(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_mended(one) for one in value]
    return value
