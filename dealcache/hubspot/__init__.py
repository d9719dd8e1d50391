"""HubSpot: calls within its limits, typed answers, and deals loaded whole.

From the bottom up: rate limits (:mod:`.limits`), :class:`.session.HubSpotSession`, :class:`.client.HubSpotClient`,
:class:`.label_refresher.LabelRefresher`, :class:`.loader.DealLoader`.
"""

from dealcache.hubspot.errors import (
    Forbidden,
    HubSpotError,
    MalformedAnswer,
    NotFound,
    RateLimited,
    Rejected,
    TimedOut,
    Unauthorised,
    Unavailable,
    WrongAccount,
)

__all__ = [
    "Forbidden",
    "HubSpotError",
    "MalformedAnswer",
    "NotFound",
    "RateLimited",
    "Rejected",
    "TimedOut",
    "Unauthorised",
    "Unavailable",
    "WrongAccount",
]
