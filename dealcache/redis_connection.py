"""The Redis client of one process: short time-outs, a breaker, and the driver's errors turned into one of ours.

Redis only makes things faster: it holds nothing that is not elsewhere too. So an operation is abandoned after
:data:`TIMEOUT_SECONDS`, and after a failure only one is tried every :data:`PAUSE_SECONDS`. A Redis that is slow or gone
costs one reader one time-out every few seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from queue import Empty, LifoQueue
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MaxConnectionsError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from dealcache.breaker import Breaker, BreakerOpenError
from dealcache.model.workers import RedisUnavailable

#: Returns the namespace of keys, None while it is not known yet.
Namespace = Callable[[], str | None]

#: The format of all values in Redis. It is part of every key and channel, so that two releases with different formats
#: can share one Redis without reading each other's values.
FORMAT = 1

#: Seconds to connect, and seconds to wait for an answer.
TIMEOUT_SECONDS = 0.25

#: Seconds between two tries of a Redis that did not answer.
PAUSE_SECONDS = 3.0

#: Seconds to wait for a connection of the pool when all are in use.
_POOL_SECONDS = 0.1


class _Connections(LifoQueue[Any]):
    """The idle connections of a pool; unlike the driver's it distinguishes "all in use" from "unreachable"."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        try:
            return super().get(block, timeout)
        except Empty:
            raise MaxConnectionsError from None


class Subscription:
    """A subscription to one channel, for one thread.

    Args:
        pubsub: the driver's, subscribed.
        is_current: returns False when the channel's name has changed.
    """

    def __init__(self, pubsub: Any, is_current: Callable[[], bool]) -> None:
        self._pubsub = pubsub
        self._is_current = is_current

    def until_answer(self) -> Iterator[bytes]:
        """Ping Redis, and yield the messages that come before its answer.

        Raises:
            RedisUnavailable: no answer in time, or the channel has changed meanwhile.
        """
        if not self._is_current():
            raise RedisUnavailable("the channel in Redis is another one now")
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
            # The driver also returns None for messages that it was told to ignore.
            heard = self._pubsub.get_message(timeout=left)
            if heard is not None:
                yield heard


class RedisConnection:
    """Connections to one Redis. Made after a fork; connects lazily. Thread-safe.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``; its options take precedence over ours.
        namespace: separates installations that share a Redis; while a function returns None, Redis is not used.
        threads: how many threads use it at once.
        breaker: refuses operations while Redis is known to be down.

    Raises:
        ValueError, TypeError, RedisError: the URL has an option that the driver refuses.
    """

    def __init__(
        self, url: str, namespace: str | Namespace, *, threads: int = 16, breaker: Breaker | None = None
    ) -> None:
        pool = redis.BlockingConnectionPool.from_url(
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
        # The pool looks at its options when it needs a first connection; this one is not opened.
        pool.connection_class(**pool.connection_kwargs)
        self._client = redis.Redis(connection_pool=pool)
        self._root = f"dealcache:{FORMAT}:"
        self._namespace = (lambda: namespace) if isinstance(namespace, str) else namespace
        self._breaker = breaker or Breaker(PAUSE_SECONDS)

    def within(self, namespace: Namespace) -> RedisConnection:
        """Return the same connections and breaker for another namespace."""
        other = copy(self)
        other._namespace = namespace
        return other

    def key(self, *parts: str) -> str:
        """Return the name of a key or channel: the format, the namespace and ``parts``, joined by colons.

        Raises:
            RedisUnavailable: the namespace is not known yet.
        """
        namespace = self._namespace()
        if namespace is None:
            raise RedisUnavailable("it is not known yet whose keys in Redis are ours")
        return f"{self._root}{namespace}:{':'.join(parts)}"

    def script(self, lua: str) -> Callable[..., Any]:
        """Return a function that runs a Lua script with its arguments as one :meth:`operation`."""
        script = self._client.register_script(lua)

        def run(*arguments: Any) -> Any:
            with self.operation():
                return script(args=arguments)

        return run

    @contextmanager
    def operation(self) -> Iterator[redis.Redis]:
        """Yield the client, whose answers are bytes, for one operation or several that belong together.

        Raises:
            RedisUnavailable: Redis did not answer in time or refused, or the breaker is open.
        """
        try:
            self._breaker.admit()
            yield self._client
        except BreakerOpenError:
            raise RedisUnavailable("Redis did not answer a moment ago; it will be asked again shortly") from None
        except MaxConnectionsError as error:
            # Our own pool is exhausted, which says nothing about the server, and must not open the breaker.
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
        """Subscribe to a channel of the namespace, bypassing the breaker: a subscriber finds out when Redis is back.

        Raises:
            RedisUnavailable: Redis does not answer, at any time while the context lasts.
        """
        try:
            # The driver has no types here.
            with self._client.pubsub(ignore_subscribe_messages=True) as pubsub:  # type: ignore[no-untyped-call]
                name = self.key(channel)
                pubsub.subscribe(name)
                yield Subscription(pubsub, lambda: self.key(channel) == name)
        except RedisError as error:
            raise RedisUnavailable(f"Redis does not answer ({type(error).__name__})") from error

    def answers(self) -> bool:
        """Return True if Redis answers."""
        try:
            with self.operation() as client:
                client.ping()
        except RedisUnavailable:
            return False
        return True

    def close(self) -> None:
        """Close all connections."""
        self._client.close()
        self._client.connection_pool.disconnect()
