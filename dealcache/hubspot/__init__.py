"""HubSpot: calls within its limits, typed answers, and deals loaded whole.

Wiring, from the bottom up: :class:`LocalBudgets` or ``shared_budgets.SharedBudgets``, :class:`HubSpotSession`,
:class:`HubSpotClient`, :class:`Directory`, :class:`DealLoader`. The shared budgets are not imported here, because they
need redis-py, which comes with an extra.
"""

from dealcache.hubspot.budgets import Bucket, Budgets, Priority
from dealcache.hubspot.client import BATCH_SIZE, MOST_ASSOCIATION_INPUTS, HubSpotClient
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
from dealcache.hubspot.gathering import batches_of
from dealcache.hubspot.labels import Labels
from dealcache.hubspot.loader import DealLoader
from dealcache.hubspot.local_budgets import LocalBudgets
from dealcache.hubspot.mapping import deal_of, event_of
from dealcache.hubspot.metered import MeteredBudgets
from dealcache.hubspot.pages import AssociationPage, RecordPage
from dealcache.hubspot.paths import API_VERSIONS, Paths, paths_for
from dealcache.hubspot.retold import retell, tell
from dealcache.hubspot.session import Health, HubSpotSession, NullObserver, Observer
from dealcache.hubspot.signature import Signed, is_genuine

__all__ = [
    "API_VERSIONS",
    "BATCH_SIZE",
    "MOST_ASSOCIATION_INPUTS",
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
    "MeteredBudgets",
    "NotFound",
    "NullObserver",
    "Observer",
    "Paths",
    "Priority",
    "RateLimited",
    "RecordPage",
    "Rejected",
    "Signed",
    "TimedOut",
    "Unauthorised",
    "Unavailable",
    "batches_of",
    "deal_of",
    "event_of",
    "is_genuine",
    "paths_for",
    "retell",
    "tell",
]
