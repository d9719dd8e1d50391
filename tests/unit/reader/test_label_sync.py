"""Which views are let go when labels change, and what becomes of labels that MongoDB cannot keep."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dealcache.background import Maintenance
from dealcache.model.deal_properties import PropertyDefinition
from dealcache.model.invalidation import INFO, TIMELINE, Changes, Selection
from dealcache.model.labels import LabelChanges, Labels, Owner
from dealcache.model.pipelines import Pipeline, Stage
from dealcache.reader.label_directory import LabelDirectory
from dealcache.reader.label_sync import MOST_DEALS, LabelSync
from dealcache.repositories import StoreError, StoreUnavailable
from tests.clocks import ManualClock

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SALES = Pipeline("p", "Sales", 0, (Stage("s", "Sent", 0, 0.5, is_closed=False),))
ADA, BOB = Owner("1", "Ada"), Owner("2", "Bob")


class Stored:
    """MongoDB: labels, and the deals that show them."""

    def __init__(self) -> None:
        self.labels = Labels((ADA, BOB), (SALES,))
        self.info: list[str] = []
        self.timelines: list[str] = []
        self.down = self.slow = False
        self.asked: list[LabelChanges] = []

    def read(self) -> Labels:
        if self.down:
            raise StoreUnavailable("no answer")
        return self.labels

    def save_owners(self, owners: tuple[Owner, ...], _at: datetime) -> None:
        self.labels = Labels(owners, self.labels.pipelines)

    def save_pipelines(self, pipelines: tuple[Pipeline, ...], _at: datetime) -> None:
        self.labels = Labels(self.labels.known_owners, pipelines)

    def save_properties(self, definitions: tuple[PropertyDefinition, ...], _at: datetime) -> None:
        self.labels = replace(self.labels, properties={one.name: one for one in definitions})

    def ids_showing(self, changes: LabelChanges, most: int) -> list[str]:
        if self.slow:
            raise StoreUnavailable("no answer in time")
        self.asked.append(changes)
        return self.info[:most]

    def deals_with_events_of(self, _owner_ids: frozenset[str], most: int) -> list[str]:
        return self.timelines[:most]


class Here:
    """The labels of this process, and what the others are told."""

    def __init__(self, stored: Stored) -> None:
        self.labels = stored.labels
        self.done: list[object] = []

    def current(self) -> Labels:
        return self.labels

    def renew(self) -> None:
        self.done.append("renewed")

    def learn(
        self,
        owners: tuple[Owner, ...] = (),
        pipelines: tuple[Pipeline, ...] = (),
        properties: tuple[PropertyDefinition, ...] = (),
    ) -> None:
        self.done.append((owners, pipelines, *properties))

    def labels_changed(self, selection: Selection, changes: Changes | None = None) -> None:
        self.done.append((selection, None if changes is None else changes.views))


@pytest.fixture
def stored() -> Stored:
    return Stored()


@pytest.fixture
def here(stored: Stored) -> Here:
    return Here(stored)


@pytest.fixture
def sync(stored: Stored, here: Here) -> LabelSync:
    return LabelSync(stored, stored, stored, here, here.labels_changed)  # type: ignore[arg-type]


def test_labels_as_they_were_are_told_to_nobody(sync: LabelSync, here: Here) -> None:
    assert sync.store_owners((ADA, BOB), NOW)
    assert sync.store_pipelines((SALES,), NOW)
    assert here.done == []


def test_a_renamed_owner_lets_go_what_shows_the_name(sync: LabelSync, stored: Stored, here: Here) -> None:
    stored.info, stored.timelines = ["7"], ["7", "8"]
    assert sync.store_owners((Owner("1", "Ada Byron"), BOB), NOW)
    assert stored.asked == [LabelChanges(frozenset({"1"}))]
    views = {"7": {INFO, TIMELINE}, "8": {TIMELINE}}
    assert here.done == ["renewed", (Selection.deals(ids=["7", "8"]), views)]


def test_a_stage_has_no_place_in_timelines(sync: LabelSync, stored: Stored, here: Here) -> None:
    stored.info, stored.timelines = ["7"], ["8"]
    renamed = Pipeline("p", "Sales", 0, (Stage("s", "Signed", 0, 0.5, is_closed=False),))
    assert sync.store_pipelines((renamed,), NOW)
    assert here.done == ["renewed", (Selection.deals(ids=["7"]), {"7": {INFO}})]


def test_what_is_won_is_read_again_though_no_label_changed(sync: LabelSync, here: Here) -> None:
    won = Pipeline("p", "Sales", 0, (Stage("s", "Sent", 0, 1.0, is_closed=True),))
    assert sync.store_pipelines((won,), NOW)
    assert here.done == ["renewed", (Selection(), {})]


def test_of_many_deals_nobody_is_told_one_by_one(sync: LabelSync, stored: Stored, here: Here) -> None:
    stored.info = [str(number) for number in range(MOST_DEALS + 1)]
    sync.store_owners((Owner("1", "Ada Byron"), BOB), NOW)
    assert here.done == ["renewed", (Selection.all(), None)]


def test_everything_is_let_go_when_mongodb_cannot_tell_what_shows_a_label(
    sync: LabelSync, stored: Stored, here: Here
) -> None:
    stored.slow = True
    assert sync.store_owners((Owner("1", "Ada Byron"), BOB), NOW)
    assert here.done == ["renewed", (Selection.all(), None)]


def test_the_first_labels_of_all_are_no_news(sync: LabelSync, stored: Stored, here: Here) -> None:
    stored.labels = Labels()
    stored.info = ["7"]
    sync.store_owners((ADA, BOB), NOW)
    assert here.done == ["renewed", (Selection.deals(ids=["7"]), None)]


def test_what_mongodb_cannot_keep_is_used_here(sync: LabelSync, stored: Stored, here: Here) -> None:
    stored.down = True
    assert not sync.store_owners((ADA,), NOW)
    assert here.done == [((ADA,), ())]


def test_what_changed_without_a_word_is_let_go_too(sync: LabelSync, stored: Stored, here: Here) -> None:
    sync.check()
    assert here.done == []
    stored.info, stored.labels = ["7"], Labels((Owner("1", "Ada Byron"), BOB), (SALES,))
    sync.check()
    assert here.done == ["renewed", (Selection.deals(ids=["7"]), {"7": {INFO}})]


def test_labels_are_compared_once_a_minute_and_after_a_failure_in_the_next_round(
    sync: LabelSync, stored: Stored, here: Here
) -> None:
    clock = ManualClock()
    maintenance = Maintenance({"labels": sync.check}, {}, expected=(StoreError,), clock=clock)
    stored.down = True
    maintenance.run_round()
    stored.down = False
    stored.info, stored.labels = ["7"], Labels((Owner("1", "Ada Byron"), BOB), (SALES,))
    maintenance.run_round()
    published = ["renewed", (Selection.deals(ids=["7"]), {"7": {INFO}})]
    assert here.done == published
    clock.tick(59)
    maintenance.run_round()
    assert here.done == published
    clock.tick(2)
    maintenance.run_round()  # nobody has made these views new
    assert here.done == published * 2


def test_a_comparison_without_mongodb_warns_of_no_views(
    stored: Stored, here: Here, caplog: pytest.LogCaptureFixture
) -> None:
    stored.down = True
    sync = LabelSync(stored, stored, stored, LabelDirectory(stored.read), here.labels_changed)  # type: ignore[arg-type]
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            sync.check()
    assert not caplog.records


def test_a_changed_definition_is_shown_by_every_deal(sync: LabelSync, here: Here, stored: Stored) -> None:
    size = PropertyDefinition("size", "Size", "number")
    assert sync.store_properties((size,), NOW)
    assert here.done == ["renewed", (Selection.all(), None)]
    assert sync.store_properties((size,), NOW)
    assert len(here.done) == 2
    stored.down = True
    assert not sync.store_properties((replace(size, label="Seats"),), NOW)
    assert here.done[2:] == [((), (), replace(size, label="Seats"))]
