"""Currencies, from HubSpot to the lists, in an account with several of them."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from dealcache.model.jobs import JobType
from dealcache.sandbox.simulator import Dataset, demo_data
from dealcache.sandbox.simulator.demo import demo_deal_id
from dealcache.sandbox.simulator.ground_truth import amounts_by_currency
from tests.integration.sync.harness import Account, MakeAccount, some_deals

_CURRENCIES = ("currency", "amount_in_home_currency")


@pytest.fixture
def several(make_account: MakeAccount) -> Account:
    """An account that is loaded and has deals in four currencies, without one, and in none that there is."""
    account = make_account(demo_data(120, activities_per_deal=1, currencies=True))
    account.run(JobType.FULL)
    return account


def v2(account: Account, path: str, **query: Any) -> Any:
    return account.service.get(f"v2/{path}", **query).get_json()


def truth(data: Dataset) -> dict[str, float]:
    """The sums by currency; deals without one are in that of the company."""
    sums: dict[str, Decimal] = {}
    for code, amount in amounts_by_currency(data).items():
        key = code or data.currencies.company
        sums[key] = sums.get(key, Decimal(0)) + amount
    return {code: float(amount) for code, amount in sums.items()}


def test_lists_show_what_hubspot_has_in_each_currency(several: Account) -> None:
    expected = truth(several.data)
    assert expected.keys() == {"USD", "EUR", "JPY", "CHF"}
    listed = v2(several, "deal-list", limit=500)
    assert listed["total_amounts"] == pytest.approx(expected)
    assert listed["total_amount"] == pytest.approx(sum(expected.values()))
    for row in listed["deals"]:
        of_hubspot = several.data.existing("deals", row["deal_id"]).properties
        code, at_home = of_hubspot.get("deal_currency_code"), of_hubspot.get("amount_in_home_currency")
        if code not in expected:
            assert row["currency"] is None
            assert "amount_in_home_currency" not in row
        else:
            assert row["currency"] == code
            assert row["amount_in_home_currency"] == (at_home and float(at_home))

    found = v2(several, "deal-list", min_amount=100_000)["total_amounts"]
    large = [row for row in listed["deals"] if (row["amount"] or 0) >= 100_000]
    sums = {code: sum(row["amount"] for row in large if (row["currency"] or "USD") == code) for code in expected}
    assert found == pytest.approx({code: amount for code, amount in sums.items() if amount})
    assert "total_amounts" not in v2(several, "deal-list", q="umbrella onboarding")

    summary = v2(several, "pipeline-summary")
    assert all(line["amount"] == pytest.approx(sum(line["amounts"].values())) for line in summary)
    amounts = {code: sum(line["amounts"].get(code, 0.0) for line in summary) for code in expected}
    assert amounts == pytest.approx(expected)


def test_a_deal_that_changes_its_currency_is_a_change_of_its_information(several: Account) -> None:
    acme = demo_deal_id("Acme renewal")
    several.data.update("deals", acme, {"deal_currency_code": "CHF", "amount": "1500"})
    several.settle()
    several.run(JobType.INCREMENTAL)
    assert v2(several, "deal-info", dealId=acme)["currency"] == "CHF"
    assert several.service.get("deal-info", dealId=acme).get_json()["currency"] == "CHF"
    stage = v2(several, "deal-info", dealId=acme)["dealStage"]
    rows = {row["Deal_Name"]: row["Amount"] for row in v2(several, "deals", stage=stage)}
    assert rows["Acme renewal"] == "CHF 1,500.00"
    assert v2(several, "deal-list", limit=500)["total_amounts"] == pytest.approx(truth(several.data))

    several.data.update("deals", acme, {"deal_currency_code": None})
    several.settle()
    several.run(JobType.INCREMENTAL)
    assert "currency" not in v2(several, "deal-info", dealId=acme)
    assert v2(several, "deal-list", limit=500)["total_amounts"] == pytest.approx(truth(several.data))


def test_a_database_of_an_earlier_version_has_its_deals_read_again_once(several: Account) -> None:
    several.settle()
    several.run(JobType.INCREMENTAL)
    before = Counter(several.hubspot.calls.counts())
    database = several.service.database
    database.deal_info.update_many({}, {"$unset": dict.fromkeys(_CURRENCIES, "")})
    database.sync_state.update_one({}, {"$unset": {"read_with_deals": ""}})
    several.settle()
    several.run(JobType.INCREMENTAL)
    assert Counter(several.hubspot.calls.counts()) - before == Counter({"list": 2})
    assert v2(several, "deal-list", limit=500)["total_amounts"] == pytest.approx(truth(several.data))
    several.settle()
    several.run(JobType.INCREMENTAL)
    assert Counter(several.hubspot.calls.counts()) == before


def test_an_account_without_currencies_is_as_it_was(make_account: MakeAccount) -> None:
    account = make_account(some_deals(3, kinds=("notes",)))
    account.run(JobType.FULL)
    assert account.storage.sync_state.load().read_with_deals is None
    assert not any(set(_CURRENCIES) & one.keys() for one in account.service.database.deal_info.find())
    assert v2(account, "deal-list").keys() == {"deals", "total", "total_amount"}
    assert all(line.keys() == {"stage", "count", "amount"} for line in v2(account, "pipeline-summary"))
    assert "currency" not in v2(account, "deal-info", dealId=account.deal(1))
