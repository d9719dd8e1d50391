"""Pages and totals of the list of deals against what Python makes of the same documents, with a real MongoDB."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from itertools import islice
from typing import Any

import pytest
from bson import DatetimeMS, Decimal128, Timestamp
from pymongo.database import Database

from dealcache.model.deal_filter import SORTS, DealFilter, Order, Place, Range, StagePlace
from dealcache.model.words import words_of
from dealcache.repositories import Connection, DealListRepository
from dealcache.repositories.documents import name_fields
from dealcache.repositories.lists.indexes import SORTS as FIELDS
from tests.clocks import ManualClock
from tests.deal_documents import NOW, deal_documents, insert

Document = dict[str, Any]
Matches = Callable[[Document], bool]

CLOSED = (StagePlace("won"), StagePlace("lost"))
LONG_AGO = NOW - timedelta(days=100)
ORDERS = [Order(sort, descending) for sort in SORTS for descending in (False, True)]


def begins(*words: str) -> Matches:
    return lambda one: all(any(own.startswith(word) for own in words_of(one["deal_name"])) for word in words)


def within(field: str, limits: Range) -> Matches:
    def check(one: Document) -> bool:
        value: Any = one[field]
        least, most = limits
        return value is not None and (least is None or value >= least) and (most is None or value <= most)

    return check


BIG, SMALL = Range(1_000.0, 70_000.0), Range(None, 3_000.0)
CREATED, CLOSES = Range(NOW - timedelta(days=600), NOW - timedelta(days=30)), Range(LONG_AGO, None)

#: Filters, and what they mean.
FILTERS: dict[str, tuple[DealFilter, Matches]] = {
    "all": (DealFilter(), lambda one: True),
    "word": (DealFilter(words=("mu",)), begins("mu")),
    "words": (DealFilter(words=("pi", "angstrom")), begins("pi", "angstrom")),
    "number": (DealFilter(words=("17",)), begins("17")),
    "stage": (DealFilter(stages=(StagePlace("offer"),)), lambda one: one["stage_id"] == "offer"),
    "stage of a pipeline": (
        DealFilter(
            stages=(StagePlace("won", frozenset({"default"})), StagePlace("lost", None, frozenset({"default"})))
        ),
        lambda one: (one["stage_id"], one["pipeline_id"]) in {("won", "default"), ("lost", "renewals")},
    ),
    "open": (DealFilter(is_open=True, closed=CLOSED), lambda one: one["stage_id"] not in ("won", "lost")),
    "closed": (DealFilter(is_open=False, closed=CLOSED), lambda one: one["stage_id"] in ("won", "lost")),
    "none is closed": (DealFilter(is_open=False), lambda one: False),
    "pipeline": (DealFilter(pipeline_ids=("renewals",)), lambda one: one["pipeline_id"] == "renewals"),
    "owners": (DealFilter(owner_ids=("910901", "910902")), lambda one: one["owner_id"] in ("910901", "910902")),
    "nobody": (
        DealFilter(owner_ids=("910903",), known_owner_ids=tuple(str(910_900 + one) for one in range(40))),
        lambda one: one["owner_id"] in (None, "910903"),
    ),
    "amount": (DealFilter(amount=BIG), within("amount", BIG)),
    "small": (DealFilter(amount=SMALL), within("amount", SMALL)),
    "created": (DealFilter(created=CREATED), within("create_date", CREATED)),
    "closes": (DealFilter(closes=CLOSES), within("close_date", CLOSES)),
    "idle": (
        DealFilter(idle_since=LONG_AGO),
        lambda one: one["activities"]["last"] is None or one["activities"]["last"] < LONG_AGO,
    ),
    "planned": (DealFilter(has_next_activity=True), lambda one: "next" in one["activities"]),
    "nothing planned": (DealFilter(has_next_activity=False), lambda one: "next" not in one["activities"]),
    "open without a plan": (
        DealFilter(is_open=True, closed=CLOSED, idle_since=LONG_AGO, has_next_activity=False),
        lambda one: (
            one["stage_id"] not in ("won", "lost")
            and "next" not in one["activities"]
            and (one["activities"]["last"] is None or one["activities"]["last"] < LONG_AGO)
        ),
    ),
    "amount and stage": (
        DealFilter(amount=SMALL, stages=(StagePlace("won", frozenset({"default"})), StagePlace("offer"))),
        lambda one: (
            within("amount", SMALL)(one)
            and ((one["stage_id"], one["pipeline_id"]) == ("won", "default") or one["stage_id"] == "offer")
        ),
    ),
    "idle and open": (
        DealFilter(idle_since=LONG_AGO, is_open=True, closed=CLOSED, pipeline_ids=("renewals",)),
        lambda one: (
            (one["activities"]["last"] is None or one["activities"]["last"] < LONG_AGO)
            and one["stage_id"] not in ("won", "lost")
            and one["pipeline_id"] == "renewals"
        ),
    ),
    "several": (
        DealFilter(words=("a",), stages=(StagePlace("won"),), amount=BIG, pipeline_ids=("default",), idle_since=NOW),
        lambda one: (
            begins("a")(one)
            and (one["stage_id"], one["pipeline_id"]) == ("won", "default")
            and within("amount", BIG)(one)
        ),
    ),
}


def value_of(document: Document, sort: str) -> Any:
    value: Any = document
    for name in FIELDS[sort].field.split("."):
        value = value[name]
    return value


def in_order(documents: list[Document], order: Order) -> list[str]:
    """Return the ids as the contract orders them."""
    ordered = sorted(documents, key=lambda one: one["deal_id"])
    having = [one for one in ordered if value_of(one, order.sort) is not None]
    having.sort(key=lambda one: value_of(one, order.sort), reverse=order.descending)  # stable: ids stay ascending
    return [one["deal_id"] for one in having + [one for one in ordered if value_of(one, order.sort) is None]]


def walk(deals: DealListRepository, wanted: DealFilter, order: Order, limit: int) -> Iterator[list[str]]:
    """Yield the ids of each page."""
    after: Place | None = None
    more = True
    matching = deals.total(wanted).count
    while more:
        found, more = deals.page(wanted, order, after, limit, matching)
        yield [one.values["deal_id"] for one in found]
        after = found[-1].place if found else None


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    """Deals of which many have the same values."""
    made = deal_documents(250)
    for number, one in enumerate(made):
        if number % 3 == 0:
            one["amount"] = one["amount"] and round(one["amount"], -4)
            one["create_date"] = one["create_date"].replace(hour=0, minute=0, second=0, microsecond=0)
            one["hubspot_updated_at"] = NOW - timedelta(days=number % 7)
    return made


@pytest.fixture(scope="module")
def stored(databases: Any, mongodb_uri: str, documents: list[Document]) -> Iterator[DealListRepository]:
    with databases.lent() as name:
        connection = Connection(mongodb_uri, name)
        with connection.operation() as database:
            insert(database, [dict(one) for one in documents])
            hidden = {"deal_name": "Acme", "name_words": ["acme"], "amount": 5e3, "activities": {"last": None}}
            database.deal_info.insert_many([hidden | {"deal_id": "1", "archived": True}, hidden | {"archived": False}])
        yield DealListRepository(connection)
        connection.close()


@pytest.mark.parametrize("name", FILTERS)
def test_pages_and_totals_of_each_filter_in_each_order(
    stored: DealListRepository, documents: list[Document], name: str
) -> None:
    wanted, matches = FILTERS[name]
    matching = [one for one in documents if matches(one)]
    total = stored.total(wanted)
    assert total.count == len(matching)
    assert total.amount == pytest.approx(sum(one["amount"] or 0 for one in matching))
    # All orders for some filters; for the others each order has its turn.
    place = list(FILTERS).index(name)
    for order in ORDERS if name in ("all", "several") else [ORDERS[(place * 5 + one) % 14] for one in (0, 4, 9)]:
        pages = list(walk(stored, wanted, order, 41))
        assert [one for page in pages for one in page] == in_order(matching, order), order
        assert all(len(page) == 41 for page in pages[:-1])


#: Questions for days of one kind in the order of another, of which deals may be found from where they begin.
DAYS = {
    "created": DealFilter(created=Range(NOW - timedelta(days=600), None)),
    "closing": DealFilter(closes=Range(None, NOW - timedelta(days=30))),
    "idle": DealFilter(idle_since=NOW - timedelta(days=100)),
    "none": DealFilter(closes=Range(NOW + timedelta(days=9_000), None)),
}


ODD = [None, 17, "soon", DatetimeMS(2**60), DatetimeMS(-(2**60)), Timestamp(1, 1), [NOW]]


@pytest.mark.parametrize("odd", ODD, ids=str)
@pytest.mark.parametrize("name", DAYS)
def test_a_page_begins_where_the_total_says_that_deals_begin(
    connection: Connection, name: str, odd: Any, documents: list[Document]
) -> None:
    with connection.operation() as database:
        insert(database, [dict(one) for one in documents])
        # Deals with other systems' values match too, in the index or as those that are not idle.
        fields = ("create_date", "close_date", "hubspot_updated_at")
        for field in fields[:1] if isinstance(odd, list) else fields:  # an index has arrays of one field
            database.deal_info.update_many({"deal_id": {"$regex": "[37]$"}}, {"$set": {field: odd}})
    deals, known = DealListRepository(connection), 0
    for order in ORDERS:
        total, first = deals.total_and_first(DAYS[name], order)
        known += first is not None
        assert total == deals.total(DAYS[name])
        expected = deals.page(DAYS[name], order, None, 20, total.count)
        assert deals.page(DAYS[name], order, None, 20, total.count, None, first) == expected, order
    assert known or name in ("idle", "none")  # deals that are not idle are added up instead


def test_where_deals_begin_is_not_asked_if_one_of_them_has_just_changed(
    connection: Connection, documents: list[Document]
) -> None:
    wanted, order, now = DAYS["closing"], Order("updated", descending=True), NOW + timedelta(days=1)
    latest = [one["deal_id"] for one in documents[:120]]
    later = {"close_date": NOW + timedelta(days=90), "hubspot_updated_at": now}
    with connection.operation() as database:
        insert(database, [dict(one) for one in documents])
        database.deal_info.update_many({"deal_id": {"$in": latest}}, {"$set": later})
    deals = DealListRepository(connection)
    total, first = deals.total_and_first(wanted, order)
    expected = deals.page(wanted, order, None, 20, total.count)
    assert first.replace(tzinfo=UTC) == expected[0][0].document["hubspot_updated_at"].replace(tzinfo=UTC) < now
    assert deals.page(wanted, order, None, 20, total.count, None, first) == expected
    with connection.operation() as database:
        just_now = {"close_date": LONG_AGO, "hubspot_updated_at": now + timedelta(hours=1)}
        database.deal_info.update_one({"deal_id": latest[7]}, {"$set": just_now})
    assert deals.total_and_first(wanted, order)[1] is None
    assert deals.page(wanted, order, None, 20, total.count)[0][0].document["deal_id"] == latest[7]


#: The currencies of deals, the company's most often; the last one counts as none.
CURRENCIES = ("USD", "EUR", "USD", None, "JPY", "USD", "euros")


@pytest.fixture(scope="module")
def in_currencies(databases: Any, mongodb_uri: str, documents: list[Document]) -> Iterator[DealListRepository]:
    with databases.lent() as name:
        connection = Connection(mongodb_uri, name)
        with connection.operation() as database:
            insert(database, [one | currency_of(place) for place, one in enumerate(documents)])
        yield DealListRepository(connection, home_currency=lambda: "USD")
        connection.close()


def currency_of(place: int) -> Document:
    code = CURRENCIES[place % len(CURRENCIES)]
    return {} if code is None else {"currency": code} | ({} if code == "USD" else {"foreign_currency": code})


@pytest.mark.parametrize("name", FILTERS)
def test_totals_of_each_filter_by_currency(
    in_currencies: DealListRepository, documents: list[Document], name: str
) -> None:
    wanted, matches = FILTERS[name]
    sums: dict[str, list[float]] = {}
    for place, one in enumerate(documents):
        code = CURRENCIES[place % len(CURRENCIES)]
        if matches(one):
            sums.setdefault(code if code in ("EUR", "JPY") else "USD", []).append(one["amount"] or 0)
    total = in_currencies.total(wanted)
    assert {code: one.count for code, one in total.currencies.items()} == {code: len(one) for code, one in sums.items()}
    assert total.amounts == pytest.approx({code: sum(one) for code, one in sums.items()} if len(sums) > 1 else {})
    assert total.amount == pytest.approx(sum(sum(one) for one in sums.values()))


@pytest.mark.parametrize("limit", [1, 2, 3, 500])
def test_pages_of_any_size(stored: DealListRepository, documents: list[Document], limit: int) -> None:
    wanted, matches = FILTERS["words"]
    matching = [one for one in documents if matches(one)]
    for order in ORDERS[limit % 2 :: 2]:
        assert [one for page in walk(stored, wanted, order, limit) for one in page] == in_order(matching, order)


def test_a_deal_is_shown_with_what_lists_know_of_its_activities(stored: DealListRepository) -> None:
    (first, *_), _ = stored.page(DealFilter(), Order("activities", True), None, 1, 400)
    assert first.values["activities"]["count"] == 29


@pytest.fixture
def database(connection: Connection) -> Database[Document]:
    with connection.operation() as database:
        return database


ODD: dict[str, list[Any]] = {
    "amount": [
        float("nan"),
        float("inf"),
        -float("inf"),
        "12",
        True,
        {"a": 1},
        Decimal128("1E+999"),
        Decimal128("9"),
        7,
    ],
    "create_date": ["2026-01-01T00:00:00Z", 5, DatetimeMS(-(2**62)), DatetimeMS(2**62), {"a": 1}, False],
    "activities": ["none", {"count": "three"}, {"count": 3, "last": "yesterday"}, {"last": NOW, "count": 2}],
}


def test_what_other_systems_have_put_in_place_of_values_hides_no_deal(
    connection: Connection, database: Database[Document]
) -> None:
    made = deal_documents(60)
    odd = [{field: value} for field, values in ODD.items() for value in values]
    for document, values in zip(made, odd, strict=False):
        document.update(values)
    insert(database, made)
    deals = DealListRepository(connection)
    assert deals.total(DealFilter()).count == 60
    usual = sum(one["amount"] for one in made if isinstance(one["amount"], float) and abs(one["amount"]) < 1e9)
    assert deals.total(DealFilter()).amount == pytest.approx(usual + 9 + 7)
    for order in ORDERS:
        shown = [one for page in walk(deals, DealFilter(), order, 7) for one in page]
        assert sorted(shown) == sorted(one["deal_id"] for one in made), order


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_equal_numbers_of_different_types_are_ties(
    connection: Connection, database: Database[Document], limit: int, descending: bool
) -> None:
    made = sorted(deal_documents(8), key=lambda one: one["deal_id"])
    same: list[Any] = [5.0, Decimal128("5"), 5, Decimal128("5.00")]
    for one, amount in zip(made, same * 2, strict=True):
        one["amount"] = amount
    ids = [one["deal_id"] for one in made]
    insert(database, made)
    pages = walk(DealListRepository(connection), DealFilter(), Order("amount", descending), limit)
    assert [one for page in pages for one in page] == ids


ARRAYS: tuple[Document, ...] = (
    {"create_date": [NOW - timedelta(days=400), NOW]},
    {"create_date": [None, NOW], "deal_name_key": []},
    {"close_date": []},
    {"hubspot_updated_at": [5, NOW]},
    {"close_date": [[NOW]]},
    {"activities": [{"count": 3, "last": NOW}]},
    {"deal_name_key": ["b", "zz"], "activities": {"count": [3, 999], "last": [None]}},
)


@pytest.mark.parametrize("limit", [1, 7])
@pytest.mark.parametrize("known", [False, True])
def test_arrays_in_place_of_values_come_last_and_lead_no_page_astray(
    connection: Connection, database: Database[Document], limit: int, known: bool
) -> None:
    made = deal_documents(20)
    insert(database, made)
    clock = ManualClock(0.0)
    deals = DealListRepository(connection, clock)
    if not known:  # the lists were read before, in all orders, when there were no arrays yet
        for order in ORDERS:
            deals.page(DealFilter(), order, None, 50, 20)
    for one, odd in zip(made, ARRAYS, strict=False):
        database.deal_info.update_one({"deal_id": one["deal_id"]}, {"$set": odd})
    everyone = sorted(one["deal_id"] for one in made)
    for order in ORDERS:
        pages = walk(deals, DealFilter(), order, limit)
        shown = [one for page in islice(pages, 50) for one in page]
        assert len(shown) == len(set(shown)), order
        if known:
            assert sorted(shown) == everyone, order
    database.deal_info.drop()  # its indexes remember the arrays


def test_a_list_that_changes_shows_no_deal_twice_and_leaves_out_none_that_stays(
    connection: Connection, database: Database[Document]
) -> None:
    made = deal_documents(120)
    first, later = made[:80], made[80:]
    some = random.Random(7)
    deals = DealListRepository(connection)
    for order in ORDERS:
        database.deal_info.delete_many({})
        insert(database, [dict(one) for one in first])
        changes = iter(zip(some.sample(first, 24), later, strict=False))
        shown: list[str] = []
        for page in walk(deals, DealFilter(), order, 10):
            shown += page
            for going, coming in islice(changes, 3):
                database.deal_info.delete_one({"deal_id": going["deal_id"]})
                database.deal_info.insert_one(dict(coming))
        there = {one["deal_id"] for one in database.deal_info.find()}
        assert len(shown) == len(set(shown)), order
        assert {one["deal_id"] for one in first} & there <= set(shown), order


@pytest.mark.parametrize("descending", [False, True])
def test_names_of_any_length_make_cursors_that_fit_into_a_url(
    connection: Connection, database: Database[Document], descending: bool
) -> None:
    made = deal_documents(12)
    for number, one in enumerate(made):
        one.update(name_fields(f"{'same beginning ' * 1_000} {number % 5}"))
    insert(database, made)
    deals, order = DealListRepository(connection), Order("name", descending)
    assert [one for page in walk(deals, DealFilter(), order, 2) for one in page] == in_order(made, order)
    assert all(len(str(one.place.value)) == 1_000 for one in deals.page(DealFilter(), order, None, 9, 9)[0])


def test_lists_are_read_before_their_indexes_are_made(bare_connection: Connection) -> None:
    with bare_connection.operation() as database:
        insert(database, deal_documents(30))
    deals = DealListRepository(bare_connection)
    wanted = FILTERS["amount"][0]
    assert deals.total(wanted).count == sum(map(len, walk(deals, wanted, Order(), 4)))


def test_an_id_that_no_label_is_known_of_is_looked_for_among_deals(stored: DealListRepository) -> None:
    assert stored.bears("stage_id", "offer")
    assert stored.bears("owner_id", "910901")
    assert not stored.bears("pipeline_id", "offer")
    assert not stored.bears("stage_id", "\0{}$")


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_a_page_is_read_again_as_long_as_its_deals_are_where_they_were(
    connection: Connection, database: Database[Document], order: Order
) -> None:
    insert(database, deal_documents(30))
    deals = DealListRepository(connection)
    found, _ = deals.page(DealFilter(), order, None, 20, 30)
    spots = [one.spot for one in found]
    assert deals.again(spots, order) == found
    database.deal_info.update_one({"deal_id": spots[7].deal_id}, {"$set": {"owner_id": "another"}})
    assert [one.values["owner_id"] for one in deals.again(spots, order) or []][7] == "another"
    changed = {"deal_name_key": "z", "amount": -1.0, "activities.count": 77}
    changed |= dict.fromkeys(("create_date", "close_date", "activities.last", "hubspot_updated_at"), NOW)
    database.deal_info.update_one({"deal_id": spots[7].deal_id}, {"$set": changed})
    assert deals.again(spots, order) is None
    assert deals.again(spots[:7], order) == found[:7]
    database.deal_info.update_one({"deal_id": spots[3].deal_id}, {"$set": {"archived": True}})
    assert deals.again(spots[:7], order) is None


def test_a_page_that_takes_two_reads_is_to_be_remembered(connection: Connection, database: Database[Document]) -> None:
    """Backwards, deals of one value come in the wrong order, so that those of the last value are read once more."""
    insert(database, deal_documents(30))
    deals = DealListRepository(connection, timer=lambda: 0.0)
    forwards, backwards = Order("activities", False), Order("activities", True)
    for order in (forwards, backwards):
        deals.page(DealFilter(), order, None, 20, 1_000)
    assert [deals.is_far(DealFilter(), order) for order in (forwards, backwards)] == [False, True]
