"""Samples of the cache's counters: the pure part of the cache page."""

from __future__ import annotations

from typing import Any

from tests.console.browser import Console

_SAMPLES = """
const [looks, done] = arguments;
import(`${document.documentElement.dataset.assets}/cache/samples.js`).then(({NO_SAMPLES, countersOf, look}) => {
  let known = NO_SAMPLES;
  for (const [stats, at] of looks) known = look(known, countersOf(stats), at);
  done(known.samples);
}, (error) => done(`${error}`));
"""


def _stats(memory: int = 0, redis: int = 0, hubspot: int = 0, failed: int = 0, workers: int = 1) -> dict[str, Any]:
    hits = {"memory": memory, "redis": redis, "mongodb": 0, "hubspot": hubspot}
    tiers = {tier: {"hits": count} for tier, count in hits.items()}
    return {"tiers": tiers, "misses": hubspot + failed, "workers": workers, "workers_missing": []}


def _samples(console: Console, *looks: tuple[dict[str, Any], int]) -> list[dict[str, Any]]:
    console.open("/cache")
    return console.driver.execute_async_script(_SAMPLES, [list(one) for one in looks])


def test_differences_become_rates(console: Console) -> None:
    first, second = _stats(memory=100), _stats(memory=130, redis=5, hubspot=10, failed=5)
    (sample,) = _samples(console, (first, 0), (second, 10_000))
    assert sample["rates"] == {"memory": 3, "redis": 0.5, "mongodb": 0, "hubspot": 1, "failed": 0.5}
    assert (sample["total"], sample["ratio"]) == (5, 0.7)


def test_without_reads_there_is_no_ratio(console: Console) -> None:
    (sample,) = _samples(console, (_stats(7), 0), (_stats(7), 10_000))
    assert (sample["total"], sample["ratio"]) == (0, None)


def test_looks_that_follow_soon_count_together(console: Console) -> None:
    looks = [(_stats(at), 1_000 * at) for at in range(7)]
    (sample,) = _samples(console, *looks)
    assert (sample["from"], sample["to"], sample["rates"]["memory"]) == (0, 5_000, 1)


def test_what_nobody_looked_at_and_what_cannot_be_compared_is_a_gap(console: Console) -> None:
    again, others = _stats(3), _stats(50, workers=2)
    looks = [(_stats(0), 0), (_stats(90), 60_000), (_stats(99), 70_000), (again, 80_000), (others, 82_000)]
    samples = _samples(console, *looks, (_stats(60, workers=2), 92_000))
    assert [one.get("isGap", False) for one in samples] == [True, False, True, True, False]
    assert samples[-1]["rates"]["memory"] == 1


def test_what_is_older_than_ten_minutes_is_given_up(console: Console) -> None:
    looks = [(_stats(at), 15_000 * at) for at in range(100)]
    samples = _samples(console, *looks)
    assert len(samples) == 40
    assert samples[-1]["to"] - samples[0]["to"] < 600_000
