"""Redis: does it answer, and may we write?"""

from __future__ import annotations

import uuid
from contextlib import closing
from typing import TYPE_CHECKING

from dealcache.checks.findings import Finding, failed, ok
from dealcache.settings import SettingsError

if TYPE_CHECKING:
    from dealcache.redis_connection import RedisConnection

SUBJECT = "Redis"

#: Seconds after which what a check that was killed has written is gone.
_KEPT_SECONDS = 10


def write_to(redis: RedisConnection | None) -> bool | None:
    """Write a value, delete it again, and close the connection; return None if no Redis is configured.

    Raises:
        RedisUnavailable: Redis does not answer, or refuses.
    """
    if redis is None:
        return None
    key = redis.key(uuid.uuid4().hex)
    with closing(redis), redis.operation() as client:
        client.set(key, b"", ex=_KEPT_SECONDS)
        client.delete(key)
    return True


def judge_redis(written: object) -> Finding:
    """Return the finding about Redis.

    Args:
        written: the result of :func:`write_to`, its error, or that of connecting.
    """
    if written is None:
        return ok(SUBJECT, "not configured, so that each worker caches in its own memory alone (REDIS_URL)")
    if written is True:
        return ok(SUBJECT, "answers, and can be written to")
    if isinstance(written, SettingsError):
        return failed(SUBJECT, str(written))
    remedy = "see whether it runs and can be reached from here, and whether REDIS_URL has the right user and password"
    return failed(SUBJECT, str(written), f"{remedy}. Meanwhile the service works without it")
