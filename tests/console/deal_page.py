"""The page of one deal: what is found on it, and the deals that tests make for it."""

from __future__ import annotations

from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.console.browser import Console
from tests.e2e.programs import HubSpot

INFO = "/api/hubspot/deal-info"
TIMELINE = "/api/hubspot/deal-timeline"


def add(hubspot: HubSpot, deal_id: str, *activities: tuple[str, dict[str, str]]) -> None:
    """Add activities to a deal in HubSpot."""
    changes = [
        {"do": "add_activity", "object_type": kind, "properties": properties, "deals": [deal_id]}
        for kind, properties in activities
    ]
    if changes:
        hubspot.change(*changes)


def note(text: str, at: str = "2026-03-01T10:00:00Z") -> tuple[str, dict[str, str]]:
    """Return a note for add()."""
    return "notes", {"hs_note_body": text, "hs_timestamp": at}


def rows(console: Console) -> list[WebElement]:
    """All events that the list draws."""
    return console.driver.find_elements(By.CSS_SELECTOR, ".event")


def chosen(console: Console) -> WebElement:
    """The event that the address names, once it is drawn."""
    return console.wait(lambda: console.driver.find_elements(By.CSS_SELECTOR, ".event.is-chosen"))[0]


def marks(console: Console, selector: str = "") -> list[WebElement]:
    """Return all marks of the picture."""
    return console.driver.find_elements(By.CSS_SELECTOR, f".mark{selector}")


def single(console: Console) -> WebElement:
    """A mark of one event that is not planned."""
    return console.wait(lambda: [mark for mark in marks(console, ":not(.is-planned):has(circle)") if mark])[0]


def opened(console: Console, deal_id: str, query: str = "") -> None:
    """Open a deal, and wait until its events are there."""
    console.open(f"/deals/{deal_id}{query}")
    console.wait(lambda: console.all("field", "Search events"))


def classes(element: WebElement) -> str:
    """Return the classes of an element."""
    return element.get_attribute("class") or ""
