"""Publishes invalidations through Redis, which takes milliseconds, and subscribes to those of other processes.

Messages carry keys and generations, never values, and nothing depends on their arrival: the contents of a lost message
are read from the log in MongoDB. But a live subscription is as good a sign as the log itself that nothing was missed,
so MongoDB may be away for a while without any memory tier becoming untrusted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from dealcache.background import BackgroundThread
from dealcache.invalidation.publisher import InvalidationPublisher
from dealcache.model.invalidation import Invalidation
from dealcache.model.workers import RedisUnavailable
from dealcache.reader.invalidation_watermark import InvalidationWatermark
from dealcache.repositories import StoreError

if TYPE_CHECKING:  # redis-py is installed only where it is used
    from dealcache.redis_connection import RedisConnection, Subscription

log = logging.getLogger(__name__)

_CHANNEL = "invalidations"

#: Seconds between two checks that Redis still answers, during which messages are awaited.
_LISTEN_SECONDS = 0.25

#: Seconds between two tries to subscribe.
_PAUSE_SECONDS = 0.5


def encode(entries: Sequence[Invalidation]) -> bytes:
    """Return entries as one message, in the form that workers of 1.0.0 write and read too."""
    return orjson.dumps([_row(one.fields()) for one in entries])


def _row(fields: dict[str, Any]) -> dict[str, Any]:
    shown = fields.pop("views")
    return fields | {
        "generation": fields.pop("_id"),
        "views": {one["deal_id"]: one["changed"] for one in shown},
        "names_of": {one["deal_id"]: one["names"] for one in shown if one["names"]},
    }


def decode(message: bytes) -> list[Invalidation]:
    """Return the entries of a message.

    Raises:
        ValueError: it is not such a message.
    """
    try:
        return [Invalidation.of_fields(_fields(row)) for row in orjson.loads(message)]
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"not a message of invalidations ({type(error).__name__})") from error


def _fields(row: Mapping[str, Any]) -> dict[str, Any]:
    names = row["names_of"]
    return {
        **row,
        "_id": int(row["generation"]),
        "nonce": str(row["nonce"]),
        "at": datetime.fromisoformat(row["at"]),
        "views": [
            {"deal_id": deal_id, "changed": changed, "names": names.get(deal_id, ())}
            for deal_id, changed in row["views"].items()
        ],
    }


def publish(connection: RedisConnection, entries: Sequence[Invalidation]) -> None:
    """Publish entries through Redis; if that fails, other processes find them in the log a moment later."""
    try:
        with connection.operation() as redis:
            redis.publish(connection.key(_CHANNEL), encode(entries))
    except RedisUnavailable as failure:
        log.debug("other workers were not notified at once: %s", failure)


class RedisSubscriber:
    """Applies published entries of other processes.

    Args:
        connection: the Redis that processes share.
        publisher: applies the entries.
        watermark: notified each time that nothing can have been missed.

    ``thread`` is to be started after the fork.
    """

    def __init__(
        self, connection: RedisConnection, publisher: InvalidationPublisher, watermark: InvalidationWatermark
    ) -> None:
        self._connection = connection
        self._publisher = publisher
        self._watermark = watermark
        self._complete = False
        self.thread = BackgroundThread("invalidation subscriber", self._subscribe, _PAUSE_SECONDS)

    def _subscribe(self) -> None:
        """Listen until asked to end, or until Redis fails."""
        try:
            with self._connection.subscription(_CHANNEL) as subscription:
                self._complete = False
                while not self.thread.is_stopping:
                    self._listen(subscription)
        except RedisUnavailable as failure:
            log.debug("the subscription to Redis failed: %s", failure)

    def _listen(self, subscription: Subscription) -> None:
        """Apply received messages, make sure that the subscription lives, and wait a while for more."""
        moment = self._watermark.moment()
        for message in subscription.until_answer():
            self._apply(message)
        if not self._complete:
            # Entries recorded before the subscription began, or missed by it, are read from the log.
            self._complete = self._has_read(self._publisher.catch_up)
        if self._complete:
            self._watermark.note(moment)
        for message in subscription.messages(_LISTEN_SECONDS):
            self._apply(message)

    def _apply(self, message: bytes) -> None:
        try:
            entries = decode(message)
        except ValueError as error:
            log.warning("a message in Redis was ignored: %s", error)
            self._complete = False
        else:
            self._complete &= self._has_read(lambda: self._publisher.apply(entries))

    def _has_read(self, read: Callable[[], None]) -> bool:
        try:
            read()
        except StoreError as failure:
            log.debug("the invalidation log cannot be read: %s", failure)
            return False
        return True
