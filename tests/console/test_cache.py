"""The cache page: reads of the last minutes, what is cached, and clearing it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from dealcache.sandbox.embedded import Mongod
from tests.console.browser import Console
from tests.console.conftest import OpenConsole, StartService, filled
from tests.databases import fast_directory
from tests.e2e.programs import Gunicorn, HubSpot
from tests.ports import free_port

VIEWS = ("deal-info", "deal-timeline", "deal-activities-count")
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def mongod() -> Iterator[Mongod]:
    """A mongod of the test's own, which it may stop."""
    with fast_directory() as directory:
        mongod = Mongod(directory / "data", free_port())
        yield mongod
        mongod.kill()


@pytest.fixture(scope="module")
def service(start_service: StartService) -> Gunicorn:
    """A service that has all deals, and remembers for long which there are not."""
    service = start_service(NEGATIVE_TTL_SECONDS="3600")
    filled(service)
    return service


@pytest.fixture
def cached(service: Gunicorn) -> Gunicorn:
    """The service with three entries of each of two deals, and three of none."""
    delete(service)
    read(service, "Acme renewal", "Globex expansion", HOSTILE)
    return service


def delete(service: Gunicorn) -> None:
    """Clear its cache, not by the console."""
    assert requests.delete(f"{service.url}/api/hubspot/clear-endpoint-cache", timeout=30).ok


def read(service: Gunicorn, *names: str) -> None:
    """Read all of some deals, by name."""
    for name in names:
        for view in VIEWS:
            service.get(f"/api/hubspot/{view}", dealName=name)


def keys(console: Console) -> list[str]:
    """Return the keys that are listed, in their order."""
    cells = console.driver.find_elements(By.CSS_SELECTOR, ".cache-entries tbody th")
    return [one.text.removesuffix("not found").strip() for one in cells]


def clear_of(console: Console, key: str) -> WebElement:
    """Return the button that clears what a key belongs to."""
    (row,) = [one for one in console.all("row") if key in one.text]
    button = row.find_element(By.TAG_NAME, "button")
    assert button.accessible_name == "Clear"
    described = console.script("return document.getElementById(arguments[0]).textContent", described_by(button))
    assert key in re.sub(r"\s+", "", described) or key in described
    return button


def described_by(element: WebElement) -> str:
    """Return the id of what describes an element."""
    return str(element.get_attribute("aria-describedby"))


def sorted_by(console: Console) -> list[tuple[str, str | None]]:
    """Return the columns that the table says it is sorted by."""
    headings = console.driver.find_elements(By.CSS_SELECTOR, ".cache-entries th[aria-sort]")
    return [(one.text.split()[0].strip("▲▼"), one.get_attribute("aria-sort")) for one in headings]


def test_entries_are_listed_with_links_to_their_deals(console: Console, cached: Gunicorn) -> None:
    console.open("/cache")
    console.wait(lambda: len(keys(console)) == 9)
    assert console.driver.title == "Cache · dealcache"
    assert {f"{view}:{HOSTILE}" for view in ("timeline", "info", "activities_count")} < set(keys(console))
    assert not console.driver.find_elements(By.TAG_NAME, "img")
    assert console.text.count("not found") == 3
    assert "9 of 9 entries" in console.text
    deal = cached.get("/api/hubspot/deal-info", dealName="Acme renewal").json()["dealId"]
    links = {link.get_attribute("href") for link in console.all("link", "Acme renewal")}
    assert links == {f"{console.url}/console/deals/{deal}"}
    console.inspect("cache-entries")


def test_entries_are_sorted_by_the_server_and_the_address_says_how(console: Console, cached: Gunicorn) -> None:
    console.open("/cache")
    console.wait(lambda: len(keys(console)) == 9)
    assert sorted_by(console) == [("Age", "ascending")]
    console.press("Size")
    console.wait(lambda: sorted_by(console) == [("Size", "descending")])
    assert console.address == "/cache?sort=-size"
    console.wait(lambda: keys(console)[0] == "timeline:Globex expansion")
    console.press("Key")
    console.wait(lambda: keys(console) == sorted(keys(console)))
    assert sorted_by(console) == [("Key", "ascending")]
    console.press("Key")
    console.wait(lambda: keys(console) == sorted(keys(console), reverse=True))
    console.driver.back()
    console.driver.back()
    console.wait(lambda: keys(console)[0] == "timeline:Globex expansion")
    assert sorted_by(console) == [("Size", "descending")]


def test_entries_are_filtered_by_what_is_typed_and_by_view(console: Console, cached: Gunicorn) -> None:
    console.open("/cache")
    console.wait(lambda: len(keys(console)) == 9)
    console.keys("/")
    console.keys("Acme")
    console.wait_for("No key begins with this.")
    assert console.address == "/cache?prefix=Acme"
    console.inspect("cache-nothing-found")
    console.press("timeline:Acme", "link")
    console.wait(lambda: keys(console) == ["timeline:Acme renewal"])
    assert console.the("field", "Search").get_attribute("value") == "timeline:Acme"
    console.press("Infos")
    console.wait(lambda: keys(console) == ["info:Acme renewal"])
    assert "1 of 1 entry found" in console.text
    console.press("All")
    console.wait_for("No key begins with this.")
    console.driver.back()
    console.wait(lambda: keys(console) == ["info:Acme renewal"])
    console.open("/cache?prefix=activities_count:&sort=-key")
    console.wait(lambda: len(keys(console)) == 3)
    assert keys(console)[0] == "activities_count:Globex expansion"


def test_many_entries_come_page_by_page(console: Console, cached: Gunicorn) -> None:
    read(cached, *(f"none {number:02}" for number in range(15)))
    console.open("/cache?sort=key")
    console.wait_for("50 of 54 entries")
    first = keys(console)
    console.press("Next page", "link")
    console.wait_for("4 of 54 entries")
    assert "cursor=" in console.address
    assert not set(first) & set(keys(console))
    console.driver.back()
    console.wait(lambda: keys(console) == first)
    console.driver.forward()
    console.press("First page", "link")
    console.wait(lambda: keys(console) == first)


def test_a_cursor_of_another_list_is_refused_in_words(console: Console) -> None:
    console.open("/cache?cursor=nonsense")
    console.press("Show the first page of all entries", "link")
    console.wait_for("Since the workers started")
    assert console.address == "/cache"
    assert all("422" in line for line in console.complaints())


def test_one_deal_is_cleared_once_it_was_asked_again(console: Console, cached: Gunicorn) -> None:
    console.open("/cache")
    console.wait(lambda: len(keys(console)) == 9)
    clear_of(console, "timeline:Acme renewal").send_keys(Keys.ENTER)
    dialog = console.the("dialog")
    assert "Acme renewal" in dialog.text
    assert "MongoDB keeps its documents" in dialog.text
    console.inspect("cache-clear-asked")
    console.close_dialog()
    assert len(keys(console)) == 9
    clear_of(console, "timeline:Acme renewal").send_keys(Keys.ENTER)
    console.the("dialog")
    console.keys(Keys.TAB)
    console.keys(Keys.ENTER)
    console.wait_to_hear("3 entries left the caches.")
    console.wait(lambda: len(keys(console)) == 6)
    assert not any("Acme renewal" in key for key in keys(console))
    assert cached.get("/api/hubspot/cache-stats").json()["total_entries"] == 6


def test_everything_is_cleared_once_it_was_asked_again(console: Console, cached: Gunicorn) -> None:
    console.open("/cache")
    console.wait(lambda: len(keys(console)) == 9)
    console.press("Clear all")
    dialog = console.the("dialog")
    assert "9 entries leave memory" in dialog.text
    dialog.find_element(By.CSS_SELECTOR, "button.danger").click()
    console.wait_to_hear("9 entries left the caches.")
    console.wait_for("Nothing is cached.")
    assert cached.get("/api/hubspot/cache-stats").json()["total_entries"] == 0
    console.inspect("cache-empty")


def test_rows_stay_where_they_are_while_the_pointer_is_among_them(console: Console, cached: Gunicorn) -> None:
    console.open("/cache")
    console.wait(lambda: len(keys(console)) == 9)
    before = keys(console)
    pointer = ActionChains(console.driver)
    pointer.move_to_element(console.driver.find_element(By.CSS_SELECTOR, ".cache-entries tbody tr")).perform()
    read(cached, "Initech pilot")
    console.wait_for("held while you are in the list")
    assert keys(console) == before
    pointer.move_to_element(console.the("heading", "Entries")).perform()
    console.wait(lambda: len(keys(console)) == 12)
    assert "held while" not in console.text


def test_clearing_needs_the_admin_token(start_service: StartService, open_console: OpenConsole) -> None:
    service = start_service(ADMIN_TOKEN="for-admins", NEGATIVE_TTL_SECONDS="3600")
    read(service, "none")
    console = open_console(service)
    console.open("/cache")
    console.wait(lambda: len(keys(console)) == 3)
    console.press("Clear all")
    console.the("dialog").find_element(By.CSS_SELECTOR, "button.danger").click()
    console.the("dialog", "This needs the admin token")
    console.press("Cancel")
    console.wait_to_hear("Nothing was cleared: this needs the admin token.")
    assert service.get("/api/hubspot/cache-stats").json()["total_entries"] == 3
    console.press("Clear all")
    console.the("dialog").find_element(By.CSS_SELECTOR, "button.danger").click()
    console.the("dialog", "This needs the admin token")
    console.fill("Token", "for-admins")
    console.press("Use token")
    console.wait_to_hear("3 entries left the caches.")
    assert all("401" in line for line in console.complaints())


def test_a_clear_that_cannot_reach_all_workers_says_so(
    start_service: StartService, open_console: OpenConsole, mongod: Mongod
) -> None:
    service = start_service(MONGODB_URI=mongod.start(), NEGATIVE_TTL_SECONDS="3600")
    read(service, "none")
    console = open_console(service)
    console.open("/cache")
    console.wait(lambda: len(keys(console)) == 3)
    mongod.kill()
    console.press("Clear all")
    console.the("dialog").find_element(By.CSS_SELECTOR, "button.danger").click()
    console.wait_for("they may serve older values until it does", 60)
    console.wait_for("Perhaps not all workers are counted.", 60)
    console.inspect("cache-without-mongodb")
    assert all("503" in line for line in console.complaints())


def test_reads_are_counted_drawn_and_written_down(console: Console, cached: Gunicorn, hubspot: HubSpot) -> None:
    console.open("/cache")
    console.wait(lambda: len(console.driver.find_elements(By.CSS_SELECTOR, ".chart canvas")) == 2)

    def samples() -> list[list[str]]:
        read(cached, "Acme renewal")
        rows = console.driver.find_elements(By.CSS_SELECTOR, ".cache-samples tbody tr")
        cells = [[cell.text for cell in row.find_elements(By.CSS_SELECTOR, "td.numeric")] for row in rows]
        return [row for row in cells if row and row[1] != "0"]

    # A busy machine may make the service doubt its memory for a moment.
    newest = console.wait(lambda: (rows := samples()) and rows[0][0] == "100%" and rows[0])
    assert newest[1] == newest[2]  # all of them from memory
    console.wait(lambda: "hit ratio 100%" in console.driver.find_element(By.CLASS_NAME, "cache-reading").text)
    totals = console.driver.find_element(By.ID, "totals").find_element(By.XPATH, "..").text
    assert re.search(r"Memory [\d,]+ [\d.]+%", totals)
    used = console.driver.find_element(By.CSS_SELECTOR, "[role=meter]")
    assert re.fullmatch(r"[\d.]+ [kM]?B of 268.4 MB", str(used.get_attribute("aria-valuetext")))
    color = "return document.querySelector('.chart canvas').toDataURL()"
    light = console.script(color)
    console.look(dark=True)
    console.wait(lambda: console.script(color) != light)
    console.inspect("cache-reads")
    width = "return document.querySelector('.chart canvas').getBoundingClientRect().width"
    console.wait(lambda: console.script(width) > 320)
    console.look(width=320)
    console.wait(lambda: console.script(width) < 320)


def test_without_a_connection_what_is_shown_is_marked_as_old(console: Console, cached: Gunicorn) -> None:
    console.open("/cache")
    console.wait(lambda: len(keys(console)) == 9)
    console.disconnect()
    console.press("Key")
    console.wait_for("Offline")
    console.wait(lambda: len(console.driver.find_elements(By.CSS_SELECTOR, ".stale")) == 2)
    assert len(keys(console)) == 9
    console.screenshot("cache-offline")
    assert console.barriers() == []
    console.disconnect(offline=False)
    console.wait(lambda: not console.driver.find_elements(By.CSS_SELECTOR, ".stale"), 60)
    assert keys(console) == sorted(keys(console))
    assert all("ERR_INTERNET_DISCONNECTED" in line for line in console.complaints())


def test_only_this_page_fetches_what_draws_charts(console: Console, cached: Gunicorn) -> None:
    fetched = "return performance.getEntriesByType('resource').filter((one) => /uplot.js$/.test(one.name)).length"
    console.open("/status")
    console.the("heading", "Status")
    assert console.script(fetched) == 0
    console.press("Cache", "link")
    console.wait(lambda: console.script(fetched) == 1)
    console.press("Status", "link")
    console.press("Cache", "link")
    console.wait(lambda: console.driver.find_elements(By.CSS_SELECTOR, ".chart canvas"))
    assert console.script(fetched) == 1
