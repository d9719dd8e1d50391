"""Totals of lists by currency."""

from __future__ import annotations

import pytest

from dealcache.repositories import StageTotal
from dealcache.repositories.lists.totals import CurrencyTotal, ListTotal, completed, difference, total_of, without

EUROS, DOLLARS = StageTotal("p", "won", 2, 10.5, currency="EUR"), StageTotal("p", "won", 1, 3.0, currency="USD")
NONE = StageTotal("p", "lost", 1, 0.25)


def test_without_currencies_there_is_one_sum() -> None:
    assert total_of([NONE, NONE], "USD") == ListTotal(2, 0.5)
    assert total_of([], "USD").amounts == {}


def test_deals_without_a_currency_are_in_the_companys() -> None:
    assert total_of([NONE, DOLLARS], "USD").amounts == {}
    assert total_of([NONE, DOLLARS, EUROS], "USD").amounts == {"EUR": 10.5, "USD": 3.25}
    assert total_of([NONE, EUROS], None).amounts == {"EUR": 10.5, "XXX": 0.25}


def test_the_companys_currency_is_what_the_others_leave() -> None:
    total = completed(ListTotal(4, 13.75), {"EUR": CurrencyTotal(2, 10.5)}, "USD")
    assert (total.count, total.amount, total.amounts) == (4, 13.75, {"EUR": 10.5, "USD": 3.25})
    assert completed(ListTotal(2, 10.5), {"EUR": CurrencyTotal(2, 10.5)}, "USD").amounts == {}


def test_some_deals_are_taken_away_in_each_currency() -> None:
    left = without(
        total_of([EUROS, DOLLARS, NONE], "USD"), total_of([StageTotal("p", "won", 2, 10.0, currency="EUR")], "USD")
    )
    assert left == ListTotal(2, 3.75, {"USD": CurrencyTotal(2, 3.25)})
    assert left.amounts == {}


def test_what_is_left_without_some_deals_has_no_binary_noise() -> None:
    stages = [StageTotal("p", "won", 1, 0.1), StageTotal("p", "lost", 7, 0.2)]
    assert without(total_of(stages, None), ListTotal(2, 0.3)) == ListTotal(6, 0.0)


def test_of_more_deals_than_there_were_none_are_left() -> None:
    assert without(ListTotal(1, 5.0), ListTotal(2, 7.5)) == ListTotal(0, 0.0)


@pytest.mark.parametrize(
    ("total", "parts", "left"),
    [
        (840_229_503.59 + 12.5, [840_229_503.59], 12.5),
        (0.3, [0.1, 0.2], 0.0),
        (0.0, [], 0.0),
        (1e300, [5e299], 5e299),
        (-10.5, [0.25], -10.75),
    ],
)
def test_what_is_left_has_no_more_digits_than_are_known(total: float, parts: list[float], left: float) -> None:
    assert difference(total, parts) == left
