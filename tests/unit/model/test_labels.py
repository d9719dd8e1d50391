"""The labels of ids, and the stages that a reader's word means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dealcache.model.deals import Deal
from dealcache.model.labels import LabelChanges, Labels, Owner, UnknownIds
from dealcache.model.pipelines import Pipeline, Stage, StageKey

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

WON = Stage("closedwon", "Closed Won", 2, 1.0, is_closed=True)
LOST = Stage("closedlost", "Closed Lost", 1, 0.0, is_closed=True)
OPEN = Stage("open", "In Talks", 0, 0.5, is_closed=False)
DOUBTFUL = Stage("991", "closed won", 0, None, is_closed=False)
OLD = Stage("old", "Old", 9, 0.5, is_closed=False, archived=True)
SALES = Pipeline("default", "Sales", 0, (WON, LOST, OPEN, OLD))
GONE = Pipeline("gone", "Gone", -1, (Stage("x", "X", 0, 0.1, is_closed=False), OPEN), archived=True)
LABELS = Labels((Owner("1", "Ann"), Owner("2", None)), (GONE, SALES, Pipeline("2", "Partners", 1, (DOUBTFUL,))))


def deal(**ids: str | None) -> Deal:
    return Deal("7", "Acme", NOW, **ids)


def test_a_stage_is_named_by_its_label_in_any_case_in_every_pipeline_or_by_its_id() -> None:
    assert LABELS.stage_ids("CLOSED won") == ["closedwon", "991"]
    assert LABELS.stage_ids(" closedlost ") == ["closedlost"]
    assert LABELS.stage_ids("in talks") == ["open"]  # one id, in two pipelines
    assert LABELS.stage_ids("nowhere") == []


def test_all_names_of_a_stage_come_to_one() -> None:
    assert LABELS.stage_name(" IN talks ") == "In Talks"
    assert LABELS.stage_name("open") == "In Talks"
    assert LABELS.stage_name("CLOSED WON") == LABELS.stage_name("closed won")
    assert LABELS.stage_name("nowhere") is None


@pytest.mark.parametrize("wanted", ["open", "closedwon", "991", "closed won", "Old", "x"])
def test_the_one_name_of_a_stage_means_what_was_wanted(wanted: str) -> None:
    name = LABELS.stage_name(wanted)
    assert name is not None
    assert LABELS.stages_named(name) == LABELS.stages_named(wanted)


def test_the_id_of_a_stage_without_a_label_stays_its_name() -> None:
    nameless = Pipeline("p", "P", 0, (Stage("7", " ", 0, None, is_closed=False),))
    assert Labels((), (nameless,)).stage_name("7") == "7"


def test_labels_that_occur_twice_are_told_with_their_pipeline() -> None:
    assert LABELS.stage_labels() == ["In Talks", "Closed Lost", "Closed Won (Sales)", "closed won (Partners)"]


def test_a_stage_is_resolved_in_its_pipeline_and_by_its_id_alone_where_that_is_unknown() -> None:
    assert LABELS.stage_key("gone", "open") == StageKey("gone", "open")
    assert LABELS.stage_key("default", "991") is None
    assert LABELS.stage_key(None, "991") == StageKey("2", "991")
    # Of two with that id the one that is in use.
    assert LABELS.stage_key("never heard of", "open") == StageKey("default", "open")


def test_what_has_no_label_is_told() -> None:
    known = deal(owner_id="2", stage_id="x", pipeline_id="gone")
    nothing = deal()
    assert not LABELS.unknown_in([known, nothing])
    lost = deal(owner_id="3", stage_id="open", pipeline_id="new")
    moved = deal(stage_id="991", pipeline_id="default")
    unknown = LABELS.unknown_in([known, lost, moved])
    assert unknown == UnknownIds(frozenset({"3"}), frozenset({("new", "open"), ("default", "991")}))
    later = Labels((*LABELS.known_owners, Owner("3", "Eve")), LABELS.pipelines)
    assert later.still_unknown(unknown) == UnknownIds(frozenset(), unknown.stages)


def test_changes_are_what_is_called_otherwise_or_became_known() -> None:
    renamed = replace(
        SALES, label="Sales 2", stages=(replace(WON, label="Won"), replace(LOST, display_order=7), OPEN, OLD)
    )
    later = Labels((Owner("1", "Anne"), Owner("2", None, archived=True), Owner("3", "Eve")), (GONE, renamed))
    expected = LabelChanges(frozenset({"1", "3"}), frozenset({"closedwon", "991"}), frozenset({"default", "2"}))
    assert later.changes_since(LABELS) == expected
    assert not LABELS.changes_since(LABELS)


def test_deals_of_one_stage_id_in_two_pipelines_are_in_two_stages():
    won, lost = Stage("1", "Won", 0, 1.0, is_closed=True), Stage("1", "Lost", 0, 0.0, is_closed=True)
    labels = Labels((), (Pipeline("a", "A", 0, (won,)), Pipeline("b", "B", 1, (lost,))))
    deals = [deal(stage_id="1", pipeline_id=pipeline) for pipeline in "ab"]
    assert labels.deals_in_stage(deals, "won") == deals[:1]
    assert labels.deals_in_stage(deals, "LOST ") == deals[1:]
    assert labels.deals_in_stage(deals, "1") == deals


def test_a_stage_without_a_label_is_found_by_its_id():
    deals = [deal(stage_id="new", pipeline_id="default")]
    assert LABELS.possible_stage_ids(" new") == ["new"]
    assert LABELS.deals_in_stage(deals, "new") == deals
    assert LABELS.deals_in_stage(deals, "closed won") == []
