"""Publishes invalidations through Redis, which takes milliseconds, and subscribes to those of other processes.

Messages carry keys and generations, never values, and nothing depends on their arrival: the contents of a lost message
are read from the log in MongoDB. But a live subscription is as good a sign as the log itself that nothing was missed,
so MongoDB may be away for a while without any memory tier becoming untrusted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from dealcache.background import BackgroundThread
from dealcache.invalidation.publisher import InvalidationPublisher
from dealcache.model.invalidation import Invalidation, Selection
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
    """Return entries as one message."""
    return orjson.dumps(
        [
            {
                "generation": one.generation,
                "nonce": one.nonce,
                "at": one.at,
                "everything": one.selection.everything,
                "doubt": one.doubt,
                "labels": one.labels,
                "deal_ids": sorted(one.selection.deal_ids),
                "name_keys": sorted(one.selection.name_keys),
                "views": {deal_id: sorted(views) for deal_id, views in one.views.items()},
                "names_of": {deal_id: sorted(names) for deal_id, names in one.names_of.items()},
            }
            for one in entries
        ]
    )


def decode(message: bytes) -> list[Invalidation]:
    """Return the entries of a message.

    Raises:
        ValueError: it is not such a message.
    """
    try:
        return [_entry(row) for row in orjson.loads(message)]
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a message of invalidations ({type(error).__name__})") from error


def _entry(row: dict[str, Any]) -> Invalidation:
    selection = Selection.of_keys(row["deal_ids"], row["name_keys"], everything=bool(row["everything"]))
    views = {deal_id: frozenset(views) for deal_id, views in row["views"].items()}
    names = {deal_id: frozenset(names) for deal_id, names in row["names_of"].items()}
    at = datetime.fromisoformat(row["at"])
    generation, doubt, labels = int(row["generation"]), bool(row["doubt"]), bool(row.get("labels"))
    return Invalidation(selection, at, views, names, row["nonce"], generation, doubt, labels)


def publish(connection: RedisConnection, entries: Sequence[Invalidation]) -> None:
    """Publish entries through Redis; if that fails, other processes find them in the log a moment later."""
    try:
        with connection.operation() as redis:
            redis.publish(connection.key(_CHANNEL), encode(entries))
    except RedisUnavailable as failure:
        log.debug("other workers were not notified at once: %s", failure)


class RedisSubscriber:
    """Applies published entries of other processes, in a background thread.

    Args:
        connection: the Redis that processes share.
        publisher: applies the entries.
        watermark: notified each time that nothing can have been missed.
    """

    def __init__(
        self, connection: RedisConnection, publisher: InvalidationPublisher, watermark: InvalidationWatermark
    ) -> None:
        self._connection = connection
        self._publisher = publisher
        self._watermark = watermark
        self._complete = False
        self._thread = BackgroundThread("invalidation subscriber", self._subscribe, _PAUSE_SECONDS)

    def start(self) -> None:
        """Begin. Called after the fork."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._thread.stop()

    def _subscribe(self) -> None:
        """Listen until asked to end, or until Redis fails."""
        try:
            with self._connection.subscription(_CHANNEL) as subscription:
                self._complete = False
                while not self._thread.is_stopping:
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
