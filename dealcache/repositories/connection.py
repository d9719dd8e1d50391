"""The MongoDB client of one process: time-outs, write concern, our two errors for the driver's, the server's clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pymongo
from bson.errors import BSONError, InvalidBSON
from pymongo import MongoClient, ReadPreference, WriteConcern
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import ConfigurationError, ConnectionFailure, PyMongoError, WaitQueueTimeoutError
from pymongo.monitoring import (
    ServerHeartbeatFailedEvent,
    ServerHeartbeatListener,
    ServerHeartbeatStartedEvent,
    ServerHeartbeatSucceededEvent,
)

from dealcache.breaker import Breaker, BreakerOpenError
from dealcache.clock import RemoteClock
from dealcache.model.unreadable import UnreadableRecords
from dealcache.repositories.documents import Document

#: No value that another system has written may fail the read of a document. A date beyond datetime's range is read as
#: DatetimeMS, so that it is unchanged when it is written back.
_DECODING: Document = {
    "tz_aware": True,
    "datetime_conversion": "DATETIME_AUTO",
    "unicode_decode_error_handler": "replace",
}

#: For writes that precede or follow others in MongoDB's journal and mean nothing without them: they need not wait for
#: the journal, which never loses an earlier write without the later ones.
_UNJOURNALED = WriteConcern(w=1)

#: Errors of values that BSON cannot hold: lone surrogates, integers over 64 bits, documents over 16 MB.
UNSTORABLE = (BSONError, UnicodeEncodeError, OverflowError)

#: For a query that reads a whole collection, which takes longer than any read may.
SCAN_SECONDS = 60.0

_SPARE_SOCKETS = 4  # for background work (sync, readiness, index creation) beside the request threads


class StoreError(Exception):
    """MongoDB refused an operation, or holds a document that cannot be read.

    Messages of store errors are safe to show: they contain no URI, no host, no document.
    """


class StoreUnavailable(StoreError):  # noqa: N818 - the name says the state, as the readiness check words it
    """MongoDB does not answer; trying again later may help."""


class ServerTime(ServerHeartbeatListener):
    """Synchronizes a clock with the server that writes go to: before the first operation, and every ten seconds."""

    def __init__(self, clock: RemoteClock) -> None:
        self._clock = clock

    def started(self, event: ServerHeartbeatStartedEvent) -> None:
        """Do nothing."""

    def succeeded(self, event: ServerHeartbeatSucceededEvent) -> None:
        """Set the clock."""
        told = event.reply.document.get("localTime")
        if event.reply.is_writable and isinstance(told, datetime):
            # The driver decodes this by itself, without a zone.
            at = told if told.tzinfo else told.replace(tzinfo=UTC)
            self._clock.synchronize(at.timestamp(), self._clock.timer() - event.duration)

    def failed(self, event: ServerHeartbeatFailedEvent) -> None:
        """Do nothing."""


def client_options(uri: str, threads: int) -> Document:
    """Return keyword arguments for :class:`pymongo.MongoClient`, without those options that the URI sets itself.

    ``w: majority`` with ``j`` means the same as ``w: 1, j: true`` to a standalone server, and is what a replica set
    needs: one setting serves both.

    Args:
        uri: the operator's connection URI.
        threads: how many threads use the client at once.
    """
    options: Document = {
        "serverSelectionTimeoutMS": 1000,
        "connectTimeoutMS": 1000,
        "socketTimeoutMS": 5000,
        "waitQueueTimeoutMS": 1000,
        "maxPoolSize": threads + _SPARE_SOCKETS,
        "w": "majority",
        "journal": True,
        "retryReads": True,
        "retryWrites": True,
        "appname": "dealcache",
    }
    pairs = parse_qsl(uri.partition("?")[2].replace(";", "&"), keep_blank_values=True)
    given = {name.lower(): value for name, value in pairs}
    if given.get("w") == "0":
        given["journal"] = ""  # an unacknowledged write cannot ask for the journal as well
    return {name: value for name, value in options.items() if name.lower() not in given}


class Connection:
    """Connections to one database. Made after a fork, because PyMongo's client does not survive one; connects lazily.

    Args:
        uri: the operator's connection URI, whose options take precedence.
        threads: how many threads use it at once.
        unreadable: counts the documents that cannot be read or stored.
        clock: synchronized with MongoDB's before the first operation.

    Raises:
        StoreError: the URI is not a valid one. A server that is down raises nothing here.
    """

    def __init__(
        self,
        uri: str,
        database: str,
        *,
        threads: int = 16,
        breaker: Breaker | None = None,
        unreadable: UnreadableRecords | None = None,
        clock: RemoteClock | None = None,
    ) -> None:
        self.unreadable = unreadable or UnreadableRecords()
        listeners = [] if clock is None else [ServerTime(clock)]
        try:
            self._client: MongoClient[Document] = MongoClient(
                uri, connect=False, event_listeners=listeners, **_DECODING, **client_options(uri, threads)
            )
        except (PyMongoError, ValueError, OSError) as error:  # an OSError if there is no such file of certificates
            # The driver's message may quote a part of the URI, and with it a part of a password.
            raise StoreError(f"the connection URI is not valid ({type(error).__name__})") from None
        self._database = self._client[database]
        #: The database with naive dates, of UTC: the driver takes longer to make them aware than :func:`.with_zone`.
        #: Only for use within :meth:`operation`.
        self.naive = self._database.with_options(self._database.codec_options.with_options(tz_aware=False))
        self._breaker = breaker or Breaker()

    @contextmanager
    def operation(self) -> Iterator[Database[Document]]:
        """Yield the database for one operation, or several that belong together.

        Raises:
            StoreUnavailable: MongoDB did not answer in time, or the breaker is open.
            StoreError: MongoDB refused the operation, or a value cannot be stored.
        """
        try:
            self._breaker.admit()
            yield self._database
        except BreakerOpenError:
            raise StoreUnavailable("MongoDB did not answer a moment ago; it will be asked again shortly") from None
        except WaitQueueTimeoutError as error:
            # Our own pool is exhausted, which says nothing about the server, and must not open the breaker.
            raise StoreUnavailable("all connections to MongoDB are in use") from error
        except PyMongoError as error:
            raise self._judged(error) from error
        except InvalidBSON as error:
            # The server has answered: a damaged document is no reason to open the breaker.
            raise StoreError(f"MongoDB holds a document that cannot be read ({error})") from error
        except UNSTORABLE as error:
            raise StoreError(f"MongoDB cannot store a value ({type(error).__name__})") from error
        self._breaker.succeeded()

    def _judged(self, error: PyMongoError) -> StoreError:
        # A ConfigurationError at this point means that the DNS look-up of a mongodb+srv URI failed.
        if isinstance(error, ConnectionFailure | ConfigurationError) or error.timeout:
            self._breaker.failed()
            return StoreUnavailable(f"MongoDB does not answer ({type(error).__name__})")
        self._breaker.succeeded()
        code = getattr(error, "code", None)
        return StoreError(f"MongoDB refused an operation ({type(error).__name__}, code {code})")

    def ping(self, timeout: float) -> None:
        """Ask MongoDB for an answer within ``timeout`` seconds.

        Raises:
            StoreUnavailable: it did not answer.
            StoreError: it answered with an error, for example because of wrong credentials.
        """
        with self.operation() as database, pymongo.timeout(timeout):
            database.command("ping")

    def close(self) -> None:
        """Close all sockets. Later operations raise :class:`StoreError`."""
        self._client.close()


class Repository:
    """Reads and writes documents. Every method raises StoreError, or StoreUnavailable, when MongoDB fails.

    Args:
        connection: the database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _find(
        self, collection: str, condition: Document, projection: Document | None = None, **options: Any
    ) -> list[Document]:
        """Return the documents for which ``condition`` holds, by one query with PyMongo's options for ``find``."""
        with self._connection.operation() as database:
            return database[collection].find(condition, projection, **options).to_list()


def unjournaled(database: Database[Document], name: str) -> Collection[Document]:
    """Return a collection for writes that need not wait for the journal, and for reading such."""
    return database.get_collection(name, write_concern=_UNJOURNALED, read_preference=ReadPreference.PRIMARY)
