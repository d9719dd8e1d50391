"""Webhook events as documents, and documents read back, also those that another program has damaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from dealcache.model.jobs import WebhookEvent
from dealcache.repositories.documents import Document, any_date, milliseconds, utc

_FIELDS = tuple(field.name for field in fields(WebhookEvent) if field.name != "key")

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A claimed event.

    ``key`` is the document's ``_id``; ``record`` names the records that it is about, see :attr:`.WebhookEvent.record`;
    ``content`` is None if the document cannot be read; ``attempts`` is how often its record failed alone.
    """

    key: Any
    record: str
    content: WebhookEvent | None
    received_at: datetime
    attempts: int = 0


def event_document(event: WebhookEvent, received_at: datetime) -> Document:
    """Return the document of an event that waits."""
    document: Document = {"_id": event.key, "received_at": received_at, "pending": True}
    document |= {name: value for name, value in asdict(event).items() if name != "key"}
    document["occurred_at"] = milliseconds(event.occurred_at)
    return document


def read_stored(document: Mapping[str, Any], now: datetime) -> StoredEvent:
    """Return a document as an event; one without a usable time counts as received at ``now``."""
    key, attempts = document["_id"], document.get("attempts")
    try:
        content = _to_content(document)
        record = content.record
    except (KeyError, TypeError, AttributeError, ValueError):
        content, record = None, f"an unreadable event:{key}"
    failures = max(0, attempts) if isinstance(attempts, int) else 0
    return StoredEvent(key, record, content, received_at_of(document) or now, failures)


def received_at_of(document: Mapping[str, Any]) -> datetime | None:
    """Return when an event arrived or, if its document does not say, since when it has failed."""
    moments = [document.get(name) for name in ("received_at", "arrived_at")]
    known = [moment for moment in moments if isinstance(moment, datetime)]
    if not known and isinstance(document.get("failed_since"), datetime):
        known = [document["failed_since"]]
    return utc(min(known)) if known else None


def _to_content(document: Mapping[str, Any]) -> WebhookEvent:
    values = {name: document[name] for name in _FIELDS}
    values["occurred_at"] = any_date(values["occurred_at"]) or _LONG_AGO  # processing does not need it
    values["merged_ids"] = tuple(values["merged_ids"])
    content = WebhookEvent(key=document["_id"], **values)
    if not all(isinstance(one, str) for record in content.records for one in record):
        raise TypeError
    return content
