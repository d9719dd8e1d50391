"""The pipelines, against a real MongoDB."""

from __future__ import annotations

from dealcache.deals import Pipeline, Stage
from dealcache.repositories import Connection, PipelineRepository
from tests.unit.repositories.samples import at

WON = Stage("closedwon", "Closed won", 1, 1.0, True)
LOST = Stage("closedlost", "$lost", 2, 0.0, True)
SALES = Pipeline("default", "Sales", 1, (WON, LOST))
RENEWALS = Pipeline("renewals", "Renewals", 0, (WON,))


def test_pipelines_come_back_in_display_order(connection: Connection) -> None:
    pipelines = PipelineRepository(connection)
    assert pipelines.all() == []
    pipelines.save([SALES, RENEWALS], at(0))
    assert pipelines.all() == [RENEWALS, SALES]


def test_those_that_are_gone_are_removed_and_the_rest_is_changed(connection: Connection) -> None:
    pipelines = PipelineRepository(connection)
    pipelines.save([SALES, RENEWALS], at(0))
    with connection.operation() as database:
        database.pipelines.update_one({"pipeline_id": "default"}, {"$set": {"colour": "red"}})
    renamed = Pipeline("default", "Selling", 1, (WON,))
    pipelines.save([renamed], at(1))
    assert pipelines.all() == [renamed]
    with connection.operation() as database:
        assert (database.pipelines.find_one() or {})["colour"] == "red"


def test_an_older_reading_neither_overwrites_nor_removes(connection: Connection) -> None:
    pipelines = PipelineRepository(connection)
    pipelines.save([SALES, RENEWALS], at(1))
    pipelines.save([Pipeline("default", "Old", 1, ())], at(0))
    assert pipelines.all() == [RENEWALS, SALES]
