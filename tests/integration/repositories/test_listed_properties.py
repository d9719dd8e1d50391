"""Lists of deals by properties of the account, against what Python makes of the same documents, with a real MongoDB."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from dealcache.model.deal_filter import DealFilter, Order, Place, PropertyFilter, PropertySort, Range, StagePlace
from dealcache.repositories import Connection, DealListRepository, ensure_indexes
from dealcache.repositories.indexes import PropertyIndexes
from tests.clocks import ManualClock
from tests.deal_documents import NOW, deal_documents, insert

Document = dict[str, Any]
Profiled = Callable[[Callable[[], object]], list[Document]]

DAY = datetime(2026, 11, 2, tzinfo=UTC)
KINDS: Any = {"priority": "text", "size": "number", "signed": "date", "is_new": "bool"}
NAMES = (*KINDS, "tags")
ORDERS = [Order(PropertySort(name, kind), descending) for name, kind in KINDS.items() for descending in (False, True)]
OTHERS = (Order("name", False), Order("created", True))


def own_properties(some: random.Random) -> Document:
    """Return the properties of one deal: one in five has no value of each."""
    values = {
        "priority": some.choice(("high", "low", "medium")),
        "size": some.randrange(8) / 2,
        "signed": DAY + timedelta(hours=some.randrange(200)),
        "is_new": some.random() < 0.3,
        "tags": some.sample(["blue", "green", "red"], some.randrange(1, 4)),
    }
    return {name: value for name, value in values.items() if some.random() < 0.8}


def documents_with_properties(count: int) -> list[Document]:
    some = random.Random(count)
    return [one | {"properties": own_properties(some)} for one in deal_documents(count)]


def among(name: str, *values: Any) -> tuple[DealFilter, Callable[[Document], bool]]:
    """Return a filter and its meaning."""

    def matches(one: Document) -> bool:
        value = one["properties"].get(name)
        return bool(set(values) & set(value)) if isinstance(value, list) else value in values

    return DealFilter(properties=(PropertyFilter(name, values),)), matches


def on(*days: int) -> tuple[DealFilter, Callable[[Document], bool]]:
    """Return a filter of days of ``signed``, and its meaning."""
    begins = [DAY + timedelta(days=day) for day in days]
    ranges = tuple(Range(one, one + timedelta(days=1, milliseconds=-1)) for one in begins)

    def matches(one: Document) -> bool:
        value = one["properties"].get("signed")
        return value is not None and any(begin <= value < begin + timedelta(days=1) for begin in begins)

    return DealFilter(properties=(PropertyFilter("signed", ranges=ranges),)), matches


def both(*pairs: tuple[DealFilter, Callable[[Document], bool]]) -> tuple[DealFilter, Callable[[Document], bool]]:
    properties = tuple(one for wanted, _ in pairs for one in wanted.properties)
    wanted = DealFilter(properties=properties, stages=(StagePlace("won"),))
    return wanted, lambda one: one["stage_id"] == "won" and all(matches(one) for _, matches in pairs)


FILTERS = {
    "all": (DealFilter(), lambda one: True),
    "text": among("priority", "high"),
    "texts": among("priority", "high", "low", "none"),
    "number": among("size", 2.0),
    "numbers": among("size", 0.5, 3.5),
    "bool": among("is_new", True),
    "one of several options": among("tags", "red"),
    "any of several options": among("tags", "red", "blue"),
    "a day": on(3),
    "days": on(1, 5, 7),
    "two, of a stage": both(among("priority", "low"), on(0, 1, 2)),
    "nothing": among("size", 99.0),
}


def in_order(documents: list[Document], order: Order) -> list[str]:
    """Return the ids in an order: those with a value by it and by id, then the others by id."""
    assert isinstance(order.sort, PropertySort)
    name = order.sort.name
    ordered = sorted(documents, key=lambda one: one["deal_id"])
    having = [one for one in ordered if name in one["properties"]]
    having.sort(key=lambda one: one["properties"][name], reverse=order.descending)  # stable: ids stay ascending
    return [one["deal_id"] for one in having + [one for one in ordered if name not in one["properties"]]]


def walk(deals: DealListRepository, wanted: DealFilter, order: Order, limit: int) -> Iterator[list[str]]:
    """Yield the ids of each page."""
    after: Place | None = None
    more, matching = True, deals.total(wanted).count
    while more:
        found, more = deals.page(wanted, order, after, limit, matching)
        yield [one.values["deal_id"] for one in found]
        after = found[-1].place if found else None


def repository(connection: Connection) -> DealListRepository:
    return DealListRepository(connection, further={f"properties.{name}": 1 for name in NAMES})


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    return documents_with_properties(160)


@pytest.fixture(scope="module")
def stored(databases: Any, mongodb_uri: str, documents: list[Document]) -> Iterator[Connection]:
    with databases.lent() as name:
        connection = Connection(mongodb_uri, name)
        with connection.operation() as database:
            insert(database, [dict(one) for one in documents])
        PropertyIndexes(connection, NAMES).tend()
        yield connection
        connection.close()


@pytest.mark.parametrize("name", FILTERS)
def test_pages_and_totals_of_each_filter_in_each_order(
    stored: Connection, documents: list[Document], name: str
) -> None:
    deals, (wanted, matches) = repository(stored), FILTERS[name]
    matching = [one for one in documents if matches(one)]
    assert (name == "nothing") == (not matching)
    total = deals.total(wanted)
    assert total.count == len(matching)
    assert total.amount == pytest.approx(sum(one["amount"] or 0 for one in matching))
    for order in ORDERS:
        assert [one for page in walk(deals, wanted, order, 9) for one in page] == in_order(matching, order), order


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_a_page_of_all_deals_reads_no_deal_that_it_does_not_show(
    stored: Connection, profiled_on: Callable[[Connection], Profiled], order: Order
) -> None:
    deals = repository(stored)
    deals.page(DealFilter(), order, None, 1, 160)  # which asks how many there are, and for arrays
    read = sum(
        one["docsExamined"] for one in profiled_on(stored)(lambda: deals.page(DealFilter(), order, None, 5, 160))
    )
    # Backwards, those of the last value are read again in order.
    assert read <= 6 + 6 * order.descending


def test_an_index_serves_each_filter_and_its_total(
    stored: Connection, profiled_on: Callable[[Connection], Profiled], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dealcache.repositories.lists.plan._PATIENCE_MS", 100_000)
    profiled = profiled_on(stored)
    deals = repository(stored)
    for order in (*ORDERS, *OTHERS):
        deals.page(DealFilter(), order, None, 1, 160)  # which asks how many there are, and for arrays
    for name, (wanted, _) in FILTERS.items():
        if name.startswith("two"):  # no index has both
            continue
        for operation in profiled(partial(deals.total, wanted)):
            assert operation["planSummary"].startswith(("IXSCAN", "DISTINCT_SCAN")), name
            assert operation["docsExamined"] == 0, name
        for order in (*ORDERS, *OTHERS):
            for operation in profiled(partial(deals.page, wanted, order, None, 20, 30)):
                assert operation["planSummary"].startswith("IXSCAN"), (name, order)


@pytest.mark.parametrize("swap", [False, True])
def test_of_several_properties_the_rarest_one_is_looked_up(
    stored: Connection, documents: list[Document], profiled_on: Callable[[Connection], Profiled], swap: bool
) -> None:
    both = (PropertyFilter("is_new", (False,)), PropertyFilter("size", (2.0,)))
    rare = sum(one["properties"].get("size") == 2.0 for one in documents)
    assert 0 < rare < sum(one["properties"].get("is_new") is False for one in documents)
    wanted, deals = DealFilter(properties=both[::-1] if swap else both), repository(stored)
    totalled = profiled_on(stored)(lambda: deals.total(wanted))
    assert sum(one["docsExamined"] for one in totalled) <= rare


def test_a_value_that_is_none_of_the_property_s_hides_no_deal(connection: Connection) -> None:
    odd: list[Any] = ["12", 3, True, NOW, ["a", "b"], [], {"a": 1}, float("nan"), None, "x" * 5_000, "x" * 4_999 + "y"]
    made = deal_documents(len(odd) * 2)
    for one, value in zip(made, odd, strict=False):
        one["properties"] = dict.fromkeys(KINDS, value)
    with connection.operation() as database:
        insert(database, made)
    PropertyIndexes(connection, NAMES).tend()
    deals = repository(connection)
    for order in ORDERS:
        shown = [one for page in walk(deals, DealFilter(), order, 3) for one in page]
        assert sorted(shown) == sorted(one["deal_id"] for one in made), order


def test_lists_are_read_before_their_indexes_are_made(bare_connection: Connection) -> None:
    with bare_connection.operation() as database:
        insert(database, documents := documents_with_properties(30))
    deals, (wanted, matches) = repository(bare_connection), FILTERS["text"]
    matching = [one for one in documents if matches(one)]
    assert [one for page in walk(deals, wanted, ORDERS[2], 4) for one in page] == in_order(matching, ORDERS[2])


def test_an_option_that_is_not_defined_is_looked_for_among_deals(stored: Connection) -> None:
    assert repository(stored).bears("properties.priority", "high")
    assert repository(stored).bears("properties.tags", "blue")
    assert not repository(stored).bears("properties.priority", "blue")


def indexes(connection: Connection) -> set[str]:
    with connection.operation() as database:
        return {name for name in database.deal_info.index_information() if name.startswith("property_")}


def test_indexes_come_and_go_with_the_configuration(bare_connection: Connection) -> None:
    clock = ManualClock(0.0)

    def process(*names: str) -> PropertyIndexes:
        return PropertyIndexes(bare_connection, names, lambda: NOW + timedelta(seconds=clock()), clock)

    first, second, last = process("a", "b"), process("b", "c"), process()
    for one in (first, second, last):
        one.tend()
    assert indexes(bare_connection) == {"property_a", "property_b", "property_c"}
    for _ in range(6):  # the first process has ended
        clock.tick(301.0)
        second.tend()
        last.tend()
    assert indexes(bare_connection) == {"property_b", "property_c"}
    for _ in range(6):  # the second one too
        clock.tick(301.0)
        last.tend()
    assert not indexes(bare_connection)


def test_without_properties_mongodb_is_asked_once(
    connection: Connection, profiled: Profiled, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock(0.0)
    none = PropertyIndexes(connection, (), timer=clock)
    none.tend()
    clock.tick(10_000.0)
    assert not profiled(none.tend)


def test_more_properties_than_mongodb_has_room_for_are_no_failure(
    bare_connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with bare_connection.operation() as database:
        for number in range(20):
            database.deal_info.create_index(f"field_{number}")
    ensure_indexes(bare_connection)
    names = [f"p{number}" for number in range(50)]
    PropertyIndexes(bare_connection, names).tend()
    made = indexes(bare_connection)
    assert made == {f"property_{name}" for name in names[: len(made)]}
    assert 15 <= len(made) < 40
    assert "no room for indexes" in caplog.text
