"""The parameters of ``cache-stats``: filter, order, scope, and the cursor."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from dealcache.api.parameters import Count
from dealcache.cluster import Page, Place
from dealcache.cluster.paging import SORTS
from dealcache.reader import cursors
from dealcache.reader.timeline_filter import InvalidCursorError


class StatsQuery(ma.Schema):
    """Filters and sorts the list of cached entries, and selects the workers."""

    limit = Count(
        validate=ma.validate.Range(min=0, max=100_000),
        load_default=1000,
        metadata={"description": "How many entries to list at most."},
    )
    prefix = ma.fields.String(load_default="", metadata={"description": "Only keys that begin with this."})
    sort = ma.fields.String(
        validate=ma.validate.OneOf([*SORTS, *(f"-{one}" for one in SORTS)], error="Must be one of: {choices}."),
        load_default="age",
        metadata={"description": "What the entries are sorted by; `-` turns it round. The youngest come first."},
    )
    cursor = ma.fields.String(
        metadata={"description": "`next_cursor` of the page before.", "pattern": cursors.CURSOR_PATTERN},
    )
    scope = ma.fields.String(
        validate=ma.validate.OneOf(["group", "worker"], error="Must be one of: {choices}."),
        load_default="group",
        metadata={"description": "`group`: all workers of all instances; `worker`: the one that answers, alone."},
    )

    @ma.post_load
    def add_page(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        """Add ``page``, the keys to list, and ``question``, to which its cursors belong."""
        question = [data["prefix"], data["sort"], data["scope"]]
        after = _place(data["cursor"], question) if "cursor" in data else None
        page = Page(data["prefix"], data["limit"], data["sort"], after)
        return {**data, "page": page, "question": question}


def _place(cursor: str, question: list[Any]) -> Place:
    try:
        place = cursors.decode_cursor(cursor, question)
    except InvalidCursorError as error:
        raise ma.ValidationError(f"{error}.", "cursor") from error
    match place:
        case [int() | float() as rank, str() as key]:
            return Place(rank, key)
    raise ma.ValidationError("not a cursor of this list.", "cursor")
