"""What every cache tier promises, held against each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from dealcache.deals import DealKey
from dealcache.tiers import CacheKey, Entry, MemoryTier, Selection, Tier, View
from tests.clocks import ManualClock

MakeTier = Callable[[ManualClock], Tier]

#: Each tier, made with room for plenty.
TIERS: dict[str, MakeTier] = {"memory": lambda clock: MemoryTier(1_000_000, clock)}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=TIERS.values(), ids=TIERS.keys())
def tier(request, clock) -> Tier:
    return request.param(clock)


def key(name: str = "Acme", view: View = View.TIMELINE, by: str = "name") -> CacheKey:
    return CacheKey.of(view, DealKey(by, name))  # type: ignore[arg-type]


def entry(clock: ManualClock, deal_id: str | None = "1", name: str | None = "Acme", body: bytes = b"{}") -> Entry:
    return Entry(200, body, '"tag"', clock(), clock() + 600, clock() + 1000, deal_id, name)


def always() -> bool:
    return True


def test_gives_back_what_was_put(tier, clock):
    kept = entry(clock)
    assert tier.put(key(), kept, always)
    assert tier.get(key()) == kept


def test_knows_nothing_that_was_not_put(tier, clock):
    tier.put(key(), entry(clock), always)
    assert tier.get(key("acme")) is None
    assert tier.get(key(view=View.INFO)) is None
    assert tier.get(key(by="id")) is None


def test_keeps_nothing_without_permit(tier, clock):
    assert not tier.put(key(), entry(clock), lambda: False)
    assert tier.get(key()) is None


def test_hands_out_a_stale_entry_until_it_is_not_worth_keeping(tier, clock):
    tier.put(key(), entry(clock), always)
    clock.tick(999)
    assert tier.get(key()) is not None
    clock.tick(1)
    assert tier.get(key()) is None


def test_never_replaces_newer_by_older(tier, clock):
    older = entry(clock, body=b"old")
    clock.tick(5)
    newer = entry(clock, body=b"new")
    assert tier.put(key(), newer, always)
    assert not tier.put(key(), older, always)
    assert tier.get(key()) == newer


def test_replaces_older_by_newer_and_keeps_the_count_of_hits(tier, clock):
    tier.put(key(), entry(clock, body=b"old"), always)
    tier.record_hit(key())
    clock.tick(5)
    tier.put(key(), entry(clock, body=b"new"), always)
    assert tier.get(key()).body == b"new"
    assert tier.listing()[0].hits == 1
    assert tier.usage().entries == 1


def test_clearing_everything_tells_the_keys_that_left(tier, clock):
    tier.put(key("A"), entry(clock, "1", "A"), always)
    tier.put(key("A", View.INFO), entry(clock, "1", "A"), always)
    tier.put(key("B"), entry(clock, "2", "B"), always)
    assert tier.invalidate(Selection.all()) == {"timeline:A", "info:A", "timeline:B"}
    assert tier.usage().entries == 0
    assert tier.usage().size_bytes == 0


def test_clearing_one_deal_leaves_the_others(tier, clock):
    tier.put(key("A"), entry(clock, "1", "A"), always)
    tier.put(key("B"), entry(clock, "2", "B"), always)
    assert tier.invalidate(Selection.deals(names=["A"])) == {"timeline:A"}
    assert tier.get(key("A")) is None
    assert tier.get(key("B")) is not None


def test_a_name_clears_every_spelling_and_the_id_of_the_deal(tier, clock):
    tier.put(key("ACME"), entry(clock), always)
    tier.put(key("acme"), entry(clock), always)
    tier.put(key("1", by="id"), entry(clock), always)
    tier.invalidate(Selection.deals(names=["Acme "]))
    assert tier.usage().entries == 0


def test_an_id_clears_what_was_cached_under_the_name(tier, clock):
    tier.put(key("Acme"), entry(clock), always)
    tier.put(key("Other"), entry(clock, "2", "Other"), always)
    assert tier.invalidate(Selection.deals(ids=["1"])) == {"timeline:Acme"}
    assert tier.get(key("Other")) is not None


def test_a_remembered_404_is_cleared_by_its_name(tier, clock):
    unknown = Entry(404, b"", "", clock(), clock() + 30, clock() + 30, None, None)
    tier.put(key("Typo"), unknown, always)
    assert tier.invalidate(Selection.deals(names=["typo"])) == {"timeline:Typo"}


def test_an_entry_by_id_is_shown_under_its_name_and_counts_once(tier, clock):
    tier.put(key("Acme"), entry(clock, body=b"12"), always)
    tier.put(key("1", by="id"), entry(clock, body=b"12"), always)
    tier.record_hit(key("Acme"))
    tier.record_hit(key("1", by="id"))
    (row,) = tier.listing()
    assert (row.key, row.hits, row.size_bytes) == ("timeline:Acme", 2, tier.usage().size_bytes)
    assert tier.invalidate(Selection.all()) == {"timeline:Acme"}


def test_looking_does_not_count_as_using(clock):
    tier = MemoryTier(2 * 1700, clock)
    tier.put(key("old"), entry(clock, "1", "old"), always)
    tier.put(key("young"), entry(clock, "2", "young"), always)
    tier.listing()
    tier.usage()
    tier.put(key("third"), entry(clock, "3", "third"), always)
    assert tier.get(key("old")) is None
    assert tier.get(key("young")) is not None


def test_a_hit_on_nothing_is_no_error(tier):
    tier.record_hit(key("nobody"))
    assert tier.listing() == []


def test_sweeping_gives_back_what_is_not_worth_keeping(tier, clock):
    tier.put(key("A"), entry(clock, "1", "A"), always)
    long_lived = replace(entry(clock, "2", "B"), keep_until=clock() + 5000)
    tier.put(key("B"), long_lived, always)
    clock.tick(1000)
    tier.sweep()
    assert tier.usage().entries == 1
    assert tier.invalidate(Selection.all()) == {"timeline:B"}
