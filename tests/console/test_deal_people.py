"""The people of a deal and its events, as text."""

from __future__ import annotations

from typing import Any

import pytest
from selenium.webdriver.common.by import By

from tests.console.browser import Console
from tests.console.conftest import OpenConsole, StartService
from tests.console.deal_page import TIMELINE, note, opened, rows
from tests.e2e.programs import ACME, Gunicorn, HubSpot

MARKUP = '<img src="/no-such-thing" onerror="document.title = 1">'


@pytest.fixture(scope="module")
def naming(start_service: StartService) -> Gunicorn:
    return start_service(ASSOCIATED_NAMES="on")


@pytest.fixture
def console(open_console: OpenConsole, naming: Gunicorn) -> Console:
    return open_console(naming)


def fact(console: Console, name: str) -> str:
    found = console.driver.find_elements(By.XPATH, f"//dl[contains(@class, 'panel')]//dt[.='{name}']/../dd")
    return found[0].text if found else ""


def test_the_deal_and_its_events_name_people(console: Console, naming: Gunicorn) -> None:
    timeline: dict[str, Any] = naming.get(TIMELINE, dealName=ACME).json()
    contacts = [one["name"] for one in timeline["with"] if one["type"] == "contact"]
    opened(console, timeline["deal_id"])
    console.wait_for("60 of 60 events")
    assert fact(console, "Contacts") == ", ".join(contacts)
    assert fact(console, "Companies") == "Acme"
    console.fill("Search events", contacts[0])
    found = [event for event in timeline["events"] if contacts[0] in [one["name"] for one in event["with"]]]
    console.wait_for(f"{len(found)} of 60 events")
    assert contacts[0] in rows(console)[0].find_element(By.CSS_SELECTOR, ".event-with").text
    console.inspect("deal-people")


def test_names_are_text_and_who_has_none_is_called_by_the_id(
    console: Console, naming: Gunicorn, hubspot: HubSpot
) -> None:
    deal_id, contact, nameless = hubspot.change(
        {"do": "add_deal", "name": "Deal of odd people"},
        {"do": "create", "object_type": "contacts", "properties": {"firstname": MARKUP}},
        {"do": "create", "object_type": "companies", "properties": {"name": ""}},
    )
    hubspot.change({"do": "add_activity", "object_type": "notes", "properties": note("Hello")[1], "deals": [deal_id]})
    hubspot.change(
        {"do": "associate", "from_type": "deals", "from_id": deal_id, "to_type": "contacts", "to_id": contact},
        {"do": "associate", "from_type": "deals", "from_id": deal_id, "to_type": "companies", "to_id": nameless},
    )
    opened(console, str(deal_id))
    console.wait_for("1 of 1 event")
    assert fact(console, "Contacts") == MARKUP
    assert fact(console, "Companies") == f"Company {nameless}"
    assert console.driver.title.startswith("Deal of odd people")


def test_nothing_of_people_is_shown_where_they_are_not_named(open_console: OpenConsole, service: Gunicorn) -> None:
    console = open_console(service)
    opened(console, service.get(TIMELINE, dealName=ACME).json()["deal_id"])
    console.wait_for("60 of 60 events")
    assert fact(console, "Stage")
    assert "Contacts" not in console.text
    assert not console.driver.find_elements(By.CSS_SELECTOR, ".event-with")
