"""What HubSpot's webhooks tell: that something happened to a record. Plain values; imports nothing of the project."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Hint:
    """One event of a delivery, as far as it tells which records to look at.

    ``key`` is equal for deliveries of the same event, and only for them. ``kind`` is what happened, in HubSpot's word
    (``creation``, ``propertyChange``, ``deletion`` …); ``object_type`` HubSpot's plural name of the type of the record
    ``object_id``. ``other_type`` and ``other_id`` are the other end of an association; ``new_id`` and ``merged_ids``
    the records of a merge. ``occurred_at`` is an aware UTC datetime.
    """

    key: str
    kind: str
    object_type: str
    object_id: str
    occurred_at: datetime
    other_type: str | None = None
    other_id: str | None = None
    new_id: str | None = None
    merged_ids: tuple[str, ...] = ()
