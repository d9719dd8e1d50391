"""The mix of the users' requests."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Collection
from urllib.parse import parse_qs, urlsplit

import pytest

from benchmarks.load.mix import ADMINS, REFRESH_PAUSE, SHARES, Kind, Mix, Visit

DEALS = [f"Deal {number}" for number in range(300)]


def visits(count: int, deals: Collection[str] = DEALS, pause: float = 1.0, **more: Collection[Kind]) -> list[Visit]:
    mix = Mix(list(deals), random.Random(1), **more)
    return [mix.next(number * pause) for number in range(count)]


def names_in(visit: Visit) -> list[str]:
    return [parse_qs(urlsplit(call.target).query)["dealName"][0] for call in visit.calls]


def of_kind(made: list[Visit], kind: Kind) -> list[Visit]:
    return [visit for visit in made if visit.kind is kind]


def test_the_shares_are_those_that_are_told() -> None:
    assert sum(SHARES.values()) == pytest.approx(1.0)
    made = visits(20_000, [f"Deal {number}" for number in range(5_000)], REFRESH_PAUSE)
    for kind, count in Counter(visit.kind for visit in made).items():
        assert count / 20_000 == pytest.approx(SHARES[kind], rel=0.25), kind


def test_a_page_asks_for_the_three_views_of_one_deal_as_the_web_ui_does() -> None:
    page, *_ = of_kind(visits(20), Kind.PAGE)
    paths = [urlsplit(call.target).path for call in page.calls]
    assert paths == [f"/api/hubspot/{view}" for view in ("deal-activities-count", "deal-timeline", "deal-info")]
    assert len(set(names_in(page))) == 1
    assert all({"X-Browser-ID", "X-Session-ID"} <= set(call.headers) for call in page.calls)


def test_some_browsers_have_seen_a_deal_before_and_say_so() -> None:
    mix = Mix(["Only one"], random.Random(1))
    for target in [call.target for call in of_kind([mix.next(0.0) for _ in range(20)], Kind.PAGE)[0].calls]:
        mix.learn(target, f'"{target}"')
    pages = of_kind([mix.next(0.0) for _ in range(1_000)], Kind.PAGE)
    returning = [page for page in pages if "If-None-Match" in page.calls[0].headers]
    assert len(returning) / len(pages) == pytest.approx(0.5, abs=0.06)
    assert all(call.headers["If-None-Match"] == f'"{call.target}"' for page in returning for call in page.calls)


def test_nobody_says_so_who_cannot() -> None:
    assert not any("If-None-Match" in call.headers for visit in visits(1_000) for call in visit.calls)


def test_popular_deals_are_viewed_more_often() -> None:
    viewed = Counter(names_in(page)[0] for page in of_kind(visits(5_000), Kind.PAGE))
    (_, most), (_, second) = viewed.most_common(2)
    assert most / second == pytest.approx(2.0, rel=0.25)


def test_a_first_read_is_of_a_deal_that_nobody_has_read() -> None:
    seen: set[str] = set()
    firsts = 0
    for visit in visits(2_000):
        match visit.kind:
            case Kind.FIRST:
                firsts += 1
                assert not seen & set(names_in(visit))
                seen.update(names_in(visit))
            case Kind.PAGE | Kind.NO_CACHE:
                seen.update(names_in(visit))
            case Kind.BATCH:
                seen.update(json.loads(visit.calls[0].body or b"")["deal_names"])
    assert firsts > 5


def test_when_all_have_been_read_a_read_that_skips_the_cache_comes_instead() -> None:
    made = visits(4_000, ["One", "Two"])
    assert len(of_kind(made, Kind.FIRST)) <= 2
    assert len(of_kind(made, Kind.NO_CACHE)) / 4_000 == pytest.approx(0.02, rel=0.25)
    assert all(visit.calls[0].headers == {"Cache-Control": "no-cache"} for visit in of_kind(made, Kind.NO_CACHE))


def test_refreshes_are_far_apart_however_many_visits_there_are() -> None:
    mix = Mix(DEALS, random.Random(1))
    moments = [number * 0.001 for number in range(60_000)]
    refreshes = [due for due in moments if mix.next(due).kind is Kind.REFRESH]
    assert len(refreshes) > 8
    assert all(later - earlier >= REFRESH_PAUSE for earlier, later in itertools.pairwise(refreshes))


def test_what_needs_the_admin_token_is_known_and_can_be_left_out() -> None:
    made = visits(5_000)
    assert {visit.kind for visit in made if any(call.admin for call in visit.calls)} == ADMINS
    assert not {visit.kind for visit in visits(5_000, left_out=ADMINS)} & ADMINS


def test_a_clear_is_of_one_deal_and_never_of_all() -> None:
    for visit in of_kind(visits(3_000), Kind.CLEAR):
        assert visit.calls[0].method == "DELETE"
        assert names_in(visit)[0] in DEALS


def test_a_batch_names_different_deals() -> None:
    for visit in of_kind(visits(3_000), Kind.BATCH):
        names = json.loads(visit.calls[0].body or b"")["deal_names"]
        assert 5 <= len(names) == len(set(names)) <= 40


def test_the_same_seed_makes_the_same_visits() -> None:
    assert visits(500) == visits(500)
