"""The page of deals with odd deals, with none, with newer ones, and while the service is away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from selenium.webdriver.common.by import By

from dealcache.model.deals import Deal
from dealcache.repositories.documents import deal_fields
from tests.console.browser import NARROW, Console
from tests.console.conftest import OpenConsole, StartService
from tests.e2e.programs import Gunicorn

IMAGE = "<img src=x onerror=alert(1)> zebra"
ARABIC = "تجديد عقد الصيانة السنوي <b>zebra</b>"
LONG = "w" * 500 + " zebra"

#: Shortens the quarter of a minute after which a page looks for newer data.
QUICK = (
    "const later = setTimeout; window.setTimeout = (run, ms, ...all) => later(run, ms === 15000 ? 200 : ms, ...all);"
)


@pytest.fixture(scope="module")
def database(service: Gunicorn, mongodb_uri: str) -> Iterator[Database[Any]]:
    """The service's database, with odd deals in it."""
    with MongoClient[Any](mongodb_uri) as client:
        database = client[service.database]
        store(
            database,
            deal(1, IMAGE, create_date=datetime(1999, 1, 1, tzinfo=UTC)),
            deal(2, ARABIC, owner_id="unknown", amount=-12.5),
            deal(3, LONG, owner_id="910901", stage_id="s" * 60, pipeline_id="gone", amount=1e14),
            deal(4, "\u200b", amount=0.0, create_date=datetime(1998, 1, 1, tzinfo=UTC)),
        )
        yield database


def deal(number: int, name: str, **fields: Any) -> Deal:
    """Return a deal of which no more is known than what is given."""
    return Deal(f"900000000{number}", name, hubspot_updated_at=datetime.now(UTC), **fields)


def store(database: Database[Any], *deals: Deal) -> None:
    """Write deals as a sync does, and have lists show them."""
    now = datetime.now(UTC)
    dates = dict.fromkeys(("synced_at", "timeline_synced_at", "associations_read_at"), now)
    nothing = {"count": 0, "by_type": {}, "first": None, "last": None, "next": None, "end": None}
    for deal in deals:
        fields = {**deal_fields(deal), **dates, "activities": nothing}
        database.deal_info.replace_one({"deal_id": deal.deal_id}, fields, upsert=True)
    database.list_state.update_one({"_id": "deals"}, {"$inc": {"version": 1}}, upsert=True)


def rows(console: Console) -> list[str]:
    """Return the names of the deals in the table."""
    return [one.text for one in console.driver.find_elements(By.CSS_SELECTOR, ".deals-table tbody a")]


@pytest.mark.usefixtures("database")
def test_odd_deals_are_shown_as_they_are(console: Console) -> None:
    console.open("/deals?q=zebra&sort=-amount")
    console.wait_for("3 deals, total amount 99,999,999,999,987.5")
    assert rows(console) == [LONG, ARABIC, IMAGE]
    assert not console.driver.find_elements(By.CSS_SELECTOR, "main img, main b")
    long, arabic, image = console.all("row")
    assert long.size["height"] < 100
    assert console.script("return getComputedStyle(arguments[0].querySelector('a')).direction", arabic) == "rtl"
    assert "Unknown Owner" in arabic.text
    assert "-12.5" in arabic.text
    # No stage, no amount, no day of closing, no last or next activity.
    assert image.text.count("–") == 5
    assert "1999" in image.text
    console.inspect("deals-odd")
    console.press(IMAGE, "link")
    console.wait(lambda: console.address == "/deals/9000000001")


@pytest.mark.usefixtures("database")
def test_a_deal_without_a_name_can_be_opened(console: Console) -> None:
    console.open("/deals?created_until=1998-12-31")
    console.wait_for("1 deal, total amount 0")
    console.press("Deal 9000000004 without a name", "link")
    console.wait(lambda: console.address == "/deals/9000000004")


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("width", [320, 700, 1000, 1280, 1440, 2560])
def test_the_page_never_scrolls_sideways_and_no_cell_is_cut(console: Console, width: int) -> None:
    console.look(width=width)
    console.open("/deals?q=zebra&sort=-amount")
    console.wait(lambda: len(rows(console)) == 3)
    assert not console.overflows()
    table = "const one = document.querySelector('.deals-scroll'); return one.scrollWidth - one.clientWidth"
    assert console.script(table) <= 0


def test_of_nothing_that_matches_the_page_offers_to_clear(console: Console) -> None:
    console.open("/deals?q=nothingatall&open=true")
    console.wait_for("No deal matches.")
    console.wait_for("0 deals, total amount 0")
    console.inspect("deals-nothing")
    console.press("Show all deals")
    console.wait(lambda: len(rows(console)) == 50)
    assert console.address == "/deals"


def test_an_empty_database_offers_the_first_sync(start_service: StartService, open_console: OpenConsole) -> None:
    console = open_console(start_service())
    for path in ("/activity", "/deals"):
        console.open(path)
        console.wait_for("No deals are stored yet.")
    assert not console.all("field", "Stage")
    console.inspect("deals-empty")
    assert console.the("link", "Look at the syncs").get_attribute("href").endswith("/console/syncs")
    console.press("Start sync")
    console.wait_to_hear("The sync was started.")
    console.wait(lambda: rows(console), 60)
    assert console.all("field", "Stage")


def test_newer_data_wait_until_the_reader_wants_them(console: Console, database: Database[Any]) -> None:
    console.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": QUICK})
    console.open("/deals?sort=-created&min_amount=0")
    console.wait(lambda: len(rows(console)) == 50)
    before = rows(console)
    store(database, deal(5, "Brand new", create_date=datetime.now(UTC), amount=5.0))
    console.wait_for("The list has changed.")
    assert rows(console) == before
    console.press("Show the new list")
    console.wait(lambda: rows(console) == ["Brand new", *before[:-1]])
    assert "The list has changed." not in console.text
    # Another value in the same place is shown at once.
    store(database, deal(5, "Brand new", create_date=datetime.now(UTC), amount=77_777.0))
    console.wait(lambda: "77,777" in console.all("row")[0].text)
    assert rows(console) == ["Brand new", *before[:-1]]


def test_without_the_service_what_is_read_stays(console: Console) -> None:
    console.open("/deals?q=re")
    console.wait(lambda: rows(console))
    before = rows(console)
    console.disconnect()
    console.fill("Search", "ren")
    console.wait_for("Offline")
    assert rows(console) == before
    console.wait(lambda: console.driver.find_elements(By.CSS_SELECTOR, ".stale .deals-table"))
    console.look(width=NARROW)
    assert console.barriers() == []
    console.disconnect(offline=False)
    console.wait_for_no("Offline")
    console.wait(lambda: not console.driver.find_elements(By.CSS_SELECTOR, ".stale"))
    assert rows(console) != before
    assert all("ERR_INTERNET_DISCONNECTED" in line for line in console.complaints())
