"""The larger parts, each made of smaller ones; :mod:`dealcache.app` joins them."""

from dealcache.wiring.hubspot import HubSpot
from dealcache.wiring.lane import make_lane
from dealcache.wiring.reading import Reading, make_reading
from dealcache.wiring.sharing import connect_redis, make_budgets, own_figures, shared_tier
from dealcache.wiring.storage import Storage
from dealcache.wiring.syncing import Sync

__all__ = [
    "HubSpot",
    "Reading",
    "Storage",
    "Sync",
    "connect_redis",
    "make_budgets",
    "make_lane",
    "make_reading",
    "own_figures",
    "shared_tier",
]
