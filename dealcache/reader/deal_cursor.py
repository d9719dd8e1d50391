"""Cursors of the list of deals: where the last page ended, and which question it answered. Pure."""

from __future__ import annotations

from dealcache.model.deal_filter import Order, Place
from dealcache.reader import cursors
from dealcache.reader.question_errors import InvalidCursorError
from dealcache.repositories import is_place


def encode_cursor(place: Place, order: Order, question: str) -> str:
    """Return the cursor of a page that ended at ``place``; ``question`` identifies the question."""
    return cursors.encode_cursor(_asked(order, question), place)


def decode_cursor(cursor: str, order: Order, question: str) -> Place:
    """Return the place of a cursor.

    Raises:
        InvalidCursorError: it was not made here, or belongs to another question.
    """
    values = cursors.decode_cursor(cursor, _asked(order, question))
    if len(values) != len(Place._fields) or not is_place(values, order):
        raise InvalidCursorError("not a cursor of this list")
    return Place(*values)


def _asked(order: Order, question: str) -> list[object]:
    """Return what a cursor belongs to, as JSON; to another one if the type of a property changes."""
    sort, descending = order
    return [sort if isinstance(sort, str) else [*sort], descending, question]
