"""The figures of several workers together are what one worker would tell that held everything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dealcache.figures import Columns, Figures, Summary, summary
from dealcache.tiers import Listing, Usage

NO_READS = {"memory": 0, "redis": 0, "mongodb": 0, "hubspot": 0}


def figures(*rows: Listing, reads: dict[str, int] | None = None, failed: int = 0, untold: int = 0) -> Figures:
    """What a worker tells that holds ``rows`` and may hold 1,000 bytes."""
    listing = sorted(rows, key=lambda row: row.fetched_at, reverse=True)
    usage = Usage(len(rows), sum(row.size_bytes for row in rows), 1_000, evictions=2)
    return Figures(NO_READS | (reads or {}), failed, usage, Columns.of(listing), untold)


def row(key: str, fetched_at: float = 10.0, size: int = 5, hits: int = 1) -> Listing:
    return Listing(key, fetched_at, fetched_at + 600, size, hits)


def test_one_worker_alone_tells_what_it_holds():
    told = summary([figures(row("info:A", 10), row("info:B", 20), reads={"memory": 3}, failed=1)], "", 10)
    assert told == Summary(
        by_tier=NO_READS | {"memory": 3},
        failed=1,
        usage=Usage(2, 10, 1_000, 2),
        total=2,
        rows=[row("info:B", 20), row("info:A", 10)],
        workers=1,
    )


def test_what_two_workers_hold_counts_once_with_the_youngest_ones_times_and_sizes_and_hits_added():
    ada = figures(row("info:A", 10, size=5, hits=7), row("info:B", 40), reads={"memory": 3, "hubspot": 2}, failed=1)
    bob = figures(row("info:A", 30, size=6, hits=1), reads={"memory": 4, "redis": 1}, failed=2)
    told = summary([ada, bob], "", 10)
    assert told.rows == [row("info:B", 40), row("info:A", 30, size=11, hits=8)]
    assert (told.total, told.workers) == (2, 2)
    assert told.usage == Usage(3, 16, 2_000, 4)
    assert told.by_tier == {"memory": 7, "redis": 1, "mongodb": 0, "hubspot": 2}
    assert told.failed == 3
    assert told.complete


def test_prefix_and_limit_choose_among_what_all_hold_and_leave_the_total_alone():
    ada = figures(row("info:A", 10), row("timeline:A", 50))
    bob = figures(row("info:A", 60), row("info:B", 20))
    assert [one.key for one in summary([ada, bob], "info:", 10).rows] == ["info:A", "info:B"]
    assert [one.key for one in summary([ada, bob], "", 2).rows] == ["info:A", "timeline:A"]
    assert summary([ada, bob], "info:A", 1).rows == [row("info:A", 60, size=10, hits=2)]
    assert summary([ada, bob], "nothing", 10).rows == []
    assert summary([ada, bob], "", 0).rows == []
    for prefix, limit in (("info:", 10), ("", 2), ("", 0)):
        assert summary([ada, bob], prefix, limit).total == 3


def test_who_is_missing_is_told():
    told = summary([figures()], "", 10, ["web-2-4711"])
    assert (told.missing, told.complete, told.workers) == (["web-2-4711"], False, 1)


def test_nobody_is_missing_but_nobody_could_be_asked_either():
    told = summary([figures()], "", 10, all_asked=False)
    assert (told.missing, told.complete) == ((), False)


def test_keys_that_could_not_be_told_count_and_are_owned_up_to():
    cut = figures(*(row(f"info:{number}", number) for number in range(10))).told_in(4)
    assert list(cut.columns.keys) == ["info:9", "info:8", "info:7", "info:6"]
    told = summary([cut, figures(row("info:9", 3), row("info:0", 3))], "", 100)
    assert told.total == 5 + 6  # "info:0" counts twice
    assert not told.complete
    assert len(told.rows) == 5


def test_keys_can_be_cut_twice():
    cut = figures(*(row(f"info:{number}") for number in range(10)))
    assert cut.told_in(7).told_in(3).untold == 7
    assert cut.told_in(10) == cut


caches = st.lists(
    st.dictionaries(
        st.sampled_from([f"{view}:{name}" for view in ("info", "timeline") for name in "ABCDE"]),
        st.tuples(st.integers(0, 20), st.integers(1, 9), st.integers(0, 9)),
    ),
    min_size=1,
    max_size=5,
)


@given(caches, st.sampled_from(["", "info:", "timeline:A", "none"]), st.integers(0, 12))
def test_together_they_are_what_the_plain_definition_says(held, prefix, limit):
    told = summary(
        [figures(*(row(key, *values) for key, values in cache.items())) for cache in held],
        prefix,
        limit,
    )
    merged = {}
    for cache in held:
        for key, (fetched_at, size, hits) in cache.items():
            old = merged.get(key, (-1, 0, 0))
            merged[key] = (max(old[0], fetched_at), old[1] + size, old[2] + hits)
    assert told.total == len(merged)
    expected = {key: row(key, *values) for key, values in merged.items() if key.startswith(prefix)}
    assert len(told.rows) == min(limit, len(expected))
    assert all(expected[one.key] == one for one in told.rows)
    times = [one.fetched_at for one in told.rows]
    assert times == sorted(times, reverse=True)
    left_out = [expected[key].fetched_at for key in expected.keys() - {one.key for one in told.rows}]
    assert not times or not left_out or max(left_out) <= times[-1]
    assert told.usage.size_bytes == sum(size for cache in held for _, size, _ in cache.values())
    assert told.usage.max_bytes == 1_000 * len(held)
