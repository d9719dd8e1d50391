"""The labels of owners, stages and pipelines, against a real MongoDB."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dealcache.model.labels import Owner
from dealcache.model.pipelines import Pipeline, Stage
from dealcache.repositories import Connection, LabelRepository
from tests.unit.repositories.samples import at

WON = Stage("closedwon", "Closed won", 1, 1.0, True)
LOST = Stage("closedlost", "$lost", 2, 0.0, True)
SALES = Pipeline("default", "Sales", 1, (WON, LOST))
RENEWALS = Pipeline("renewals", "Renewals", 0, (WON,))
ADA, BOB = Owner("1", "Ada"), Owner("2", None)


@pytest.fixture
def labels(connection: Connection) -> LabelRepository:
    return LabelRepository(connection)


def test_pipelines_come_back_in_display_order(labels: LabelRepository) -> None:
    assert labels.read().pipelines == ()
    labels.save_pipelines([SALES, RENEWALS], at(0))
    assert labels.read().pipelines == (RENEWALS, SALES)


def test_what_is_gone_stays_as_archived(labels: LabelRepository, connection: Connection) -> None:
    labels.save_pipelines([SALES, RENEWALS], at(0))
    with connection.operation() as database:
        database.pipelines.update_one({"pipeline_id": "default"}, {"$set": {"colour": "red"}})
    labels.save_pipelines([Pipeline("default", "Selling", 1, (WON,))], at(1))
    kept = Pipeline("default", "Selling", 1, (WON, replace(LOST, archived=True)))
    assert labels.read().pipelines == (replace(RENEWALS, archived=True), kept)
    assert [stage.stage_id for _, stage in labels.read().stages_in_use()] == ["closedwon"]
    with connection.operation() as database:
        assert (database.pipelines.find_one({"pipeline_id": "default"}) or {})["colour"] == "red"
    labels.save_pipelines([SALES, RENEWALS], at(2))
    assert labels.read().pipelines == (RENEWALS, SALES)


def test_owners_who_left_stay_as_archived(labels: LabelRepository) -> None:
    labels.save_owners([ADA, BOB], at(0))
    labels.save_owners([replace(ADA, name="Ada Byron")], at(1))
    assert set(labels.read().known_owners) == {Owner("1", "Ada Byron"), Owner("2", None, archived=True)}


def test_an_older_reading_neither_overwrites_nor_archives(labels: LabelRepository) -> None:
    labels.save_pipelines([SALES, RENEWALS], at(1))
    labels.save_pipelines([Pipeline("default", "Old", 1, ())], at(0))
    assert labels.read().pipelines == (RENEWALS, SALES)
    labels.save_owners([ADA], at(1))
    labels.save_owners([BOB], at(0))
    assert Owner("1", "Ada") in labels.read().known_owners


def test_it_is_known_since_when_all_labels_are(labels: LabelRepository) -> None:
    assert labels.read_at() is None
    labels.save_pipelines([SALES], at(5))
    assert labels.read_at() is None
    labels.save_owners([ADA], at(3))
    assert labels.read_at() == at(3)
    labels.save_owners([], at(9))
    assert labels.read_at() == at(5)
