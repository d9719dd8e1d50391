"""One deal: what its page shows, filters and opens, by mouse and by keyboard alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.console.browser import Console
from tests.console.conftest import MakeDeal
from tests.console.deal_page import INFO, TIMELINE, chosen, classes, marks, note, opened, rows, single
from tests.e2e.programs import ACME, Gunicorn
from tests.waiting import until

#: What a page must show and never follow.
MARKUP = '<img src="/no-such-thing" onerror="document.title = 1"><script>document.title = 2</script>'
ARABIC = "تجديد العقد"


@pytest.fixture
def acme(service: Gunicorn) -> dict[str, Any]:
    """The timeline of a deal with sixty events of all types, one of them planned."""
    return service.get(TIMELINE, dealName=ACME).json()


@pytest.fixture
def write_foreign(service: Gunicorn, mongodb_uri: str) -> Iterator[Callable[..., None]]:
    """Writes further fields to the events of a deal, as other systems do."""
    with MongoClient(mongodb_uri) as client:
        events = client[service.database].deal_timeline
        yield lambda deal_id, **fields: events.update_many({"deal_id": deal_id}, {"$set": fields})


def test_facts_counts_and_other_deals_of_that_name(console: Console, service: Gunicorn, acme: dict[str, Any]) -> None:
    opened(console, acme["deal_id"])
    info = service.get(INFO, dealId=acme["deal_id"]).json()
    console.the("heading", ACME)
    assert console.driver.title == f"{ACME} · dealcache"
    for field in ("dealStage", "pipeline", "dealOwner"):
        assert info[field] in console.text
    console.wait_for("60 of 60 events")
    counts = service.get("/api/hubspot/deal-activities-count", dealId=acme["deal_id"]).json()["by_type"]
    shown = dict(
        button.accessible_name.rsplit(" ", 1) for button in console.all("button") if "bar-row" in classes(button)
    )
    assert shown == {kind: str(number) for kind, number in counts.items()}
    assert console.the("link", "Open in HubSpot").get_attribute("href").endswith(f"/record/0-3/{acme['deal_id']}")
    console.wait_for("Live")
    console.press(info["otherDealIds"][0], "link")
    console.wait(lambda: console.address == f"/deals/{info['otherDealIds'][0]}")
    console.driver.back()
    console.wait_for("60 of 60 events")


def test_where_it_came_from_is_said(console: Console, service: Gunicorn, acme: dict[str, Any]) -> None:
    def is_from_memory() -> bool:  # unless a busy machine makes the service doubt its memory
        opened(console, acme["deal_id"])
        console.wait_for("Data as of")
        return "From memory" in console.text

    until(is_from_memory)
    for words in ("in the cache", "Data as of", " ms, ", "in the service"):
        assert words in console.text


def test_bars_filter_and_the_address_keeps_it(console: Console, acme: dict[str, Any]) -> None:
    opened(console, acme["deal_id"])
    calls = sum(event["type"] == "Call" for event in acme["events"])
    notes = sum(event["type"] == "Note" for event in acme["events"])
    console.press(f"Call {calls}")
    console.wait_for(f"{calls} of 60 events")
    assert console.address == f"/deals/{acme['deal_id']}?types=Call"
    console.press(f"Note {notes}")
    console.wait_for(f"{calls + notes} of 60 events")
    assert {row.find_element(By.CSS_SELECTOR, ".event-type").text for row in rows(console)} == {"Call", "Note"}
    console.driver.back()
    console.wait_for(f"{calls} of 60 events")
    console.driver.refresh()
    console.wait_for(f"{calls} of 60 events")
    assert console.the("button", f"Call {calls}").get_attribute("aria-pressed") == "true"
    console.press("Clear filters")
    console.wait_for("60 of 60 events")


def test_a_search_narrows_list_and_picture_and_leaves_one_entry(console: Console, acme: dict[str, Any]) -> None:
    opened(console, acme["deal_id"])
    entries = console.script("return history.length")
    console.fill("Search events", "SECURITY questionnaire")
    found = [event for event in acme["events"] if "security questionnaire" in event["subject"].lower()]
    console.wait_for(f"{len(found)} of 60 events")
    assert console.script("return history.length") == entries
    assert sum(int(mark.text or 1) for mark in marks(console)) == len(found)
    console.fill("Search events", "nothing has these words")
    console.wait_for("No event is like that.")
    console.inspect("deal-no-match")
    console.press("Show all 60 events")
    console.wait_for("60 of 60 events")


def test_order(console: Console, acme: dict[str, Any]) -> None:
    opened(console, acme["deal_id"])
    assert rows(console)[0].get_attribute("id") == f"event-{acme['events'][-1]['id']}"
    console.the("field", "Order").send_keys("o")
    console.wait(lambda: rows(console)[0].get_attribute("id") == f"event-{acme['events'][0]['id']}")
    assert "order=oldest" in console.address
    console.driver.back()
    console.wait(lambda: rows(console)[0].get_attribute("id") == f"event-{acme['events'][-1]['id']}")


def test_days_by_length_by_steps_and_by_dates(console: Console, acme: dict[str, Any]) -> None:
    opened(console, acme["deal_id"])
    for name, days in (("Year", 365), ("Quarter", 91), ("Month", 30)):
        console.press(name)
        console.wait(lambda days=days: days_of(console) == days)
        assert console.the("button", name).get_attribute("aria-pressed") == "true"
    before = console.address
    console.press("Earlier")
    console.wait(lambda: console.address != before)
    assert days_of(console) == 30
    console.driver.back()
    console.wait(lambda: console.address == before)
    console.press("All")
    console.wait_for("60 of 60 events")
    console.open(f"/deals/{acme['deal_id']}?since=2026-03-01&until=2026-05-31")
    among = [event for event in acme["events"] if "2026-03-01" <= event["date_str"] <= "2026-05-31"]
    console.wait_for(f"{len(among)} of 60 events")
    assert sum(int(mark.text or 1) for mark in marks(console)) == len(among)


def test_a_day_is_typed_digit_by_digit(console: Console, acme: dict[str, Any]) -> None:
    opened(console, acme["deal_id"])
    entries = console.script("return history.length")
    console.the("field", "From").send_keys("03032026")  # the same in whatever order day and month are
    among = [event for event in acme["events"] if event["date_str"] >= "2026-03-03"]
    console.wait_for(f"{len(among)} of 60 events")
    assert console.address.endswith("?since=2026-03-03")
    assert console.script("return history.length") == entries + 1


def days_of(console: Console) -> int:
    return console.script(
        "const at = (name) => Date.parse(new URLSearchParams(location.search).get(name));"
        "return Math.round((at('until') - at('since')) / 864e5) + 1"
    )


def test_a_drag_takes_days(console: Console, acme: dict[str, Any]) -> None:
    opened(console, acme["deal_id"])
    picture = console.wait(lambda: console.driver.find_elements(By.CSS_SELECTOR, ".chart svg"))[0]
    actions = ActionChains(console.driver)
    actions.move_to_element_with_offset(picture, -100, 0).click_and_hold().move_by_offset(150, 4).release().perform()
    console.wait(lambda: "since=" in console.address and "until=" in console.address)
    console.wait(lambda: "60 of 60 events" not in console.text)
    console.driver.back()
    console.wait_for("60 of 60 events")


def test_a_mark_says_what_it_is_and_selects_its_event(console: Console, acme: dict[str, Any]) -> None:
    opened(console, acme["deal_id"])
    mark = single(console)
    ActionChains(console.driver).move_to_element(mark).perform()
    tip = console.wait(lambda: console.driver.find_elements(By.CSS_SELECTOR, ".mark-tip"))[0]
    assert all(words in tip.text for words in mark.accessible_name.split(", ")[-2:-1])
    mark.click()
    event = chosen(console)
    assert event.get_attribute("id").removeprefix("event-") in console.address
    assert event.find_elements(By.CSS_SELECTOR, "details[open]")
    address = console.address
    console.driver.back()
    console.wait(lambda: not console.driver.find_elements(By.CSS_SELECTOR, ".event.is-chosen"))
    console.driver.get(f"{console.url}/console{address}")
    assert chosen(console).is_displayed()
    assert console.script(
        "const {top} = arguments[0].getBoundingClientRect(); return top > 0 && top < innerHeight", chosen(console)
    )


def test_events_that_would_overlap_are_one_mark_that_leads_closer(console: Console, acme: dict[str, Any]) -> None:
    opened(console, acme["deal_id"])
    assert sum(int(mark.text or 1) for mark in console.wait(lambda: marks(console))) == 60
    several = marks(console, ":has(text)")[0]
    number = int(several.text)
    assert several.accessible_name.startswith(f"{number} events, ")
    several.click()
    console.wait(lambda: "since=" in console.address)
    console.wait(lambda: "60 of 60" not in console.text)


def test_planned_events_are_hollow_and_today_is_marked(console: Console, acme: dict[str, Any]) -> None:
    opened(console, acme["deal_id"])
    (planned,) = console.wait(lambda: marks(console, ".is-planned"))
    assert "planned" in planned.accessible_name
    fills = [
        one.find_element(By.TAG_NAME, "circle").value_of_css_property("fill") for one in (planned, single(console))
    ]
    assert fills[0] == "rgb(255, 255, 255)" != fills[1]
    assert "Planned" in rows(console)[0].text
    assert console.driver.find_elements(By.CSS_SELECTOR, "line.today")


def test_everything_goes_by_keyboard(console: Console, acme: dict[str, Any]) -> None:
    opened(console, acme["deal_id"])
    console.wait(lambda: rows(console))
    console.keys("j")
    console.wait(lambda: chosen(console).get_attribute("id") == f"event-{acme['events'][-1]['id']}")
    console.keys("j")
    console.wait(lambda: chosen(console).get_attribute("id") == f"event-{acme['events'][-2]['id']}")
    console.keys(Keys.ENTER)
    console.wait(lambda: chosen(console).find_elements(By.CSS_SELECTOR, ".event-body"))
    console.keys("k")
    console.wait(lambda: chosen(console).get_attribute("id") == f"event-{acme['events'][-1]['id']}")
    console.keys("/")
    assert console.driver.switch_to.active_element.accessible_name == "Search events"
    console.keys(Keys.ENTER, "k")
    console.wait(lambda: chosen(console).get_attribute("id") == f"event-{acme['events'][-1]['id']}")
    assert "q=" not in console.address
    console.script("arguments[0].focus()", console.driver.find_element(By.CSS_SELECTOR, '.mark[tabindex="0"]'))
    console.wait(lambda: console.driver.find_elements(By.CSS_SELECTOR, ".mark-tip"))[0]
    console.keys(Keys.ESCAPE)
    console.wait(lambda: not console.driver.find_elements(By.CSS_SELECTOR, ".mark-tip"))
    console.keys(Keys.END)
    console.keys(Keys.ARROW_UP)
    assert "mark" in classes(console.driver.switch_to.active_element)
    assert len(marks(console, '[tabindex="0"]')) == 1
    console.keys("?")
    assert all(
        what in console.the("dialog").text
        for what in ("Next event", "Previous event", "Search; Enter leads on to the events")
    )
    console.keys(Keys.ESCAPE)


def test_names_subjects_and_contents_are_text(console: Console, make_deal: MakeDeal) -> None:
    email = {
        "hs_email_subject": MARKUP,
        "hs_email_html": "<p>first</p><p>1 &lt; 2 &amp; <b>bold</b></p><script>document.title = 3</script>",
        "hs_email_direction": "EMAIL",
        "hs_timestamp": "2026-03-01T10:00:00Z",
    }
    long = "no-space-anywhere-" * 40
    deal_id = make_deal(f"{MARKUP} {ARABIC}", ("emails", email), note(long), note(ARABIC, "2026-04-01T10:00:00Z"))
    opened(console, deal_id)
    console.wait_for("3 of 3 events")
    assert console.the("heading", f"{MARKUP} {ARABIC}")
    assert console.driver.title.startswith(MARKUP)
    for summary in console.driver.find_elements(By.CSS_SELECTOR, ".event summary"):
        summary.click()
    console.wait(lambda: len(console.driver.find_elements(By.CSS_SELECTOR, ".event-content")) == 3)
    assert MARKUP in console.text
    assert "1 < 2 & bold" in console.text
    assert long in console.text
    assert not console.driver.find_elements(By.CSS_SELECTOR, "main img, main script, main b b")
    console.inspect("deal-hostile")


def test_what_other_systems_wrote_to_an_event_is_shown(
    console: Console, service: Gunicorn, make_deal: MakeDeal, write_foreign: Callable[..., None]
) -> None:
    deal_id = make_deal("Judged", note("All is well"))
    service.get(TIMELINE, dealId=deal_id)
    write_foreign(deal_id, sentiment="delighted", buyer_intent={"level": 3}, buyer_intent_explanation="<b>asked</b>")
    service.get(TIMELINE, {"Cache-Control": "no-cache"}, dealId=deal_id)
    opened(console, deal_id)
    console.wait_for("delighted")
    rows(console)[0].find_element(By.TAG_NAME, "summary").click()
    console.wait_for("Buyer intent")
    assert json.dumps({"level": 3}, separators=(",", ":")) in console.text
    assert "<b>asked</b>" in console.text


def test_2500_events_are_drawn_as_they_are_needed(console: Console, service: Gunicorn) -> None:
    timeline = service.get(TIMELINE, dealName="Globex expansion").json()
    assert len(timeline["events"]) == 2500
    opened(console, timeline["deal_id"])
    console.wait_for("2,500 of 2,500 events")
    assert len(rows(console)) < 200
    assert sum(int(mark.text or 1) for mark in marks(console)) == 2500
    console.inspect("deal-2500")
    drawn = len(rows(console))
    console.script("scrollTo(0, document.body.scrollHeight)")
    console.wait(lambda: len(rows(console)) > drawn)
    old = timeline["events"][100]
    opened(console, timeline["deal_id"], f"?event={old['id']}")
    assert chosen(console).get_attribute("id") == f"event-{old['id']}"
    assert len(rows(console)) < 300
    top = "return arguments[0].getBoundingClientRect().top"
    event = chosen(console)
    place, drawn = console.script(top, event), len(rows(console))
    (before,) = [button for button in console.all("button") if "before these" in button.text]
    console.script("arguments[0].click()", before)
    console.wait(lambda: len(rows(console)) > drawn)
    assert abs(console.script(top, event) - place) < 2


def test_a_deal_without_events_says_so(console: Console, make_deal: MakeDeal) -> None:
    opened(console, make_deal("Nothing happened"))
    console.wait_for("No events yet.")
    assert "0 of 0 events" in console.text
    console.inspect("deal-empty")


@pytest.mark.parametrize("deal_id", ["99", "no-such-deal", "%3Cb%3E"])
def test_an_unknown_deal_is_said_to_be_unknown(console: Console, deal_id: str) -> None:
    console.open(f"/deals/{deal_id}")
    console.the("heading", "There is no deal with this id.")
    assert console.driver.title == "No such deal · dealcache"
    console.press("Look at the deals", "link")
    console.the("heading", "Deals")
    assert all("404" in line or "422" in line for line in console.complaints())


def test_the_page_has_no_barriers(console: Console, acme: dict[str, Any]) -> None:
    opened(console, acme["deal_id"])
    console.wait_for("Live")
    console.inspect("deal")
    console.look(width=2560)
    assert not console.overflows()
    console.screenshot("deal-2560-light")
