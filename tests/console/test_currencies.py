"""Amounts with their currencies, in an account that has several, and with codes that a browser takes for none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.common.by import By

from dealcache.sandbox.simulator.demo import demo_deal_id
from tests.console.browser import Console
from tests.console.conftest import OpenConsole, StartService, filled
from tests.e2e.programs import Gunicorn, HubSpot
from tests.waiting import until

DEALS = 60

#: Gives deals in Swiss francs a code that is none.
STRANGE = """
const ask = window.fetch;
window.fetch = async (...all) => {
  const answer = await ask(...all);
  if (!String(all[0]).includes("deal-list")) return answer;
  const text = (await answer.text()).replaceAll('"CHF"', '"Fränkli"');
  return new Response(text, {status: answer.status, headers: answer.headers});
};
"""


def of_deal(name: str, **properties: str) -> dict[str, Any]:
    """Return a change of a deal in HubSpot."""
    return {"do": "update", "object_type": "deals", "record_id": demo_deal_id(name), "properties": properties}


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubSpot]:
    """A HubSpot whose deals are in several currencies."""
    program = HubSpot(tmp_path_factory.mktemp("several"), "--deals", str(DEALS), "--currencies", "several")
    program.change(of_deal("Umbrella onboarding", amount="1500"))
    yield program
    program.stop()


@pytest.fixture(scope="module")
def service(start_service: StartService, several: HubSpot) -> Gunicorn:
    service = start_service(HUBSPOT_BASE_URL=several.url)
    filled(service)
    until(lambda: service.get("/api/hubspot/v2/deal-list").json().get("total_amounts"), 30)
    return service


def sums(console: Console) -> list[str]:
    """Return the sums that the line above the table shows."""
    return [one.text for one in console.driver.find_elements(By.CSS_SELECTOR, ".deals-sum")]


def test_deals_and_their_sums_have_their_currencies(console: Console, service: Gunicorn) -> None:
    console.open("/deals?sort=-amount")
    console.wait_for(f"{DEALS} deals, total amounts CHF")
    answer = service.get("/api/hubspot/v2/deal-list", sort="-amount").json()
    shown = console.script("return [...document.querySelectorAll('td.column-amount')].map((one) => one.textContent)")
    symbols = {"USD": "$", "EUR": "€", "JPY": "¥", "CHF": "CHF"}
    for row, text in zip(answer["deals"], shown, strict=True):
        if row["amount"] is not None and row["currency"] is not None:
            assert text.startswith(symbols[row["currency"]]), (row["currency"], text)
    found = zip(sums(console), answer["total_amounts"], strict=True)
    assert all(text.startswith(symbols[code]) for text, code in found)
    bars = console.script("return [...document.querySelectorAll('.bar-text')].map((one) => one.textContent)")
    assert any("€" in text and "$" in text for text in bars)
    console.inspect("deals-currencies")


def test_one_currency_is_as_quiet_as_none(console: Console) -> None:
    console.open("/deals?q=umbrella+onboarding")
    console.wait_for("1 deal, total amount")
    assert sums(console) == []
    assert "1 deal, total amount CHF 1,500\n" in console.text


def test_the_page_of_a_deal_has_its_currency(console: Console, several: HubSpot, service: Gunicorn) -> None:
    acme = demo_deal_id("Acme renewal")
    several.change(of_deal("Acme renewal", amount="1234567", deal_currency_code="EUR"))
    console.open(f"/deals/{acme}")
    console.press("Refresh")
    console.wait_for("€1,234,567")
    console.wait_for("currency changed to EUR")


def test_a_code_that_is_none_breaks_no_page(open_console: OpenConsole, service: Gunicorn) -> None:
    console = open_console(service)
    console.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": STRANGE})
    console.open("/deals")
    console.wait_for(f"{DEALS} deals, total amounts")
    assert any(one.endswith(" Fränkli") for one in sums(console))
