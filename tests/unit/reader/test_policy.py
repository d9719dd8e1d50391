"""When a value may serve."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.reader.policy import StalenessPolicy, Verdict, decide
from dealcache.tiers import Entry

POLICY = StalenessPolicy(ttl=600, stale_if_error=3600, negative_ttl=30, jitter=0.05)


def entry(status: int = 200, fetched_at: float = 1000.0) -> Entry:
    expires_at = POLICY.expires_at(status, fetched_at, 0.0)
    return Entry(status, b"", "", fetched_at, expires_at, POLICY.keep_until(status, expires_at), "1", "Acme")


@pytest.mark.parametrize(
    ("status", "now", "verdict"),
    [
        (200, 1000.0, Verdict.FRESH),
        (200, 1599.9, Verdict.FRESH),
        (200, 1600.0, Verdict.STALE),
        (200, 5199.9, Verdict.STALE),
        (200, 5200.0, Verdict.GONE),
        (404, 1029.9, Verdict.FRESH),
        (404, 1030.0, Verdict.GONE),
    ],
)
def test_verdicts(status, now, verdict):
    assert decide(entry(status), now) is verdict


@pytest.mark.parametrize(("ahead", "verdict"), [(0.9, Verdict.FRESH), (1.1, Verdict.STALE), (86_400, Verdict.STALE)])
def test_a_value_from_the_future_is_not_fresh(ahead, verdict):
    assert decide(entry(fetched_at=1000.0), 1000.0 - ahead) is verdict


def test_nothing_is_gone():
    assert decide(None, 0.0) is Verdict.GONE


@given(st.floats(0, 1, exclude_max=True))
def test_jitter_only_shortens_and_only_a_little(chance):
    assert 1000 + 600 * 0.95 <= POLICY.expires_at(200, 1000.0, chance) <= 1600
