from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import pytest

from dealcache.model.deals import Deal, choose_deal


def made(deal_id, name, day=1, **more):
    return Deal(deal_id, name, datetime(2026, 1, day, tzinfo=UTC), **more)


@pytest.mark.parametrize(
    ("best", "others"),
    [
        (made("1", "Acme", day=1), [made("2", "ACME", day=9)]),
        (made("1", " Acme ", day=1), [made("2", "acme", day=9)]),
        (made("1", "Acme", day=2), [made("2", "Acme", day=1), made("3", "aCME", day=3)]),
        (made("10", "Acme"), [made("9", "Acme")]),
        (made("1", "ACME", day=3), [made("2", "acme", day=2), made("3", "aCmE", day=1)]),
    ],
)
def test_the_same_case_wins_then_the_last_change_then_the_highest_id(best, others):
    for order in permutations([best, *others]):
        assert choose_deal("Acme", order) == (best, tuple(others))


def test_other_names_archived_deals_and_repetitions_do_not_count():
    acme = made("1", "Acme")
    candidates = [acme, made("2", "Acme 2"), made("3", "Acme", archived=True), made("1", "Acme")]
    assert choose_deal(" acme", candidates) == (acme, ())
    assert choose_deal("Other", candidates) is None
    assert choose_deal("Acme", []) is None
