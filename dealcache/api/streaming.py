"""Bodies in pieces: rows are read, encoded and sent batch by batch, so that no whole list is in memory.

A batch is a list of some hundred rows. PyMongo decodes it and orjson encodes it with the interpreter's lock held, so
its size decides how long cached reads wait; the lock is released between two pieces.
"""

from __future__ import annotations

import contextvars
import csv
import io
import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, TypeVar

import orjson
from flask import Response

from dealcache.repositories import StoreError

#: The content types of CSV and of JSON lines in UTF-8, as browsers know them.
CSV, NDJSON = "text/csv; charset=utf-8", "application/x-ndjson"

#: The beginnings of texts that a spreadsheet would calculate, or might if it drops blanks or accepts full-width signs.
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r]")

Row = Mapping[str, Any]

T = TypeVar("T")

#: Batches of rows; closing the generator abandons the rest and releases its resources.
Batches = Generator[Sequence[T], None, None]


class AnswerBrokenError(Exception):
    """The rest of a body cannot be read; its beginning is already sent, so the connection must be broken off."""


class Body:
    """The body of an answer, made piece by piece as the client takes it; its first piece is made at once.

    Pieces may be made in several threads, one after another, each with the context of the request.

    Args:
        pieces: makes them; a generator that releases its resources when it is closed.

    Raises:
        StoreError: MongoDB failed before there was anything to send.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._context = contextvars.copy_context()
        self._first: bytes | None = next(pieces, b"")

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._first is not None:
            piece, self._first = self._first, None
            return piece
        # Zero seconds are enough: the lock goes to a thread that waits for it, and otherwise comes back at once.
        time.sleep(0)
        try:
            return self._context.run(next, self._pieces)
        except StoreError as failure:
            raise AnswerBrokenError(str(failure)) from failure

    def close(self) -> None:
        """Release the resources of the remaining pieces."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            self._context.run(close)


def streamed_response(pieces: Iterator[bytes], content_type: str, headers: Iterable[tuple[str, str]]) -> Response:
    """Return a response whose body comes in ``pieces``.

    Raises:
        StoreError: MongoDB failed before the first piece; later the connection is broken off instead.
    """
    return Response(Body(pieces), 200, list(headers), content_type=content_type)


def converted(batches: Batches[T], convert: Callable[[Sequence[T]], Sequence[Row]]) -> Batches[Row]:
    """Yield the conversion of each batch."""
    with closing(batches):
        for batch in batches:
            yield convert(batch)


def json_array(batches: Batches[Row]) -> Iterator[bytes]:
    """Yield rows as a JSON array, each batch as a piece."""
    separator = b"["
    with closing(batches):
        for batch in batches:
            if batch:
                yield separator + orjson.dumps(batch)[1:-1]
                separator = b","
    yield b"[]" if separator == b"[" else b"]"


def json_lines(batches: Batches[Row]) -> Iterator[bytes]:
    """Yield rows as JSON, each on a line of its own, each batch as a piece."""
    with closing(batches):
        for batch in batches:
            yield b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in batch)


def csv_lines(columns: Sequence[str], batches: Batches[Row]) -> Iterator[bytes]:
    """Yield rows as CSV (RFC 4180), the header line together with the first batch, each batch as a piece.

    Args:
        columns: the names in the header line, which are the keys of the rows to show.
        batches: the rows.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(columns)
    with closing(batches):
        for batch in batches:
            writer.writerows([csv_cell(row.get(name)) for name in columns] for row in batch)
            yield _taken(buffer)
    if buffer.tell():
        yield _taken(buffer)


def csv_cell(value: object) -> object:
    """Return a value as a cell: nothing for None, and never a text that a spreadsheet would take for a formula."""
    if isinstance(value, str):
        return f"'{value}" if _FORMULA.match(value) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list):  # a value of another system
        return csv_cell(orjson.dumps(value).decode())
    return "" if value is None else value


def _taken(buffer: io.StringIO) -> bytes:
    """Return the contents of the buffer, and empty it."""
    content = buffer.getvalue().encode("utf-8", "replace")
    buffer.seek(0)
    buffer.truncate()
    return content
