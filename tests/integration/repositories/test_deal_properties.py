"""Own properties of deals in ``deal_info``, against a real MongoDB."""

from __future__ import annotations

from typing import Any

import pytest

from dealcache.model.deals import DealKey
from dealcache.model.invalidation import INFO, Changes
from dealcache.repositories import Connection, DealInfoRepository
from dealcache.repositories.deal_properties import StoredProperties
from dealcache.repositories.lists.version import ListVersion
from tests.unit.repositories.samples import a_deal, at

DEAL = DealKey("id", "1")


def reading(connection: Connection, *names: str) -> DealInfoRepository:
    return DealInfoRepository(connection, properties=StoredProperties(names))


def stored(connection: Connection) -> Any:
    with connection.operation() as database:
        return (database.deal_info.find_one({"deal_id": "1"}) or {}).get("properties", "no such field")


@pytest.fixture
def deals(connection: Connection) -> DealInfoRepository:
    return reading(connection, "size", "source")


def test_without_own_properties_there_is_no_such_field(connection: Connection) -> None:
    deals = DealInfoRepository(connection)
    deals.store([a_deal(properties={"size": "7"})], at(1))
    assert stored(connection) == "no such field"
    reading(connection, "size").store([a_deal(properties={"size": "7"})], at(2))
    assert deals.find(DEAL)[0].deal == a_deal()


def test_properties_come_back_as_they_were(connection: Connection, deals: DealInfoRepository) -> None:
    deal = a_deal(properties={"size": "7", "stage_entered": "not an own property"})
    deals.store([deal], at(1))
    assert stored(connection) == {"size": "7"}
    assert deals.find(DEAL)[0].deal == a_deal(properties={"size": "7"})
    assert deals.stored(["1"])["1"].deal == a_deal(properties={"size": "7"})


def test_a_changed_value_is_seen_in_the_information_and_in_lists(
    connection: Connection, deals: DealInfoRepository
) -> None:
    deals.store([a_deal(properties={"size": "7", "source": "web"})], at(1))
    seen = Changes({"1": {INFO}}, {"Acme renewal"}, {"1": {"Acme renewal"}})
    for minute, values in enumerate(({"size": "8", "source": "web"}, {"size": "8"}, {}), start=2):
        before = ListVersion(connection).read().version
        assert deals.store([a_deal(properties=values)], at(minute)) == seen
        assert ListVersion(connection).read().version > before
        assert deals.find(DEAL)[0].deal.properties == values


def test_the_first_reading_of_a_deal_without_values_is_no_change_that_is_seen(connection: Connection) -> None:
    DealInfoRepository(connection).store([a_deal()], at(1))
    assert reading(connection, "size").store([a_deal()], at(2)) == Changes()


def test_values_that_another_process_reads_stay_while_the_deal_is_the_same_version(
    connection: Connection, deals: DealInfoRepository
) -> None:
    deals.store([a_deal(properties={"size": "7", "source": "web"})], at(1))
    other = reading(connection, "size")
    other.store([a_deal(properties={"size": "8"})], at(2))
    assert stored(connection) == {"size": "8", "source": "web"}
    assert other.find(DEAL)[0].deal.properties == {"size": "8"}
    other.store([a_deal(properties={"size": "8"}, hubspot_updated_at=at(3))], at(3))
    assert stored(connection) == {"size": "8"}


def test_a_damaged_field_is_no_property(connection: Connection, deals: DealInfoRepository) -> None:
    deals.store([a_deal()], at(1))
    for damage in ("x", ["size"], {"size": {"a": 1}}, {"size": None}):
        with connection.operation() as database:
            database.deal_info.update_one({"deal_id": "1"}, {"$set": {"properties": damage}})
        assert deals.find(DEAL)[0].deal.properties == {}
        deals.store([a_deal(properties={"size": "7"})], at(2))
        assert stored(connection) == {"size": "7"}
