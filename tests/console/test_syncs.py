"""The page of the syncs: what runs, waits and was; to start and to cancel; why one failed, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

from dealcache.sandbox.embedded.mongod import Mongod
from tests.console.browser import Console
from tests.console.conftest import OpenConsole, StartService, filled
from tests.e2e.jobs import ask_for_sync, ended, jobs_of
from tests.e2e.programs import ACME, Gunicorn, HubSpot
from tests.ports import free_port
from tests.waiting import until

HOSTILE = '<img src=x onerror="document.title=1">'
ARABIC = "شركة النور للتجارة"


@pytest.fixture(scope="module")
def service(start_service: StartService) -> Gunicorn:
    """A service that has all deals, and where no job comes by itself."""
    service = start_service(SYNC_CONFIRM_SECONDS="0")
    filled(service)
    return service


@pytest.fixture
def slow_hubspot(hubspot: HubSpot, service: Gunicorn) -> Iterator[HubSpot]:
    """A HubSpot that takes its time; afterwards no job is left."""
    hubspot.steer("PATCH", "settings", latency=2)
    yield hubspot
    hubspot.reset()
    for job in jobs_of(service):
        if job["finished_at"] is None:
            service.post(f"/api/hubspot/v2/sync/cancel/{job['job_id']}")
            ended(service, job["job_id"])


def start(console: Console, choice: str, fill: Callable[[], object] = lambda: None) -> None:
    """Start a sync as a person with a mouse does."""
    console.press("Start sync")
    # A window that is still being sized moves what is in its middle, and a click may miss.
    console.wait(lambda: console.the("field", choice).is_selected() or console.press(choice, "field"))
    fill()
    console.press("Start")


def the_row(console: Console, *texts: str) -> WebElement:
    """Return the newest row of the past syncs that holds some texts, once it is there."""

    def found() -> list[WebElement]:
        return [row for row in console.all("row") if all(text in row.text for text in texts)]

    return console.wait(found)[0]


def is_gone(console: Console, role: str) -> bool:
    return bool(console.wait(lambda: not console.all(role)))


def the_progress(console: Console) -> float | None:
    """Return which part of the progress bar is full; None while that is not known."""
    (bar,) = console.wait(lambda: console.driver.find_elements(By.CSS_SELECTOR, "progress"))
    position = float(str(bar.get_property("position")))
    return None if position < 0 else position


def test_where_nothing_is_stored_the_first_sync_is_offered(
    start_service: StartService, hubspot: HubSpot, open_console: OpenConsole
) -> None:
    service = start_service(SYNC_CONFIRM_SECONDS="0")
    console = open_console(service)
    console.open("/syncs")
    console.wait_for("No sync yet: nothing is stored.")
    console.wait_for("No sync comes by itself (SYNC_INTERVAL_SECONDS is 0)")
    console.inspect("syncs-empty")
    hubspot.steer("PATCH", "settings", latency=0.5)
    console.press("Start the first sync")
    console.wait_for("Nothing was read completely yet")
    assert the_progress(console) is None
    console.screenshot("syncs-first")
    assert console.barriers() == []
    hubspot.reset()
    console.wait_to_hear("Everything: completed.")
    (job,) = service.get("/api/hubspot/v2/sync/jobs").json()["jobs"]
    assert job["progress"]["deals_read"] >= 150  # tests before this one may have added some
    console.wait_to_hear(f"Everything: completed. {job['progress']['deals_read']} deals and")
    the_row(console, "Everything", "Completed")
    assert console.driver.title == "Syncs · dealcache"


def test_a_running_sync_is_seen_from_two_windows_and_cancelled(
    service: Gunicorn, slow_hubspot: HubSpot, open_console: OpenConsole
) -> None:
    console = open_console(service)
    console.open("/syncs")
    start(console, "Everything")
    console.wait(lambda: the_progress(console) is not None)
    console.wait_for("Reads deals and their activities.")
    for fact in ("Deals", "Activities", "Calls to HubSpot", "Waited for limits", "Began", "Runs for"):
        assert fact in console.text
    slow_hubspot.steer("PATCH", "settings", latency=6)  # it goes on until it is cancelled, however slow the browser is
    console.inspect("syncs-running")

    start(console, "Everything")
    console.wait_to_hear("This sync is running already. No second one is started.")
    start(console, "Changes")
    console.wait_for("Begins when the one before it has ended.")
    console.screenshot("syncs-waiting")
    assert console.barriers() == []

    first = console.driver.current_window_handle
    other = open_console(service)
    other.open("/syncs")
    other.wait_for("Begins when the one before it has ended.")
    other.wait(lambda: len(other.all("button", "Cancel")) == 2)
    other.all("button", "Cancel")[1].click()
    assert "Cancel “Changes”?" in other.the("dialog").text
    other.press("Cancel sync")
    other.wait_to_hear("The job is cancelled.")
    other.wait_to_hear("Changes: cancelled.")
    console.driver.switch_to.window(first)
    the_row(console, "Changes")

    console.press("Cancel")
    console.screenshot("syncs-cancel")
    assert console.barriers() == []
    console.press("Keep")
    assert is_gone(console, "dialog")
    console.press("Cancel")
    console.press("Cancel sync")
    console.wait_for("Stopping")
    slow_hubspot.reset()
    the_row(console, "Everything", "Cancelled", "Stopped before its end")
    console.wait_for("No sync runs.")


def test_a_sync_that_waits_for_limits_says_so(service: Gunicorn, hubspot: HubSpot, console: Console) -> None:
    hubspot.steer("PATCH", "settings", limits={"ten_secondly": 3})
    console.open("/syncs")
    start(console, "Everything")
    console.wait_for("Waiting for HubSpot’s limits", 60)
    console.screenshot("syncs-limits")
    hubspot.steer("PATCH", "settings", limits=False)
    assert "Failed" not in [badge.text for badge in console.driver.find_elements(By.CSS_SELECTOR, ".syncs-now .badge")]
    console.press("Cancel")
    console.press("Cancel sync")
    console.wait_for("No sync runs.", 60)


def test_what_holds_up_a_sync_is_known_as_soon_as_it_runs(
    service: Gunicorn, hubspot: HubSpot, console: Console
) -> None:
    hubspot.steer("PATCH", "settings", limits={"ten_secondly": 1})
    console.open("/syncs")
    console.wait_for("No sync runs.")
    counted = "return performance.getEntriesByType('resource').filter((one) => one.name.endsWith('/status')).length"
    console.wait(lambda: console.script(counted) > 0)
    before = console.script(counted)
    start(console, "Everything")
    # At once, then again and again: not when the next of every fifteen seconds is due.
    console.wait(lambda: console.script(counted) >= before + 4)
    times = console.script(
        "return performance.getEntriesByType('resource')"
        ".filter((one) => one.name.endsWith('/status')).map((one) => one.startTime)"
    )
    assert times[before + 3] - times[before] < 2 * 15_000
    hubspot.steer("PATCH", "settings", limits=False)
    console.press("Cancel")
    console.press("Cancel sync")
    console.wait_for("No sync runs.", 60)


def test_a_sync_that_failed_says_why_and_what_to_do(hubspot: HubSpot, console: Console) -> None:
    hubspot.steer("POST", "faults", match=".", status=401)
    console.open("/syncs")
    start(console, "Everything")
    row = the_row(console, "HubSpot does not accept the access token")
    assert "Failed" in row.text
    assert "give the service a valid one (HUBSPOT_ACCESS_TOKEN)" in row.text
    hubspot.reset()
    row.find_element(By.LINK_TEXT, "Start again").click()
    assert console.address == "/syncs?start=everything"
    assert console.the("field", "Everything").is_selected()
    console.close_dialog()

    console.press("Failed")
    console.wait(lambda: console.address == "/syncs?status=failed")
    console.wait(lambda: all("Failed" in row.text for row in console.all("row")))
    console.inspect("syncs-failed")
    console.press("Completed")
    console.wait(lambda: console.all("row") and all("Completed" in row.text for row in console.all("row")))
    console.driver.back()
    console.wait(lambda: console.all("row") and all("Failed" in row.text for row in console.all("row")))
    assert console.the("button", "Failed").get_attribute("aria-pressed") == "true"


def test_a_sync_whose_calls_fail_is_seen_to_be_tried_again(hubspot: HubSpot, console: Console) -> None:
    hubspot.steer("POST", "faults", match="list", status=200, body="no JSON")
    console.open("/syncs")
    start(console, "Everything")
    # At once, for it is shown between two tries alone.
    told = ("it is tried again by itself", "deals_list:", "Trying again")
    console.wait(lambda: all(words in text for text in [console.text] for words in told))
    console.screenshot("syncs-trying-again")
    assert console.barriers() == []
    console.press("Cancel")
    console.press("Cancel sync")
    console.wait_for("No sync runs.")


def test_each_choice_starts_what_it_says(service: Gunicorn, hubspot: HubSpot, console: Console) -> None:
    console.open("/syncs")
    stage = service.get("/api/hubspot/v2/stages").json()[0]["stage_name"]

    def choose(name: str) -> None:
        console.wait(lambda: len(Select(console.the("field", name)).options) > 1)
        Select(console.the("field", name)).select_by_visible_text(stage)

    start(console, "Changes")
    the_row(console, "Changes", "Completed")
    start(console, "Stage", lambda: choose("Which stage"))
    the_row(console, f"Stage {stage}", "Completed")
    start(console, "Deal", lambda: console.fill("Name or id of the deal", ACME))
    the_row(console, f"Deal {ACME}", "Completed")
    start(console, "Days")
    the_row(console, "Days ", "Completed")
    start(console, "Days", lambda: choose("Of which stage"))
    the_row(console, f"Stage {stage}, ", "Completed")
    kinds = {job["type"] for job in jobs_of(service)}
    assert {"incremental", "stage", "deal", "all_stages_date", "stage_dates"} <= kinds


def test_what_the_service_refuses_is_said_at_the_field(console: Console) -> None:
    def refused(name: str, text: str) -> None:
        field = console.the("field", name)
        console.wait(lambda: field.get_attribute("aria-invalid") == "true")
        named = field.get_attribute("aria-describedby")
        assert text in console.driver.find_element(By.ID, named).text
        assert console.driver.switch_to.active_element == field

    console.open("/syncs?start=deal")
    console.press("Start")
    refused("Name or id of the deal", "May not be empty.")
    console.inspect("syncs-refused")
    console.press("Stage", "field")
    console.press("Start")
    refused("Which stage", "1 to 512 characters")
    console.open("/syncs?start=days&first=2026-11-02&last=2026-11-01")
    console.press("Start")
    refused("Last day", "Must not lie before the first day.")
    console.inspect("syncs-days")
    console.the("field", "First day").send_keys(Keys.BACKSPACE, Keys.TAB, Keys.BACKSPACE, Keys.TAB, Keys.BACKSPACE)
    console.press("Start")
    refused("First day", "Give this parameter.")
    assert all("422" in line for line in console.complaints())


def test_names_are_text_and_what_a_sync_did_without_is_listed(
    service: Gunicorn, hubspot: HubSpot, console: Console
) -> None:
    console.open("/syncs")
    for name in (HOSTILE, ARABIC):
        start(console, "Deal", lambda name=name: console.fill("Name or id of the deal", name))  # type: ignore[misc]
        row = the_row(console, f"Deal {name}")
        assert "knows a deal of the name or id" in row.text
        assert "Check the name" in row.text
    console.wait(lambda: console.all("button", "Dismiss")[-1].click() is None)
    hubspot.steer("POST", "faults", match="owners", status=403)
    start(console, "Deal", lambda: console.fill("Name or id of the deal", ACME))
    row = the_row(console, f"Deal {ACME}", "1 warning")
    row.find_element(By.TAG_NAME, "summary").click()
    console.wait(lambda: "owners" in row.find_element(By.TAG_NAME, "li").text)
    console.inspect("syncs-names")
    assert console.driver.title == "Syncs · dealcache"


def test_a_job_has_an_address(service: Gunicorn, hubspot: HubSpot, console: Console) -> None:
    job = ask_for_sync(service, deal=ACME)
    ended(service, job)
    console.open(f"/syncs?job={job}")
    dialog = console.the("dialog")
    console.wait(lambda: job in dialog.text)
    assert f"Deal {ACME}" in dialog.text
    console.inspect("syncs-job")
    console.close_dialog()
    assert console.address == "/syncs"
    the_row(console, f"Deal {ACME}").find_element(By.TAG_NAME, "a").click()
    console.the("dialog")
    assert console.address == f"/syncs?job={job}"
    console.driver.back()
    assert is_gone(console, "dialog")
    console.open("/syncs?job=" + "0" * 32)
    console.wait_for("There is no job")
    assert all("404" in line for line in console.complaints())


def test_with_the_keyboard_alone(service: Gunicorn, hubspot: HubSpot, console: Console) -> None:
    console.open("/syncs")
    console.wait_for("No sync runs.")
    console.keys("s")
    console.the("dialog")
    assert console.driver.switch_to.active_element.accessible_name == "Changes"
    console.keys(Keys.ARROW_DOWN)
    console.keys(Keys.ARROW_DOWN)
    console.keys(Keys.ARROW_DOWN)
    assert console.address == "/syncs?start=deal"
    console.keys(Keys.TAB)
    console.keys("no deal of this name", Keys.ENTER)
    the_row(console, "Deal no deal of this name", "Failed")
    assert is_gone(console, "dialog")
    assert console.driver.switch_to.active_element.accessible_name in {"Start sync", ""}


def test_the_admin_token_is_asked_for_and_the_sync_starts_then(
    start_service: StartService, open_console: OpenConsole, hubspot: HubSpot
) -> None:
    console = open_console(start_service(ADMIN_TOKEN="for-admins", SYNC_INTERVAL_SECONDS="3600"))
    console.open("/syncs")
    start(console, "Deal", lambda: console.fill("Name or id of the deal", ACME))
    console.the("field", "Token").send_keys("for-admins")
    console.screenshot("syncs-token")
    assert console.barriers() == []
    console.press("Use token")
    the_row(console, f"Deal {ACME}", "Completed")
    console.wait_for("The next one comes by itself in")
    assert "One comes every 1 h." in console.text
    assert all("401" in line for line in console.complaints())


def test_without_mongodb_it_says_so_and_what_was_read_stays(
    tmp_path: Path, start_service: StartService, open_console: OpenConsole, hubspot: HubSpot
) -> None:
    mongod = Mongod(tmp_path / "data", free_port())
    service = start_service(MONGODB_URI=mongod.start())
    ended(service, ask_for_sync(service, deal=ACME))
    console = open_console(service)
    console.open("/syncs")
    the_row(console, f"Deal {ACME}")
    mongod.kill()
    console.press("Completed")
    console.wait_for("Try again", 60)
    assert "MongoDB" in console.the("button", "Try again").find_element(By.XPATH, "..").text
    assert the_row(console, f"Deal {ACME}")
    console.inspect("syncs-without-mongodb")
    console.open("/syncs")
    console.wait_for("Try again", 60)
    console.screenshot("syncs-never-read")
    assert console.barriers() == []
    assert all("503" in line for line in console.complaints())


def test_without_a_network_what_was_read_stays(console: Console) -> None:
    console.open("/syncs")
    the_row(console, "Everything")
    console.disconnect()
    start(console, "Changes")
    console.wait_for("The service cannot be reached.")
    console.screenshot("syncs-offline")
    assert console.barriers() == []
    console.press("Close")
    assert the_row(console, "Everything")
    console.disconnect(offline=False)
    console.wait_for_no("Offline", 60)
    assert all("ERR_INTERNET_DISCONNECTED" in line for line in console.complaints())


def past(number: int, kind: str, changed: int) -> dict[str, Any]:
    """Return a job that ended some minutes ago, as MongoDB holds it."""
    at = datetime.now(UTC) - timedelta(minutes=number + 1)
    progress = {"phase": "done", "deals_changed": changed, "percent": 100.0}
    return {
        "_id": f"{number:032x}", "request": {"type": kind}, "status": "completed", "created_at": at, "due_at": at,
        "started_at": at, "finished_at": at + timedelta(seconds=2), "message": "done", "attempts": 1,
        "progress": progress, "active_identity": f"past {number}",
    }  # fmt: skip


def test_a_long_history_is_bounded_and_quiet(
    start_service: StartService, open_console: OpenConsole, mongodb_uri: str
) -> None:
    service = start_service()
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        jobs = [past(number, "scheduled", changed=int(number == 10)) for number in range(230)]
        client[service.database].sync_jobs.insert_many([*jobs, past(230, "full", changed=7)])
    console = open_console(service)
    console.open("/syncs")
    console.wait_for("50 of 231 syncs")
    rows = [row.text for row in console.all("row")]
    assert len(rows) == 3
    assert "10 by themselves" in rows[0]
    assert "39 by themselves" in rows[2]
    console.inspect("syncs-many")
    console.press("Show more")
    console.wait_for("200 of 231 syncs")
    console.press("Show more")
    console.wait_for("231 of 231 syncs")
    assert "Everything" in console.all("row")[-1].text
    console.press("Show those without changes", "field")
    console.wait(lambda: len(console.all("row")) == 231)
    assert console.address == "/syncs?every=true"
    until(lambda: not console.all("button", "Show more"))
