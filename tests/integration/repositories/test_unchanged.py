"""A page that is read together with the version of lists counts as unchanged only if it is, against a real MongoDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from dealcache.model.deal_filter import SORTS, DealFilter, Order, Range
from dealcache.repositories import FoundDeal, Unchanged
from dealcache.repositories.lists.version import changing
from tests.clocks import ManualClock
from tests.deal_documents import deal_documents, insert
from tests.integration.conftest import Profiled
from tests.integration.repositories.summaries import NOW, Worker
from tests.unit.repositories.samples import a_deal, a_load, an_event, at

NAMES = Order("name", descending=False)
ORDERS = [Order(sort, descending) for sort in SORTS for descending in (False, True)]


@pytest.fixture
def workers(mongodb_uri: str, database_name: str) -> Iterator[list[Worker]]:
    """A writer that has written three deals, and a reader that has prepared lists."""
    made = [Worker(mongodb_uri, database_name) for _ in range(2)]
    made[0].storage.summaries.marks._timer = ManualClock(1000.0)
    made[0].storage.store.save(*(a_load(1, 2, deal=a_deal(str(deal_id))) for deal_id in (1, 2, 3)))
    made[1].storage.prepare_lists()
    yield made
    for worker in made:
        worker.close()


def page(reader: Worker, unchanged: Unchanged | None = None, order: Order = NAMES) -> tuple[list[FoundDeal], bool]:
    return reader.storage.deal_list.page(DealFilter(), order, None, 50, 3, unchanged)


def known(reader: Worker) -> Unchanged:
    unchanged = reader.storage.prepare_lists.unchanged()
    assert unchanged is not None
    return unchanged


@contextmanager
def during_a_change(writer: Worker) -> Iterator[None]:
    with writer.storage.connection.operation() as database, changing(database) as change:
        change.begin()
        yield


def begin_to_write(writer: Worker) -> None:
    """Note a change without ending it, as a process does that is killed."""
    during_a_change(writer).__enter__()


def change_a_field(writer: Worker) -> None:
    writer.storage.deals.store([a_deal("2", amount=7.0, hubspot_updated_at=at(7))], at(7))


WRITES: dict[str, Callable[[Worker], object]] = {
    "a field of a deal": change_a_field,
    "a new deal": lambda one: one.storage.deals.store([a_deal("4")], at(7)),
    "a deal that is gone": lambda one: one.storage.deals.mark_archived(["2"], at(7)),
    "activities, not counted yet": lambda one: one.storage.timelines.write([("1", an_event(3))], at(5)),
    "a deal with its activities": lambda one: one.storage.store.save(a_load(1, 2, 3, deal=a_deal("1"))),
    "a change that goes on": begin_to_write,
    "a whole change": lambda one: during_a_change(one).__enter__() or one.storage.summaries.renew_version(),
    "the state is gone": lambda one: one.database.list_state.delete_many({}),
}


@pytest.mark.parametrize("is_quiet", [False, True])
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_is_written_before_the_page_is_noticed(
    workers: list[Worker], write: Callable[[Worker], object], is_quiet: bool
) -> None:
    writer, reader = workers
    if is_quiet:
        writer.storage.summaries.marks._timer.tick(31)  # type: ignore[attr-defined]
        writer.let_time_pass()
        reader.storage.prepare_lists()
    unchanged = known(reader)
    write(writer)
    page(reader, unchanged)
    assert not unchanged


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_is_written_after_the_page_does_not_matter(
    workers: list[Worker], write: Callable[[Worker], object]
) -> None:
    writer, reader = workers
    before, unchanged = page(reader), known(reader)
    assert page(reader, unchanged) == before
    write(writer)
    assert unchanged


def test_what_is_written_between_two_queries_of_a_page_is_noticed(
    workers: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, reader = workers
    unchanged, answers = known(reader), []
    without = unchanged.without

    def write_after(answer: Any) -> Any:
        deals = without(answer)
        answers.append(bool(unchanged))
        if len(answers) == 1:
            change_a_field(writer)
        return deals

    monkeypatch.setattr(unchanged, "without", write_after)
    page(reader, unchanged)
    assert answers[0]
    assert len(answers) > 1  # deals with a name, without one, with something else in its place
    assert not unchanged


def test_a_page_is_one_query(workers: list[Worker], profiled_on: Callable[..., Profiled]) -> None:
    _, reader = workers
    unchanged = known(reader)
    limit = 2
    ask = reader.storage.deal_list.page
    ask(DealFilter(), NAMES, None, limit, 3)
    asked = profiled_on(reader.storage.connection)(lambda: ask(DealFilter(), NAMES, None, limit, 3, unchanged))
    assert len(asked) == 1
    assert unchanged


WANTED = [
    *(DealFilter(), DealFilter(owner_ids=("910905",)), DealFilter(words=("777",))),
    *(DealFilter(owner_ids=("of no deal",)), DealFilter(amount=Range(1e9))),
]


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_it_is_read_in_the_same_way(workers: list[Worker], profiled_on: Callable[..., Profiled], order: Order) -> None:
    _, reader = workers
    insert(reader.database, deal_documents(300))
    deals, profiled = reader.storage.deal_list, profiled_on(reader.storage.connection)
    read: list[tuple[list[FoundDeal], bool]] = []

    def ask(wanted: DealFilter, matching: int, unchanged: Unchanged | None) -> None:
        read.append(deals.page(wanted, order, None, 20, matching, unchanged))

    for wanted in WANTED:
        matching = deals.total(wanted).count
        ask(wanted, matching, None)
        plain = profiled(partial(ask, wanted, matching, None))
        joint = profiled(partial(ask, wanted, matching, known(reader)))
        assert read[-1] == read[-2]
        for one, other in zip(plain, joint, strict=True):
            assert other["planSummary"] == one["planSummary"]
            assert other["docsExamined"] <= one["docsExamined"] + 1
            assert other.get("hasSortStage") == one.get("hasSortStage")


def test_nothing_is_known_when_a_planned_activity_is_due(workers: list[Worker]) -> None:
    writer, reader = workers
    writer.storage.store.save(a_load(60 * 24 + 30, deal=a_deal("5")))
    reader.storage.prepare_lists()
    assert reader.storage.prepare_lists.unchanged() is not None
    reader.now = NOW.replace(hour=NOW.hour + 1)
    assert reader.storage.prepare_lists.unchanged() is None


def test_nothing_is_known_at_first(mongodb_uri: str, database_name: str) -> None:
    worker = Worker(mongodb_uri, database_name)
    assert worker.storage.prepare_lists.unchanged() is None
    worker.close()
