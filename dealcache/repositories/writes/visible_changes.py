"""The views of deals that a write has visibly changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dealcache.model.invalidation import ACTIVITIES_COUNT, ALL_VIEWS, INFO, TIMELINE, Changes
from dealcache.repositories.documents import texts_in
from dealcache.repositories.writes.batches import Written
from dealcache.repositories.writes.plan import Match

_SHOWN_OF_DEAL = (
    *("deal_name", "owner_id", "stage_id", "pipeline_id", "amount", "currency", "create_date", "close_date"),
)
_SHOWN_OF_EVENT = ("type", "occurred_at", "subject", "content", "owner_id")


def deal_changes(written: Written) -> Changes:
    """Return the views that written deals change.

    Names are noted with every change, because entries cached under a name depend on which deal it means, which others
    have it, or that there is none. So are the ids of merged deals when they begin, or cease, to lead to another deal.
    """
    changes = Changes()
    for fields in written.added:
        note_deal(changes, fields)
    for match in written.changed:
        _note_changed_deal(changes, match)
    return changes


def note_deal(changes: Changes, document: Mapping[str, Any]) -> None:
    """Add the appearance or disappearance of a deal, and with it of those merged into it."""
    changes.note(document["deal_id"], ALL_VIEWS, _names(document))
    for merged_id in texts_in(document.get("merged_ids")):
        changes.note(merged_id, ALL_VIEWS)


def _note_changed_deal(changes: Changes, match: Match) -> None:
    stored, fields = match
    deal_id, names = fields["deal_id"], {fields["deal_name"], *_names(stored)}
    was_archived = bool(stored.get("archived"))
    if was_archived != fields["archived"]:
        note_deal(changes, stored)
        note_deal(changes, fields)
        return
    if was_archived:  # invisible before and after
        return
    if _shown(stored) != _shown(fields):
        renamed = stored.get("deal_name") != fields["deal_name"]
        changes.note(deal_id, (INFO, TIMELINE) if renamed else (INFO,), names)
    for merged_id in set(texts_in(stored.get("merged_ids"))) ^ set(texts_in(fields.get("merged_ids"))):
        changes.note(merged_id, ALL_VIEWS)
        changes.names |= names


def _names(document: Mapping[str, Any]) -> list[str]:
    name = document.get("deal_name")
    return [name] if type(name) is str and name else []


def _shown(document: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the fields of a deal that views show; labels of owner, stage and pipeline follow from the ids."""
    # A deal without values of own properties may lack the field.
    return (document.get("properties") or None, *(document.get(name) for name in _SHOWN_OF_DEAL))


def event_changes(written: Written) -> Changes:
    """Return the views that written events change."""
    changes = Changes()
    for fields in written.added:
        changes.note(fields["deal_id"], ALL_VIEWS)
    for match in written.changed:
        differing = match.differing()
        if any(name in differing for name in _SHOWN_OF_EVENT):
            changes.note(match.fields["deal_id"], _views_of(differing))
    return changes


def _views_of(differing: Mapping[str, Any]) -> Iterable[str]:
    yield TIMELINE
    if "type" in differing:
        yield ACTIVITIES_COUNT
    if "occurred_at" in differing:
        yield INFO
