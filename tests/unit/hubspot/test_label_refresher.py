from __future__ import annotations

import logging
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dealcache.hubspot.errors import Unavailable
from dealcache.hubspot.label_refresher import LabelRefresher
from dealcache.hubspot.mapper import RecordMapper
from dealcache.model.labels import UnknownIds
from tests.unit.hubspot.accounts import KnownLabels
from tests.unit.hubspot.records import OWNERS, PIPELINES

STARTED = datetime(2026, 11, 23, tzinfo=UTC)


class LaterExecutor:
    """Runs what was submitted when told to."""

    def __init__(self):
        self.jobs, self.closed = [], False

    def submit(self, job):
        if self.closed:
            raise RuntimeError("shut down")
        future = Future()
        self.jobs.append((future, job))
        return future

    def run(self):
        """Run what was submitted so far; what that submits waits."""
        jobs, self.jobs = self.jobs, []
        for future, job in jobs:
            try:
                future.set_result(job())
            except Exception as error:  # noqa: BLE001 - as an executor does
                future.set_exception(error)


class Listing:
    def __init__(self):
        self.owners, self.calls, self.failure, self.meanwhile = OWNERS, [], None, lambda: None
        self.mapper = RecordMapper()

    def list_owners(self):
        return self._answer("owners", self.owners)

    def list_pipelines(self):
        return self._answer("pipelines", PIPELINES)

    def _answer(self, what, answer):
        self.calls.append(what)
        found = list(answer)
        self.meanwhile()
        if self.failure:
            raise self.failure
        return found


@pytest.fixture
def executor():
    return LaterExecutor()


@pytest.fixture
def listing():
    return Listing()


@pytest.fixture
def known():
    return KnownLabels()


@pytest.fixture
def refresher(listing, executor, known, clock):
    return LabelRefresher(
        lambda _deadline: listing, executor, known, known.store_owners, known.store_pipelines, lambda: STARTED, clock
    )


@pytest.fixture
def filled(refresher, executor, listing):
    """A refresher that has read both lists."""
    refresher.begin_due()
    executor.run()
    listing.calls.clear()
    return refresher


def unknown_owner(owner_id="9"):
    return UnknownIds(frozenset({owner_id}))


def looked_up(refresher, executor, unknown):
    futures = refresher.begin_lookup(unknown)
    executor.run()
    return len(futures)


def test_both_lists_are_read_at_first_and_again_after_an_hour(refresher, executor, listing, known, clock):
    assert len(refresher.begin_due()) == 2
    executor.run()
    assert known().owners["910901"] == "Ada Byron"
    assert known().stage("default", "contractsent").label == "Contract Sent"
    clock.now += 3599
    assert refresher.begin_due() == []
    clock.now += 2
    refresher.begin_due()
    executor.run()
    assert sorted(listing.calls) == ["owners", "owners", "pipelines", "pipelines"]


def test_what_another_process_has_read_is_not_read_before_its_time(refresher, executor, listing, clock):
    refresher.fill(STARTED - timedelta(seconds=3000))
    assert refresher.begin_due() == []
    clock.now += 601
    assert len(refresher.begin_due()) == 2


def test_a_load_waits_only_where_nothing_is_known(refresher, executor, known):
    first = refresher.begin_missing()
    assert refresher.begin_missing() == first  # shared by all who ask meanwhile
    executor.run()
    assert [future.result() for future in first] == [None, None]
    assert refresher.begin_missing() == []


def test_a_load_waits_for_definitions_that_are_not_known_but_not_again_after_a_refusal(listing, executor, known, clock):
    reads = []

    def refused(_deadline):
        reads.append("properties")
        return True

    refresher = LabelRefresher(
        lambda _deadline: listing,
        executor,
        known,
        known.store_owners,
        known.store_pipelines,
        lambda: STARTED,
        clock,
        refused,
    )
    assert len(refresher.begin_missing()) == 3
    executor.run()
    assert reads == ["properties"]
    assert refresher.begin_missing() == []
    known.labels = replace(known.labels, absent_properties=frozenset({"gone"}))
    clock.now += 3601
    assert refresher.begin_missing() == []


def test_an_account_without_owners_is_not_asked_for_them_each_time(refresher, executor, listing):
    listing.owners = []
    refresher.begin_missing()
    executor.run()
    assert refresher.begin_missing() == []


def test_a_read_that_is_asked_for_during_another_follows_it(filled, executor, listing, known):
    first = filled.begin_all()
    later = []

    def rename():
        if not later:
            later.extend(filled.begin_all())
            listing.owners = [OWNERS[0] | {"firstName": "Augusta"}]

    listing.meanwhile = rename
    executor.run()
    assert first[0].done()
    assert not later[0].done()
    assert known().owners["910901"] == "Ada Byron"
    executor.run()
    assert later[0].done()
    assert known().owners["910901"] == "Augusta Byron"
    assert filled.begin_due() == []


def test_refreshes_are_bounded_and_what_was_too_much_is_done_later(filled, executor, listing, clock):
    for _ in range(12):
        filled.begin_refresh()
        executor.run()
    assert listing.calls.count("owners") == 10
    assert filled.begin_refresh() == []
    clock.now += 11
    filled.begin_due()
    executor.run()
    assert listing.calls.count("owners") == 11


def test_an_id_that_nobody_has_named_yet_is_looked_up_at_once(filled, executor, listing, known, clock):
    clock.now += 1
    listing.owners = [*OWNERS, {"id": "9", "email": "new@example.com"}]
    assert looked_up(filled, executor, unknown_owner()) == 1
    assert known().owners["9"] == "new@example.com"
    assert listing.calls == ["owners"]
    clock.now += 60
    filled.begin_due()
    assert executor.jobs == []  # nothing is unknown any more


def test_an_unknown_stage_has_the_pipelines_read(filled, executor, listing):
    unknown = UnknownIds(frozenset(), frozenset({("default", "9")}))
    assert looked_up(filled, executor, unknown) == 1
    assert listing.calls == ["pipelines"]


def test_an_id_that_stays_unknown_is_tried_again_with_growing_pauses(filled, executor, listing, clock):
    moments = []
    for second in range(7200):
        filled.begin_lookup(unknown_owner())  # somebody reads such a deal all the time
        if executor.jobs:
            moments.append(second)
            executor.run()
        clock.now += 1
        if second % 3000 == 0:
            filled.begin_all()
            executor.run()
            listing.calls.clear()
    assert moments == [0, 20, 60, 140, 300, 620, 1260, 2540, 5100]


def test_an_owner_who_becomes_known_later_is_found_without_anybody_asking(filled, executor, listing, known, clock):
    looked_up(filled, executor, unknown_owner())
    listing.owners = [*OWNERS, {"id": "9", "firstName": "Eve"}]
    clock.now += 19
    filled.begin_due()
    assert executor.jobs == []
    clock.now += 2
    filled.begin_due()
    executor.run()
    assert known().owners["9"] == "Eve"


def test_an_id_that_nobody_waits_for_is_looked_up_when_the_last_read_is_a_while_ago(filled, executor, listing, clock):
    clock.now += 5
    assert filled.begin_lookup(unknown_owner(), at_once=False) == []
    clock.now += 16
    filled.begin_due()
    assert len(executor.jobs) == 1
    executor.run()
    clock.now += 100
    assert len(filled.begin_lookup(unknown_owner("8"), at_once=False)) == 1


def test_many_unknown_ids_cost_few_reads(filled, executor, listing, clock):
    for number in range(1000):
        looked_up(filled, executor, unknown_owner(f"gone {number}"))
    assert listing.calls.count("owners") == 4
    for _ in range(360):
        clock.now += 10
        filled.begin_due()
        executor.run()
    assert listing.calls.count("owners") < 30


def test_a_read_that_failed_is_told_to_who_waits_and_tried_again_soon(filled, executor, listing, known, clock, caplog):
    listing.failure = Unavailable("down")
    with caplog.at_level(logging.WARNING):
        futures = filled.begin_all()
        executor.run()
    assert isinstance(futures[0].exception(), Unavailable)
    assert "owners" in caplog.text
    assert known().owners["910901"] == "Ada Byron"
    listing.failure = None
    assert filled.begin_due() == []
    clock.now += 11
    assert len(filled.begin_due()) == 2


def test_what_could_not_be_kept_is_read_again_soon(listing, known, clock, executor):
    refresher = LabelRefresher(
        lambda _deadline: listing, executor, known, lambda *_: False, known.store_pipelines, lambda: STARTED, clock
    )
    refresher.begin_due()
    executor.run()
    clock.now += 11
    assert len(refresher.begin_due()) == 1


def test_a_closed_pool_is_told_also_to_who_waits_for_the_next_read(filled, executor, listing):
    first, later = filled.begin_all(), filled.begin_all()
    jobs, executor.closed = executor.jobs, True
    executor.run()
    assert jobs
    assert [future.exception() for future in first] == [None, None]
    assert all(isinstance(future.exception(), Unavailable) for future in later)
    for _ in range(2):
        assert all(isinstance(future.exception(), Unavailable) for future in filled.begin_all())
