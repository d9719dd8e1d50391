"""Tells other processes of invalidations through Redis within milliseconds, and hears of theirs.

Messages carry keys and generations, never values, and nothing depends on their arrival: what a message was lost of is
read from the record in MongoDB. While a subscription lives, though, it is as good a sign as the record itself that
nothing was missed: so MongoDB may be away for a while without any memory being mistrusted.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from dealcache.group.journal import Journal
from dealcache.invalidation import Invalidation, Selection
from dealcache.reader import Trust
from dealcache.redis_errors import RedisUnavailable
from dealcache.repositories import StoreError

if TYPE_CHECKING:  # redis-py is there only where it is used
    from dealcache.redis_connection import RedisConnection, Subscription

log = logging.getLogger(__name__)

_CHANNEL = "invalidations"

#: Seconds between two questions whether Redis is still there, within which messages are waited for.
_LISTEN_SECONDS = 0.25

#: Seconds between two tries to subscribe.
_PAUSE_SECONDS = 0.5

_STOP_SECONDS = 2.0


def encode(entries: Sequence[Invalidation]) -> bytes:
    """Entries as one message."""
    return orjson.dumps(
        [
            {
                "generation": one.generation,
                "nonce": one.nonce,
                "at": one.at,
                "everything": one.selection.everything,
                "doubt": one.doubt,
                "deal_ids": sorted(one.selection.deal_ids),
                "name_keys": sorted(one.selection.name_keys),
                "views": {deal_id: sorted(views) for deal_id, views in one.views.items()},
                "names_of": {deal_id: sorted(names) for deal_id, names in one.names_of.items()},
            }
            for one in entries
        ]
    )


def decode(message: bytes) -> list[Invalidation]:
    """The entries of a message.

    Raises:
        ValueError: it is none of ours.
    """
    try:
        return [_entry(row) for row in orjson.loads(message)]
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a message of invalidations ({type(error).__name__})") from error


def _entry(row: dict[str, Any]) -> Invalidation:
    selection = Selection(frozenset(row["deal_ids"]), frozenset(row["name_keys"]), everything=bool(row["everything"]))
    views = {deal_id: frozenset(views) for deal_id, views in row["views"].items()}
    names = {deal_id: frozenset(names) for deal_id, names in row["names_of"].items()}
    at = datetime.fromisoformat(row["at"])
    return Invalidation(selection, at, views, names, row["nonce"], int(row["generation"]), bool(row["doubt"]))


class SignalSender:
    """Sends messages.

    Args:
        connection: the Redis that processes share.
    """

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    def tell(self, entries: Sequence[Invalidation]) -> None:
        """Tell all who listen of ``entries``; when that fails they find them in the record, a moment later."""
        try:
            with self._connection.operation() as redis:
                redis.publish(self._connection.key(_CHANNEL), encode(entries))
        except RedisUnavailable as failure:
            log.debug("other workers were not told at once: %s", failure)


class SignalListener:
    """Hears messages, in a thread of its own.

    Args:
        connection: the Redis that processes share.
        journal: applies what others have recorded.
        trust: is told each time that nothing can have been missed.
    """

    def __init__(self, connection: RedisConnection, journal: Journal, trust: Trust) -> None:
        self._connection = connection
        self._journal = journal
        self._trust = trust
        self._stopped = threading.Event()
        self._complete = False
        self._thread = threading.Thread(target=self._run, name="signals", daemon=True)

    def start(self) -> None:
        """Begin. Called after the fork."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with self._connection.subscription(_CHANNEL) as subscription:
                    self._complete = False
                    while not self._stopped.is_set():
                        self._hear(subscription)
            except RedisUnavailable as failure:
                log.debug("Redis is not listened to: %s", failure)
            except Exception:
                log.exception("listening to Redis failed")
            self._stopped.wait(_PAUSE_SECONDS)

    def _hear(self, subscription: Subscription) -> None:
        """Take in what has come, make sure that the subscription lives, and wait a while for more."""
        moment = self._trust.moment()
        for message in subscription.until_answer():
            self._take(message)
        self._complete_once()
        if self._complete:
            self._trust.note(moment)
        for message in subscription.messages(_LISTEN_SECONDS):
            self._take(message)

    def _complete_once(self) -> None:
        """What was recorded before the subscription began, or passed by unread, is read from the record."""
        if not self._complete:
            try:
                self._journal.catch_up()
                self._complete = True
            except StoreError as failure:
                log.debug("the record of invalidations cannot be read: %s", failure)

    def _take(self, message: bytes) -> None:
        try:
            self._journal.take(decode(message))
        except ValueError as error:
            log.warning("a message in Redis was left out: %s", error)
            self._complete = False
        except StoreError as failure:
            log.debug("the record of invalidations cannot be read: %s", failure)
            self._complete = False
