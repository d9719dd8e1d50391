"""Data freshness: the moment up to which HubSpot's changes are known to be in the stored data. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

#: The most by which a date may seem to be in the future because hosts' clocks differ.
_CLOCKS_APART = timedelta(seconds=1)


def data_as_of(
    synced_at: datetime | None, watermark: datetime | None, now: datetime, complete: bool
) -> datetime | None:
    """Return up to when HubSpot's changes are known to be in a stored deal; None if that is unknown.

    A date in the future was written by a wrong clock and is ignored.

    Args:
        synced_at: the time just before HubSpot was last asked for the deal with its activities; None if it never was.
        watermark: the moment up to which the syncs have found every change that a search can show, read before the
            deal.
        now: the present.
        complete: whether the deal's activities have all been read: only then have syncs kept it up to date.
    """
    latest = now + _CLOCKS_APART
    as_of = None if synced_at is None or synced_at > latest else synced_at
    if not complete or watermark is None or watermark > latest:
        return as_of
    return watermark if as_of is None or as_of < watermark else as_of


def as_of_text(moment: datetime) -> str:
    """Return ``moment`` as ``X-Data-As-Of`` shows it: RFC 3339 in UTC, to the second, never a later one."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
