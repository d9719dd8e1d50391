"""Every filter and every order of the list of deals is served by an index, as MongoDB's profiler tells."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from pymongo.collection import Collection

from dealcache.model.deal_filter import SORTS, DealFilter, Order, Range, StagePlace
from dealcache.repositories import Connection, DealListRepository
from dealcache.repositories.lists.query import Step
from dealcache.repositories.lists.run import Run
from tests.clocks import ManualClock
from tests.deal_documents import NOW, deal_documents, insert

Profiled = Callable[[Callable[[], object]], list[dict[str, Any]]]

CLOSED = (StagePlace("won"), StagePlace("lost"))


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no reason to read by another index than the one that is chosen."""
    monkeypatch.setattr("dealcache.repositories.lists.plan._PATIENCE_MS", 100_000)


def days(most: int, least: int = 0) -> Range:
    return Range(NOW - timedelta(days=most), NOW - timedelta(days=least))


#: Each filter alone, of many and of few deals.
FILTERS: dict[str, DealFilter] = {
    "all": DealFilter(),
    "a frequent word": DealFilter(words=("deal",)),
    "a rare word": DealFilter(words=("777",)),
    "stage": DealFilter(stages=(StagePlace("offer"),)),
    "stage of one pipeline": DealFilter(stages=(StagePlace("won", frozenset({"renewals"})),)),
    "pipeline": DealFilter(pipeline_ids=("renewals",)),
    "owner": DealFilter(owner_ids=("910905",)),
    "no owner": DealFilter(owner_ids=(), known_owner_ids=tuple(str(910_900 + one) for one in range(40))),
    "open": DealFilter(is_open=True, closed=CLOSED),
    "closed": DealFilter(is_open=False, closed=CLOSED),
    "amount": DealFilter(amount=Range(1_000.0, 70_000.0)),
    "small amount": DealFilter(amount=Range(None, 150.0)),
    "created": DealFilter(created=days(600)),
    "created in a week": DealFilter(created=days(500, 493)),
    "created and open": DealFilter(created=days(600), is_open=True, closed=CLOSED),
    "closes": DealFilter(closes=days(600)),
    "closes on two days": DealFilter(closes=days(100, 98)),
    "idle": DealFilter(idle_since=NOW - timedelta(days=100)),
    "long idle": DealFilter(idle_since=NOW - timedelta(days=299)),
    "planned": DealFilter(has_next_activity=True),
    "planned and open": DealFilter(has_next_activity=True, is_open=True, closed=CLOSED),
    "nothing planned": DealFilter(has_next_activity=False),
    "open without a plan": DealFilter(has_next_activity=False, is_open=True, closed=CLOSED),
}
ORDERS = [Order(sort, descending) for sort in SORTS for descending in (False, True)]


@pytest.mark.parametrize(
    ("count", "sorted_at_most"), [(2_000, 700), pytest.param(100_000, 6_000, marks=pytest.mark.long)]
)
def test_an_index_serves_each_filter_in_each_order(
    connection: Connection, profiled: Profiled, count: int, sorted_at_most: int
) -> None:
    documents = deal_documents(count)
    for place, one in enumerate(documents):
        one["currency"] = ("USD", "EUR", "JPY")[place % 3]
        if place % 3:
            one["foreign_currency"] = one["currency"]
    with connection.operation() as database:
        insert(database, documents)
    deals = DealListRepository(connection, home_currency=lambda: "USD")
    # Not to be judged: it is asked for once a minute.
    deals.page(DealFilter(), Order(), None, 1, count)
    for name, wanted in FILTERS.items():
        total = deals.total(wanted)
        for operation in profiled(partial(deals.total, wanted)):
            assert operation["planSummary"].startswith(("IXSCAN", "DISTINCT_SCAN")), name
            assert operation["docsExamined"] == 0, name
        operations = profiled(partial(first_pages, deals, wanted, total.count))
        assert len(operations) >= len(ORDERS)
        for operation in operations:
            assert "COLLSCAN" not in str(operation.get("planSummary")), (name, operation["command"])
            assert total.count <= sorted_at_most or not operation.get("hasSortStage"), (name, operation["command"])
    with connection.operation() as database:
        database.deal_info.drop()  # to remove so many takes as long as the test


@pytest.mark.parametrize("words", [("deal", "77"), ("77", "deal"), ("renewal", "deal", "77")])
def test_of_several_words_the_rarest_one_is_looked_up(
    connection: Connection, profiled: Profiled, words: tuple[str, ...]
) -> None:
    with connection.operation() as database:
        insert(database, documents := deal_documents(2_000))
    having = sum(any(word.startswith("77") for word in one["name_words"]) for one in documents)
    assert 0 < having < 50
    deals = DealListRepository(connection)
    read = profiled(lambda: deals.total(DealFilter(words=words)))
    assert sum(one["docsExamined"] for one in read) <= having


def first_pages(deals: DealListRepository, wanted: DealFilter, matching: int) -> None:
    """Read the first page in each order, and the second one."""
    for order in ORDERS:
        found, more = deals.page(wanted, order, None, 50, matching)
        assert len(found) == min(matching, 50)
        assert not more or deals.page(wanted, order, found[-1].place, 50, matching)[0]


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_a_page_of_all_deals_reads_no_deal_that_it_does_not_show(
    connection: Connection, profiled: Profiled, order: Order
) -> None:
    with connection.operation() as database:
        insert(database, deal_documents(300))
    deals = DealListRepository(connection)
    deals.page(DealFilter(), order, None, 1, 300)
    read = sum(one["docsExamined"] for one in profiled(lambda: deals.page(DealFilter(), order, None, 20, 300)))
    assert read <= 21 + 21 * (order == Order("activities", True))  # there deals of one value are read again in order


@pytest.mark.parametrize(
    ("wanted", "sort"),
    [
        ("created", "closes"),
        ("created", "updated"),
        ("closes", "created"),
        ("closes", "updated"),
        ("idle", "created"),
        ("idle", "closes"),
    ],
)
@pytest.mark.parametrize("descending", [False, True])
def test_days_that_are_far_away_in_another_order_are_put_in_order_by_keys_alone(
    connection: Connection, profiled: Profiled, wanted: str, sort: str, descending: bool
) -> None:
    with connection.operation() as database:
        insert(database, deal_documents(400))
    order, limit = Order(sort, descending), 20
    total = DealListRepository(connection).total(FILTERS[wanted]).count
    expected = DealListRepository(connection).page(FILTERS[wanted], order, None, limit, total)
    deals = DealListRepository(connection)
    deals.page(DealFilter(), order, None, 1, 400)
    deals._far.remember((FILTERS[wanted], order), True)
    assert deals.page(FILTERS[wanted], order, None, limit, total) == expected
    keys, documents = profiled(lambda: deals.page(FILTERS[wanted], order, None, limit, total))
    assert total > 2 * limit
    assert keys["docsExamined"] == 0
    assert documents["docsExamined"] == limit + 1


def test_days_that_are_known_to_be_far_away_are_looked_for_in_order_again(connection: Connection) -> None:
    with connection.operation() as database:
        insert(database, deal_documents(20))
    clock = ManualClock()

    def slow_timer() -> float:
        clock.tick(0.01)
        return clock.now

    deals, wanted, order = DealListRepository(connection, timer=slow_timer), FILTERS["created"], Order("updated")
    deals._far.remember((wanted, order), True)
    for _ in range(10):
        deals.page(wanted, order, None, 5, 1_000)
        clock.tick(10.0)
    assert deals._far.known((wanted, order)) is False


@pytest.mark.parametrize(("seconds", "far"), [(600.0, True), (1_100.0, False)])
def test_a_page_that_took_too_long_while_mongodb_was_busy_tells_nothing(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, seconds: float, far: bool
) -> None:
    clock, read = ManualClock(), Run.read

    def read_late(run: Run, step: Step, limit: int) -> list[dict[str, Any]]:
        if step.by_value:
            clock.tick(seconds)  # of the hundred that it may take
            run.took_too_long = True
        return read(run, step, limit)

    monkeypatch.setattr(Run, "read", read_late)
    deals, wanted, order = DealListRepository(connection, timer=clock), FILTERS["created"], Order("updated")
    deals.page(wanted, order, None, 5, 1_000)
    assert deals._far.known((wanted, order)) is far


def test_a_deal_that_moves_while_a_page_is_read_has_its_new_place(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connection.operation() as database:
        insert(database, deal_documents(200))
    wanted, order = FILTERS["created"], Order("updated", True)
    deals = DealListRepository(connection)
    total = deals.total(wanted).count
    deals._far.remember((wanted, order), True)
    find = Collection.find
    moved: list[str] = []

    def find_late(collection: Any, condition: Any, *arguments: Any, **options: Any) -> Any:
        if set(condition) == {"deal_id"} and not moved:
            moved.append(condition["deal_id"]["$in"][3])
            long_ago = {"$set": {"hubspot_updated_at": NOW - timedelta(days=9_000)}}
            collection.update_one({"deal_id": moved[0]}, long_ago)
        return find(collection, condition, *arguments, **options)

    monkeypatch.setattr(Collection, "find", find_late)
    found, more = deals.page(wanted, order, None, 10, total)
    assert len(found) == 10
    assert more
    assert moved[0] not in {one.values["deal_id"] for one in found}
    assert (found, more) == DealListRepository(connection).page(wanted, order, None, 10, total)
