"""The status page: whether all is well, in words, and the numbers that tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from dealcache.sandbox.embedded import Mongod
from tests.console.browser import Console
from tests.console.conftest import OpenConsole, StartService
from tests.databases import fast_directory
from tests.e2e.programs import Gunicorn, HubSpot
from tests.freezing import frozen
from tests.ports import free_port
from tests.redis_server import RedisServer
from tests.waiting import until

WELL = "All is well."


@pytest.fixture(autouse=True)
def _well(hubspot: HubSpot) -> None:
    """Have HubSpot answer, whatever the test before did to it."""


@pytest.fixture
def mongod() -> Iterator[Mongod]:
    """A mongod of the test's own, which it may stop and start again."""
    with fast_directory() as directory:
        mongod = Mongod(directory / "data", free_port())
        yield mongod
        mongod.kill()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, which it may stop and start again."""
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.kill()


def headline(console: Console) -> str:
    """Return the sentence that says whether all is well; nothing before it is there."""
    return "".join(one.text for one in console.driver.find_elements(By.ID, "verdict"))


def row(console: Console, name: str) -> str:
    """Return the text of the table row that begins with a name."""
    return next(one.text for one in console.all("row") if one.text.startswith(name))


def fact(console: Console, panel: str, term: str) -> str:
    """Return what a panel says of a term."""
    find = """
    const panel = document.getElementById(arguments[0]).closest("section");
    const terms = [...panel.querySelectorAll("dt")].filter((one) => one.textContent === arguments[1]);
    return terms[0].nextElementSibling.textContent;
    """
    return console.script(find, panel, term)


def gauges(console: Console) -> dict[str, str | None]:
    """Return what each gauge says to those who do not see it."""
    meters = console.driver.find_elements(By.CSS_SELECTOR, "[role=meter]")
    return {one.accessible_name: one.get_attribute("aria-valuetext") for one in meters}


def test_a_service_that_is_well_is_said_to_be_with_all_its_numbers(console: Console, service: Gunicorn) -> None:
    read = {"path": "/api/hubspot/deal-info", "dealName": "Acme renewal"}
    until(lambda: service.get(**read).headers["X-Cache-Tier"] == "memory")
    console.open("/status")
    console.wait(lambda: headline(console) == WELL)
    assert console.driver.title == "Status · dealcache"
    assert len(console.driver.find_elements(By.TAG_NAME, "h1")) == 1
    told = service.get("/api/hubspot/status").json()
    assert fact(console, "data", "Deals") == f"{told['data']['deals']:,}"
    assert fact(console, "data", "Activities") == f"{told['data']['activities']:,}"
    assert fact(console, "data", "Timelines missing") == "0"
    assert fact(console, "data", "Read again after") == "1 h"
    assert re.match(r"Memory answers [1-9]\d* (< )?\d+(\.\d)? ms (< )?\d+(\.\d)? ms", row(console, "Memory"))
    assert row(console, "Redis") == "Redis not set up"
    assert row(console, "HubSpot").startswith("HubSpot answers ")
    assert [fact(console, "syncs", term) for term in ("Scheduled", "Running", "Waiting")] == ["no", "none", "0"]
    assert fact(console, "webhooks", "Set up") == "no"
    app = told["hubspot_limits"]["app"]["limit"]
    assert re.fullmatch(rf"\d+ of {app}", str(gauges(console)["In ten seconds"]))
    assert "In a day unknown" in console.text.replace("\n", " ")  # this HubSpot tells none
    assert [row(console, told["workers"][0]["host"]).split()[1]] == [str(pid) for pid in service.workers()]
    assert fact(console, "workers", "Version that answers") == told["version"]
    console.inspect("status-well")


def test_the_age_of_the_data_goes_on_between_two_answers(console: Console) -> None:
    console.open("/status")

    def age() -> str:
        return console.driver.find_element(By.CLASS_NAME, "big-age").text

    console.wait(lambda: headline(console) == WELL)
    before = age()
    console.script("window.fetch = () => new Promise(() => {})")  # no answer comes any more
    console.wait(lambda: age() != before)
    assert age().endswith("old")


def test_an_empty_service_says_what_to_do(start_service: StartService, open_console: OpenConsole) -> None:
    console = open_console(start_service())
    console.open("/status")
    console.wait_for("No deals are stored. Start a sync of everything.")
    assert headline(console) == "1 thing is not well."
    assert console.driver.find_element(By.CLASS_NAME, "big-age").text == "none yet"
    console.inspect("status-empty")
    console.driver.find_element(By.CSS_SELECTOR, ".finding a").click()
    console.the("heading", "Syncs")


def test_without_mongodb_what_is_not_known_is_said_to_be_unknown(
    start_service: StartService, open_console: OpenConsole, mongod: Mongod
) -> None:
    console = open_console(start_service(MONGODB_URI=mongod.start()))
    console.open("/status")
    console.wait_for("No deals are stored.")
    mongod.kill()
    console.wait_for("MongoDB does not answer.", 60)
    assert row(console, "MongoDB").startswith("MongoDB does not answer")
    unknown = [fact(console, "data", "Deals"), fact(console, "webhooks", "Waiting"), fact(console, "syncs", "Next")]
    assert unknown == ["unknown"] * 3
    assert "No deals are stored" not in console.text
    console.inspect("status-without-mongodb")
    mongod.start()
    console.wait_for_no("MongoDB does not answer.", 60)
    assert fact(console, "data", "Deals") == "0"
    console.complaints()


def test_without_redis_and_hubspot_both_are_said_the_worse_first(
    start_service: StartService, open_console: OpenConsole, redis: RedisServer, hubspot: HubSpot
) -> None:
    console = open_console(start_service(REDIS_URL=redis.url))
    console.open("/cache")
    console.wait(lambda: console.driver.find_elements(By.CSS_SELECTOR, ".cache-line.redis"))
    console.open("/status")
    console.wait_for("No deals are stored.")
    console.wait(lambda: row(console, "Redis").startswith("Redis answers"))
    redis.kill()
    hubspot.steer("POST", "faults", match=".", status=503)
    console.wait_for("Redis does not answer.", 60)
    console.wait_for("HubSpot does not answer, or refuses the token.", 60)
    assert headline(console) == "3 things are not well."
    findings = [one.text.split()[0] for one in console.driver.find_elements(By.CLASS_NAME, "finding")]
    assert findings[0] == "HubSpot"
    console.inspect("status-not-well")
    hubspot.reset()
    console.wait_for_no("HubSpot does not answer", 60)


def test_scheduled_syncs_and_webhooks_are_shown(start_service: StartService, open_console: OpenConsole) -> None:
    service = start_service(SYNC_INTERVAL_SECONDS="3600", HUBSPOT_CLIENT_SECRET="secret", WEB_CONCURRENCY="2")
    console = open_console(service)
    console.open("/status")
    console.wait(lambda: headline(console) == WELL and fact(console, "syncs", "Last completed") != "none", 60)
    assert "Neither scheduled syncs" not in console.text
    assert fact(console, "syncs", "Scheduled") == "every 1 h"
    assert re.fullmatch(r"in (1 hour|\d+ minutes)", fact(console, "syncs", "Next"))
    assert re.fullmatch(r"now|\d+ (second|minute)s? ago", fact(console, "syncs", "Last completed"))
    assert fact(console, "webhooks", "Set up") == "yes"
    host = service.get("/api/hubspot/status").json()["workers"][0]["host"]
    pids = {str(pid) for pid in service.workers()}
    console.wait(lambda: {one.text.split()[1] for one in console.all("row") if one.text.startswith(host)} == pids)


def test_a_sync_that_is_due_is_not_said_to_come_in_the_past(console: Console) -> None:
    late = """const get = fetch;
        fetch = async (...asked) => {
          const answer = await get(...asked);
          if (!String(asked[0]).endsWith("/status")) return answer;
          const status = await answer.json();
          status.sync.next_at = "2026-01-01T00:00:00Z";
          return Response.json(status);
        };"""
    console.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": late})
    console.open("/status")
    console.wait(lambda: headline(console) != "")
    assert fact(console, "syncs", "Next") == "due now"


def test_without_a_connection_nothing_is_called_well(console: Console) -> None:
    console.open("/status")
    console.wait(lambda: headline(console) == WELL)
    console.disconnect()
    console.wait(lambda: headline(console) == "It is not known whether all is well.", 60)
    assert "Offline" in console.text
    console.screenshot("status-offline")
    assert console.barriers() == []
    console.disconnect(offline=False)
    console.wait(lambda: headline(console) == WELL, 60)
    assert all("ERR_INTERNET_DISCONNECTED" in line for line in console.complaints())


def test_a_service_that_hangs_is_not_called_well(start_service: StartService, open_console: OpenConsole) -> None:
    service = start_service()
    console = open_console(service)
    console.open("/status")
    console.wait(lambda: headline(console) != "")
    with ExitStack() as still:
        for pid in service.workers():
            still.enter_context(frozen(pid))
        # Long before anything else is given up.
        console.wait(lambda: headline(console) == "It is not known whether all is well.", 40)
        assert "Offline" in console.text
    console.wait(lambda: headline(console) != "It is not known whether all is well.", 60)
    assert "Offline" not in console.text


def test_each_answer_is_asked_for_once(console: Console) -> None:
    console.open("/status")
    console.wait(lambda: headline(console) == WELL)
    count = "return performance.getEntriesByType('resource').filter((one) => one.name.endsWith('/status')).length"
    assert console.script(count) <= 2  # the second one, if HubSpot's state was not known at first
