"""The client of one process: its time-outs, how safely it writes, and what becomes of the driver's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl

import pymongo
from bson.errors import BSONError
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConfigurationError, ConnectionFailure, PyMongoError, WaitQueueTimeoutError

from dealcache.breaker import Breaker, BreakerOpenError
from dealcache.repositories.documents import Document
from dealcache.repositories.errors import StoreError, StoreUnavailable

_SPARE_SOCKETS = 4  # for background work (sync, readiness, index creation) beside the request threads

#: Values that BSON cannot hold: lone surrogates, integers over 64 bits, documents over 16 MB.
_UNSTORABLE = (BSONError, UnicodeEncodeError, OverflowError)


def client_options(uri: str, threads: int) -> Document:
    """The options that are added to those of the URI. What the URI sets itself is left alone.

    ``w: majority`` with ``j`` asks a standalone server for exactly what ``w: 1, j: true`` does, and a replica set for
    what it needs. So one setting serves both, and nobody has to find out first which of them is there.

    Args:
        uri: the operator's connection URI.
        threads: how many threads use the client at once.

    Returns:
        Keyword arguments for :class:`pymongo.MongoClient`, which would let them win over the URI.
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
    """The way to one database. Made after a fork, because PyMongo's client does not survive one; connects lazily.

    Args:
        uri: the operator's connection URI; its options win.
        database: the name of the database.
        threads: how many threads use it at once.
        breaker: refuses operations while MongoDB is known to be down.

    Raises:
        StoreError: the URI is not a valid one. A server that is down raises nothing here.
    """

    def __init__(self, uri: str, database: str, *, threads: int = 16, breaker: Breaker | None = None) -> None:
        try:
            self._client: MongoClient[Document] = MongoClient(
                uri, connect=False, tz_aware=True, **client_options(uri, threads)
            )
        except (PyMongoError, ValueError) as error:
            # The driver's message may quote a part of the URI, and with it a part of a password.
            raise StoreError(f"the connection URI is not valid ({type(error).__name__})") from None
        self._database = self._client[database]
        self._breaker = breaker or Breaker()

    @contextmanager
    def operation(self) -> Iterator[Database[Document]]:
        """One operation, or several that belong together.

        Yields:
            The database.

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
            # Our own pool is exhausted, which says nothing about the server: not a case for the breaker.
            raise StoreUnavailable("all connections to MongoDB are in use") from error
        except PyMongoError as error:
            raise self._judged(error) from error
        except _UNSTORABLE as error:
            raise StoreError(f"MongoDB cannot store a value ({type(error).__name__})") from error
        self._breaker.succeeded()

    def _judged(self, error: PyMongoError) -> StoreError:
        # A ConfigurationError at this point is the DNS look-up of a mongodb+srv URI that failed.
        if isinstance(error, ConnectionFailure | ConfigurationError) or error.timeout:
            self._breaker.failed()
            return StoreUnavailable(f"MongoDB does not answer ({type(error).__name__})")
        self._breaker.succeeded()
        code = getattr(error, "code", None)
        return StoreError(f"MongoDB refused an operation ({type(error).__name__}, code {code})")

    def ping(self, timeout: float) -> None:
        """Ask MongoDB whether it is there.

        Args:
            timeout: seconds after which it counts as absent.

        Raises:
            StoreUnavailable: it did not answer.
            StoreError: it answered with an error, for example because of wrong credentials.
        """
        with self.operation() as database, pymongo.timeout(timeout):
            database.command("ping")

    def close(self) -> None:
        """Close all sockets. Later operations raise :class:`StoreError`."""
        self._client.close()
