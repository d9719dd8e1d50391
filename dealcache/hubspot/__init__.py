"""HubSpot: calls within its limits, typed answers, and deals loaded whole.

Wiring, from the bottom up: :class:`LocalBudgets`, :class:`HubSpotSession`, :class:`HubSpotClient`,
:class:`Directory`, :class:`DealLoader`.
"""

from dealcache.hubspot.budgets import Bucket, Budgets, LocalBudgets, Priority
from dealcache.hubspot.client import AssociationPage, HubSpotClient
from dealcache.hubspot.directory import Directory
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
)
from dealcache.hubspot.labels import Labels
from dealcache.hubspot.loader import DealLoader
from dealcache.hubspot.paths import API_VERSIONS, Paths, paths_for
from dealcache.hubspot.session import Health, HubSpotSession, NullObserver, Observer

__all__ = [
    "API_VERSIONS",
    "AssociationPage",
    "Bucket",
    "Budgets",
    "DealLoader",
    "Directory",
    "Forbidden",
    "Health",
    "HubSpotClient",
    "HubSpotError",
    "HubSpotSession",
    "Labels",
    "LocalBudgets",
    "MalformedAnswer",
    "NotFound",
    "NullObserver",
    "Observer",
    "Paths",
    "Priority",
    "RateLimited",
    "Rejected",
    "TimedOut",
    "Unauthorised",
    "Unavailable",
    "paths_for",
]
