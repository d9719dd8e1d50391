"""Bodies in pieces."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterator, Sequence
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from dealcache.api.streaming import AnswerBrokenError, Body, csv_lines, json_array, json_lines
from dealcache.repositories import StoreUnavailable

ROWS = [{"name": 'Ann, "or" Bob\r\n', "amount": -1.5, "open": True, "owner": None}, {"name": "Zoë", "amount": 2}]
COLUMNS = ("name", "amount", "open", "owner")

request = ContextVar("request", default="none")


class Source:
    """Batches that say whether they have been closed, and that may fail."""

    def __init__(self, batches: Sequence[Sequence[dict[str, Any]]], fails: bool = False) -> None:
        self.closed = False
        self._batches = self._given(batches, fails)

    def _given(self, batches: Sequence[Sequence[dict[str, Any]]], fails: bool) -> Iterator[Sequence[dict[str, Any]]]:
        yield from batches
        if fails:
            raise StoreUnavailable("MongoDB does not answer")

    def __iter__(self) -> Iterator[Sequence[dict[str, Any]]]:
        return self._batches

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("batches", [[], [[]], [[ROWS[0]], [], [ROWS[1]]], [ROWS, ROWS]])
def test_an_array_is_what_orjson_makes_of_all_rows(batches):
    source = Source(batches)
    assert b"".join(Body(json_array(source))) == orjson.dumps([row for batch in batches for row in batch])
    assert source.closed


def test_lines_of_json():
    assert b"".join(Body(json_lines(Source([ROWS, [], ROWS])))).splitlines() == [orjson.dumps(row) for row in ROWS * 2]


def test_csv_is_read_back_with_its_header():
    pieces = list(Body(csv_lines(COLUMNS, Source([ROWS[:1], ROWS[1:]]))))
    assert len(pieces) == 2
    assert list(csv.reader(io.StringIO(b"".join(pieces).decode(), newline=""))) == [
        list(COLUMNS),
        ['Ann, "or" Bob\r\n', "-1.5", "true", ""],
        ["Zoë", "2", "", ""],
    ]
    assert b"".join(Body(csv_lines(COLUMNS, Source([])))) == b"name,amount,open,owner\r\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1", " =1", "\n-1", "＝1", "\u3000＠a"])
def test_no_text_is_a_formula(text):
    written = b"".join(Body(csv_lines(["name"], Source([[{"name": text}]])))).decode()
    assert list(csv.reader(io.StringIO(written, newline="")))[1] == [f"'{text}"]


@pytest.mark.parametrize("text", ["a=1", "1-1", "'=1", 'a"b', "a,b", "a\rb", "a\nb", "\0", " a ", "a\r\n", "=\0\r"])
def test_any_text_is_read_back(text):
    written = b"".join(Body(csv_lines(["name", "x"], Source([[{"name": text, "x": [1, {"a": "="}]}]])))).decode()
    kept = f"'{text}" if text.startswith("=") else text
    assert list(csv.reader(io.StringIO(written, newline="")))[1] == [kept, '[1,{"a":"="}]']


def test_the_first_piece_is_made_before_the_answer_begins():
    with pytest.raises(StoreUnavailable):
        Body(json_array(Source([], fails=True)))


def test_a_failure_in_the_middle_is_no_end():
    source = Source([ROWS], fails=True)
    pieces = Body(json_array(source))
    assert next(pieces) == orjson.dumps(ROWS)[:-1]
    with pytest.raises(AnswerBrokenError):
        next(pieces)
    assert source.closed


@pytest.mark.parametrize("encode", [json_array, json_lines, lambda source: csv_lines(COLUMNS, source)])
@pytest.mark.parametrize("taken", [0, 1])
def test_a_body_that_is_given_up_releases_its_source(encode, taken):
    source = Source([ROWS, ROWS, ROWS])
    pieces = Body(encode(source))
    for _ in range(taken):
        next(pieces)
    pieces.close()
    pieces.close()
    assert source.closed


def test_other_threads_have_their_turn_between_two_pieces(monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr("dealcache.api.streaming.time", SimpleNamespace(sleep=pauses.append))
    pieces = Body(json_lines(Source([ROWS, ROWS])))
    next(pieces)
    assert pauses == []
    next(pieces)
    assert len(pauses) == 1


def test_every_piece_is_made_in_the_context_of_the_request():
    seen = []

    def batches() -> Generator[Sequence[dict[str, Any]], None, None]:
        for _ in range(3):
            seen.append(request.get())
            yield ROWS

    token = request.set("this one")
    pieces = Body(json_lines(batches()))
    request.reset(token)
    assert len(list(pieces)) == 3
    assert seen == ["this one"] * 3
