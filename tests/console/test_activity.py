"""The page of activities: the numbers by week, month, type and owner, and the open deals that want attention."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tests.console.browser import Console
from tests.e2e.programs import Gunicorn

SUMMARY, LIST = "/api/hubspot/v2/activity-summary", "/api/hubspot/v2/deal-list"
#: Days that end after the last planned activity, for the API and in an address.
DAYS: dict[str, Any] = {"since": "2026-05-01", "until": "2028-03-31"}
IN_ADDRESS = "since=2026-05-01&until=2028-03-31"

#: Answers for a service that has lost its database, whose problems say which request to look for.
BROKEN = """
const ask = window.fetch;
window.fetch = async (...all) => String(all[0]).includes("activity-summary")
  ? new Response(
      JSON.stringify({title: "Service Unavailable", detail: "MongoDB does not answer.", request_id: "abc123"}),
      {status: 503, headers: {"Content-Type": "application/problem+json"}})
  : ask(...all);
"""


#: Calls a function of a module of the page for each of some lists of arguments.
CALLED = """
const [module, name, all, done] = arguments;
import(`${document.documentElement.dataset.assets}/activity/${module}.js`).then(
  (found) => done(all.map((one) => found[name](...one))), (error) => done(`${error}`));
"""


def summed(service: Gunicorn, **query: Any) -> dict[str, Any]:
    """Return what the API answers."""
    answer = service.get(SUMMARY, **DAYS | query)
    assert answer.ok, answer.text
    return answer.json()


def query_of(console: Console) -> dict[str, list[str]]:
    """Return the query of the address."""
    return parse_qs(urlsplit(console.address).query)


def bars(console: Console, label: str) -> dict[str, int]:
    """Return the bars of a group, with their numbers."""
    rows = console.script(
        """return [...document.querySelectorAll(`[aria-label="${arguments[0]}"] button`)].map(
             (one) => ["label", "text"].map((part) => one.querySelector(`.bar-${part}`).textContent));""",
        label,
    )
    return {name: int(number.replace(",", "")) for name, number in rows}


def table(console: Console, label: str) -> dict[str, list[int]]:
    """Return the rows of a table, which may be closed."""
    rows = console.script(
        """return [...document.querySelectorAll(`[aria-label="${arguments[0]}"] :is(tbody, tfoot) tr`)].map(
             (row) => [...row.cells].map((cell) => cell.textContent));""",
        label,
    )
    return {name: [int(one.replace(",", "")) for one in numbers] for name, *numbers in rows}


def called(console: Console, module: str, name: str, *arguments: list[Any]) -> list[Any]:
    """Return what a function of the page returns for each of some lists of arguments."""
    return console.driver.execute_async_script(CALLED, module, name, list(arguments))


def by_type(rows: list[dict[str, Any]]) -> Counter[str]:
    return sum((Counter(row["by_type"]) for row in rows), Counter())


@pytest.mark.parametrize("by", ["week", "month"])
def test_the_numbers_are_what_the_api_answers(console: Console, service: Gunicorn, by: str) -> None:
    console.open(f"/activity?{IN_ADDRESS}&by={by}")
    answer, owners = summed(service, by=by), summed(service, by="owner")
    console.wait_for(f"{answer['total']:,} activities")
    assert bars(console, "Filter by type") == dict(by_type(answer["rows"]))
    # Owners are asked for by themselves, so they may come later.
    console.wait(lambda: bars(console, "Filter by owner") == {row["label"]: row["count"] for row in owners["rows"]})
    rows = table(console, f"Activities by {by} as a table")
    assert [numbers[0] for numbers in rows.values() if numbers[0]] == [
        *(row["count"] for row in answer["rows"]),
        answer["total"],
    ]
    # Also the weeks and months in which nothing was done.
    assert len(rows) > len(answer["rows"]) + 1
    assert all(numbers[0] == sum(numbers[1:]) for numbers in rows.values())
    of_owners = table(console, "Activities by owner as a table")
    assert {name: numbers[0] for name, numbers in of_owners.items() if name != "All"} == bars(
        console, "Filter by owner"
    )
    drawn = console.script("return document.querySelectorAll('.activity-chart .activity-piece').length")
    assert drawn == sum(len(row["by_type"]) for row in answer["rows"])


def test_types_owners_and_stages_filter_and_stand_in_the_address(console: Console, service: Gunicorn) -> None:
    console.open(f"/activity?{IN_ADDRESS}")
    total = summed(service)["total"]
    console.wait_for(f"{total:,} activities")
    calls = bars(console, "Filter by type")["Call"]
    console.driver.find_element(By.XPATH, "//*[@aria-label='Filter by type']//button[contains(., 'Call')]").click()
    console.wait_for(f"{calls:,} activities\nof {total:,}")
    assert query_of(console)["type"] == ["Call"]
    console.wait(lambda: sum(bars(console, "Filter by owner").values()) == calls)
    console.driver.find_element(By.XPATH, "//*[@aria-label='Filter by owner']//button[contains(., 'Grace')]").click()
    graces = summed(service, owner="Grace Okafor")
    console.wait_for(f"{by_type(graces['rows'])['Call']} activities\nof {graces['total']}")
    assert query_of(console)["owner"] == ["Grace Okafor"]
    console.wait(lambda: len(bars(console, "Filter by owner")) > 1)
    console.driver.back()
    console.wait_for(f"{calls:,} activities\nof {total:,}")
    console.press("Clear filters")
    console.wait(lambda: console.address == "/activity")
    Select(console.the("field", "Stage")).select_by_visible_text("Contract Sent")
    console.wait(lambda: query_of(console) == {"stage": ["Contract Sent"]})
    since, until = (console.the("field", name).get_attribute("value") for name in ("Since", "Until"))
    sent = summed(service, stage="Contract Sent", since=since, until=until)["total"]
    console.wait(lambda: ("No activities in this time." if sent == 0 else f"{sent} activit") in console.text)


def test_a_period_is_whole_weeks_or_months_up_to_today(console: Console) -> None:
    console.open("/activity")
    console.the("heading", "Activities by week")
    spans = {}
    for period in ("4 weeks", "Quarter", "Year"):
        console.press(period)
        console.wait(lambda period=period: console.the("button", period).get_attribute("aria-pressed") == "true")
        since, until = (console.the("field", name).get_attribute("value") or "" for name in ("Since", "Until"))
        first, last = date.fromisoformat(since), date.fromisoformat(until)
        assert first.isoweekday() == 1
        spans[period] = (last - first).days + 1
    assert 28 <= spans["4 weeks"] < 35
    assert 91 <= spans["Quarter"] < 98
    assert 364 <= spans["Year"] < 371
    console.press("Months")
    console.the("heading", "Activities by month")
    assert console.the("field", "Since").get_attribute("value").endswith("-01")
    assert query_of(console) == {"by": ["month"], "period": ["year"]}


@pytest.mark.parametrize(
    ("panel", "query"),
    [
        ("Went quiet", {"idle_days": "30", "sort": "last_activity"}),
        ("No next step", {"has_next_activity": "false", "sort": "-amount"}),
    ],
)
def test_deals_that_want_attention_are_those_of_the_list(
    console: Console, service: Gunicorn, panel: str, query: dict[str, str]
) -> None:
    console.open("/activity")
    answer = service.get(LIST, open="true", limit="10", **query).json()
    section = console.wait(lambda: console.driver.find_element(By.XPATH, f"//section[h2='{panel}']"))
    console.wait(lambda: f"10 of {answer['total']} deals" in section.text)
    names = [deal["deal_name"] for deal in answer["deals"]]
    console.wait(lambda: [one.text for one in section.find_elements(By.CSS_SELECTOR, "tbody .activity-name")] == names)
    section.find_element(By.LINK_TEXT, "Show all on the Deals page").click()
    console.wait_for(f"{answer['total']} deals, total amount")
    assert query_of(console) == {"open": ["true"]} | {name: [value] for name, value in query.items()}


def test_quiet_is_as_long_as_is_chosen(console: Console, service: Gunicorn) -> None:
    console.open("/activity?owner=Grace+Okafor")
    Select(console.the("field", "Open deals without an activity for")).select_by_visible_text("180 days")
    total = service.get(LIST, open="true", idle_days="180", owner="Grace Okafor").json()["total"]
    shown = f"{min(total, 10)} of {total} deal" if total else "No open deal has gone quiet."
    console.wait_for(shown)
    assert query_of(console) == {"owner": ["Grace Okafor"], "quiet": ["180"]}


def test_what_is_wrong_stands_beside_its_field(console: Console) -> None:
    console.open("/activity?owner=Nobody&since=2026-01-01")
    console.wait_for("There is no owner 'Nobody'.")
    console.wait_for("These filters cannot be applied.")
    assert console.barriers() == []
    console.press("Show all activities")
    console.wait_for("activities\n")
    assert console.address == "/activity"
    assert all("422" in line for line in console.complaints())


def test_a_failure_is_told_with_its_request(console: Console) -> None:
    console.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": BROKEN})
    console.open("/activity")
    console.wait_for("MongoDB does not answer.\nRequest abc123")
    assert console.all("button", "Try again")
    console.wait_for("Show all on the Deals page")
    console.screenshot("activity-failure")
    assert console.barriers() == []


def test_a_time_without_activities_says_so(console: Console) -> None:
    console.open("/activity?since=1999-01-01&until=1999-12-31")
    console.wait_for("No activities in this time.")
    console.press("Show a year")
    console.wait(lambda: query_of(console) == {"period": ["year"]})


def test_the_page_has_no_barriers(console: Console) -> None:
    console.open("/activity?since=2026-07-01&until=2026-12-31&quiet=90")
    console.wait_for("Numbers as a table")
    for closed in console.driver.find_elements(By.CSS_SELECTOR, ".activity-numbers summary"):
        closed.click()
    console.wait(lambda: len(console.driver.find_elements(By.CSS_SELECTOR, ".activity-deals")) == 2)
    console.inspect("activity")
    console.look(width=2560)
    assert not console.overflows()


def test_weeks_are_those_of_iso_8601_and_months_those_of_the_calendar(console: Console) -> None:
    console.open("/activity")
    days = [date(2023, 12, 20) + timedelta(days=number) for number in range(450)]
    texts = [one.isoformat() for one in days]
    mondays = [date.fromisocalendar(*one.isocalendar()[:2], 1).isoformat() for one in days]
    assert called(console, "days", "startOf", *([text, "week"] for text in texts)) == mondays
    firsts = [text[:8] + "01" for text in texts]
    assert called(console, "days", "startOf", *([text, "month"] for text in texts)) == firsts
    months = sorted(set(firsts))
    assert called(console, "days", "following", *([text, "month"] for text in months[:-1])) == months[1:]
    weeks = sorted(set(mondays))
    assert called(console, "days", "following", *([text, "week"] for text in weeks[:-1])) == weeks[1:]
    assert called(console, "days", "daysBetween", ["2024-02-28", "2024-03-01"], ["2024-03-01", "2024-02-29"]) == [2, -1]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu"])
def test_today_is_that_of_the_services_zone(console: Console, zone: str) -> None:
    console.open("/activity")
    before = datetime.now(ZoneInfo(zone)).date().isoformat()
    (shown,) = called(console, "days", "today", [zone])
    assert before <= shown <= datetime.now(ZoneInfo(zone)).date().isoformat()


def test_of_very_long_times_the_last_weeks_are_drawn(console: Console) -> None:
    console.open("/activity")
    row = {"start": "2026-11-23", "count": 3, "by_type": {"Call": 3}}
    summary = {"by": "week", "since": "1900-01-01", "until": "2026-12-06", "rows": [row]}
    (columns,) = called(console, "columns", "columnsOf", [summary, "2026-11-24"])
    assert [one["start"] for one in columns[-3:]] == ["2026-11-16", "2026-11-23", "2026-11-30"]
    assert [one["note"] for one in columns[-3:]] == ["", " (so far)", " (planned)"]
    assert [one["by_type"] for one in columns if one["by_type"]] == [row["by_type"]]
    assert len(columns) == 520
    ends = [{"by": by, "since": "0001-01-01", "until": "9999-12-31", "rows": []} for by in ("week", "month")]
    for columns in called(console, "columns", "columnsOf", *([one, "2026-11-24"] for one in ends)):
        assert (len(columns), columns[-1]["start"][:8]) == (520, "9999-12-")
