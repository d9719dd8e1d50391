"""Cache tiers: what an entry is, what a tier promises, and each of the tiers."""

from dealcache.invalidation import Selection
from dealcache.tiers.base import Listing, Tier, Usage
from dealcache.tiers.entry import CacheKey, Entry, View
from dealcache.tiers.memory import MemoryTier, Slot

__all__ = ["CacheKey", "Entry", "Listing", "MemoryTier", "Selection", "Slot", "Tier", "Usage", "View"]
