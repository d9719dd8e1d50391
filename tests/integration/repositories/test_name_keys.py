"""Deals that an earlier version has stored are found by name, and get the present keys, against a real MongoDB."""

from __future__ import annotations

from threading import Thread
from unicodedata import normalize

import pytest
from pymongo.collection import Collection

from dealcache.model.deal_filter import DealFilter, Order
from dealcache.model.deals import DealKey, name_key
from dealcache.repositories import (
    Connection,
    DealInfoRepository,
    DealListRepository,
    StoreError,
    update_name_keys,
)
from dealcache.repositories.corrections import _correct
from dealcache.repositories.documents import Document
from tests.unit.repositories.samples import NOON, a_deal, at

#: What is asked for, and how HubSpot and an earlier version have the name.
NAMES = {
    "Caf\u00e9 renewal": "Cafe\u0301 renewal",
    "M\u00fcller & S\u00f6hne": "Mu\u0308ller & S\u00f6hne",  # one letter in each way
    "\u1e68trange": "S\u0307\u0323trange",  # marks in an order that no form has
    "\uac00\ub098": normalize("NFD", "\uac00\ub098"),
    "Pasted": "\u200bPasted\ufeff",
    "\u1fb3": "\u0391\u0345",
    "Plain": "Plain",
    "Stra\u00dfe": "STRASSE",
}


@pytest.fixture
def stored(connection: Connection) -> DealInfoRepository:
    """The deals as version 1.0 stored them: their keys were stripped and case-folded, and not normalized."""
    deals = DealInfoRepository(connection)
    deals.store([a_deal(deal_id=str(one), deal_name=name) for one, name in enumerate(NAMES.values())], NOON)
    with connection.operation() as database:
        for document in database.deal_info.find().to_list():
            former = document["deal_name"].strip().casefold()
            database.deal_info.update_one({"_id": document["_id"]}, {"$set": {"deal_name_key": former}})
    return deals


def keys(connection: Connection) -> dict[str, str]:
    with connection.operation() as database:
        return {one["deal_name"]: one["deal_name_key"] for one in database.deal_info.find()}


def found(deals: DealInfoRepository, name: str) -> list[str]:
    alone = [one.deal.deal_name for one in deals.find(DealKey("name", name))]
    together = deals.find_named([name, "Nobody"]).get(name_key(name), [])
    assert alone == [one.deal.deal_name for one in together]
    return alone


@pytest.mark.parametrize("name", ["Caf\u00e9 renewal", "CAFE\u0301 RENEWAL", "\uac00\ub098", "plain", "stra\u00dfe"])
def test_a_deal_is_found_before_its_key_is_brought_up_to_date(stored: DealInfoRepository, name: str) -> None:
    assert [name_key(one) for one in found(stored, name)] == [name_key(name)]


def test_all_are_found_afterwards(stored: DealInfoRepository, connection: Connection) -> None:
    assert update_name_keys(connection, step=2) == 5
    assert keys(connection) == {name: name_key(name) for name in NAMES.values()}
    for asked, name in NAMES.items():
        assert found(stored, asked) == [name]
        assert found(stored, normalize("NFD", asked.upper())) == [name]
    assert update_name_keys(connection) == 0


def test_after_a_walk_that_was_broken_off_the_next_one_corrects_the_rest(
    stored: DealInfoRepository, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []

    def breaking(collection: Collection[Document], documents: list[Document]) -> int:
        steps.append(len(documents))
        if len(steps) == 2:
            raise StoreError("gone")
        return _correct(collection, documents)

    monkeypatch.setattr("dealcache.repositories.corrections._correct", breaking)
    with pytest.raises(StoreError):
        update_name_keys(connection, step=2)
    assert update_name_keys(connection, step=2) == 3
    assert keys(connection) == {name: name_key(name) for name in NAMES.values()}


def test_workers_that_start_at_once_may_all_walk(stored: DealInfoRepository, connection: Connection) -> None:
    walks = [Thread(target=update_name_keys, args=(connection, 1)) for _ in range(4)]
    for walk in walks:
        walk.start()
    for walk in walks:
        walk.join()
    assert keys(connection) == {name: name_key(name) for name in NAMES.values()}


def test_what_an_old_worker_writes_meanwhile_is_corrected_by_the_next_walk_or_write(
    stored: DealInfoRepository, connection: Connection
) -> None:
    update_name_keys(connection)
    name = NAMES["M\u00fcller & S\u00f6hne"]
    with connection.operation() as database:
        former = {"$set": {"deal_name_key": name.casefold()}}
        assert database.deal_info.update_one({"deal_name": name}, former).modified_count == 1
    assert update_name_keys(connection) == 1
    with connection.operation() as database:
        database.deal_info.update_one({"deal_name": name}, former)
    assert not stored.store([a_deal(deal_id="1", deal_name=name)], NOON).views
    assert keys(connection)[name] == name_key(name)


def test_words_are_derived_for_deals_of_earlier_versions_and_again_for_a_name_that_one_replaces(
    stored: DealInfoRepository, connection: Connection
) -> None:
    def words(name: str) -> list[str]:
        return [one.values["deal_name"] for one in lists.page(DealFilter(words=(name,)), Order(), None, 9, 9)[0]]

    lists = DealListRepository(connection)
    with connection.operation() as database:
        database.deal_info.update_many({}, {"$unset": {"name_words": "", "words_of": "", "archived": ""}})
        before = list_version(connection)
        assert words("plain") == []
        assert update_name_keys(connection, step=3) == len(NAMES)
        assert list_version(connection) > before
        assert words("plain") == ["Plain"]
        # A worker of an earlier version renames a deal, and knows nothing of words.
        renamed = {"deal_name": "Other name", "deal_name_key": "other name"}
        database.deal_info.update_one({"deal_name": "Plain"}, {"$set": renamed})
        assert update_name_keys(connection) == 1
    assert (words("plain"), words("na")) == ([], ["Other name"])
    assert update_name_keys(connection) == 0


def test_the_words_change_with_the_name(stored: DealInfoRepository, connection: Connection) -> None:
    stored.store([a_deal(deal_id="0", deal_name="Zoë first")], NOON)
    stored.store([a_deal(deal_id="0", deal_name="Zoë renamed", hubspot_updated_at=at(1))], at(2))
    with connection.operation() as database:
        document = database.deal_info.find_one({"deal_id": "0"}) or {}
    assert (document["name_words"], document["words_of"]) == (["zoe", "renamed"], "Zoë renamed")


def list_version(connection: Connection) -> int:
    with connection.operation() as database:
        return int((database.list_state.find_one({"_id": "deals"}) or {}).get("version", 0))
