"""What processes share through Redis, where there is one, and what each of them tells the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dealcache.api.recorder import ReadRecorder
from dealcache.figures import Columns, Figures
from dealcache.hubspot import Bucket, Budgets, LocalBudgets
from dealcache.settings import Settings, SettingsError
from dealcache.tiers import MemoryTier, Tier

if TYPE_CHECKING:
    from dealcache.redis_connection import RedisConnection

#: Connections to Redis that are listened on, beside those of the request threads.
_LISTENING = 2


def connect_redis(settings: Settings) -> RedisConnection | None:
    """The way to the Redis that processes share, None when there is none.

    Raises:
        SettingsError: there is one, but the libraries for it are missing.
    """
    if settings.redis_url is None:
        return None
    try:
        import zstandard  # noqa: F401 - missing here rather than at the first value

        from dealcache.redis_connection import RedisConnection  # an extra: not everybody has it
    except ImportError:
        raise SettingsError("REDIS_URL is set, but the extra is missing: pip install 'dealcache[redis]'") from None
    threads = settings.threads + settings.hubspot_waiting_threads + len(Bucket) + _LISTENING
    return RedisConnection(settings.redis_url, settings.mongodb_database, threads=threads)


def shared_tier(redis: RedisConnection | None, clock: Callable[[], float]) -> Tier | None:
    """The cache tier between memory and MongoDB that processes share, None without a Redis."""
    if redis is None:
        return None
    from dealcache.tiers.redis import RedisTier  # an extra, as above

    return RedisTier(redis, clock)


def make_budgets(redis: RedisConnection | None, workers: Callable[[], int]) -> Budgets:
    """HubSpot's budgets: through Redis those of all workers together, without it this worker's share of them."""
    if redis is None:
        return LocalBudgets(workers=workers)
    from dealcache.hubspot.shared_budgets import SharedBudgets  # an extra, as above

    return SharedBudgets(redis, workers)


def own_figures(memory: MemoryTier, recorder: ReadRecorder) -> Figures:
    """What this worker has to tell of its cache."""
    by_tier, failed = recorder.counts()
    return Figures(by_tier, failed, memory.usage(), Columns.of(memory.listing()))
