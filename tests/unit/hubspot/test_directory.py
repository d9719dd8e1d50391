from __future__ import annotations

import logging
from concurrent.futures import Future

import pytest

from dealcache.hubspot.budgets import Priority
from dealcache.hubspot.directory import Directory
from dealcache.hubspot.errors import Unavailable
from tests.unit.hubspot.records import OWNERS, PIPELINES


class LaterExecutor:
    """Runs what was submitted when told to."""

    def __init__(self):
        self.jobs = []

    def submit(self, job):
        future = Future()
        self.jobs.append((future, job))
        return future

    def run(self):
        jobs, self.jobs = self.jobs, []
        for future, job in jobs:
            try:
                future.set_result(job())
            except Exception as error:  # noqa: BLE001 - as an executor does
                future.set_exception(error)


class Listing:
    def __init__(self):
        self.owners, self.owner_calls, self.pipeline_calls, self.failure = OWNERS, 0, 0, None

    def list_owners(self, deadline, priority):
        assert priority is Priority.SHARED
        self.owner_calls += 1
        if self.failure:
            raise self.failure
        return self.owners

    def list_pipelines(self, deadline, priority):
        assert priority is Priority.SHARED
        self.pipeline_calls += 1
        return PIPELINES


@pytest.fixture
def executor():
    return LaterExecutor()


@pytest.fixture
def listing():
    return Listing()


@pytest.fixture
def directory(listing, clock):
    return Directory(listing, clock=clock)


def owners(directory, executor):
    future = directory.owners.get(executor)
    executor.run()
    return future.result()


def test_owners_are_read_once_and_kept_for_an_hour(directory, executor, listing, clock):
    assert owners(directory, executor)["910901"] == "Ada Byron"
    clock.now += 3599
    assert owners(directory, executor)["910901"] == "Ada Byron"
    assert listing.owner_calls == 1
    clock.now += 2
    owners(directory, executor)
    assert listing.owner_calls == 2


def test_all_who_ask_during_a_read_share_it(directory, executor, listing):
    futures = [directory.owners.get(executor) for _ in range(10)]
    assert directory.owners.refreshed(executor) is futures[0]
    executor.run()
    assert {id(future.result()) for future in futures} == {id(futures[0].result())}
    assert listing.owner_calls == 1


def test_an_unknown_id_causes_one_read_a_minute(directory, executor, listing, clock):
    owners(directory, executor)
    clock.now += 59
    assert directory.owners.refreshed(executor) is None
    clock.now += 2
    listing.owners = [*OWNERS, {"id": "3", "email": "new@example.com"}]
    future = directory.owners.refreshed(executor)
    executor.run()
    assert future.result()["3"] == "new@example.com"
    assert directory.owners.refreshed(executor) is None
    assert owners(directory, executor)["3"] == "new@example.com"
    assert listing.owner_calls == 2


def test_a_failure_is_told_when_nothing_is_known_yet(directory, executor, listing):
    listing.failure = Unavailable("down")
    with pytest.raises(Unavailable):
        owners(directory, executor)
    listing.failure = None
    assert owners(directory, executor)["910901"] == "Ada Byron"


def test_old_names_serve_while_a_renewal_fails_and_it_is_not_tried_at_once_again(
    directory, executor, listing, clock, caplog
):
    owners(directory, executor)
    clock.now += 3601
    listing.failure = Unavailable("down")
    with caplog.at_level(logging.WARNING):
        assert owners(directory, executor)["910901"] == "Ada Byron"
    assert "owners" in caplog.text
    owners(directory, executor)
    assert listing.owner_calls == 2
    clock.now += 61
    owners(directory, executor)
    assert listing.owner_calls == 3


def test_pipelines_are_handed_over_each_time_they_were_read(executor, listing, clock):
    handed = []
    directory = Directory(listing, on_pipelines=handed.append, clock=clock)
    for _ in range(2):
        future = directory.pipelines.get(executor)
        executor.run()
    assert handed == [future.result()]
    assert handed[0][0].label == "Sales Pipeline"
    clock.now += 3601
    directory.pipelines.get(executor)
    executor.run()
    assert len(handed) == 2
