"""Deals in another currency than the company's, and the indexes that hold only them, against a real MongoDB."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dealcache.clock import RemoteClock
from dealcache.model.currencies import CompanyCurrencies
from dealcache.model.deal_filter import DealFilter, Range
from dealcache.model.unreadable import UnreadableRecords
from dealcache.repositories.lists.indexes import CURRENCY_INDEXES
from dealcache.repositories.lists.totals import total_of
from dealcache.repositories.storage import Storage
from tests.unit.repositories.samples import a_deal, at

#: Totals by one of the indexes of currencies, and by one of lists that has the currency among its keys.
FILTERED = DealFilter(amount=Range(0.0)), DealFilter(has_next_activity=False)
CODES = ("USD", "EUR", "CHF", None)


@pytest.fixture
def storage(mongodb_uri: str, database_name: str) -> Iterator[Storage]:
    made = Storage(mongodb_uri, database_name, 4, UnreadableRecords(), RemoteClock())
    made.summaries.renew_version()
    yield made
    made.close()


def store(storage: Storage, minute: int, codes: tuple[str | None, ...] = CODES) -> None:
    """Store a deal in each currency, each with another amount."""
    ids = range(10 * minute, 10 * minute + len(codes))
    some = zip(ids, codes, strict=True)
    deals = [a_deal(str(one), currency=code, amount=float(one), hubspot_updated_at=at(minute)) for one, code in some]
    storage.deals.store(deals, at(minute))


def keys_in_indexes(storage: Storage) -> list[int]:
    """The number of keys in each index of currencies."""
    with storage.connection.operation() as database:
        keys = database.command("validate", "deal_info")["keysPerIndex"]
    return [keys[model.document["name"]] for model in CURRENCY_INDEXES]


def assert_sums_are_right(storage: Storage, home: str) -> None:
    true: dict[str, float] = {}
    with storage.connection.operation() as database:
        for one in database.deal_info.find({"archived": False}):
            code = one.get("currency") or home
            true[code] = true.get(code, 0.0) + one["amount"]
    for wanted in FILTERED:
        assert storage.deal_list.total(wanted).amounts == (true if len(true) > 1 else {})
    # As writers have kept them, and as they are added up.
    for totals in (storage.stage_totals.at(storage.summaries.state().version), storage.stage_totals.add_up()):
        assert total_of(totals, storage.identity.home_currency()).amounts == (true if len(true) > 1 else {})


def test_an_account_with_one_currency_writes_nothing_into_the_indexes_of_currencies(storage: Storage) -> None:
    storage.identity.note_currencies(CompanyCurrencies("EUR"))
    store(storage, 1, ("EUR", None, "EUR"))
    store(storage, 1, ("EUR", "EUR", None))
    assert keys_in_indexes(storage) == [0] * 7
    assert_sums_are_right(storage, "EUR")
    store(storage, 2, ("USD",))
    assert all(keys_in_indexes(storage))
    assert_sums_are_right(storage, "EUR")
    storage.deals.store([a_deal("20", currency="EUR", amount=5.0, hubspot_updated_at=at(3))], at(3))
    assert keys_in_indexes(storage) == [0] * 7
    assert_sums_are_right(storage, "EUR")


def test_sums_are_right_whenever_the_companys_currency_becomes_known(storage: Storage) -> None:
    store(storage, 1)
    assert_sums_are_right(storage, "XXX")
    storage.identity.note_currencies(CompanyCurrencies("EUR", has_others=True))
    assert_sums_are_right(storage, "EUR")
    store(storage, 2)
    assert_sums_are_right(storage, "EUR")
    store(storage, 1)  # as a full load reads them again
    assert_sums_are_right(storage, "EUR")


def test_a_company_that_takes_another_currency_keeps_its_sums(storage: Storage) -> None:
    storage.identity.note_currencies(CompanyCurrencies("EUR"))
    store(storage, 1)
    storage.identity.note_currencies(CompanyCurrencies("USD", has_others=True))
    assert storage.identity.currencies() == CompanyCurrencies("EUR", has_others=True)
    store(storage, 2)
    assert_sums_are_right(storage, "EUR")
