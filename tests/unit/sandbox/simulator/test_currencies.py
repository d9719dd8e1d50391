"""Currencies of the simulated account."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dealcache.sandbox.simulator.currencies import Currencies
from dealcache.sandbox.simulator.dataset import Dataset
from dealcache.sandbox.simulator.demo import demo_data, demo_deal_id
from dealcache.sandbox.simulator.ground_truth import amounts_by_currency, live_deals


@pytest.mark.parametrize(
    ("amount", "code", "at_home"),
    [
        ("1500", "USD", "1500.00"),
        ("1500.50", "EUR", "1650.55"),
        ("1500", "CHF", None),
        ("", "EUR", None),
        (None, "USD", None),
    ],
)
def test_an_amount_at_home_follows_the_rate(amount: str | None, code: str, at_home: str | None) -> None:
    assert Currencies("USD", {"EUR": "1.1"}).at_home(amount, code) == at_home


def test_hubspot_works_out_the_amount_at_home_with_each_change() -> None:
    data = Dataset()
    data.currencies = Currencies("USD", {"EUR": "1.1"})
    deal_id = data.add_deal("Acme", {"amount": "10"})
    assert data.existing("deals", deal_id).properties.get("amount_in_home_currency") is None
    for change, at_home in (
        ({"deal_currency_code": "EUR"}, "11.00"),
        ({"amount": "20"}, "22.00"),
        ({"deal_currency_code": None}, None),
    ):
        assert data.update("deals", deal_id, change).properties["amount_in_home_currency"] == at_home


def test_a_demo_account_has_currencies_only_if_it_is_asked_for_them() -> None:
    plain, several = demo_data(60), demo_data(60, currencies=True)
    codes = {"deal_currency_code", "amount_in_home_currency"}
    for before, after in zip(live_deals(plain), live_deals(several), strict=True):
        assert not codes & before.properties.keys()
        assert {name: value for name, value in after.properties.items() if name not in codes} == before.properties
    odd = [
        several.existing("deals", demo_deal_id(name)).properties for name in ("Initech pilot", "Umbrella onboarding")
    ]
    assert [one["deal_currency_code"] for one in odd] == [None, "CHF"]
    assert [one.get("amount_in_home_currency") for one in odd] == [None, None]
    sums = amounts_by_currency(several)
    assert sums.keys() == {None, "USD", "EUR", "JPY", "CHF"}
    assert sum(sums.values()) == sum(amounts_by_currency(plain).values(), Decimal(0))
