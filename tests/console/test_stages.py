"""The history of stages, where it is on: bands behind a deal's timeline, a list, and a column in the list of deals."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from selenium.webdriver.common.by import By

from tests.console.browser import Console
from tests.console.conftest import MakeDeal, OpenConsole, StartService, filled
from tests.console.deal_page import note, opened
from tests.e2e.programs import ACME, Gunicorn, HubSpot

STAGES = "/api/hubspot/deal-stages"


@pytest.fixture(scope="module")
def staged(start_service: StartService) -> Gunicorn:
    """A service with stage history, which has all deals."""
    service = start_service(STAGE_HISTORY="on")
    filled(service)
    return service


@pytest.fixture
def console(staged: Gunicorn, open_console: OpenConsole) -> Console:
    return open_console(staged)


def history(service: Gunicorn, **deal: str) -> dict[str, Any]:
    return service.get(STAGES, **deal).json()


def listed(console: Console) -> list[tuple[str, str]]:
    """The stage and the days of each stay in the list."""
    script = """return [...document.querySelectorAll(".stays li")].map((stay) =>
        [".stay-stage", ".stay-days"].map((part) => stay.querySelector(part).textContent))"""
    return [(stage, length) for stage, length in console.script(script)]


def bands(console: Console) -> list[tuple[str, float, float]]:
    """The bands of the picture: the label of each, and where it begins and ends, in pixels."""
    script = """return [...document.querySelectorAll(".band")].map((band) => {
        const { x, width } = band.querySelector("rect").getBBox();
        return [band.querySelector("title").textContent, x, x + width];
    })"""
    return [(label, begin, end) for label, begin, end in console.script(script)]


def test_bands_and_list_are_what_the_api_answers(console: Console, staged: Gunicorn) -> None:
    stays = history(staged, dealName=ACME)["stages"]
    opened(console, history(staged, dealName=ACME)["deal_id"])
    console.wait(lambda: len(listed(console)) == len(stays) > 1)
    lengths = [f"{stay['days']:g} day{'' if stay['days'] == 1 else 's'}" for stay in stays]
    lengths[-1] += " so far"
    assert listed(console) == list(zip([stay["stage"] for stay in stays], lengths, strict=True))

    drawn = bands(console)

    labels = [stay["stage"] for stay in stays]
    assert [label for label, _, _ in drawn] == [label for label in labels if label in {one[0] for one in drawn}]
    assert drawn[-1][0] == labels[-1]
    assert all(abs(one[2] - other[1]) < 1 for one, other in pairwise(drawn))
    (today,) = console.driver.find_elements(By.CSS_SELECTOR, ".today")
    assert abs(drawn[-1][2] - float(today.get_attribute("x1") or 0)) < 1


def test_a_new_stage_is_shown_while_the_page_is_open(
    console: Console, staged: Gunicorn, hubspot: HubSpot, make_deal: MakeDeal
) -> None:
    deal_id = make_deal("Tyrell lease", note("Signed?"))
    opened(console, deal_id)
    console.wait(lambda: len(listed(console)) == 1)
    hubspot.change(
        {"do": "update", "object_type": "deals", "record_id": deal_id, "properties": {"dealstage": "closedwon"}}
    )
    console.press("Refresh")
    console.wait(lambda: [stage for stage, _ in listed(console)] == ["Appointment Scheduled", "Closed Won"])


def test_a_deal_without_events_has_its_list(console: Console, make_deal: MakeDeal) -> None:
    console.open(f"/deals/{make_deal('Weyland pilot')}")
    console.wait(lambda: [stage for stage, _ in listed(console)] == ["Appointment Scheduled"])
    assert bands(console) == []


def test_the_list_has_the_days_in_the_stage(console: Console, staged: Gunicorn) -> None:
    def days() -> list[str]:
        rows = staged.get("/api/hubspot/v2/deal-list", sort="name").json()["deals"]
        return [f"{row['days_in_stage']:g}" for row in rows]

    console.look(width=1600)
    before = days()
    console.open("/deals?sort=name")
    console.wait_for("total amount")
    cells = [cell.text for cell in console.driver.find_elements(By.CSS_SELECTOR, "td.column-days_in_stage")]
    # A tenth of a day may end meanwhile for some of them.
    shown = zip([cell.replace(",", "") for cell in cells], before, days(), strict=True)
    assert [one for one in shown if one[0] not in one[1:]] == []


def test_the_pages_have_no_barriers(console: Console, staged: Gunicorn) -> None:
    opened(console, history(staged, dealName=ACME)["deal_id"])
    console.wait(lambda: bands(console))
    console.inspect("deal-stages")
    console.open("/deals")
    console.wait_for("total amount")
    console.inspect("deals-stages")


def test_without_stage_history_nothing_is_asked_and_nothing_shown(service: Gunicorn, open_console: OpenConsole) -> None:
    console = open_console(service)
    opened(console, service.get("/api/hubspot/deal-info", dealName=ACME).json()["dealId"])
    console.wait_for("60 of 60 events")
    assert (bands(console), listed(console)) == ([], [])
    console.open("/deals")
    console.wait_for("total amount")
    assert console.driver.find_elements(By.CSS_SELECTOR, ".column-days_in_stage") == []
