"""Exports: rows as a file of CSV or of JSON lines, in pieces; and timelines, which are given in either form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from flask import Response

from dealcache.api.responses import conditional_response
from dealcache.api.streaming import CSV, NDJSON, Batches, Row, csv_lines, json_lines, streamed_response
from dealcache.reader.entries import entity_tag
from dealcache.tiers import Entry

#: Events of a timeline to write at once.
_EVENTS_AT_ONCE = 200

#: The columns of a timeline as CSV.
TIMELINE_COLUMNS = (
    *("id", "engagement_id", "date_str", "time_str", "timestamp", "type", "subject", "content", "owner"),
    *("sentiment", "buyer_intent", "buyer_intent_explanation"),
)


def export_response(
    kind: str, name: str, columns: Sequence[str], batches: Batches[Row], headers: Iterable[tuple[str, str]] = ()
) -> Response:
    """Return rows as a file to save.

    Args:
        kind: ``csv`` or ``ndjson``.
        name: the file's name without its ending, in ASCII.
        columns: those of CSV.
        batches: the rows.
        headers: those of the answer.
    """
    pieces = csv_lines(columns, batches) if kind == "csv" else json_lines(batches)
    saved = ("Content-Disposition", f'attachment; filename="{name}.{kind}"')
    kept = [(header, value) for header, value in headers if header != "Cache-Control"]
    return streamed_response(pieces, CSV if kind == "csv" else NDJSON, [*kept, saved, ("Cache-Control", "no-store")])


def timeline_response(entry: Entry, query: Mapping[str, Any], headers: Sequence[tuple[str, str]]) -> Response:
    """Return a cached timeline, or the part of it that ``query`` asks for, as JSON or as a file to save.

    Raises:
        InvalidCursorError: the cursor was not made here.
    """
    wanted, kind = query["filter"], query["format"]
    if kind == "json" and wanted.is_whole():
        return conditional_response(entry.body, entry.etag, headers)
    part = wanted.apply(orjson.loads(entry.body))
    if kind == "json":
        body = orjson.dumps(part)
        return conditional_response(body, entity_tag(body), headers)
    name = "".join(one for one in part["deal_id"] if one.isascii() and one.isalnum())
    return export_response(kind, f"deal-{name}-timeline", TIMELINE_COLUMNS, _parts(part["events"]), headers)


def _parts(events: Sequence[Row]) -> Batches[Row]:
    for start in range(0, len(events), _EVENTS_AT_ONCE):
        yield events[start : start + _EVENTS_AT_ONCE]
