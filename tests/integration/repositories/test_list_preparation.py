"""Lists are brought up to date by as few questions as are needed, against a real MongoDB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.clocks import ManualClock
from tests.integration.conftest import Profiled
from tests.integration.repositories.summaries import Worker
from tests.unit.repositories.samples import a_deal, a_load, an_event, at


@pytest.fixture
def workers(mongodb_uri: str, database_name: str) -> Iterator[list[Worker]]:
    """Two workers, of which the first has written two deals."""
    made = [Worker(mongodb_uri, database_name) for _ in range(2)]
    made[0].storage.summaries.marks._timer = ManualClock(1000.0)
    made[0].storage.store.save(*(a_load(1, 2, deal=a_deal(str(deal_id))) for deal_id in (1, 2)))
    yield made
    for worker in made:
        worker.close()


def asked(profiled: Profiled, worker: Worker) -> list[dict[str, Any]]:
    """The queries of deals before a list is read."""
    return profiled(worker.storage.prepare_lists)


def test_nothing_is_asked_of_the_deals_while_nobody_writes(workers: list[Worker], profiled: Profiled) -> None:
    writer, reader = workers
    writer.let_time_pass()
    assert len(asked(profiled, reader)) > 1
    assert asked(profiled, reader) == []
    writer.storage.deals.store([a_deal("2", amount=7.0, hubspot_updated_at=at(7))], at(7))
    assert len(asked(profiled, reader)) > 1


def test_marks_alone_are_looked_for_while_somebody_may_set_some(workers: list[Worker], profiled: Profiled) -> None:
    writer, reader = workers
    reader.storage.prepare_lists()
    assert len(asked(profiled, reader)) == 1
    writer.let_time_pass()
    assert len(asked(profiled, reader)) == 1
    assert asked(profiled, reader) == []


@pytest.mark.parametrize("is_quiet", [False, True])
def test_a_mark_is_found_though_the_version_is_the_same(workers: list[Worker], is_quiet: bool) -> None:
    writer, reader = workers
    if is_quiet:
        writer.storage.summaries.marks._timer.tick(31)
        writer.let_time_pass()
    version = reader.storage.prepare_lists()
    writer.storage.timelines.write([("1", an_event(3))], at(5))
    assert reader.marked() == ["1"]
    assert reader.storage.summaries.state().version == version
    assert reader.storage.prepare_lists() > version
    assert reader.wrong() == {}


def test_what_earlier_versions_write_is_found_after_some_seconds(workers: list[Worker]) -> None:
    _, reader = workers
    timer = ManualClock(1000.0)
    reader.storage.prepare_lists._timer = timer
    reader.storage.prepare_lists()
    reader.database.deal_info.update_one({"deal_id": "1"}, {"$unset": {"activities": ""}})
    reader.storage.prepare_lists()
    timer.tick(10)
    reader.storage.prepare_lists()
    assert reader.wrong() == {}
