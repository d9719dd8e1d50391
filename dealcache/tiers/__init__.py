"""Cache tiers: entries, the interface of a tier, and the memory and Redis tiers."""

from dealcache.model.invalidation import Selection
from dealcache.tiers.base import Columns, Tier, Usage
from dealcache.tiers.entry import CLOCKS_APART, CacheKey, Entry, View
from dealcache.tiers.memory import MemoryTier
from dealcache.tiers.slot import Slot

__all__ = [
    "CLOCKS_APART",
    "CacheKey",
    "Columns",
    "Entry",
    "MemoryTier",
    "Selection",
    "Slot",
    "Tier",
    "Usage",
    "View",
]
