"""The totals of stages that writers keep are those that adding up all deals gives, against a real MongoDB."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any
from unittest.mock import Mock

import pytest

from dealcache.model.deal_filter import DealFilter, Range, StagePlace
from dealcache.model.labels import Labels
from dealcache.repositories import StageTotal, StoreError
from dealcache.repositories.writes.batches import write_batch
from tests.clocks import ManualClock
from tests.deal_documents import NOW as LISTS_NOW
from tests.deal_documents import deal_documents, insert
from tests.integration.conftest import Profiled
from tests.integration.repositories.summaries import KilledError, Worker, killed_before
from tests.unit.repositories.samples import NOON, a_deal, a_load, an_event, at


@pytest.fixture
def workers(mongodb_uri: str, database_name: str) -> Iterator[list[Worker]]:
    """Two workers, of which the second has added up what the first has written."""
    made = [Worker(mongodb_uri, database_name) for _ in range(2)]
    made[0].storage.summaries.renew_version()
    made[0].storage.deals.store([a_deal(str(number), amount=number / 10) for number in range(8)], NOON)
    read(made[1])
    yield made
    for worker in made:
        worker.close()


def read(worker: Worker) -> list[StageTotal]:
    """The totals as lists show them."""
    totals = worker.storage.stage_totals.labelled(worker.storage.summaries.state().version, Labels())
    return sorted(totals, key=lambda one: repr((one.pipeline_id, one.stage_id, one.currency)))


def true(worker: Worker) -> list[StageTotal]:
    """The totals of all deals, added up here."""
    counts: dict[tuple[Any, Any, Any], tuple[int, float]] = {}
    for one in worker.database.deal_info.find({"archived": {"$ne": True}}):
        group = one["pipeline_id"], one["stage_id"], one.get("currency")
        count, amount = counts.get(group, (0, 0.0))
        counts[group] = count + 1, amount + (one["amount"] or 0.0)
    return sorted(
        (
            StageTotal(line, stage, count, pytest.approx(amount), currency=code)
            for (line, stage, code), (count, amount) in counts.items()
        ),
        key=lambda one: repr((one.pipeline_id, one.stage_id, one.currency)),
    )


def is_added_up(profiled: Profiled, worker: Worker) -> bool:
    return any(one["command"].get("aggregate") == "deal_info" for one in profiled(lambda: read(worker)))


def change(worker: Worker, random: Random, minute: int) -> None:
    """Change deals as a sync, a webhook or a reader may."""
    storage = worker.storage
    stage, amount = random.choice("abc"), random.choice((None, random.randrange(1000) / 100))
    ids = [str(one) for one in random.sample(range(12), 3)]
    code, now = random.choice((None, "EUR", "USD")), at(minute)
    deals = [a_deal(one, stage_id=stage, amount=amount, currency=code, hubspot_updated_at=now) for one in ids]
    random.choice(
        [
            lambda: storage.deals.store(deals, at(minute)),
            lambda: storage.deals.store(deals, at(minute - 2)),
            lambda: storage.store.save(*(a_load(1, 2, deal=deal, began=at(minute)) for deal in deals)),
            lambda: storage.deals.mark_archived(ids[:2], at(minute)),
            lambda: storage.timelines.write([(ids[0], an_event(minute))], at(minute)),
            lambda: storage.summaries.settle_own(),
        ]
    )()


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))])
def test_whatever_is_written_they_are_true(workers: list[Worker], profiled: Profiled, seed: int) -> None:
    random = Random(seed)
    for minute in range(1, 40):
        change(random.choice(workers), random, minute)
        reader = random.choice(workers)
        assert not is_added_up(profiled, reader), minute
        assert read(reader) == true(reader), minute


def test_many_that_are_archived_at_once_are_added_up_again(workers: list[Worker], profiled: Profiled) -> None:
    writer, reader = workers
    writer.storage.deals.store([a_deal(str(number)) for number in range(40)], at(1))
    writer.storage.deals.archive_unseen(at(2))
    assert is_added_up(profiled, reader)
    assert read(reader) == true(reader) == []


def test_they_are_added_up_again_when_a_worker_of_an_earlier_version_has_written(
    workers: list[Worker], profiled: Profiled
) -> None:
    _, reader = workers
    reader.database.deal_info.update_one({"deal_id": "1"}, {"$set": {"stage_id": "another"}})
    reader.database.list_state.update_one({}, {"$inc": {"version": 1}})
    assert is_added_up(profiled, reader)
    assert read(reader) == true(reader)


def test_a_worker_of_an_earlier_version_drops_those_by_currency_and_they_are_added_up_again(
    workers: list[Worker], profiled: Profiled
) -> None:
    writer, reader = workers
    writer.storage.deals.store([a_deal("1", currency="EUR", hubspot_updated_at=at(1))], at(1))
    assert not is_added_up(profiled, reader)
    # It writes all fields of the totals that it knows, and those of the deal.
    reader.database.list_state.update_one({}, {"$unset": {"totals.currencies": ""}})
    writer.storage.deals.store([a_deal("2", currency="USD", hubspot_updated_at=at(2))], at(2))
    assert (reader.database.list_state.find_one({}) or {})["totals"].keys() == {"version", "stages", "added_up_at"}
    assert is_added_up(profiled, reader)
    assert read(reader) == true(reader)
    writer.storage.deals.store([a_deal("3", currency="USD", hubspot_updated_at=at(3))], at(3))
    assert not is_added_up(profiled, reader)
    assert read(reader) == true(reader)


def test_they_are_true_after_a_kill(workers: list[Worker], monkeypatch: pytest.MonkeyPatch) -> None:
    dying, reader = workers
    for number in range(1, 12):
        stage = f"stage {number}"
        with killed_before(number, monkeypatch):
            try:
                deals = [
                    a_deal(one, stage_id=stage, currency="EUR", hubspot_updated_at=at(number))
                    for one in ("1", "2", "new")
                ]
                dying.storage.store.save(*(a_load(1, deal=deal, began=at(number)) for deal in deals))
                dying.storage.deals.mark_archived(["new"], at(number))
            except KilledError:
                pass
        assert read(reader) == true(reader), number
        reader.let_time_pass()
        assert read(reader) == true(reader), number
        dying.storage.deals.store([a_deal("3", amount=1.0, hubspot_updated_at=at(number))], at(number))
        assert read(reader) == true(reader), number


def test_who_was_taken_for_dead_in_the_middle_of_a_change_moves_nothing_twice(
    workers: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, reader = workers

    def write_and_wait(*arguments: Any, **options: Any) -> Any:
        written = write_batch(*arguments, **options)
        reader.let_time_pass()
        assert read(reader) == true(reader)
        return written

    monkeypatch.setattr("dealcache.repositories.writes.deals.write_batch", write_and_wait)
    slow.storage.deals.store([a_deal("1", stage_id="another", hubspot_updated_at=at(1))], at(1))
    assert read(reader) == true(reader)


def test_a_write_that_fails_leaves_them_unknown(
    workers: list[Worker], profiled: Profiled, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, reader = workers

    def write_and_fail(*arguments: Any, **options: Any) -> Any:
        write_batch(*arguments, **options)
        raise StoreError("MongoDB refused an operation")

    monkeypatch.setattr("dealcache.repositories.writes.deals.write_batch", write_and_fail)
    with pytest.raises(StoreError):
        writer.storage.deals.store([a_deal("1", stage_id="another", hubspot_updated_at=at(1))], at(1))
    assert is_added_up(profiled, reader)
    assert read(reader) == true(reader)


def test_what_another_system_has_written_is_added_up_behind_the_readers(
    workers: list[Worker], profiled: Profiled
) -> None:
    writer, reader = workers
    timer = ManualClock(0.0)
    reader.storage.stage_totals._remembered = type(reader.storage.stage_totals._remembered)(1, 60.0, timer)
    read(reader)
    reader.database.deal_info.update_one({"deal_id": "1"}, {"$set": {"stage_id": "another"}})
    timer.tick(60)
    assert read(reader) != true(reader)
    assert profiled(reader.storage.stage_totals.renew) == []
    kept = reader.database.list_state.find_one({}) or {}
    earlier = kept["totals"]["added_up_at"] - timedelta(seconds=60)
    reader.database.list_state.update_one({}, {"$set": {"totals.added_up_at": earlier}})
    reader.storage.stage_totals.renew()
    timer.tick(60)
    assert not is_added_up(profiled, reader)
    assert read(reader) == true(reader)
    assert profiled(writer.storage.stage_totals.renew) == [], "nobody has asked there"


def test_a_stage_without_a_label_has_that_of_an_earlier_version(workers: list[Worker]) -> None:
    writer, reader = workers
    deals = [("1", "p", "won", 10.5), ("2", "p", "won", None), ("3", "q", "won", 1.0), ("4", None, None, 2.0)]
    writer.database.deal_info.delete_many({})
    writer.storage.deals.store(
        [a_deal(one, pipeline_id=line, stage_id=stage, amount=amount) for one, line, stage, amount in deals], at(1)
    )
    writer.database.deal_info.update_one({"deal_id": "2"}, {"$set": {"stage": "as an earlier version called it"}})
    writer.storage.summaries.renew_version()
    assert read(reader) == [
        StageTotal("p", "won", 2, 10.5, "as an earlier version called it"),
        StageTotal("q", "won", 1, 1.0),
        StageTotal(None, None, 1, 2.0),
    ]


WON, LOST = StagePlace("won"), StagePlace("lost", only_in=frozenset(("q",)))
OF_STAGES: tuple[DealFilter, ...] = (
    DealFilter(),
    DealFilter(pipeline_ids=("p", "none")),
    DealFilter(stages=(WON, StagePlace("open", not_in=frozenset(("p",))))),
    DealFilter(stages=()),
    DealFilter(is_open=True, closed=(WON, LOST)),
    DealFilter(is_open=False, closed=(WON, LOST), pipeline_ids=("q",)),
)


def test_lists_of_stages_have_the_totals_that_are_kept(workers: list[Worker]) -> None:
    writer, reader = workers
    random, deals = Random(3), reader.storage.deal_list
    made = [
        a_deal(str(number), pipeline_id=random.choice("pq"), stage_id=random.choice(("won", "lost", "open", None)))
        for number in range(60)
    ]
    writer.storage.deals.store(made, at(1))
    version = reader.storage.summaries.state().version
    for wanted in OF_STAGES:
        assert deals.total(wanted, lambda: reader.storage.stage_totals.at(version)) == deals.total(wanted), wanted
    other = DealFilter(owner_ids=("910901",), is_open=True, closed=(WON,))
    assert deals.total(other, lambda: pytest.fail("stages do not decide")).count > 0


def test_a_deal_that_no_list_shows_is_in_no_total(workers: list[Worker]) -> None:
    _, reader = workers
    reader.database.deal_info.insert_one({"deal_id": 5, "archived": False, "pipeline_id": "p", "stage_id": "won"})
    reader.database.deal_info.insert_one({"deal_id": "77", "archived": "no", "pipeline_id": "p", "stage_id": "won"})
    assert reader.storage.deal_list.total(DealFilter(), lambda: reader.storage.stage_totals.add_up()).count == 8


MOST_DEALS = (
    *(DealFilter(idle_since=LISTS_NOW - timedelta(days=days)) for days in (1, 30, 150, 299)),
    *(DealFilter(amount=Range(least, None)) for least in (-1.0, 0.0, 5_000.0, 99_000.0)),
    *(DealFilter(amount=Range(None, most)) for most in (90_000.0, 1_000.0)),
    *(DealFilter(created=Range(LISTS_NOW - timedelta(days=days), None)) for days in (990, 700, 30)),
    *(DealFilter(created=Range(None, LISTS_NOW - timedelta(days=days))) for days in (990, 30)),
    *(DealFilter(closes=Range(LISTS_NOW - timedelta(days=days), None)) for days in (990, 30)),
)


def test_most_deals_are_those_that_are_left_of_all(workers: list[Worker], profiled: Profiled) -> None:
    _, reader = workers
    reader.database.deal_info.delete_many({})
    odd = deal_documents(500)
    odd[0]["amount"] = odd[1]["create_date"] = odd[2]["close_date"] = "another system's"
    insert(reader.database, odd)
    deals, every = reader.storage.deal_list, reader.storage.stage_totals.add_up()
    of_stages = Mock(return_value=every)
    for wanted in MOST_DEALS:
        of_stages.reset_mock()
        direct, left = deals.total(wanted), deals.total(wanted, of_stages)
        assert (left.count, left.amount) == (direct.count, pytest.approx(direct.amount)), wanted
        done = profiled(partial(deals.total, wanted, of_stages))
        others = 500 - direct.count
        assert of_stages.call_count == (2 if others <= 125 else 0), wanted
        assert sum(one["keysExamined"] for one in done) <= (others if others <= 125 else direct.count) + 5, wanted
        assert not [one for one in done if one["docsExamined"]], wanted
