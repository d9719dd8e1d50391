"""What becomes of a job when something fails under it: wait and go on, or give up. Pure."""

from __future__ import annotations

from dealcache.hubspot import Forbidden, HubSpotError, NotFound, RateLimited, Rejected, Unauthorised
from dealcache.repositories import StoreError, StoreUnavailable
from dealcache.sync.selected import NoSuchDealError

#: What :func:`pause_after` knows.
SETBACKS: tuple[type[Exception], ...] = (HubSpotError, StoreError, NoSuchDealError)

#: Seconds to wait after each failure in a row; after as many without progress the job fails. Each of HubSpot's comes
#: after eight tries of one call.
_PAUSES = (2.0, 5.0, 15.0, 30.0, 60.0, 120.0)

#: MongoDB is asked again so often, in seconds, for as long as it takes: without it not even a failure can be noted.
_MONGODB_PAUSE = 2.0

#: The account's calls of the day are used up: HubSpot gives new ones at its midnight.
_DAILY_PAUSE = 600.0


def pause_after(failure: Exception, in_a_row: int) -> float | None:
    """How long to wait before a job goes on at its checkpoint.

    Args:
        failure: one of :data:`SETBACKS`.
        in_a_row: how many there were since the job last made progress, this one included.

    Returns:
        Seconds, or None: it would fail again.
    """
    if isinstance(failure, StoreUnavailable):
        return _MONGODB_PAUSE
    if isinstance(failure, NoSuchDealError | Unauthorised | Forbidden | Rejected | NotFound):
        return None
    if isinstance(failure, RateLimited) and failure.daily:
        return _DAILY_PAUSE
    return _PAUSES[in_a_row - 1] if in_a_row <= len(_PAUSES) else None
