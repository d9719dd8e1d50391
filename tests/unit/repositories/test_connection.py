"""The client's options and what becomes of the driver's errors; no server is asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bson.errors import InvalidDocument
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from dealcache.repositories import Connection, StoreError, StoreUnavailable
from dealcache.repositories.connection import client_options


@pytest.fixture
def connection() -> Iterator[Connection]:
    connection = Connection("mongodb://ada:hunter2@127.0.0.1:1/", "unused")
    yield connection
    connection.close()


def test_writes_are_acknowledged_from_the_journal_unless_the_operator_says_otherwise() -> None:
    assert client_options("mongodb://h/", 16)["w"] == "majority"
    assert client_options("mongodb://h/", 16)["journal"] is True
    assert "journal" not in client_options("mongodb://h/?w=1&journal=false", 16)
    assert "journal" not in client_options("mongodb://h/?w=0", 16)


@pytest.mark.parametrize("option", ["serverSelectionTimeoutMS", "maxPoolSize", "appname", "retryWrites", "w"])
def test_what_the_uri_sets_is_left_alone(option: str) -> None:
    assert option in client_options("mongodb://h/db?tls=true", 16)
    assert option not in client_options(f"mongodb://h/db?tls=true&{option.lower()}=1", 16)


def test_the_pool_has_room_for_every_thread() -> None:
    assert client_options("mongodb://h/", 64)["maxPoolSize"] > 64


@pytest.mark.parametrize("uri", ["mongodb://ada:hun/ter2@h/", "mongodb://h:hunter2/", "mongodb://h/?w=0&journal=true"])
def test_an_unusable_uri_is_refused_without_quoting_it(uri: str) -> None:
    with pytest.raises(StoreError) as refused:
        Connection(uri, "unused")
    assert "ter2" not in str(refused.value)
    assert refused.value.__suppress_context__


@pytest.mark.parametrize("error", [AutoReconnect, ServerSelectionTimeoutError, ConfigurationError])
def test_no_answer_means_unavailable_and_opens_the_breaker(connection: Connection, error: type[Exception]) -> None:
    with pytest.raises(StoreUnavailable) as unavailable, connection.operation():
        raise error("hunter2@127.0.0.1")
    assert "hunter2" not in str(unavailable.value)
    with pytest.raises(StoreUnavailable, match="a moment ago"), connection.operation():
        pytest.fail("the breaker is open")


def test_a_server_side_time_out_means_unavailable(connection: Connection) -> None:
    with pytest.raises(StoreUnavailable), connection.operation():
        raise OperationFailure("operation exceeded time limit", code=50)


def test_an_exhausted_pool_does_not_open_the_breaker(connection: Connection) -> None:
    with pytest.raises(StoreUnavailable), connection.operation():
        raise WaitQueueTimeoutError("busy")
    with connection.operation():
        pass


@pytest.mark.parametrize(
    "error",
    [
        OperationFailure("no", code=18),
        InvalidDocument("no"),
        OverflowError(),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    ],
)
def test_a_refusal_is_an_error_but_not_unavailable(connection: Connection, error: Exception) -> None:
    with pytest.raises(StoreError) as refused, connection.operation():
        raise error
    assert not isinstance(refused.value, StoreUnavailable)
    with connection.operation():
        pass


def test_errors_of_the_caller_pass_through(connection: Connection) -> None:
    with pytest.raises(ZeroDivisionError), connection.operation():
        raise ZeroDivisionError
