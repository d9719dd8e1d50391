"""The contract of every cache tier. A module that tests a tier has a class of this one, with the fixture ``tier``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from dealcache.model.deals import DealKey
from dealcache.model.invalidation import Selection
from dealcache.reader.fence import Fence
from dealcache.tiers import CacheKey, Entry, View
from tests.clocks import ManualClock

THREADS = 100


def key(name: str = "Acme", view: View = View.TIMELINE, by: str = "name") -> CacheKey:
    return CacheKey.of(view, DealKey(by, name))  # type: ignore[arg-type]


def entry(
    clock: Callable[[], float], deal_id: str | None = "1", name: str | None = "Acme", body: bytes = b"{}"
) -> Entry:
    """An entry that is fresh for 600 seconds, and worth keeping for another 400."""
    return Entry(200, body, '"tag"', clock(), clock() + 600, clock() + 1000, deal_id, name)


def unknown(clock: Callable[[], float], deal_id: str | None = None) -> Entry:
    """An entry that says for 30 seconds that there is no such deal."""
    return Entry(404, b"", "", clock(), clock() + 30, clock() + 30, deal_id, None)


def always() -> bool:
    return True


class TierContract:
    """The suite."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    def test_gives_back_what_was_put(self, tier, clock):
        kept = replace(entry(clock, body=b"x" * 20_000), generation=12)
        assert tier.put(key(), kept, always)
        assert tier.get(key()) == kept

    def test_gives_back_a_404(self, tier, clock):
        assert tier.put(key("Typo"), unknown(clock), always)
        assert tier.put(key("99", by="id"), unknown(clock, "99"), always)
        assert tier.get(key("Typo")) == unknown(clock)
        assert tier.get(key("99", by="id")) == unknown(clock, "99")

    @pytest.mark.parametrize(
        "name",
        [
            "with: colons: 1",
            "  odd\u00a0space ",
            "{braces}*?[]",
            "Müller & Söhne – 本社",
            "\U0001f980" * 512,
            "\\",
            '"',
        ],
    )
    def test_takes_any_name(self, tier, clock, name):
        kept = entry(clock, name=name)
        assert tier.put(key(name), kept, always)
        assert tier.put(key(name, View.INFO), kept, always)
        assert tier.put(key("1", by="id"), kept, always)
        assert tier.get(key(name)) == kept
        assert tier.invalidate(Selection.deals(names=[name])) == {f"timeline:{name}", f"info:{name}"}
        assert tier.get_many([key(name), key(name, View.INFO), key("1", by="id")]) == {}

    def test_knows_nothing_that_was_not_put(self, tier, clock):
        tier.put(key(), entry(clock), always)
        assert tier.get(key("acme")) is None
        assert tier.get(key(view=View.INFO)) is None
        assert tier.get(key(by="id")) is None

    def test_gives_many_at_once_and_leaves_out_what_it_does_not_have(self, tier, clock):
        kept = {key(name): entry(clock, deal_id=name, name=name, body=name.encode()) for name in "ABC"}
        for one, its in kept.items():
            tier.put(one, its, always)
        assert tier.get_many([key("A"), key("nobody"), key("C"), key("A")]) == {
            key("A"): kept[key("A")],
            key("C"): kept[key("C")],
        }
        assert tier.get_many(iter(kept)) == kept
        assert tier.get_many([]) == {}

    def test_keeps_nothing_without_permit(self, tier, clock):
        assert not tier.put(key(), entry(clock), lambda: False)
        assert tier.get(key()) is None

    def test_keeps_nothing_whose_time_is_over(self, tier, clock):
        late = entry(clock)
        clock.tick(1001)
        assert not tier.put(key(), late, always)
        assert tier.get(key()) is None
        assert tier.invalidate(Selection.all()) == set()

    def test_never_replaces_newer_by_older(self, tier, clock):
        older = entry(clock, body=b"old")
        clock.tick(5)
        newer = entry(clock, body=b"new")
        assert tier.put(key(), newer, always)
        assert not tier.put(key(), older, always)
        assert tier.get(key()) == newer

    def test_replaces_older_by_newer_and_by_equally_old(self, tier, clock):
        tier.put(key(), entry(clock, body=b"old"), always)
        clock.tick(0.001)
        assert tier.put(key(), entry(clock, body=b"new"), always)
        assert tier.get(key()).body == b"new"
        assert tier.put(key(), entry(clock, body=b"again"), always)
        assert tier.get(key()).body == b"again"

    def test_clearing_everything_tells_the_keys_that_left(self, tier, clock):
        tier.put(key("A"), entry(clock, "1", "A"), always)
        tier.put(key("A", View.INFO), entry(clock, "1", "A"), always)
        tier.put(key("B"), entry(clock, "2", "B"), always)
        assert tier.invalidate(Selection.all()) == {"timeline:A", "info:A", "timeline:B"}
        assert tier.get_many([key("A"), key("A", View.INFO), key("B")]) == {}
        assert tier.invalidate(Selection.all()) == set()

    def test_clearing_everything_clears_very_much_too(self, tier, clock):
        keys = [key(f"Deal {number}") for number in range(1700)]
        for number, one in enumerate(keys):
            tier.put(one, entry(clock, str(number), one.value), always)
        assert tier.invalidate(Selection.all()) == {f"timeline:{one.value}" for one in keys}
        assert tier.get_many(keys) == {}

    def test_clearing_one_deal_leaves_the_others(self, tier, clock):
        tier.put(key("A"), entry(clock, "1", "A"), always)
        tier.put(key("B"), entry(clock, "2", "B"), always)
        assert tier.invalidate(Selection.deals(names=["A"])) == {"timeline:A"}
        assert tier.get(key("A")) is None
        assert tier.get(key("B")) is not None

    def test_clearing_many_deals_tells_the_keys_that_left(self, tier, clock):
        for number in range(300):
            tier.put(key(f"Deal {number}"), entry(clock, str(number), f"Deal {number}"), always)
        selection = Selection.deals(ids=map(str, range(0, 200)), names=[f"Deal {number}" for number in range(150, 290)])
        assert tier.invalidate(selection) == {f"timeline:Deal {number}" for number in range(290)}
        assert set(tier.get_many(key(f"Deal {number}") for number in range(300))) == {
            key(f"Deal {number}") for number in range(290, 300)
        }

    def test_clearing_nothing_clears_nothing(self, tier, clock):
        tier.put(key("A"), entry(clock), always)
        assert tier.invalidate(Selection()) == set()
        assert tier.get(key("A")) is not None

    def test_a_name_clears_every_spelling_and_the_id_of_the_deal(self, tier, clock):
        keys = [key("ACME"), key("acme"), key("1", by="id")]
        for one in keys:
            tier.put(one, entry(clock), always)
        assert tier.invalidate(Selection.deals(names=["Acme "])) == {"timeline:ACME", "timeline:acme", "timeline:Acme"}
        assert tier.get_many(keys) == {}

    def test_a_name_clears_what_is_kept_under_other_names_of_its_deal(self, tier, clock):
        """As after a rename: the deal is found by its old name too, as long as HubSpot's search has not noticed."""
        tier.put(key("Old name"), entry(clock, "1", "New name"), always)
        tier.put(key("New name"), entry(clock, "1", "New name"), always)
        assert tier.invalidate(Selection.deals(names=["old name"])) == {"timeline:Old name", "timeline:New name"}
        assert tier.get(key("New name")) is None

    def test_an_id_clears_what_was_cached_under_the_name(self, tier, clock):
        tier.put(key("Acme"), entry(clock), always)
        tier.put(key("Other"), entry(clock, "2", "Other"), always)
        assert tier.invalidate(Selection.deals(ids=["1"])) == {"timeline:Acme"}
        assert tier.get(key("Other")) is not None

    def test_an_entry_of_another_deal_than_before_is_cleared_with_that_alone(self, tier, clock):
        tier.put(key("Acme"), entry(clock, "1"), always)
        tier.put(key("7", by="id"), entry(clock, "7", "Before"), always)
        clock.tick(1)
        tier.put(key("Acme"), entry(clock, "2"), always)
        tier.put(key("7", by="id"), entry(clock, "7", "After"), always)
        assert tier.invalidate(Selection.deals(ids=["1"], names=["before"])) == set()
        assert tier.invalidate(Selection.deals(ids=["2"], names=["after"])) == {"timeline:Acme", "timeline:After"}

    def test_a_remembered_404_is_cleared_by_its_name_or_id(self, tier, clock):
        tier.put(key("Typo"), unknown(clock), always)
        tier.put(key("99", by="id"), unknown(clock, "99"), always)
        assert tier.invalidate(Selection.deals(names=["typo"])) == {"timeline:Typo"}
        assert tier.invalidate(Selection.deals(ids=["99"])) == {"timeline:99"}

    def test_an_entry_by_id_is_shown_under_its_name(self, tier, clock):
        tier.put(key("Acme"), entry(clock), always)
        tier.put(key("1", by="id"), entry(clock), always)
        assert tier.invalidate(Selection.all()) == {"timeline:Acme"}

    @pytest.mark.parametrize(
        "selection",
        [Selection.all(), Selection.deals(ids=["1"]), Selection.deals(names=["acme"])],
        ids=["all", "id", "name"],
    )
    def test_what_was_loaded_knowing_of_an_invalidation_stays(self, tier, clock, selection):
        kept = replace(entry(clock), generation=7)
        tier.put(key("acme"), replace(entry(clock), generation=6), always)
        tier.put(key("ACME"), kept, always)
        tier.put(key("1", by="id"), replace(entry(clock), generation=8), always)
        assert tier.invalidate(selection, before=7) == {"timeline:acme"}
        assert set(tier.get_many([key("acme"), key("ACME"), key("1", by="id")])) == {key("ACME"), key("1", by="id")}
        assert tier.get(key("ACME")) == kept
        assert tier.invalidate(selection) == {"timeline:ACME", "timeline:Acme"}

    def test_the_newest_of_a_hundred_wins(self, tier, clock):
        begin = threading.Barrier(THREADS)
        made = entry(clock)
        clock.tick(THREADS)
        entries = [
            replace(made, body=b"%d" % number, fetched_at=made.fetched_at + number, expires_at=clock() + 500)
            for number in range(THREADS)
        ]

        def put(number: int) -> bool:
            begin.wait(60)
            return tier.put(key(), entries[number * 37 % THREADS], always)

        with ThreadPoolExecutor(THREADS) as threads:
            kept = list(threads.map(put, range(THREADS)))
        assert any(kept)
        assert tier.get(key()) == entries[-1]

    @pytest.mark.parametrize("seconds", [2.0, 120.0, 86_400.0])
    def test_what_was_read_before_the_clock_was_set_back_gives_way(self, tier, clock, seconds):
        tier.put(key(), entry(clock, body=b"before"), always)
        clock.tick(-seconds)
        after = entry(clock, body=b"after")
        assert tier.put(key(), after, always)
        assert tier.get(key()) == after

    def test_an_invalidation_is_never_undone_by_a_hundred_that_put(self, tier, clock):
        """Each thread puts what the world says when it begins, as the read path does; every tenth changes the world."""
        fence, world, begin = Fence(), [0], threading.Barrier(THREADS)
        lock = threading.Lock()

        def change() -> None:
            with lock:
                world[0] += 1
            fence.move(Selection.deals(ids=["1"]))
            tier.invalidate(Selection.deals(ids=["1"]))

        def load_and_put() -> None:
            token, seen = fence.token(), world[0]
            mine = entry(clock, body=b"%d" % seen)
            tier.put(key(), mine, lambda: fence.permits(token, key(), mine))

        def work(number: int) -> None:
            begin.wait(60)
            for _ in range(5):
                change() if number % 10 == 0 else load_and_put()

        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(work, range(THREADS)))
        left = tier.get(key())
        assert left is None or int(left.body) == world[0] == 50
