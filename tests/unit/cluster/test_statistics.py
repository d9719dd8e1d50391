"""The statistics of several workers together are those of one worker that held everything."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.cluster.paging import SORTS, Page
from dealcache.cluster.statistics import Listing, Statistics, Summary, combine, decode, encode, without
from dealcache.model.invalidation import Selection
from dealcache.tiers import Columns, Usage

NO_READS = {"memory": 0, "redis": 0, "mongodb": 0, "hubspot": 0}


def statistics(
    *rows: Listing, reads: dict[str, int] | None = None, failed: int = 0, omitted: int = 0, part: int = 3
) -> Statistics:
    """Return those of a worker that holds ``rows`` and may hold 1,000 bytes."""
    usage = Usage(len(rows), sum(row.size_bytes for row in rows), 1_000, evictions=2)
    columns = [columns_of(rows[start : start + part]) for start in range(0, len(rows), part)]
    return Statistics(NO_READS | (reads or {}), failed, usage, 7, columns, omitted)


def columns_of(rows: Sequence[Listing]) -> Columns:
    """The columns of rows."""
    keys, *others, deal_ids = (list(column) for column in zip(*rows, strict=True))
    return Columns(keys, deal_ids, *others)


def row(key: str, fetched_at: float = 10.0, size: int = 5, hits: int = 1) -> Listing:
    """A row; the deals have ids like ``id A``."""
    return Listing(key, fetched_at, fetched_at + 600, size, hits, f"id {key.partition(':')[2]}")


def test_one_worker_alone_tells_what_it_holds():
    told = combine([statistics(row("info:A", 10), row("info:B", 20), reads={"memory": 3}, failed=1)], Page("", 10))
    assert told == Summary(
        by_tier=NO_READS | {"memory": 3},
        failed=1,
        usage=Usage(2, 10, 1_000, 2),
        total=2,
        matching=2,
        rows=[row("info:B", 20), row("info:A", 10)],
        workers=1,
    )


def test_what_two_workers_hold_counts_once_with_the_youngest_ones_times_and_sizes_and_hits_added():
    ada = statistics(row("info:A", 10, size=5, hits=7), row("info:B", 40), reads={"memory": 3, "hubspot": 2}, failed=1)
    bob = statistics(row("info:A", 30, size=6, hits=1), reads={"memory": 4, "redis": 1}, failed=2)
    told = combine([ada, bob], Page("", 10))
    assert told.rows == [row("info:B", 40), row("info:A", 30, size=11, hits=8)]
    assert (told.total, told.workers) == (2, 2)
    assert told.usage == Usage(3, 16, 2_000, 4)
    assert told.by_tier == {"memory": 7, "redis": 1, "mongodb": 0, "hubspot": 2}
    assert told.failed == 3
    assert told.complete


def test_a_key_is_listed_with_the_deal_of_its_youngest_value():
    ada = statistics(row("info:A", 10), row("info:B", 40), row("info:C", 10)._replace(deal_id=None))
    bob = statistics(row("info:A", 30)._replace(deal_id="id Z"), row("info:B", 50)._replace(deal_id=None))
    told = combine([ada, bob], Page("", 10, "key"))
    assert [(one.key, one.deal_id) for one in told.rows] == [("info:A", "id Z"), ("info:B", None), ("info:C", None)]


def test_prefix_and_limit_choose_among_what_all_hold_and_leave_the_total_alone():
    ada = statistics(row("info:A", 10), row("timeline:A", 50))
    bob = statistics(row("info:A", 60), row("info:B", 20))
    assert [one.key for one in combine([ada, bob], Page("info:", 10)).rows] == ["info:A", "info:B"]
    assert [one.key for one in combine([ada, bob], Page("", 2)).rows] == ["info:A", "timeline:A"]
    assert combine([ada, bob], Page("info:A", 1)).rows == [row("info:A", 60, size=10, hits=2)]
    assert combine([ada, bob], Page("nothing", 10)).rows == []
    assert combine([ada, bob], Page("", 0)).rows == []
    for prefix, limit in (("info:", 10), ("", 2), ("", 0)):
        assert combine([ada, bob], Page(prefix, limit)).total == 3
    matching = [combine([ada, bob], Page(prefix, 1)).matching for prefix in ("info:", "info:A", "nothing", "")]
    assert matching == [2, 1, 0, 3]


def test_missing_workers_are_named():
    told = combine([statistics()], Page("", 10), ["web-2-4711"])
    assert (told.missing, told.complete, told.workers) == (["web-2-4711"], False, 1)


def test_nobody_is_missing_but_there_may_be_others():
    told = combine([statistics()], Page("", 10), all_known=False)
    assert (told.missing, told.complete) == ((), False)


def test_keys_that_are_not_published_count_and_are_owned_up_to():
    cut = decode(encode(statistics(*(row(f"info:{number}", 9 - number) for number in range(10)), part=2), most_keys=4))
    told = combine([cut, statistics(row("info:9", 3), row("info:0", 3))], Page("", 100))
    assert [one.key for one in told.rows] == ["info:0", "info:1", "info:2", "info:3", "info:9"]
    assert told.total == 5 + 6  # "info:9" counts twice
    assert not told.complete


caches = st.lists(
    st.dictionaries(
        st.sampled_from([f"{view}:{name}" for view in ("info", "timeline") for name in "ABCDE"]),
        st.tuples(st.integers(0, 20), st.integers(1, 9), st.integers(0, 9)),
    ),
    min_size=1,
    max_size=5,
)


RANKS = {
    "key": lambda one: 0,
    "age": lambda one: -one.fetched_at,
    "remaining": lambda one: one.expires_at,
    "size": lambda one: one.size_bytes,
    "hits": lambda one: one.hits,
}


@given(caches, st.sampled_from(["", "info:", "none"]), st.integers(1, 12), st.sampled_from(SORTS), st.booleans())
def test_together_and_page_by_page_they_are_what_the_plain_definition_says(held, prefix, limit, sort, down):
    workers = [statistics(*(row(key, *values) for key, values in cache.items())) for cache in held]
    merged = {}
    for cache in held:
        for key, (fetched_at, size, hits) in cache.items():
            old = merged.get(key, (-1, 0, 0))
            merged[key] = (max(old[0], fetched_at), old[1] + size, old[2] + hits)
    expected = sorted(row(key, *values) for key, values in merged.items() if key.startswith(prefix))
    expected.sort(key=RANKS[sort], reverse=down)
    if down and sort == "key":
        expected.reverse()
    rows, page = [], Page(prefix, limit, f"-{sort}" if down else sort)
    while True:
        told = combine(workers, page)
        assert told.total == len(merged)
        assert len(told.rows) == min(limit, len(expected) - len(rows))
        rows += told.rows
        if told.last is None:
            break
        page = replace(page, after=told.last)
    assert rows == expected


HELD = statistics(
    row("info:Acme", size=1), row("timeline:ACME", size=2), row("info:Other", size=4), row("info:7", size=8)
)


@pytest.mark.parametrize(
    ("cleared", "left"),
    [
        (Selection(), ["info:Acme", "timeline:ACME", "info:Other", "info:7"]),
        (Selection.all(), []),
        (Selection.deals(names=["acme"]), ["info:Other", "info:7"]),
        (Selection.deals(ids=["id Other", "unknown"]), ["info:Acme", "timeline:ACME", "info:7"]),
        (Selection.deals(ids=["id Other"], names=["7"]), ["info:Acme", "timeline:ACME"]),
    ],
)
def test_what_was_cleared_is_not_shown(cleared, left):
    told = combine([without(HELD, cleared)], Page("", 10))
    assert [one.key for one in told.rows] == sorted(left)
    assert (told.usage.entries, told.total) == (len(left), len(left))
    assert told.usage.size_bytes == sum(one.size_bytes for one in told.rows)


def test_a_cleared_name_takes_what_is_cached_under_other_names_of_its_deal():
    renamed = Columns(
        ["info:New", "info:Old", "info:Unknown"], ["1", "1", None], [1.0] * 3, [2.0] * 3, [5] * 3, [0] * 3
    )
    held = Statistics(NO_READS, 0, Usage(3, 15, 1_000, 0), 7, [renamed])
    assert [one.key for one in combine([without(held, Selection.deals(names=["old"]))], Page("", 10)).rows] == [
        "info:Unknown"
    ]
    gone = without(held, Selection.deals(names=["unknown"]))
    assert [one.key for one in combine([gone], Page("", 10)).rows] == ["info:New", "info:Old"]


counts = st.integers(0, 2**53)
times = st.floats(0, 4e9, allow_nan=False)
rows = st.lists(st.builds(Listing, st.text(max_size=60), times, times, counts, counts), max_size=6)
reads = st.dictionaries(st.sampled_from(["memory", "redis", "mongodb", "hubspot"]), counts)


@given(reads, counts, rows, counts)
def test_a_message_holds_them_all(by_tier, failed, held, omitted):
    one = statistics(*held, reads=by_tier, failed=failed, omitted=omitted)
    assert decode(encode(one)) == replace(one, columns=[Columns(*map(list, part)) for part in one.columns])


def test_a_message_that_would_be_too_large_has_fewer_keys():
    """Names that cannot be compressed."""
    chance = random.Random(1)
    held = [row("".join(chr(chance.randrange(0x4E00, 0x9FFF)) for _ in range(9_000))) for _ in range(40)]
    message = encode(statistics(*held), most_bytes=100_000)
    told = decode(message)
    keys = [key for part in told.columns for key in part.keys]
    assert 0 < len(keys) < 40
    assert keys == [one.key for one in held[: len(keys)]]
    assert told.omitted == 40 - len(keys)
    assert len(message) < 250_000


GOOD = orjson.loads(zlib.decompress(encode(statistics())))


def message(*parts: object, **fields: object) -> bytes:
    return zlib.compress(b"\n".join(orjson.dumps(part) for part in (*parts, GOOD | fields)))


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"{}",
        zlib.compress(b""),
        zlib.compress(b"[1]"),
        zlib.compress(b"{}"),
        message(usage={"entries": 1}),
        message(format=2),
        message(more=1),
        message([["info:A"]]),
        message([["info:A"], ["1"], [1.0], [2.0], [3], []]),
        message(7),
    ],
)
def test_a_message_of_another_form_is_refused(junk):
    assert decode(message([["info:A"], ["1"], [1.0], [2.0], [3], [4]])).omitted == 0
    with pytest.raises(ValueError, match=r"."):
        decode(junk)
