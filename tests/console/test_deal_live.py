"""One deal that changes while its page is open, and one that cannot be read: updates, Refresh, tokens, failures."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from tests.console.browser import Console
from tests.console.conftest import MakeDeal, OpenConsole, StartService
from tests.console.deal_page import TIMELINE, add, note, opened, rows
from tests.e2e.jobs import ask_for_sync, completed
from tests.e2e.programs import ACME, Gunicorn, HubSpot
from tests.e2e.test_sync_webhooks import SECRET
from tests.waiting import until

#: The place of a row in the window.
TOP = "return arguments[0].getBoundingClientRect().top"

#: Notes enough for a list that is longer than a window.
MANY = [note(f"Note {number}", f"2026-0{1 + number % 9}-1{number % 10}T08:00:00Z") for number in range(60)]


@pytest.fixture(scope="module")
def guarded(start_service: StartService) -> Gunicorn:
    """A service that asks for tokens."""
    return start_service(API_TOKEN="for-readers", ADMIN_TOKEN="for-admins")


@pytest.fixture(scope="module")
def told(start_service: StartService) -> Gunicorn:
    """A service that HubSpot's webhooks reach."""
    return start_service(HUBSPOT_CLIENT_SECRET=SECRET, SYNC_CONFIRM_SECONDS="0")


@pytest.fixture(scope="module")
def hasty(start_service: StartService) -> Gunicorn:
    """A service that does not wait long for HubSpot."""
    return start_service(HUBSPOT_DEADLINE_SECONDS="2")


def refreshed(service: Gunicorn, deal_id: str) -> None:
    """Have another client ask HubSpot for a deal."""
    assert service.get(TIMELINE, dealId=deal_id, refresh="true").headers["X-Cache-Tier"] == "hubspot"


def followed(console: Console, deal_id: str, query: str = "") -> None:
    """Open a deal, and wait until its changes are heard of."""
    opened(console, deal_id, query)
    console.wait_for("● Live")


def test_what_another_client_brings_is_shown_and_said(
    console: Console, service: Gunicorn, hubspot: HubSpot, make_deal: MakeDeal
) -> None:
    deal_id = make_deal("Live", note("An old one"))
    followed(console, deal_id)
    add(hubspot, deal_id, note("A brand new one", "2026-05-01T10:00:00Z"))
    hubspot.change({"do": "update", "object_type": "deals", "record_id": deal_id, "properties": {"amount": "4242"}})
    refreshed(service, deal_id)
    console.wait_for("A brand new one")
    console.wait_for("2 of 2 events")
    console.wait_for("timeline changed (1 new event)")
    console.wait_for("amount changed to 4,242")
    assert "Updated " in console.text
    assert "New" in rows(console)[0].text


def test_what_a_webhook_tells_of_is_shown_in_two_windows(
    told: Gunicorn, open_console: OpenConsole, hubspot: HubSpot, make_deal: MakeDeal
) -> None:
    deal_id = make_deal("Told of", note("An old one"))
    windows = [open_console(told), open_console(told)]
    handles = windows[0].driver.window_handles[-2:]
    for window, handle in zip(windows, handles, strict=True):
        window.driver.switch_to.window(handle)
        followed(window, deal_id)
    hubspot.steer("POST", "webhooks", url=told.url + "/api/hubspot/webhooks", secret=SECRET)
    try:
        add(hubspot, deal_id, note("Heard of by webhook", "2026-05-01T10:00:00Z"))
        for window, handle in zip(windows, handles, strict=True):
            window.driver.switch_to.window(handle)
            window.wait_for("Heard of by webhook")
            window.wait_for("Updated ")
    finally:
        hubspot.steer("DELETE", "webhooks")


def test_a_reader_further_down_is_not_moved(
    console: Console, service: Gunicorn, hubspot: HubSpot, make_deal: MakeDeal
) -> None:
    deal_id = make_deal("Read further down", *MANY)
    followed(console, deal_id)
    read = console.wait(lambda: rows(console)[20])
    console.script("arguments[0].scrollIntoView({block: 'center'})", read)
    place = console.script(TOP, read)
    add(hubspot, deal_id, *(note(f"Newer {number}", "2026-10-01T10:00:00Z") for number in range(3)))
    add(hubspot, deal_id, ("calls", {"hs_call_title": "A lane more", "hs_timestamp": "2026-10-01T10:00:00Z"}))
    refreshed(service, deal_id)
    console.wait_for("64 of 64 events")
    console.wait(lambda: "A lane more" in console.text)
    console.wait_to_hear("timeline changed (4 new events)")
    assert abs(console.script(TOP, read) - place) < 2


def test_who_reads_the_newest_is_asked_before_newer_ones_push_them_down(
    console: Console, service: Gunicorn, hubspot: HubSpot, make_deal: MakeDeal
) -> None:
    deal_id = make_deal("Read at the top", *MANY)
    followed(console, deal_id)
    read = rows(console)[0]
    ActionChains(console.driver).move_to_element(read.find_element(By.TAG_NAME, "summary")).click().perform()
    console.wait(lambda: read.find_elements(By.CSS_SELECTOR, ".event-body"))
    place = console.script(TOP, read)
    add(hubspot, deal_id, note("Newest of all", "2026-11-01T10:00:00Z"))
    refreshed(service, deal_id)
    button = console.the("button", "Show 1 new event")
    assert "60 of 61 events" in console.text
    assert abs(console.script(TOP, read) - place) < 2
    button.click()
    console.wait_for("61 of 61 events")
    assert "Newest of all" in rows(console)[0].text


def test_after_a_lost_connection_nothing_is_missed(
    told: Gunicorn, open_console: OpenConsole, hubspot: HubSpot, make_deal: MakeDeal
) -> None:
    console = open_console(told)
    deal_id = make_deal("Away for a while", note("An old one"))
    followed(console, deal_id)
    (worker,) = told.workers()
    os.kill(worker, signal.SIGKILL)
    console.wait_for("Not live")
    add(hubspot, deal_id, note("Meanwhile", "2026-05-01T10:00:00Z"))
    until(lambda: told.workers() and told.workers() != {worker})
    refreshed(told, deal_id)
    console.wait_for("Meanwhile", 60)
    console.wait_for("● Live", 60)
    console.complaints()


def test_without_a_network_what_is_shown_is_marked_as_old(console: Console, make_deal: MakeDeal) -> None:
    followed(console, make_deal("Offline", note("Of before")))
    console.disconnect()
    console.wait_for("Offline: this is of before", 60)
    console.inspect("deal-offline")
    assert "Of before" in console.text
    console.disconnect(offline=False)
    console.wait_for_no("Offline: this is of before", 60)
    console.complaints()


def test_refresh_says_what_changed(console: Console, hubspot: HubSpot, make_deal: MakeDeal) -> None:
    deal_id = make_deal("To be refreshed", note("An old one"))
    followed(console, deal_id)
    add(hubspot, deal_id, note("Just made", "2026-05-01T10:00:00Z"))
    console.press("Refresh")
    console.wait_for("from HubSpot in ")
    console.wait_for("timeline changed (1 new event)")
    console.wait_for("Just made")


@pytest.mark.parametrize(("status", "words"), [(429, "HubSpot limits our calls"), (503, "HubSpot is not available")])
def test_refresh_says_in_words_why_it_failed(
    hasty: Gunicorn, open_console: OpenConsole, hubspot: HubSpot, make_deal: MakeDeal, status: int, words: str
) -> None:
    console = open_console(hasty)
    deal_id = make_deal(f"Not refreshed {status}", note("An old one"))
    followed(console, deal_id)
    hubspot.steer("POST", "faults", match="/crm/", status=status, headers={"Retry-After": "1"})
    console.press("Refresh")
    console.wait_for(f"Not refreshed: {words}", 60)
    console.wait_for("What is shown is of ")
    assert "ry again in " in console.text
    assert "An old one" in console.text
    console.screenshot(f"deal-not-refreshed-{status}")
    assert console.barriers() == []
    hubspot.reset()
    add(hubspot, deal_id, note("A newer one", "2026-05-01T10:00:00Z"))
    # HubSpot is asked again only after the pause that it wanted.
    until(lambda: hasty.get(TIMELINE, dealId=deal_id, refresh="true").headers.get("X-Cache-Tier") == "hubspot", 60)
    console.wait_for("A newer one")
    console.wait_for_no("Not refreshed:")
    assert all(" 50" in line for line in console.complaints())


def test_a_deal_that_cannot_be_read_says_why_and_comes_by_itself(
    hasty: Gunicorn, open_console: OpenConsole, hubspot: HubSpot, make_deal: MakeDeal
) -> None:
    console = open_console(hasty)
    deal_id = make_deal("Late", note("Worth waiting for"))
    hubspot.steer("POST", "faults", match="/crm/", status=503)
    console.open(f"/deals/{deal_id}")
    console.wait_for("HubSpot is not available.", 60)
    console.the("heading", f"Deal {deal_id}")
    assert len(console.all("button", "Try again")) == 1
    console.inspect("deal-hubspot-away")
    hubspot.reset()
    console.wait_for("Worth waiting for", 60)
    assert all(" 50" in line for line in console.complaints())


def test_an_answer_that_is_stale_says_so(console: Console, make_deal: MakeDeal) -> None:
    deal_id = make_deal("Stale", note("Of yesterday"))
    stale = """
        const real = window.fetch;
        window.fetch = async (...how) => {
          const answer = await real(...how);
          const headers = new Headers(answer.headers);
          headers.set("Cache-Status", "dealcache-memory; hit; ttl=-60; detail=stale-if-error");
          return new Response(answer.body, {status: answer.status, headers});
        };"""
    console.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": stale})
    opened(console, deal_id)
    console.wait_for("Stale: what lies below the cache is away")
    console.inspect("deal-stale")


def test_a_deal_that_goes_away_is_still_shown_and_marked(
    console: Console, service: Gunicorn, hubspot: HubSpot, make_deal: MakeDeal
) -> None:
    deal_id = make_deal("To be deleted", note("A last word"))
    followed(console, deal_id)
    hubspot.change({"do": "archive", "object_type": "deals", "record_id": deal_id})
    completed(service, ask_for_sync(service, deal=deal_id))
    console.wait_for("This deal is not in HubSpot any more.")
    assert "A last word" in console.text
    console.complaints()


def test_a_merged_deal_is_followed_under_its_new_id(
    console: Console, service: Gunicorn, hubspot: HubSpot, make_deal: MakeDeal
) -> None:
    loser, primary = make_deal("Loser", note("Of the one")), make_deal("Primary", note("Of the other"))
    (merged,) = hubspot.change({"do": "merge", "object_type": "deals", "primary_id": primary, "loser_id": loser})
    followed(console, loser)
    console.wait_for(f"Deal {loser} was merged: HubSpot has it as deal {merged}, which is shown.")
    assert console.the("link", "Open in HubSpot").get_attribute("href").endswith(f"/{merged}")
    add(hubspot, str(merged), note("After the merge", "2026-05-01T10:00:00Z"))
    refreshed(service, str(merged))
    console.wait_for("After the merge")
    console.inspect("deal-merged")
    console.press(str(merged), "link")
    console.wait(lambda: console.address == f"/deals/{merged}")
    console.wait_for_no("was merged")


@pytest.mark.parametrize("name", ["Two\nlines", "\u200b", ""], ids=["a line's end", "nothing seen", "empty"])
def test_a_deal_is_followed_whatever_its_name_is(
    console: Console, service: Gunicorn, hubspot: HubSpot, make_deal: MakeDeal, name: str
) -> None:
    deal_id = make_deal(name, note("An old one"))
    followed(console, deal_id)
    console.the("heading", "Two lines" if name.startswith("Two") else f"Deal {deal_id} without a name")
    add(hubspot, deal_id, note("A brand new one", "2026-05-01T10:00:00Z"))
    refreshed(service, deal_id)
    console.wait_for("A brand new one")


def test_a_deal_that_loses_its_name_says_so(
    console: Console, service: Gunicorn, hubspot: HubSpot, make_deal: MakeDeal
) -> None:
    deal_id = make_deal("To be forgotten")
    followed(console, deal_id)
    hubspot.change({"do": "update", "object_type": "deals", "record_id": deal_id, "properties": {"dealname": ""}})
    refreshed(service, deal_id)
    console.wait_for("name changed to none")
    console.the("heading", f"Deal {deal_id} without a name")


def test_refresh_says_that_nothing_changed_and_that_hubspot_is_not_asked_again_so_soon(
    console: Console, make_deal: MakeDeal
) -> None:
    deal_id = make_deal("Refreshed twice", note("Once"))
    followed(console, deal_id)
    console.press("Refresh")
    console.wait_for("from HubSpot in ")
    console.wait_for("nothing changed")
    console.press("Refresh")
    console.wait_for("Not asked again so soon: HubSpot was asked")
    assert "nothing changed" not in console.text


def test_without_a_network_it_is_said_once_and_what_is_read_stays(console: Console, make_deal: MakeDeal) -> None:
    deal_id = make_deal("Offline", note("Still read"))
    followed(console, deal_id)
    console.disconnect()
    try:
        console.press("Refresh")
        console.wait_for("Not refreshed: The service cannot be reached.")
        assert "Still read" in console.text
        assert not console.all("button", "Try again")
    finally:
        console.disconnect(offline=False)
    console.wait_for_no("Offline: the service cannot be reached.")
    assert all("net::" in line for line in console.complaints())


def test_tokens_are_asked_for_by_right(guarded: Gunicorn, open_console: OpenConsole, make_deal: MakeDeal) -> None:
    deal_id = make_deal("Guarded", note("For readers"))
    console = open_console(guarded)
    console.open(f"/deals/{deal_id}")
    console.the("dialog", "This service asks for a token")
    console.fill("Token", "for-readers")
    console.press("Use token")
    console.wait_for("For readers")
    console.wait_for("● Live")
    console.press("Refresh")
    console.the("dialog", "This needs the admin token")
    console.press("Cancel")
    console.wait_for("Not refreshed: this needs the admin token.")
    console.press("Refresh")
    console.fill("Token", "for-admins")
    console.press("Use token")
    console.wait_for("from HubSpot in ")
    console.wait_for("● Live")
    assert all("401" in line or "403" in line for line in console.complaints())


def test_the_chosen_part_is_saved_as_a_file(console: Console, service: Gunicorn, tmp_path: Path) -> None:
    timeline = service.get(TIMELINE, dealName=ACME).json()
    behaviour = {"behavior": "allow", "downloadPath": str(tmp_path)}
    console.driver.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
    opened(console, timeline["deal_id"], "?types=Call&since=2026-01-01")
    console.press("Download CSV")
    path = console.wait(lambda: next(tmp_path.glob("*.csv"), None))
    assert path.name == f"deal-{timeline['deal_id']}-timeline.csv"
    console.wait(path.read_text)
    saved = service.get(TIMELINE, dealId=timeline["deal_id"], types="Call", since="2026-01-01", format="csv").text
    assert path.read_bytes().decode() == saved
