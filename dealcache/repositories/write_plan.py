"""Decides what has to be written so that stored documents become what HubSpot gave.

Most documents are as they were at the last reading. Reading what is stored and writing only the difference takes a
fifth of the time of writing everything: a conditional upsert costs MongoDB a tenth of a millisecond per document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from dealcache.repositories.documents import Document


class Match(NamedTuple):
    """A stored document and the fields that it is to have."""

    stored: Document
    fields: Document

    def differing(self) -> Document:
        """Only those fields that are not as they should be."""
        return {
            name: value for name, value in self.fields.items() if name not in self.stored or self.stored[name] != value
        }


@dataclass(frozen=True, slots=True)
class WritePlan:
    """What to do about what was read.

    Args:
        missing: fields of the documents that MongoDB does not hold.
        changed: those that it holds in an older or other version.
        confirmed: those that are right as they stand and only have to be marked as seen.
    """

    missing: list[Document] = field(default_factory=list)
    changed: list[Match] = field(default_factory=list)
    confirmed: list[Match] = field(default_factory=list)


def key_of(key: Sequence[str], document: Mapping[str, Any]) -> tuple[Any, ...]:
    """The values of the fields ``key``, which identify a document."""
    return tuple([document[name] for name in key])


def newest_of_each(key: Sequence[str], wanted: Iterable[Document]) -> list[Document]:
    """``wanted`` without repetitions: of those with the same key the newest version, of equal ones the last."""
    newest: dict[tuple[Any, ...], Document] = {}
    for fields in wanted:
        rival = newest.get(key_of(key, fields))
        if rival is None or rival["hubspot_updated_at"] <= fields["hubspot_updated_at"]:
            newest[key_of(key, fields)] = fields
    return list(newest.values())


def plan_writes(
    key: Sequence[str], stored: Iterable[Document], wanted: Iterable[Document], read_started_at: datetime
) -> WritePlan:
    """Compare what MongoDB holds with what HubSpot gave.

    Args:
        key: the names of the fields that identify a document.
        stored: the documents, with ``_id`` and ``synced_at``; others than those of ``wanted`` are left out of account.
        wanted: the fields that they are to have, each key once.
        read_started_at: the time just before HubSpot was asked, in milliseconds.
    """
    held = {key_of(key, document): document for document in stored}
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
    """The rule of :mod:`.newest_wins`. A document only ever gets newer, so it may be skipped for good."""
    synced_at = document.get("synced_at")
    read_later = synced_at is not None and synced_at > read_started_at
    if read_later and document.get("archived"):
        return True
    held, brought = document.get("hubspot_updated_at"), fields["hubspot_updated_at"]
    if held is None or held < brought:
        return False
    return held > brought or read_later


def _seen_before(document: Document, moment: datetime) -> bool:
    """Whether the document was last seen at HubSpot before ``moment``."""
    synced_at = document.get("synced_at")
    return synced_at is None or synced_at < moment
