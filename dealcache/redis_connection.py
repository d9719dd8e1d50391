"""The way to Redis of one process: short time-outs, a breaker, and the driver's errors turned into one of ours.

Redis makes things faster and holds nothing that is not elsewhere too. So it gets little time: an operation that does
not come back is given up after :data:`TIMEOUT_SECONDS`, and for :data:`PAUSE_SECONDS` after that nobody tries another
but one. What it costs a reader when it is slow or gone is therefore one time-out every few seconds, for one reader.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MaxConnectionsError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from dealcache.breaker import Breaker, BreakerOpenError
from dealcache.redis_errors import RedisUnavailable

#: The format of everything that is kept in Redis. It is part of every key and channel, so that two releases with
#: different formats can share one Redis without reading each other's values.
FORMAT = 1

#: Seconds to connect, and seconds to wait for an answer.
TIMEOUT_SECONDS = 0.25

#: Seconds for which nobody but one asks a Redis that did not answer.
PAUSE_SECONDS = 3.0

#: Seconds to wait for a connection of the pool when all are in use.
_POOL_SECONDS = 0.1


class _Connections(LifoQueue[Any]):
    """The idle connections of a pool.

    The driver's pool says the same when they are all in use as when the server cannot be reached; this one tells.
    """

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        try:
            return super().get(block, timeout)
        except Empty:
            raise MaxConnectionsError from None


class Subscription:
    """What one process hears on one channel; used by one thread.

    Args:
        pubsub: the driver's, subscribed.
    """

    def __init__(self, pubsub: Any) -> None:
        self._pubsub = pubsub

    def until_answer(self) -> Iterator[bytes]:
        """Ask whether Redis is still there, and yield the messages that come before its answer.

        Raises:
            RedisUnavailable: no answer in time.
        """
        self._pubsub.ping()
        for heard in self._until(TIMEOUT_SECONDS):
            if heard["type"] == "pong":
                return
            if heard["type"] == "message":
                yield heard["data"]
        raise RedisUnavailable("Redis does not answer on its subscription")

    def messages(self, seconds: float) -> Iterator[bytes]:
        """Yield the messages that come within so many seconds."""
        for heard in self._until(seconds):
            if heard["type"] == "message":
                yield heard["data"]

    def _until(self, seconds: float) -> Iterator[dict[str, Any]]:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            # None is also what the driver makes of messages that it was told to ignore.
            heard = self._pubsub.get_message(timeout=left)
            if heard is not None:
                yield heard


class RedisConnection:
    """Keeps the connections to one Redis. Made after a fork; connects lazily; any number of threads may use it.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``; its options win over ours.
        namespace: keeps apart the services that share a Redis: the name of the database.
        threads: how many threads use it at once.
        breaker: refuses operations while Redis is known to be down.
    """

    def __init__(self, url: str, namespace: str, *, threads: int = 16, breaker: Breaker | None = None) -> None:
        self._client = redis.Redis(
            connection_pool=redis.BlockingConnectionPool.from_url(
                url,
                max_connections=threads,
                timeout=_POOL_SECONDS,
                queue_class=_Connections,
                socket_connect_timeout=TIMEOUT_SECONDS,
                socket_timeout=TIMEOUT_SECONDS,
                # One try: a second would cost its reader a second time-out.
                retry=Retry(NoBackoff(), 0),
                client_name="dealcache",
            )
        )
        self._prefix = f"dealcache:{FORMAT}:{namespace}:"
        self._breaker = breaker or Breaker(PAUSE_SECONDS)

    def key(self, *parts: str) -> str:
        """The name of a key or channel: the format, the namespace and ``parts``, joined by colons."""
        return self._prefix + ":".join(parts)

    def script(self, lua: str) -> Script:
        """A Lua script, to be called within :meth:`operation`; sent to Redis when it does not know it (any more)."""
        return self._client.register_script(lua)

    @contextmanager
    def operation(self) -> Iterator[redis.Redis]:
        """One operation, or several that belong together.

        Yields:
            The client; its answers are bytes.

        Raises:
            RedisUnavailable: Redis did not answer in time or refused, or the breaker is open.
        """
        try:
            self._breaker.admit()
            yield self._client
        except BreakerOpenError:
            raise RedisUnavailable("Redis did not answer a moment ago; it will be asked again shortly") from None
        except MaxConnectionsError as error:
            # Our own pool is exhausted, which says nothing about the server: not a case for the breaker.
            raise RedisUnavailable("all connections to Redis are in use") from error
        except (RedisConnectionError, RedisTimeoutError) as error:
            self._breaker.failed()
            raise RedisUnavailable(f"Redis does not answer ({type(error).__name__})") from error
        except RedisError as error:
            self._breaker.succeeded()
            raise RedisUnavailable(f"Redis refused an operation ({type(error).__name__})") from error
        self._breaker.succeeded()

    @contextmanager
    def subscription(self, channel: str) -> Iterator[Subscription]:
        """Listen to a channel of the namespace. It goes past the breaker: somebody has to find out when Redis is back.

        Raises:
            RedisUnavailable: Redis does not answer, at any time while the context lasts.
        """
        try:
            # The driver has no types here.
            with self._client.pubsub(ignore_subscribe_messages=True) as pubsub:  # type: ignore[no-untyped-call]
                pubsub.subscribe(self.key(channel))
                yield Subscription(pubsub)
        except RedisError as error:
            raise RedisUnavailable(f"Redis does not answer ({type(error).__name__})") from error

    def close(self) -> None:
        """Close all connections."""
        self._client.close()
        self._client.connection_pool.disconnect()
