"""The labels with which views are made: read once, again when they changed, and kept out of caches when old."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dealcache.model.deal_properties import PropertyDefinition
from dealcache.model.deals import Deal, DealKey
from dealcache.model.invalidation import Selection
from dealcache.model.labels import Labels, Owner, UnknownIds
from dealcache.reader.fence import Fence
from dealcache.reader.invalidation_watermark import InvalidationWatermark
from dealcache.reader.label_directory import LabelDirectory
from dealcache.reader.tiered_cache import TieredCache
from dealcache.repositories import StoreUnavailable
from dealcache.tiers import CacheKey, Entry, MemoryTier, View
from tests.clocks import ManualClock
from tests.unit.reader.stands import POLICY, deal_of, maker_of, named

SIZE = PropertyDefinition("size", "Size", "number")


class Stored:
    """The labels in MongoDB."""

    def __init__(self) -> None:
        self.labels = Labels((Owner("1", "Ann"),))
        self.down = False
        self.reads = 0

    def __call__(self) -> Labels:
        self.reads += 1
        if self.down:
            raise StoreUnavailable("no answer")
        return self.labels

    def rename(self, name: str) -> None:
        self.labels = Labels((Owner("1", name),))


@pytest.fixture
def stored() -> Stored:
    return Stored()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def directory(stored: Stored, clock: ManualClock) -> LabelDirectory:
    return LabelDirectory(stored, clock)


def test_labels_are_read_once_and_again_when_they_changed(directory: LabelDirectory, stored: Stored) -> None:
    assert {directory.current().owners["1"] for _ in range(10)} == {"Ann"}
    stored.rename("Anne")
    assert directory.current().owners["1"] == "Ann"
    directory.renew()
    assert {directory.current().owners["1"] for _ in range(10)} == {"Anne"}
    assert stored.reads == 2


def test_without_mongodb_the_labels_of_before_serve_and_say_so(
    directory: LabelDirectory, stored: Stored, clock: ManualClock
) -> None:
    directory.current()
    directory.renew()
    stored.down = True
    for _ in range(10):
        assert (directory.current().owners["1"], directory.current().is_current) == ("Ann", False)
    assert stored.reads == 2
    stored.down = False
    clock.tick(1.1)
    assert directory.current().is_current


def test_what_mongodb_cannot_keep_is_known_all_the_same(directory: LabelDirectory, stored: Stored) -> None:
    directory.current()
    stored.down = True
    version = directory.version
    directory.learn(owners=(Owner("2", "Bob"),))
    assert directory.current().owners == {"1": "Ann", "2": "Bob"}
    assert not directory.current().is_current
    assert directory.version > version


def test_labels_that_change_while_they_are_read_are_read_again(directory: LabelDirectory, stored: Stored) -> None:
    def read_slowly() -> Labels:
        found = stored()
        if stored.reads == 1:
            stored.rename("Anne")
            directory.renew()
        return found

    slow = LabelDirectory(read_slowly)
    directory = slow
    first = slow.current()
    assert first.version != slow.version  # no view made with these is kept
    assert slow.current().owners["1"] == "Anne"


def test_a_label_that_another_process_has_just_stored_is_not_lacking(directory: LabelDirectory, stored: Stored) -> None:
    known, version = directory.current(), directory.version
    stored.labels = Labels((Owner("1", "Ann"), Owner("2", "Bob")))
    assert directory.completed(known).owners["2"] == "Bob"
    assert directory.version > version  # what is made with the labels of before is not kept
    assert directory.current().owners["2"] == "Bob"
    assert stored.reads == 2


def test_definitions_of_properties_are_labels_too(directory: LabelDirectory, stored: Stored) -> None:
    before = directory.current()
    stored.labels = replace(before, properties={"size": SIZE}, absent_properties=frozenset({"gone"}))
    found = directory.completed(before)
    assert (found.properties, found.absent_properties) == ({"size": SIZE}, {"gone"})
    assert found.version > before.version
    stored.down = True
    directory.learn(properties=[replace(SIZE, label="Seats")])
    learnt = directory.current()
    assert learnt.properties["size"].label == "Seats"
    assert learnt.owners == before.owners
    assert learnt.version > found.version


def test_labels_that_are_gone_for_good_cost_ten_questions_in_ten_seconds(
    directory: LabelDirectory, stored: Stored, clock: ManualClock
) -> None:
    known, version = directory.current(), directory.version
    for _ in range(50):
        assert directory.completed(known) is known
    assert (stored.reads, directory.version) == (11, version)
    clock.tick(10.1)
    directory.completed(known)
    assert stored.reads == 12


def test_labels_that_mongodb_cannot_tell_leave_those_that_are_known(directory: LabelDirectory, stored: Stored) -> None:
    known = directory.current()
    stored.down = True
    assert directory.completed(known) is known
    assert directory.current().is_current


class Views:
    """The cache, and the making of views with labels."""

    def __init__(self, directory: LabelDirectory, clock: ManualClock) -> None:
        self.memory = MemoryTier(1_000_000, clock)
        fence, watermark = Fence(), InvalidationWatermark(clock)
        self.cache = TieredCache(self.memory, None, fence, watermark, directory, clock)
        fence.begin(0)
        self.told: list[UnknownIds] = []
        self.maker = maker_of(labels=directory, on_unknown=self.told.append)
        self.clock = clock

    def made(self, key: DealKey, unknown: UnknownIds = UnknownIds()) -> Entry:  # noqa: B008 - immutable
        labels = self.maker.labels.current()
        deal = replace(deal_of(key), owner_id="1")
        return self.maker.found(
            {"owner": labels.owner_label(deal.owner_id, deal.owner)}, deal, self.clock(), labels, unknown
        )

    def kept(self, key: DealKey) -> bytes | None:
        entry = self.memory.get(CacheKey.of(View.INFO, key))
        return None if entry is None else entry.body


@pytest.fixture
def views(directory: LabelDirectory, clock: ManualClock) -> Views:
    return Views(directory, clock)


def test_a_view_made_with_old_labels_is_not_kept_after_they_changed(views: Views, stored: Stored) -> None:
    key = named()
    token, old = views.cache.fence.token(), views.made(key)
    stored.rename("Anne")
    # The deal is none of those of which MongoDB knew, a moment ago, that they show the label.
    views.cache.apply(Selection.deals(ids=["another"]), 1, labels=True)
    views.cache.keep(CacheKey.of(View.INFO, key), old, token)
    assert views.kept(key) is None
    views.cache.keep(CacheKey.of(View.INFO, key), views.made(key), views.cache.fence.token())
    assert views.kept(key) == b'{"owner":"Anne"}'


def test_what_does_not_show_a_changed_label_stays_cached(views: Views, stored: Stored) -> None:
    for key in (named("shows it"), named("does not")):
        views.cache.keep(CacheKey.of(View.INFO, key), views.made(key), views.cache.fence.token())
    views.cache.apply(Selection.deals(names=["shows it"]), 1, labels=True)
    assert views.kept(named("shows it")) is None
    assert views.kept(named("does not")) is not None


def test_an_invalidation_that_is_about_no_label_has_none_read_again(views: Views, stored: Stored) -> None:
    views.made(named())
    views.cache.apply(Selection.all(), 1)
    views.made(named())
    assert stored.reads == 1


def test_a_view_that_lacks_a_label_lives_shortly_and_is_told(views: Views, clock: ManualClock) -> None:
    unknown = UnknownIds(frozenset({"9"}))
    assert views.made(named(), unknown).expires_at == clock() + POLICY.negative_ttl
    assert views.told == [unknown]
    assert views.made(named()).expires_at == clock() + POLICY.ttl


def test_a_view_made_without_the_present_labels_lives_shortly(
    views: Views, directory: LabelDirectory, stored: Stored, clock: ManualClock
) -> None:
    stored.down = True
    entry = views.made(named())
    assert entry.expires_at == clock() + POLICY.negative_ttl
    assert views.told == []


def test_a_short_negative_time_is_the_bound_and_a_long_one_none(clock: ManualClock) -> None:
    maker = maker_of(replace(POLICY, ttl=5.0))
    deal = Deal("1", "Acme", deal_of(named()).hubspot_updated_at)
    entry = maker.found({}, deal, clock(), Labels(), UnknownIds(frozenset({"9"})))
    assert entry.expires_at == clock() + 5.0
