"""Databases that tests are lent one after the other: no test notices which one had its database before."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from dealcache.repositories import Connection
from tests.databases import Databases


def array_indexes(uri: str, name: str, collection: str) -> set[str]:
    """Return the indexes that ever held an array."""
    with closing(Connection(uri, name)) as connection, connection.operation() as database:
        (found,) = database[collection].aggregate([{"$listCatalog": {}}])
    return {index["spec"]["name"] for index in found["md"]["indexes"] if index["multikey"]}


@pytest.mark.parametrize(
    ("collection", "document", "index"),
    [
        ("deal_info", {"deal_id": "1", "activities": {"count": [1, 2]}}, "list_activities"),
        ("deal_timeline", {"deal_id": "1", "occurred_at": ["now", "then"]}, "timeline"),
    ],
)
def test_an_index_that_held_an_array_for_a_moment_is_made_anew(
    mongodb_uri: str, databases: Databases, collection: str, document: dict[str, Any], index: str
) -> None:
    with databases.lent() as name:
        with closing(Connection(mongodb_uri, name)) as connection, connection.operation() as database:
            database[collection].insert_one(document)
            database[collection].delete_many({})
        assert index in array_indexes(mongodb_uri, name, collection)
    again = ""
    while again != name:
        with databases.lent() as again:
            assert index not in array_indexes(mongodb_uri, again, collection)
