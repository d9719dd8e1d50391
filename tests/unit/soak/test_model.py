"""Versions that are owed to readers, and since when."""

from __future__ import annotations

import pytest

from tests.soak.model import Judgement, Model, Promise, PromiseKind
from tests.soak.versions import VIEWS, Shown

DEAL, OTHER = "7", "8"


@pytest.fixture
def model() -> Model:
    """A model whose deal is at version 3, all versions made long ago, with a bound of a second and a little grace."""
    model = Model([DEAL, OTHER], bound=1.0, margin=0.1)
    for version in (1, 2, 3):
        assert model.begin(DEAL, version) == version
        model.made(DEAL, version, version + 0.5, 1_000.0 + version)
    return model


def promise(model: Model, version: int, at: float, kind: PromiseKind = "sync") -> bool:
    return model.promise(Promise(DEAL, version, at, kind))


def read(model: Model, version: int, at: float, *, at_once: bool = False) -> Judgement:
    return model.judge(DEAL, Shown(version, version), at, at_once=at_once)


def test_without_a_promise_any_version_may_be_read(model: Model) -> None:
    assert read(model, 0, 100.0) == Judgement(None, None, impossible=False, late=0.0, since=float("inf"))


def test_an_old_version_may_be_read_until_the_bound_is_over(model: Model) -> None:
    promise(model, 2, 10.0)
    assert read(model, 1, 9.9) == Judgement(None, None, impossible=False, late=0.0, since=float("inf"))
    within = read(model, 1, 11.05)
    assert within.fine
    assert within.late == within.since == pytest.approx(1.05)
    beyond = read(model, 1, 11.2)
    assert not beyond.fine
    assert beyond.broken == Promise(DEAL, 2, 10.0, "sync")


@pytest.mark.parametrize("version", [2, 3])
def test_what_was_promised_or_newer_is_fine_and_was_owed(model: Model, version: int) -> None:
    promise(model, 2, 10.0)
    judged = read(model, version, 12.0)
    assert judged.fine
    assert judged.owed == Promise(DEAL, 2, 10.0, "sync")
    assert (judged.late, judged.since) == (0.0, 2.0)


def test_a_promise_holds_at_once_where_it_was_given(model: Model) -> None:
    promise(model, 2, 10.0)
    assert read(model, 1, 10.01, at_once=True).broken is not None
    assert read(model, 1, 9.99, at_once=True).fine


def test_a_view_of_parts_counts_as_the_older_one(model: Model) -> None:
    promise(model, 2, 10.0)
    assert model.judge(DEAL, Shown(1, 3), 12.0).broken is not None


def test_a_version_that_nobody_has_begun_to_make_is_impossible(model: Model) -> None:
    assert read(model, 3, 50.0).fine
    assert read(model, 4, 50.0).impossible
    model.begin(DEAL, 51.0)
    assert read(model, 4, 51.0).fine


def test_the_newest_promise_before_a_read_counts(model: Model) -> None:
    promise(model, 1, 10.0)
    promise(model, 3, 30.0)
    promise(model, 2, 20.0)
    for at, owed in ((12.0, 1), (22.0, 2), (32.0, 3)):
        judged = read(model, 3, at)
        assert judged.owed is not None
        assert judged.owed.version == owed


def test_a_promise_of_no_more_than_was_promised_before_is_none(model: Model) -> None:
    assert promise(model, 2, 10.0)
    assert not promise(model, 2, 11.0)
    assert not promise(model, 1, 12.0)
    assert read(model, 1, 11.05).fine
    assert promise(model, 2, 9.0)
    assert read(model, 1, 11.05).late == pytest.approx(2.05)
    assert not read(model, 1, 11.05).fine


def test_how_late_a_read_is_goes_by_the_first_promise_that_it_misses(model: Model) -> None:
    promise(model, 2, 10.0)
    promise(model, 3, 10.8)
    assert read(model, 1, 11.0).late == pytest.approx(1.0)
    assert read(model, 2, 11.0).late == pytest.approx(0.2)


def test_promises_of_one_deal_are_none_of_another(model: Model) -> None:
    promise(model, 2, 10.0)
    assert model.judge(OTHER, Shown(0, 0), 50.0).fine


def test_the_versions_made_before_a_moment_go_by_the_wall_clock(model: Model) -> None:
    assert model.made_before(1_002.5) == {DEAL: 2, OTHER: 0}
    assert model.newest() == {DEAL: 3, OTHER: 0}
    model.begin(DEAL, 60.0)
    assert model.newest()[DEAL] == 3
    assert model.begun_at(DEAL, 4) == 60.0


def see(model: Model, version: int, at: float, *views: str) -> None:
    for view in views or VIEWS:
        model.saw_in_mongodb(DEAL, view, version, at)


def test_what_all_views_of_mongodb_showed_a_while_ago_is_there_for_good(model: Model) -> None:
    see(model, 2, 10.0)
    assert model.in_mongodb(DEAL, 10.5) == 0
    assert model.in_mongodb(DEAL, 11.0) == 2


def test_what_only_some_views_showed_is_not_there_yet(model: Model) -> None:
    see(model, 1, 10.0)
    see(model, 2, 11.0, "info", "timeline")
    assert model.in_mongodb(DEAL, 20.0) == 1


def test_what_was_seen_shortly_before_a_crash_is_forgotten(model: Model) -> None:
    see(model, 1, 10.0)
    see(model, 2, 12.5)
    model.mongodb_crashed(13.0)
    assert model.in_mongodb(DEAL, 20.0) == 1
    see(model, 2, 18.0)
    assert model.in_mongodb(DEAL, 20.0) == 2


def test_what_was_promised_is_in_mongodb(model: Model) -> None:
    promise(model, 3, 10.0, "refresh")
    assert model.in_mongodb(DEAL, 9.0) == 0
    assert model.in_mongodb(DEAL, 10.0) == 3


def test_deals_of_which_something_was_promised_lately(model: Model) -> None:
    promise(model, 1, 10.0)
    assert model.promised_lately(11.0, within=2.0) == [DEAL]
    assert model.promised_lately(13.0, within=2.0) == []
    promise(model, 2, 20.0)
    assert model.promised_lately(19.0, within=2.0) == []
