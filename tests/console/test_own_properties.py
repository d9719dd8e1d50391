"""Own properties in the console: facts of a deal, filters, columns and orders of the list of deals."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.console.browser import Console
from tests.console.conftest import OpenConsole, StartService, filled
from tests.console.test_deals import asked, query_of, shows, sorted_columns
from tests.e2e.programs import Gunicorn
from tests.waiting import until

NAMES = ("hs_priority", "deal_source", "seats", "contract_start", "modules")
LABELS = ["Priority", "Deal source", "Seats", "Contract start", "Modules"]


@pytest.fixture(scope="module")
def service(start_service: StartService) -> Gunicorn:
    """A service that shows own properties of its deals."""
    service = start_service(HUBSPOT_DEAL_PROPERTIES=",".join(NAMES))
    filled(service)
    known = "/api/hubspot/v2/deal-properties"
    until(lambda: [one["label"] for one in service.get(known).json()] == LABELS, 30)
    return service


def cells(console: Console, number: int = 0) -> list[str]:
    """Return the cells of own properties in a row of the table."""
    row = console.driver.find_elements(By.CSS_SELECTOR, ".deals-table tbody tr")[number]
    return [one.text for one in row.find_elements(By.CSS_SELECTOR, ".column-own")]


def headings(console: Console) -> list[str]:
    return [one.text.strip(" ▲▼\n") for one in console.driver.find_elements(By.CSS_SELECTOR, "th.column-own")]


def open_fields(console: Console) -> None:
    console.wait_for("Own properties")
    console.driver.find_element(By.XPATH, "//summary[contains(., 'Own properties')]").click()


def test_fields_filter_by_them(console: Console, service: Gunicorn) -> None:
    console.open()
    everything = shows(console, service)
    open_fields(console)
    Select(console.the("field", "Priority")).select_by_visible_text("High")
    high = shows(console, service, **{"property.hs_priority": "high"})
    assert 0 < high["total"] < everything["total"]
    Select(console.the("field", "Modules")).select_by_visible_text("Core")
    shows(console, service, **{"property.hs_priority": "high", "property.modules": "core"})
    assert query_of(console) == {"property.hs_priority": ["high"], "property.modules": ["core"]}
    console.driver.back()
    shows(console, service, **{"property.hs_priority": "high"})
    console.press("Clear filters")
    shows(console, service)
    assert console.address == "/deals"


def test_an_address_keeps_filters_columns_and_order(console: Console, service: Gunicorn) -> None:
    wanted = {"property.hs_priority": ["High", "low"], "sort": "-property.seats"}
    console.open("/deals?property.hs_priority=High&property.hs_priority=low&sort=-property.seats&column=modules")
    first = shows(console, service, **wanted)["deals"][0]
    assert sorted_columns(console) == [("Seats", "descending")]
    assert headings(console) == ["Seats", "Modules"]
    seats, modules = (first["properties"][name] for name in ("seats", "modules"))
    assert cells(console) == [f"{seats['value']:,.12g}", "; ".join(modules["value_label"] or []) or "–"]
    open_fields(console)
    assert Select(console.the("field", "Priority")).first_selected_option.text == "2 values"
    console.driver.find_element(By.CSS_SELECTOR, "input[value=hs_priority]").click()
    console.wait(lambda: headings(console) == ["Priority", "Seats", "Modules"])
    assert query_of(console)["column"] == ["hs_priority", "modules"]
    console.press("Priority")
    shows(console, service, **{**wanted, "sort": "property.hs_priority"})
    assert headings(console) == ["Priority", "Modules"]


def test_what_is_wrong_stands_beside_the_field(console: Console, service: Gunicorn) -> None:
    console.open("/deals?property.seats=many")
    console.wait_for("Must be a number.")
    field = console.the("field", "Seats")
    assert field.get_attribute("aria-invalid") == "true"
    console.press("Clear filters")
    shows(console, service)
    console.the("field", "Seats").send_keys("12", Keys.ENTER)
    shows(console, service, **{"property.seats": "12"})
    console.open("/deals?sort=property.modules")
    console.wait_for("Deals cannot be sorted like this.")
    console.press("Show the newest first")
    shows(console, service)
    assert all("422" in line for line in console.complaints())


def test_a_deal_shows_them_with_their_labels(console: Console, service: Gunicorn) -> None:
    deal = next(
        one
        for one in asked(service, **{"property.modules": "sso"}, limit=100)["deals"]
        if all(shown["value"] is not None for shown in one["properties"].values())
    )
    console.open(f"/deals/{deal['deal_id']}")
    console.wait_for(deal["deal_name"])
    facts = console.driver.find_element(By.CSS_SELECTOR, "dl[aria-label='Own properties']")
    assert [one.text for one in facts.find_elements(By.TAG_NAME, "dt")] == LABELS
    told = [one.text for one in facts.find_elements(By.TAG_NAME, "dd")]
    properties = deal["properties"]
    assert told[:2] == [properties[name]["value_label"] for name in ("hs_priority", "deal_source")]
    assert told[4] == "; ".join(properties["modules"]["value_label"])
    console.inspect("deal-properties")


def test_the_list_looks_well_on_any_screen(console: Console, service: Gunicorn) -> None:
    console.open("/deals?column=hs_priority&column=modules&property.hs_priority=high&sort=property.contract_start")
    shows(console, service, **{"property.hs_priority": "high", "sort": "property.contract_start"})
    open_fields(console)
    console.inspect("deals-properties")


def test_where_none_are_configured_nothing_is_said_of_them(
    open_console: OpenConsole, start_service: StartService
) -> None:
    plain = start_service()
    filled(plain)
    console = open_console(plain)
    console.open("/deals?column=hs_priority")
    deal = shows(console, plain)["deals"][0]
    assert "Own properties" not in console.text
    assert headings(console) == []
    console.open(f"/deals/{deal['deal_id']}")
    console.wait_for("First activity")
    assert not console.driver.find_elements(By.CSS_SELECTOR, "dl[aria-label='Own properties']")
