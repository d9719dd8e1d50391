"""Compares stored documents with HubSpot's versions and plans the writes. Pure.

Most documents have not changed since the last reading. Reading the stored ones and writing only the differences takes a
fifth of the time of writing everything: a conditional upsert costs MongoDB a tenth of a millisecond per document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from dealcache.repositories.documents import FORMER_LABELS, REMOVABLE_FIELDS, Document


class Match(NamedTuple):
    """A stored document and its new fields."""

    stored: Document
    fields: Document

    def differing(self) -> Document:
        """Return the fields that differ; labels of earlier versions do not count."""
        stored, fields = self.stored, self.fields
        differing = {
            name: value
            for name, value in fields.items()
            if (name not in stored or stored[name] != value) and name not in FORMER_LABELS
        }
        for name, beside in REMOVABLE_FIELDS.items():
            if stored.get(name) is not None and name not in fields and beside in fields:
                differing[name] = None
        return differing

    def update(self) -> Document:
        """Return the fields to write: those that differ, and removed labels of ids that differ."""
        differing = self.differing()
        return differing | {
            label: self.fields.get(label)
            for label, its_id in FORMER_LABELS.items()
            if its_id in differing and self.stored.get(label)
        }


@dataclass(frozen=True, slots=True)
class WritePlan:
    """Documents to insert, documents stored in an older version, and those only to be marked as seen."""

    missing: list[Document] = field(default_factory=list)
    changed: list[Match] = field(default_factory=list)
    confirmed: list[Match] = field(default_factory=list)


def key_of(key: Sequence[str], document: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the values of the fields ``key``, which identify a document."""
    return tuple([document[name] for name in key])


def has_key(key: Sequence[str], document: Mapping[str, Any]) -> bool:
    """Return True if ``document`` has the fields ``key``, all of them texts."""
    return all(isinstance(document.get(name), str) for name in key)


def newest_of_each(key: Sequence[str], wanted: Iterable[Document]) -> list[Document]:
    """Return ``wanted`` with each key once: its newest version, the last of equal ones."""
    newest: dict[tuple[Any, ...], Document] = {}
    for fields in wanted:
        rival = newest.get(key_of(key, fields))
        if rival is None or rival["hubspot_updated_at"] <= fields["hubspot_updated_at"]:
            newest[key_of(key, fields)] = fields
    return list(newest.values())


def plan_writes(
    key: Sequence[str], stored: Iterable[Document], wanted: Iterable[Document], read_started_at: datetime
) -> WritePlan:
    """Compare MongoDB's documents with HubSpot's versions.

    Args:
        key: the names of the fields that identify a document.
        stored: the documents, with ``_id`` and ``synced_at``; those not in ``wanted`` are ignored.
        wanted: their new fields, each key once.
        read_started_at: the time just before HubSpot was asked, in milliseconds.
    """
    # Documents of other systems without a valid key are ignored.
    held = {key_of(key, document): document for document in stored if has_key(key, document)}
    plan = WritePlan()
    for fields in wanted:
        document = held.get(key_of(key, fields))
        if document is None:
            plan.missing.append(fields)
        elif not is_newer(document, fields, read_started_at) and Match(document, fields).differing():
            plan.changed.append(Match(document, fields))
        elif _seen_before(document, read_started_at):
            plan.confirmed.append(Match(document, fields))
    return plan


def is_newer(document: Document, fields: Document, read_started_at: datetime) -> bool:
    """Apply the rule of :mod:`.newest_wins`. Documents only ever get newer, so newer ones may be skipped for good."""
    synced_at = _date(document, "synced_at")
    read_later = synced_at is not None and synced_at > read_started_at
    if read_later and document.get("archived"):
        return True
    held, brought = _date(document, "hubspot_updated_at"), fields["hubspot_updated_at"]
    if held is None or held < brought:
        return False
    return held > brought or read_later


def _seen_before(document: Document, moment: datetime) -> bool:
    """Return True if the document was last seen at HubSpot before ``moment``."""
    synced_at = _date(document, "synced_at")
    return synced_at is None or synced_at < moment


def _date(document: Document, name: str) -> datetime | None:
    """Return the date ``name``, None if it is not one."""
    value = document.get(name)
    return value if isinstance(value, datetime) else None
