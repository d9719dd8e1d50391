"""The invalidation log, against a real MongoDB: one order for all, and nothing missed."""

from __future__ import annotations

import threading

import pytest

from dealcache.model.invalidation import Invalidation, Selection
from dealcache.repositories import Connection, HistoryLostError, InvalidationLog
from dealcache.repositories.invalidation_log import KEPT
from tests.integration.cluster.conftest import now
from tests.integration.repositories.races import race


@pytest.fixture
def record(connection: Connection) -> InvalidationLog:
    return InvalidationLog(connection, connection)


def of(*deal_ids: str) -> Invalidation:
    return Invalidation(Selection.deals(ids=deal_ids), now())


def test_an_entry_comes_back_as_it_was_written(record: InvalidationLog) -> None:
    selection = Selection.deals(ids=["7", "$x.y"], names=["Ä.b$", "Acme"])
    (written,) = record.append([Invalidation(selection, now(), {"$x.y": frozenset({"info", "timeline"})})])
    assert record.since(0, "") == [written]
    assert (written.generation, written.selection, written.at) == (1, selection, now())
    assert written.nonce


def test_entries_are_numbered_one_by_one_and_read_from_where_one_is(record: InvalidationLog) -> None:
    first, second = record.append([of("1"), of("2")])
    (third,) = record.append([Invalidation(Selection.all(), now())])
    assert [one.generation for one in (first, second, third)] == [1, 2, 3]
    assert record.since(first.generation, first.nonce) == [second, third]
    assert record.since(third.generation, third.nonce) == []
    assert third.selection.everything


def test_many_writers_leave_no_gap_and_lose_nothing(record: InvalidationLog) -> None:
    def write(worker: int) -> list[int]:
        return [record.append([of(f"{worker}-{turn}"), of("x")])[0].generation for turn in range(10)]

    race(write, 8)
    entries: list[Invalidation] = []
    while page := record.since(entries[-1].generation if entries else 0, entries[-1].nonce if entries else ""):
        entries += page
    assert [one.generation for one in entries] == list(range(1, 161))
    assert sum(one.selection == Selection.deals(ids=["x"]) for one in entries) == 80


def test_a_reader_beside_the_writers_sees_every_entry_in_order(record: InvalidationLog) -> None:
    stop = threading.Event()
    seen: list[Invalidation] = []

    def read() -> None:
        while True:
            last = stop.is_set()
            page = record.since(seen[-1].generation if seen else 0, seen[-1].nonce if seen else "")
            seen.extend(page)
            if last and not page:
                return

    reader = threading.Thread(target=read)
    reader.start()
    race(lambda worker: [record.append([of(str(worker))]) for _ in range(15)], 4)
    stop.set()
    reader.join()
    assert [one.generation for one in seen] == list(range(1, 61))


def test_another_history_is_noticed(record: InvalidationLog, connection: Connection) -> None:
    (known,) = record.append([of("1")])
    with connection.operation() as database:
        database.invalidations.delete_many({})
    with pytest.raises(HistoryLostError):
        record.since(known.generation, known.nonce)
    record.append([of("2")])
    with pytest.raises(HistoryLostError):
        record.since(known.generation, known.nonce)


def test_old_entries_go_and_who_only_knows_those_is_told(record: InvalidationLog, connection: Connection) -> None:
    (known,) = record.append([of("1")])
    with connection.operation() as database:
        database.invalidations.update_one({"_id": 1}, {"$set": {"at": now()}})
        template = database.invalidations.find_one({"_id": 1})
        last = KEPT + 499
        database.invalidations.insert_many([template | {"_id": number, "nonce": str(number)} for number in (2, last)])
    record.append([of("x")])
    with pytest.raises(HistoryLostError):
        record.since(known.generation, known.nonce)
    with pytest.raises(HistoryLostError):
        record.since(0, "")


def test_the_newest_begin_at_the_last_invalidation_of_everything(record: InvalidationLog) -> None:
    record.append([of("1"), Invalidation(Selection.all(), now()), of("2"), of("3")])
    assert [one.generation for one in record.newest()] == [2, 3, 4]
    assert [one.generation for one in record.newest(2)] == [3, 4]


def test_large_selections_are_cut_into_parts_that_say_the_same() -> None:
    selection = Selection.deals(ids=map(str, range(7)), names=map("name {}".format, range(4)))
    parts = selection.parts(3)
    assert [len(part) for part in parts] == [3, 3, 3, 2]
    whole = Selection()
    for part in parts:
        whole |= part
    assert whole == selection
    assert Selection.all().parts(3) == [Selection.all()]
