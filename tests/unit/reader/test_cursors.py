"""Cursors belong to one question, and nobody can make one that breaks anything."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.reader.cursors import decode_cursor, encode_cursor
from dealcache.reader.question_errors import InvalidCursorError

PLACES = st.lists(st.one_of(st.text(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False)))


@given(PLACES)
def test_a_cursor_gives_its_place_back(place):
    assert decode_cursor(encode_cursor(["a"], place), ["a"]) == place


@given(st.one_of(st.text(), st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="))))
def test_whatever_else_is_given_is_refused(text):
    with pytest.raises(InvalidCursorError):
        decode_cursor(text, ["a"])


@pytest.mark.parametrize("content", [b"[" * 5_000, b"[" * 500 + b"]" * 500, b"{}", b"7", b"null", b'"ab"', b"[]"])
def test_json_that_is_no_cursor_is_refused(content):
    with pytest.raises(InvalidCursorError):
        decode_cursor(base64.urlsafe_b64encode(content).decode(), ["a"])


def test_a_cursor_of_another_question_is_refused():
    with pytest.raises(InvalidCursorError):
        decode_cursor(encode_cursor(["a"], ["x", 1]), ["b"])
