"""Which views of a deal show what a write has changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dealcache.changes import ACTIVITIES_COUNT, ALL_VIEWS, INFO, TIMELINE, Changes
from dealcache.repositories.batch_writes import Written
from dealcache.repositories.write_plan import Match

_SHOWN_OF_DEAL = ("deal_name", "owner", "amount", "create_date", "close_date")
_SHOWN_OF_EVENT = ("type", "occurred_at", "subject", "content", "owner")


def deal_changes(written: Written) -> Changes:
    """The views that written deals change.

    Names are noted with every change: which of several deals is meant by a name, which others bear it, and that there
    is none at all, is remembered under the name. So are the ids of deals that were merged into a deal whenever they
    begin, or cease, to lead to it.
    """
    changes = Changes()
    for fields in written.added:
        note_deal(changes, fields)
    for match in written.changed:
        _note_changed_deal(changes, match)
    return changes


def note_deal(changes: Changes, document: Mapping[str, Any]) -> None:
    """Add that a deal appeared or disappeared, and with it what the ids of those merged into it lead to."""
    changes.note(document["deal_id"], ALL_VIEWS, filter(None, [document.get("deal_name")]))
    for merged_id in _merged_ids(document):
        changes.note(merged_id, ALL_VIEWS)


def _note_changed_deal(changes: Changes, match: Match) -> None:
    stored, fields = match
    deal_id, names = fields["deal_id"], {fields["deal_name"], stored.get("deal_name") or fields["deal_name"]}
    was_archived = bool(stored.get("archived"))
    if was_archived != fields["archived"]:
        note_deal(changes, stored)
        note_deal(changes, fields)
        return
    if was_archived:  # nobody sees it, before or after
        return
    if _shown(stored) != _shown(fields):
        renamed = stored.get("deal_name") != fields["deal_name"]
        changes.note(deal_id, (INFO, TIMELINE) if renamed else (INFO,), names)
    for merged_id in set(_merged_ids(stored)) ^ set(_merged_ids(fields)):
        changes.note(merged_id, ALL_VIEWS)
        changes.names |= names


def _shown(document: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the views show of a deal; a stage or pipeline whose label is unknown goes by its id."""
    places = [document.get(name) or document.get(f"{name}_id") for name in ("stage", "pipeline")]
    return (*places, *(document.get(name) for name in _SHOWN_OF_DEAL))


def _merged_ids(document: Mapping[str, Any]) -> Iterable[str]:
    return document.get("merged_ids") or ()


def event_changes(written: Written) -> Changes:
    """The views that written events change."""
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
