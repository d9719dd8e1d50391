"""A worker that is killed between any two of its writes leaves no list wrong, against a real MongoDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo.collection import Collection

from tests.clocks import ManualClock
from tests.integration.repositories.summaries import KilledError, Worker, killed_before
from tests.unit.repositories.samples import a_deal, a_load, an_event, at

LATER, MUCH_LATER = at(100), at(200)
A_CHANGE: dict[str, Callable[[Worker], object]] = {
    "a new deal": lambda worker: worker.storage.store.save(a_load(1, 2, deal=a_deal("9"), began=LATER)),
    "events that come, go and move": lambda worker: worker.storage.store.save(
        a_load(began=LATER, events=(an_event(2, occurred_at=at(7), hubspot_updated_at=at(90)), an_event(3)))
    ),
    "another amount": lambda worker: worker.storage.deals.store([a_deal(amount=7.0, hubspot_updated_at=at(90))], LATER),
    "an archived deal": lambda worker: worker.storage.deals.mark_archived(["1"], LATER),
    "a merge": lambda worker: worker.storage.store.save(
        a_load(1, 5, deal=a_deal("2", merged_ids=("1",), hubspot_updated_at=at(90)), began=LATER)
    ),
    "a removed activity": lambda worker: worker.storage.timelines.remove_engagements("emails", ["000000001"], LATER),
    "a single activity": lambda worker: worker.storage.timelines.write([("1", an_event(4)), ("2", an_event(4))], LATER),
    "a type that is no longer missing": lambda worker: worker.storage.missing_types.note_read(["3"], ["calls"]),
    "a chunk of a sync": lambda worker: chunk(worker),
}


def chunk(worker: Worker) -> None:
    """Do what a full load does for some deals: new ones, known ones, and one that was never complete."""
    storage, ids = worker.storage, ["1", "2", "3", "7"]
    storage.deals.store([a_deal("7"), a_deal("2", amount=1.0, hubspot_updated_at=at(90))], LATER)
    storage.timelines.write([("7", an_event(1)), ("7", an_event(2)), ("1", an_event(8))], LATER)
    storage.timelines.write([("7", an_event(3)), ("3", an_event(9)), ("1", an_event(1))], LATER)
    storage.deals.note_timelines_synced(ids, LATER)
    storage.summaries.settle(ids)
    storage.summaries.settle_own()


@pytest.fixture
def workers(mongodb_uri: str, database_name: str) -> Iterator[list[Worker]]:
    made = [Worker(mongodb_uri, database_name) for _ in range(2)]
    yield made
    for worker in made:
        worker.close()


def prepare(worker: Worker) -> None:
    for name in ("deal_info", "deal_timeline", "list_state"):
        worker.database[name].delete_many({})
    worker.storage.summaries.marks._signed_at = float("-inf")  # its sign of life has gone with the others
    worker.storage.store.save(a_load(1, 2))
    worker.storage.store.save(a_load(3, deal=a_deal("2", deal_name="Other")))
    worker.storage.deals.store([a_deal("3", deal_name="Partly read")], at(1))
    worker.storage.timelines.write([("3", an_event(6))], at(1))
    worker.storage.missing_types.note_partly_synced(["3"], ["calls"], at(1))
    worker.storage.summaries.settle_own()


@pytest.mark.parametrize("name", A_CHANGE)
def test_lists_are_true_after_a_kill(name: str, workers: list[Worker], monkeypatch: pytest.MonkeyPatch) -> None:
    dying, reader = workers
    number, died = 1, True
    while died:
        prepare(dying)
        contents: dict[int, Any] = {}

        def look(note: str, contents: dict[int, Any] = contents, number: int = number) -> None:
            """Read a list as its readers do; the same version must always show the same."""
            version = reader.storage.prepare_lists()
            shown = reader.listed()
            assert reader.wrong() == {}, (note, number)
            assert contents.setdefault(version, shown) == shown, (note, number)

        look("before")
        with killed_before(number, monkeypatch) as has_died:
            try:
                A_CHANGE[name](dying)
            except KilledError:
                assert has_died()
            died = has_died()
        look("right after")
        reader.let_time_pass()
        look("when the writer counts as dead")
        reader.storage.summaries.settle_abandoned()
        look("at last")
        assert reader.marked() == []
        number += 1
    assert number > 3


def test_a_mark_of_a_living_writer_stays(workers: list[Worker], monkeypatch: pytest.MonkeyPatch) -> None:
    writer, reader = workers
    prepare(writer)
    writer.storage.timelines.write([("1", an_event(4))], LATER)
    for _ in range(2):
        reader.storage.prepare_lists()
        reader.storage.summaries.settle_abandoned()
        assert reader.wrong() == {}
        assert reader.marked() == ["1"]
    with monkeypatch.context() as patched:
        patched.setattr(writer.storage.summaries.marks, "mark", lambda *_: pytest.fail("it bears a mark already"))
        writer.storage.timelines.write([("1", an_event(5))], MUCH_LATER)
    reader.storage.prepare_lists()
    assert reader.shown()["count"] == 4
    writer.storage.summaries.settle(["1"])
    assert reader.marked() == []


@pytest.fixture
def timer(workers: list[Worker], monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """The monotonic clock of the first worker."""
    clock = ManualClock(1000.0)
    monkeypatch.setattr(workers[0].storage.summaries.marks, "_timer", clock)
    return clock


def test_who_was_silent_for_long_relies_on_no_mark(workers: list[Worker], timer: ManualClock) -> None:
    writer, reader = workers
    prepare(writer)
    writer.storage.timelines.write([("1", an_event(4))], LATER)
    timer.tick(31)
    reader.let_time_pass()
    reader.storage.summaries.settle_abandoned()
    assert reader.marked() == []
    writer.storage.timelines.write([("1", an_event(5))], LATER)
    reader.storage.prepare_lists()
    assert reader.wrong() == {}


def test_a_write_that_took_too_long_marks_once_more(
    workers: list[Worker], timer: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, reader = workers
    prepare(writer)
    write = Collection.bulk_write

    def slow(collection: Any, *arguments: Any, **options: Any) -> Any:
        if collection.name == "deal_timeline":
            timer.tick(31)
            reader.let_time_pass()
            reader.storage.summaries.settle_abandoned()
            assert reader.marked() == []
        return write(collection, *arguments, **options)

    monkeypatch.setattr(Collection, "bulk_write", slow)
    writer.storage.timelines.write([("1", an_event(4))], LATER)
    reader.storage.prepare_lists()
    assert reader.wrong() == {}
