"""Creating the indexes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dealcache.repositories import Connection, StoreError, StoreUnavailable, ensure_indexes
from dealcache.repositories.indexes import INDEXES


def names(connection: Connection) -> dict[str, set[str]]:
    with connection.operation() as database:
        return {collection: set(database[collection].index_information()) for collection in INDEXES}


def test_two_workers_may_create_them_at_once_and_again(bare_connection: Connection) -> None:
    start = threading.Barrier(2)

    def worker(_: int) -> None:
        start.wait(60)
        ensure_indexes(bare_connection)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(worker, range(2)))
    ensure_indexes(bare_connection)
    wanted = {name: {model.document["name"] for model in models} | {"_id_"} for name, models in INDEXES.items()}
    assert names(bare_connection) == wanted


def test_duplicates_that_are_there_already_are_an_error(bare_connection: Connection) -> None:
    with bare_connection.operation() as database:
        database.deal_info.insert_many([{"deal_id": "1"}, {"deal_id": "1"}])
    with pytest.raises(StoreError) as refused:
        ensure_indexes(bare_connection)
    assert not isinstance(refused.value, StoreUnavailable)


def test_those_in_whose_place_others_have_come_are_dropped(bare_connection: Connection) -> None:
    with bare_connection.operation() as database:
        database.deal_info.create_index("deal_name_key", name="name")
        database.deal_info.create_index([("archived", 1), ("hubspot_updated_at", 1)], name="list_updated")
        database.deal_info.create_index("foreign", name="of_another_system")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(ensure_indexes, [bare_connection] * 2))
    assert not {"name", "list_updated"} & names(bare_connection)["deal_info"]
    assert {"by_name", "by_update", "of_another_system"} <= names(bare_connection)["deal_info"]


def test_arrays_of_another_system_are_no_reason_to_have_no_index(bare_connection: Connection) -> None:
    with bare_connection.operation() as database:
        database.deal_info.insert_one({"deal_id": "1", "close_date": [], "hubspot_updated_at": []})
    ensure_indexes(bare_connection)
    wanted = {model.document["name"] for model in INDEXES["deal_info"]}
    assert wanted - names(bare_connection)["deal_info"] == {"by_creation", "by_closing", "by_update"}
