"""Lists show the same of deals' events as counting them gives, against a real MongoDB."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from bson import DatetimeMS

from dealcache.model.deals import Event
from dealcache.repositories import ListsBehindError
from tests.integration.conftest import Profiled
from tests.integration.repositories.summaries import NOW, Worker, writes
from tests.unit.repositories.samples import a_deal, a_load, an_event, at

MakeWorker = Callable[[], Worker]


@pytest.fixture
def make_worker(mongodb_uri: str, database_name: str) -> Iterator[MakeWorker]:
    made: list[Worker] = []

    def make() -> Worker:
        made.append(Worker(mongodb_uri, database_name))
        return made[-1]

    yield make
    for worker in made:
        worker.close()


@pytest.fixture
def worker(make_worker: MakeWorker) -> Worker:
    return make_worker()


def planned(number: int, days: float) -> Event:
    return an_event(number, occurred_at=at(60 * 24 * (1 + days)), type="Task")


def test_a_load_is_counted(worker: Worker) -> None:
    worker.storage.store.save(a_load(events=(an_event(1), an_event(2), planned(3, 2), planned(4, 1))))
    expected = {"count": 4, "first": at(1), "last": at(2), "next": at(60 * 48), "end": at(60 * 72)}
    assert worker.shown() == expected
    assert worker.marked() == []


def test_a_deal_without_events_has_none(worker: Worker) -> None:
    worker.storage.store.save(a_load())
    assert worker.shown() == {"count": 0, "first": None, "last": None, "end": None}


def test_the_version_grows_with_what_a_list_shows_and_with_nothing_else(worker: Worker) -> None:
    versions = [worker.storage.summaries.state().version]

    def grows() -> bool:
        versions.append(worker.storage.summaries.state().version)
        assert versions[-1] >= versions[-2]
        return versions[-1] > versions[-2]

    store, deals = worker.storage.store, worker.storage.deals
    assert not grows()
    store.save(a_load(1, 2))
    assert grows()
    assert not grows()
    store.save(a_load(1, 2, began=at(5)))
    assert not grows()
    store.save(a_load(1, 2, 3, began=at(6)))
    assert grows()
    deals.store([a_deal("1", amount=7.0, hubspot_updated_at=at(7))], at(7))
    assert grows()
    deals.mark_archived(["1"], at(8))
    assert grows()
    deals.mark_archived(["1"], at(9))
    assert not grows()
    worker.storage.summaries.renew_version()
    assert grows()


def test_what_is_unchanged_or_changed_in_its_text_alone_marks_nothing(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.storage.store.save(a_load(1, 2))
    monkeypatch.setattr(worker.storage.summaries.marks, "mark", lambda *_: pytest.fail("nothing is to be counted"))
    edited = an_event(2, subject="new", hubspot_updated_at=at(60))
    worker.storage.timelines.replace({"1": [an_event(1), edited]}, at(70))
    assert worker.marked() == []


def test_what_was_planned_and_has_come_is_no_longer_planned(worker: Worker) -> None:
    worker.storage.store.save(a_load(events=(an_event(1), planned(2, 1), planned(3, 2))))
    before = worker.storage.prepare_lists()
    assert [worker.with_plans(), worker.with_plans(False)] == [1, 0]
    worker.now = at(60 * 48)
    assert worker.storage.prepare_lists() > before
    assert worker.shown() == {"count": 3, "first": at(1), "last": worker.now, "next": at(60 * 72), "end": at(60 * 72)}
    worker.now = at(60 * 80)
    worker.storage.summaries.settle_abandoned()
    assert worker.shown() == {"count": 3, "first": at(1), "last": at(60 * 72), "end": at(60 * 72)}
    assert [worker.with_plans(), worker.with_plans(False)] == [0, 1]


@pytest.mark.parametrize(
    "damage",
    [
        {"occurred_at": "2026-11-01T12:00:05Z"},
        {"occurred_at": DatetimeMS(10**15)},
        {"occurred_at": None},
        {"occurred_at": 7},
        {"type": None},
        {"type": 7},
    ],
)
def test_events_of_other_systems_are_counted_as_they_are_shown(worker: Worker, damage: dict[str, Any]) -> None:
    worker.storage.store.save(a_load(1, 2, 3))
    worker.database.deal_timeline.update_one({"engagement_id": "000000002"}, {"$set": damage})
    worker.storage.summaries.recount(["1"])
    assert worker.wrong() == {}
    assert worker.shown()["count"] == 3
    assert list(worker.storage.summary_check.pages(mend=False)) == [(1, [])]


def test_marks_and_summaries_of_other_systems_hold_nothing_up(worker: Worker) -> None:
    for deal_id, mark in enumerate((5, {}, {"writers": 5, "token": []}, {"writers": [None]}), 1):
        worker.storage.store.save(a_load(1, deal=a_deal(str(deal_id))))
        odd = {"list_stale": mark, "activities": "many"}
        worker.database.deal_info.update_one({"deal_id": str(deal_id)}, {"$set": odd})
    worker.database.deal_info.insert_one({"deal_id": 5, "list_stale": {}, "timeline_synced_at": NOW})
    worker.storage.timelines.write([("3", an_event(7))], at(5))
    worker.storage.prepare_lists()
    worker.storage.summaries.settle(["3"])
    assert worker.wrong().keys() <= {5}
    assert worker.marked() == []


def test_too_many_are_left_to_maintenance(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dealcache.repositories.deal_summaries.settling._MOST_FOR_READER", 2)
    worker.storage.store.save(*(a_load(1, deal=a_deal(str(deal_id))) for deal_id in range(5)))
    worker.storage.prepare_lists()
    worker.database.deal_info.update_many({}, {"$unset": {"activities": ""}})  # as an earlier version stored them
    worker.storage.summaries.renew_version()  # as at the start
    with pytest.raises(ListsBehindError):
        worker.storage.prepare_lists()
    worker.storage.summaries.settle_abandoned()
    worker.storage.prepare_lists()
    assert worker.wrong() == {}


def test_what_an_earlier_version_has_written_is_counted_when_it_is_found(make_worker: MakeWorker) -> None:
    present, earlier = make_worker(), make_worker()
    present.storage.store.save(*(a_load(1, 2, deal=a_deal(str(deal_id))) for deal_id in range(3)))
    present.database.deal_info.update_one({"deal_id": "0"}, {"$unset": {"activities": ""}})
    present.storage.prepare_lists()
    assert present.wrong() == {}
    earlier.database.deal_timeline.delete_one({"deal_id": "1"})
    check = present.storage.summary_check
    assert [(page.checked, page.wrong) for page in check.pages(mend=False)] == [(3, ["1"])]
    before = present.storage.prepare_lists()
    earlier.storage.summary_check.run_round()
    assert present.wrong() == {}
    assert present.storage.prepare_lists() > before
    assert [(page.checked, page.wrong) for page in check.pages(mend=False)] == [(3, [])]
    earlier.database.deal_timeline.delete_one({"deal_id": "2"})
    check.run_round()
    assert present.wrong().keys() == {"2"}, "the next check is due in a quarter of an hour"


@pytest.mark.parametrize("look", ["settle_stale", "settle_abandoned", "settle_own"])
def test_who_looks_for_marks_looks_into_indexes_alone(worker: Worker, profiled: Profiled, look: str) -> None:
    loads = [a_load(1, deal=a_deal(str(deal_id))) for deal_id in range(300)]
    worker.storage.store.save(*loads[:290])
    worker.storage.deals.store([load.deal for load in loads[290:]], at(1))  # their events were never read
    worker.storage.timelines.write([("7", an_event(2))], at(1))
    operations = profiled(getattr(worker.storage.summaries, look))
    found = next(one for one in operations if one["ns"].endswith("deal_info"))
    assert "COLLSCAN" not in found["planSummary"]
    assert found["docsExamined"] < 30


@pytest.mark.parametrize("seed", range(2))
def test_whatever_two_workers_write_lists_are_true(seed: int, make_worker: MakeWorker) -> None:
    workers, random = (make_worker(), make_worker()), Random(seed)
    contents: dict[int, Any] = {}
    for minute in range(1, 50):
        writes(random.choice(workers), random, minute)
        reader = random.choice(workers)
        version = reader.storage.prepare_lists()
        assert reader.wrong() == {}
        shown = reader.listed()
        assert contents.setdefault(version, shown) == shown
    for worker in workers:
        worker.storage.summaries.settle_own()
    assert workers[0].marked() == []
    assert [page.wrong for page in workers[0].storage.summary_check.pages(mend=False)] == [[]]


def test_threads_of_two_workers_at_once_leave_nothing_wrong(make_worker: MakeWorker) -> None:
    workers = (make_worker(), make_worker())
    start, failures = threading.Barrier(6), list[BaseException]()

    def write(worker: Worker, seed: int) -> None:
        random = Random(seed)
        try:
            start.wait(60)
            for minute in range(1, 25):
                writes(worker, random, minute)
                if random.random() < 0.3:
                    worker.storage.prepare_lists()
            worker.storage.summaries.settle_own()
        except BaseException as failure:
            failures.append(failure)
            raise

    threads = [threading.Thread(target=write, args=(workers[one % 2], one)) for one in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for worker in workers:
        worker.storage.summaries.settle_own()
    assert workers[0].marked() == []
    assert workers[0].wrong() == {}
