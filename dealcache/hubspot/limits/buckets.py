"""HubSpot's rate limits: the buckets that it counts separately, and how many calls each allows.

HubSpot counts three things (developer documentation, "API usage guidelines" and "Associations v4"): searches, 5 a
second for the account; association calls, 100 to 200 in 10 s; everything else of the app, 100 to 250 in 10 s. A call
that would exceed a limit waits here instead of being refused there, because refusals count against the app too.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Bucket(StrEnum):
    """Calls that HubSpot counts together."""

    SEARCH = "search"
    APP = "app"
    ASSOCIATIONS = "associations"


class Priority(IntEnum):
    """The order in which waiting calls are served: open requests of users before the background sync.

    Between them are calls for both: names of owners and stages, and the probe whether HubSpot answers. They do not wait
    for a sync, and are no sign that a user is reading deals. After them, re-reads of deals that are served although
    they are old: they never take the last third of a limit.
    """

    INTERACTIVE = 0
    SHARED = 1
    REREAD = 2
    SYNC = 3


#: By how much our period exceeds HubSpot's, because the two clocks do not tick alike. No more is needed: a slot is held
#: from before HubSpot can have counted the call until a period after it must have.
_MARGIN = 1.002

#: Calls of each bucket and the seconds in which we count them: HubSpot's smallest tier, until it has stated another.
LIMITS = {
    Bucket.SEARCH: (5, 1.0 * _MARGIN),
    Bucket.APP: (100, 10.0 * _MARGIN),
    Bucket.ASSOCIATIONS: (100, 10.0 * _MARGIN),
}

#: Limits outside this range are not HubSpot's: a proxy's header of the same name, or nonsense.
_PLAUSIBLE_APP_LIMITS = range(10, 10_001)


def limits_of_tier(app_limit: int) -> dict[Bucket, int]:
    """Return the limits of the tier with this limit of the app; none for one that HubSpot cannot have meant."""
    if app_limit not in _PLAUSIBLE_APP_LIMITS:
        return {}
    associations = 200 if app_limit >= 250 else 150 if app_limit >= 150 else 100  # "Associations v4"
    return {Bucket.APP: app_limit, Bucket.ASSOCIATIONS: associations}
