"""The parts that work through Redis where ``REDIS_URL`` is set, or else in this process alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from dealcache.hubspot.limits.buckets import Bucket
from dealcache.hubspot.limits.rate_limiter import RateLimits, local_rate_limits
from dealcache.reader.account import AccountGuard
from dealcache.settings import Settings, SettingsError

if TYPE_CHECKING:
    from dealcache.redis_connection import RedisConnection
    from dealcache.tiers.redis import RedisTier

#: Digits of digests that tell apart settings, and tokens without revealing them.
_DIGITS = 16

#: Connections to Redis for subscriptions, beside those of the request threads.
_SUBSCRIPTIONS = 1


def connect_redis(settings: Settings, installation: Callable[[], str | None]) -> RedisConnection | None:
    """Return the connection to Redis; None without ``REDIS_URL``.

    Args:
        settings: the environment's settings.
        installation: returns the id of the installation whose keys are used; None while it is unknown.

    Raises:
        SettingsError: Redis is wanted, and the libraries for it are missing, or the URL has an option that they refuse.
    """
    if settings.redis_url is None:
        return None
    try:
        import zstandard  # noqa: F401 - so that it is missing here and not at the first value
        from redis.exceptions import RedisError

        from dealcache.redis_connection import RedisConnection  # needs an extra
    except ImportError:
        raise SettingsError("REDIS_URL is set, but the extra is missing: pip install 'dealcache[redis]'") from None
    threads = settings.threads + settings.hubspot_waiting_threads + len(Bucket) + _SUBSCRIPTIONS
    try:
        return RedisConnection(settings.redis_url, installation, threads=threads)
    except (ValueError, TypeError, RedisError):
        raise SettingsError("REDIS_URL holds a value that is not shown, with an option that redis-py refuses") from None


def shared_tier(redis: RedisConnection | None, clock: Callable[[], float], settings: Settings) -> RedisTier | None:
    """Return the cache tier that processes with the same views share; None without Redis."""
    if redis is None:
        return None
    from dealcache.tiers.redis import RedisTier  # needs an extra

    return RedisTier(redis, clock, _shape(settings))


def _shape(settings: Settings) -> str | None:
    """Return a digest of the settings that decide what views show, None if all have their defaults.

    A process that was started with others must not find the views of its predecessor.
    """
    deciding = (settings.timeline_timezone.key, settings.hubspot_deal_properties, settings.associated_names)
    if deciding == ("UTC", (), "off"):
        return None
    return hashlib.sha256(repr(deciding).encode()).hexdigest()[:_DIGITS]


def make_rate_limits(
    redis: RedisConnection | None, workers: Callable[[], int], token: str, account: AccountGuard
) -> RateLimits:
    """Return HubSpot's rate limits: those of all workers together through Redis, or this worker's share without it.

    HubSpot limits calls in ten seconds for each app, which only its token identifies here, and searches and
    associations for each account. So all installations on one Redis share these, whatever else separates them.
    """
    if redis is None:
        return local_rate_limits(workers=workers)
    from dealcache.hubspot.limits.shared_window import shared_rate_limits  # needs an extra

    app = f"token-{hashlib.sha256(token.encode()).hexdigest()[:_DIGITS]}"

    def of_account() -> str | None:
        return (app if account.is_withheld else None) if account.own is None else f"account-{account.own}"

    scopes = {Bucket.APP: lambda: app, Bucket.SEARCH: of_account, Bucket.ASSOCIATIONS: of_account}
    return shared_rate_limits(redis, workers, scopes=scopes)
