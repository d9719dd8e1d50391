"""The frame of all pages: addresses, navigation, keys, and the display of what is missing or wrong."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.by import By

from tests.console.browser import Console
from tests.console.conftest import OpenConsole, StartService
from tests.e2e.programs import Gunicorn

PAGES = ("Deals", "Activity", "Syncs", "Cache", "Status")


@pytest.fixture(scope="module")
def guarded(start_service: StartService) -> Gunicorn:
    """A service that asks for tokens."""
    return start_service(API_TOKEN="for-readers", ADMIN_TOKEN="for-admins")


def test_the_root_leads_to_the_deals(console: Console) -> None:
    console.driver.get(console.url)
    console.the("heading", "Deals")
    assert console.address == "/deals"


def test_pages_are_reached_by_name_and_by_the_history(console: Console) -> None:
    console.open()
    for name in PAGES[1:]:
        console.press(name, "link")
        console.the("heading", name)
        assert console.address == f"/{name.lower()}"
        current = [link.text for link in console.all("link") if link.get_attribute("aria-current") == "page"]
        assert current == [name]
    console.driver.back()
    console.the("heading", "Cache")
    console.driver.forward()
    console.the("heading", "Status")
    assert console.hosts() == {console.url.partition("://")[2]}


def test_a_page_that_does_not_exist_says_so(console: Console) -> None:
    console.open("/nope")
    console.wait_for("There is no such page.")
    console.press("Look at the deals", "link")
    console.the("heading", "Deals")
    assert [line for line in console.complaints() if "404" not in line] == []


def test_all_keys_are_listed(console: Console) -> None:
    console.open()
    console.the("heading", "Deals")
    console.keys("?")
    assert "Show all keys" in console.the("dialog").text
    console.close_dialog()


def test_without_a_network_a_bar_says_so_until_it_is_back(console: Console) -> None:
    console.open("/status")
    console.the("heading", "Status")
    console.disconnect()
    console.wait_for("Offline", 60)
    console.disconnect(offline=False)
    console.wait_for_no("Offline", 60)
    assert all("ERR_INTERNET_DISCONNECTED" in line for line in console.complaints())


def test_a_page_whose_modules_do_not_come_is_not_blank(console: Console) -> None:
    console.driver.execute_cdp_cmd("Network.enable", {})
    console.driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
    console.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/app/main.js"]})
    console.open("/status")
    console.wait_for("The console does not load")
    assert console.barriers() == []
    console.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    console.open("/status")
    console.the("heading", "Status")
    assert "does not load" not in console.text
    assert all("main.js" in line for line in console.complaints())


def test_a_token_is_asked_for_kept_for_the_tab_and_never_part_of_an_address(
    guarded: Gunicorn, open_console: OpenConsole
) -> None:
    console = open_console(guarded)
    for path in ("/activity", "/status"):
        console.open(path)
        console.the("dialog", "This service asks for a token")
    console.screenshot("token-asked")
    assert console.barriers() == []
    console.fill("Token", "wrong")
    console.press("Use token")
    console.wait_for("The last token was refused")
    console.screenshot("token-refused")
    console.fill("Token", "for-readers")
    console.press("Use token")
    console.wait(lambda: not console.all("dialog"))
    console.wait_for("Days are days of UTC")
    console.press("Syncs", "link")
    console.open("/cache")
    assert not console.all("dialog")
    assert "for-readers" not in console.driver.current_url
    assert console.driver.get_cookies() == []
    assert all("401" in line for line in console.complaints())


def test_a_token_that_is_not_the_admins_does_not_take_the_place_of_the_readers(
    guarded: Gunicorn, open_console: OpenConsole
) -> None:
    console = open_console(guarded)
    console.open("/cache")
    console.fill("Token", "for-readers")
    console.press("Use token")
    console.wait_for("Nothing is cached.")
    console.press("Clear all")
    console.the("dialog").find_element(By.CSS_SELECTOR, "button.danger").click()
    console.wait_for("The token in use is good for reading alone.")
    console.fill("Token", "wrong")
    console.press("Use token")
    console.wait_for("The last token was refused")
    console.press("Cancel")
    console.wait_to_hear("Nothing was cleared: this needs the admin token.")
    console.press("Status", "link")
    console.wait_for("Workers and versions")
    console.press("Cache", "link")
    console.press("Clear all")
    console.the("dialog").find_element(By.CSS_SELECTOR, "button.danger").click()
    console.fill("Token", "for-admins")
    console.press("Use token")
    console.wait_to_hear("0 entries left the caches.")
    assert console.driver.execute_script("return Object.values(sessionStorage)") == ["for-admins"]
    assert all("401" in line or "403" in line for line in console.complaints())


@pytest.mark.parametrize("page", ["deals", "syncs", "cache", "status", "nope"])
def test_nothing_is_in_the_way_of_anybody(console: Console, page: str) -> None:
    console.open(f"/{page}")
    console.wait_for("Days are days of UTC")
    console.inspect(page)
    console.complaints()


#: The module that says lines, in the page's own copy; its timers run when a test has them run.
_ANNOUNCE = """
const done = arguments[arguments.length - 1];
const main = document.querySelector("script[type=module]").src;
const wait = window.setTimeout;
window.timers = [];
window.setTimeout = (run, time, ...given) =>
  time === 6000 ? window.timers.push(() => run(...given)) : wait(run, time, ...given);
import(main.replace("/app/main.js", "/parts/announce.js")).then((module) => done(window.say = module.say), done);
"""


def test_what_is_said_at_once_is_shown_together(console: Console) -> None:
    console.open()
    console.the("heading", "Deals")
    console.driver.execute_async_script(_ANNOUNCE)

    def shown() -> list[str]:
        return [line.text.split("\n")[0] for line in console.driver.find_elements(By.CSS_SELECTOR, ".announcement p")]

    console.script("say('One failed.', { isBad: true }); say('Another is done.'); say('Another is done.')")
    console.wait(lambda: shown() == ["One failed.", "Another is done."])
    console.script("for (let number = 1; number <= 5; number++) say(`${number}`)")
    console.wait(lambda: shown() == ["2", "3", "4", "5"])
    console.wait(lambda: console.all("button", "Dismiss")[0].click() is None)
    console.wait(lambda: shown() == ["3", "4", "5"])
    console.screenshot("announcements")
    assert console.barriers() == []
    console.script("say('It failed.', { isBad: true }); timers.forEach((run) => run())")
    console.wait(lambda: shown() == ["It failed."])
    console.script("performance.now = () => 1e12; say('Later.')")
    console.wait(lambda: shown() == ["Later."])
