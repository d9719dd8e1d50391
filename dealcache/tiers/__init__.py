"""Cache tiers: entries, and the memory and Redis tiers."""

from dealcache.tiers.entry import CLOCKS_APART, CacheKey, Entry, View
from dealcache.tiers.memory import Columns, MemoryTier, Usage
from dealcache.tiers.slots import Slot
