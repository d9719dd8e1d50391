"""Exports: rows as a file of CSV or of JSON lines, in pieces."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Any

import marshmallow as ma
from flask import Response

from dealcache.api.schemas import EXPORT_FORMATS
from dealcache.api.streaming import CSV, NDJSON, Batches, Row, csv_lines, json_lines, streamed_response

#: Events of a timeline to write at once.
_EVENTS_AT_ONCE = 200

#: The columns of a timeline as CSV.
TIMELINE_COLUMNS = (
    *("id", "engagement_id", "date_str", "time_str", "timestamp", "type", "subject", "content", "owner"),
    *("sentiment", "buyer_intent", "buyer_intent_explanation"),
)


def export_format() -> ma.fields.String:
    """Return the parameter that requests a file."""
    return ma.fields.String(
        validate=ma.validate.OneOf(EXPORT_FORMATS, error="Must be one of: {choices}."),
        load_default="json",
        metadata={"description": "`csv` or `ndjson`: all that matches as a file, whatever `limit` and `cursor` say."},
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


def timeline_export(kind: str, timeline: dict[str, Any], headers: Iterable[tuple[str, str]] = ()) -> Response:
    """Return a cached timeline, or a part of it, as a file to save."""
    name = "".join(one for one in timeline["deal_id"] if one.isascii() and one.isalnum())
    return export_response(kind, f"deal-{name}-timeline", TIMELINE_COLUMNS, _parts(timeline["events"]), headers)


def _parts(events: Sequence[dict[str, Any]]) -> Generator[Sequence[dict[str, Any]], None, None]:
    for start in range(0, len(events), _EVENTS_AT_ONCE):
        yield events[start : start + _EVENTS_AT_ONCE]
