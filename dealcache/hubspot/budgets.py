"""How many calls HubSpot lets us make, and what the rest of the package needs of whoever keeps count.

HubSpot counts three things apart (developer documentation, "API usage guidelines" and "Associations v4"): searches, 5 a
second for the account; association calls, 100 to 200 in 10 s; everything else of the app, 100 to 250 in 10 s. A call
that would exceed a limit waits here instead of being refused there, because refusals count against the app too.

From the outside in: :class:`Budgets` are asked for leave; a :class:`~dealcache.hubspot.turnstile.Turnstile` for each
bucket keeps the queue of those who wait; its :class:`~dealcache.hubspot.slots.Slots` say who may start, counted in this
process or, for all workers together, in Redis.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from enum import IntEnum, StrEnum
from typing import Protocol

from dealcache.deadline import Deadline


class Bucket(StrEnum):
    """What HubSpot counts apart from each other."""

    SEARCH = "search"
    APP = "app"
    ASSOCIATIONS = "associations"


class Priority(IntEnum):
    """Who goes first when calls must wait: somebody's open request before the background sync.

    Between them, what is read for both: names of owners and stages, and the probe whether HubSpot answers. It waits
    for no sync, and is no sign that somebody reads deals.
    """

    INTERACTIVE = 0
    SHARED = 1
    SYNC = 2


class Budgets(Protocol):
    """What a session needs of budgets."""

    def acquire(self, bucket: Bucket, deadline: Deadline, priority: Priority) -> AbstractContextManager[None]:
        """Wait for leave to make one call, which is made inside the returned context.

        Raises:
            RateLimited: on entering, when the wait is known to go past ``deadline``; at once, not after waiting.
        """

    def pause(self, bucket: Bucket, seconds: float) -> None:
        """Let no call of ``bucket`` start for ``seconds``: HubSpot has refused one."""

    def adopt_app_limit(self, limit: int) -> None:
        """Take over the app's limit per 10 seconds as HubSpot's answers state it."""

    def left(self, bucket: Bucket) -> int:
        """How many calls of ``bucket`` may start right now, or might have a moment ago."""


#: By how much our period is longer than HubSpot's, for two clocks that do not tick alike. No more is needed: a slot is
#: held from before HubSpot can have counted the call until a period after it must have.
_MARGIN = 1.002

#: Calls of each bucket, before HubSpot has told more the smallest of its tiers, and the seconds that we count them in.
LIMITS = {
    Bucket.SEARCH: (5, 1.0 * _MARGIN),
    Bucket.APP: (100, 10.0 * _MARGIN),
    Bucket.ASSOCIATIONS: (100, 10.0 * _MARGIN),
}

#: Limits outside this range are not HubSpot's: a proxy's header of the same name, or nonsense.
_PLAUSIBLE_APP_LIMITS = range(10, 10_001)


def limits_of_tier(app_limit: int) -> dict[Bucket, int]:
    """The limits that follow from the app's; none from one that HubSpot cannot have meant."""
    if app_limit not in _PLAUSIBLE_APP_LIMITS:
        return {}
    return {Bucket.APP: app_limit, Bucket.ASSOCIATIONS: associations_limit(app_limit)}


def associations_limit(app_limit: int) -> int:
    """Calls per 10 s for associations in the tier whose app limit is ``app_limit`` ("Associations v4", limits)."""
    if app_limit >= 250:
        return 200
    return 150 if app_limit >= 150 else 100
