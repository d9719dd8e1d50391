"""The page of deals: search, filters, order, pages, the bars of the stages, and the file of all that matches."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.console.browser import NARROW, Console
from tests.console.conftest import OpenConsole, StartService
from tests.e2e.programs import Gunicorn

LIST = "/api/hubspot/v2/deal-list"

#: The headings by which the table can be sorted, with the API's names.
SORTS = {
    "Name": "name",
    "Amount": "amount",
    "Created": "created",
    "Closes": "closes",
    "Activities": "activities",
    "Last activity": "last_activity",
    "Updated": "updated",
}

#: Filters by their fields: what is chosen or written, and the address's query. The days read alike in every language.
FILTERS = {
    "Stage": ("Contract Sent", {"stage": "Contract Sent"}),
    "Pipeline": ("Vertragsverlängerung", {"pipeline": "Vertragsverlängerung"}),
    "Owner": ("grace okafor", {"owner": "grace okafor"}),
    "Open or closed": ("Closed", {"open": "false"}),
    "Next activity": ("None planned", {"has_next_activity": "false"}),
    "Quiet for days": ("60", {"idle_days": "60"}),
    "Min amount": ("100000", {"min_amount": "100000"}),
    "Max amount": ("50000.5", {"max_amount": "50000.5"}),
    "Created since": ("06062026", {"created_since": "2026-06-06"}),
    "Created until": ("12122025", {"created_until": "2025-12-12"}),
    "Closes since": ("01012027", {"closes_since": "2027-01-01"}),
    "Closes until": ("01012026", {"closes_until": "2026-01-01"}),
}


def asked(service: Gunicorn, **query: Any) -> dict[str, Any]:
    """Return what the API answers."""
    answer = service.get(LIST, **query)
    assert answer.ok, answer.text
    return answer.json()


def query_of(console: Console) -> dict[str, list[str]]:
    """Return the query of the address."""
    return parse_qs(urlsplit(console.address).query, keep_blank_values=True)


def links(console: Console) -> list[str]:
    """Return the ids of the deals in the table, in its order."""
    found = console.driver.find_elements(By.CSS_SELECTOR, ".deals-table tbody a")
    return [one.get_attribute("href").rpartition("/")[2] for one in found]


def shows(console: Console, service: Gunicorn, **query: Any) -> dict[str, Any]:
    """Wait until the page shows just what the API answers, and return that."""
    answer = asked(service, **query)
    ids = [deal["deal_id"] for deal in answer["deals"]]
    noun = "deal" if answer["total"] == 1 else "deals"
    amount = f"{answer['total_amount']:,.2f}".rstrip("0").rstrip(".")
    console.wait_for(f"{answer['total']} {noun}, total amount {amount}")
    console.wait(lambda: links(console) == ids)
    return answer


def sorted_columns(console: Console) -> list[tuple[str, str | None]]:
    """Return the columns that have aria-sort, with what it says."""
    found = console.driver.find_elements(By.CSS_SELECTOR, "th[aria-sort]")
    return [(one.text.strip(" ▲▼\n"), one.get_attribute("aria-sort")) for one in found]


def test_the_list_is_what_the_api_answers(console: Console, service: Gunicorn) -> None:
    console.open()
    answer = shows(console, service)
    assert len(answer["deals"]) == 50 < answer["total"]
    assert console.driver.title == "Deals · dealcache"
    assert [one.text for one in console.all("heading")] == ["Deals", "Filters", "Pipeline"]
    assert sorted_columns(console) == [("Created", "descending")]
    row = console.all("row")[0].text
    first = answer["deals"][0]
    assert all(first[field] in row for field in ("deal_name", "stage", "pipeline"))


def test_a_search_follows_each_letter_without_an_entry_in_the_history(console: Console, service: Gunicorn) -> None:
    console.open("/status")
    console.open()
    shows(console, service)
    before = console.script("return history.length")
    console.keys("/")
    for letters in ("r", "re", "ren", "ren a"):
        console.keys(letters[-1] if letters != "ren a" else " a")
        shows(console, service, q=letters)
        assert query_of(console) == {"q": [letters]}
    assert console.script("return history.length") == before
    console.driver.refresh()
    shows(console, service, q="ren a")
    assert console.the("field", "Search").get_attribute("value") == "ren a"
    console.press("Clear filters")
    shows(console, service)
    assert not console.all("button", "Clear filters")


def test_letters_typed_quickly_are_one_question_at_a_time_and_the_last_one_wins(
    console: Console, service: Gunicorn
) -> None:
    console.open()
    shows(console, service)
    # Notes how many requests are under way at once, each of which takes a while.
    console.script(
        """
        const ask = window.fetch;
        window.most = 0;
        let present = 0;
        window.fetch = async (...all) => {
          if (!String(all[0]).includes("deal-list")) return ask(...all);
          window.most = Math.max(window.most, ++present);
          try {
            const answer = await ask(...all);
            await new Promise((resolve) => setTimeout(resolve, 100));
            return answer;
          } finally { present -= 1; }
        };"""
    )
    console.fill("Search", "renewal 2025")
    shows(console, service, q="renewal 2025")
    assert console.script("return window.most") == 1


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_is_an_entry_of_the_history(console: Console, service: Gunicorn, name: str) -> None:
    written, query = FILTERS[name]
    console.open("/deals?q=re")
    everything = shows(console, service, q="re")
    field = console.the("field", name)
    if field.tag_name == "select":
        Select(field).select_by_visible_text(written)
    else:
        field.send_keys(written, Keys.ENTER)
    assert shows(console, service, q="re", **query)["total"] < everything["total"]
    assert query_of(console) == {"q": ["re"]} | {name: [value] for name, value in query.items()}
    console.driver.back()
    shows(console, service, q="re")
    assert console.address == "/deals?q=re"


def test_a_link_sets_all_filters_and_one_button_clears_them(console: Console, service: Gunicorn) -> None:
    query = {name: value for _, one in FILTERS.values() for name, value in one.items()}
    query |= {"max_amount": "900000", "created_since": "2020-02-02", "closes_since": "2020-03-03"}
    console.open(f"/deals?{urlencode(query)}&stage=verl%C3%A4ngert&sort=name")
    wanted = {**query, "stage": ["Contract Sent", "verlängert"], "sort": "name"}
    shows(console, service, **wanted)
    written = {name: console.the("field", name).get_attribute("value") for name in FILTERS if name != "Stage"}
    assert written == {name: query[next(iter(one))] for name, (_, one) in FILTERS.items() if name != "Stage"}
    assert Select(console.the("field", "Stage")).first_selected_option.text == "2 stages"
    console.press("Clear filters")
    shows(console, service, sort="name")
    assert console.address == "/deals?sort=name"
    console.driver.back()
    shows(console, service, **wanted)


def test_an_unknown_owner_is_told_beside_the_field(console: Console, service: Gunicorn) -> None:
    console.open()
    shows(console, service)
    console.the("field", "Owner").send_keys("Nobody", Keys.ENTER)
    console.wait_for("There is no owner 'Nobody'.")
    field = console.the("field", "Owner")
    told = console.driver.find_element(By.ID, field.get_attribute("aria-describedby") or "none")
    assert "Grace Okafor" in told.text
    assert field.get_attribute("aria-invalid") == "true"
    console.wait(lambda: not links(console))
    console.inspect("deals-refused")
    field = console.the("field", "Owner")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("Grace Okafor", Keys.ENTER)
    shows(console, service, owner="Grace Okafor")
    assert "There is no owner" not in console.text
    assert all("422" in line for line in console.complaints())


@pytest.mark.parametrize("heading", SORTS)
def test_the_server_sorts_by_a_heading(console: Console, service: Gunicorn, heading: str) -> None:
    console.open("/deals?sort=-updated" if heading == "Created" else "/deals")
    console.press(heading)
    for _ in range(2):
        console.wait(lambda: sorted_columns(console)[0][0] == heading)
        ((_, direction),) = sorted_columns(console)
        sort = ("-" if direction == "descending" else "") + SORTS[heading]
        shows(console, service, sort=sort)
        assert query_of(console) == ({} if sort == "-created" else {"sort": [sort]})
        console.press(heading)
    console.wait(lambda: links(console))


def test_on_a_narrow_screen_the_order_is_chosen_from_a_list(console: Console, service: Gunicorn) -> None:
    console.open()
    console.look(width=NARROW)
    Select(console.the("field", "Order")).select_by_visible_text("Amount, largest first")
    shows(console, service, sort="-amount")
    shown = [one.text.strip(" ▼\n") for one in console.driver.find_elements(By.CSS_SELECTOR, "thead th") if one.text]
    assert shown == ["Name", "Amount"]
    assert sorted_columns(console) == [("Amount", "descending")]


def test_pages_follow_each_other_and_their_addresses_are_links(console: Console, service: Gunicorn) -> None:
    console.open("/deals?sort=name")
    pages = [shows(console, service, sort="name")]
    addresses = [console.address]
    assert not console.the("button", "Previous").is_enabled()
    while "next_cursor" in pages[-1]:
        console.press("Next")
        pages.append(shows(console, service, sort="name", cursor=pages[-1]["next_cursor"]))
        console.wait_for(
            f"Page {len(pages)} of {len(pages) + ('next_cursor' in pages[-1])}" if len(pages) > 2 else "Page 2"
        )
        addresses.append(console.address)
    ids = [deal["deal_id"] for page in pages for deal in page["deals"]]
    assert len(pages) > 2
    assert len(ids) == len(set(ids)) == pages[0]["total"]
    assert not console.the("button", "Next").is_enabled()
    console.driver.back()
    console.wait(lambda: links(console) == [deal["deal_id"] for deal in pages[-2]["deals"]])
    # As another person gets it: that page, and from there the one before.
    console.open(addresses[-1])
    console.wait(lambda: links(console) == [deal["deal_id"] for deal in pages[-1]["deals"]])
    for place in range(len(pages) - 2, -1, -1):
        console.press("Previous")
        console.wait(lambda place=place: links(console) == [deal["deal_id"] for deal in pages[place]["deals"]])
        assert console.address == addresses[place]


def test_an_address_of_a_page_that_there_is_not_leads_to_the_first_one(console: Console, service: Gunicorn) -> None:
    console.open("/deals?q=re&cursor=nonsense&page=2")
    console.wait_for("There is no such page of this list.")
    console.press("Show the first page")
    shows(console, service, q="re")
    assert console.address == "/deals?q=re"
    assert all("422" in line for line in console.complaints())


def test_the_bars_count_stages_and_filter_by_them(console: Console, service: Gunicorn) -> None:
    console.open()
    shows(console, service)
    bars = console.driver.find_elements(By.CSS_SELECTOR, ".bar-row")
    summary = {line["stage"]: line["count"] for line in service.get("/api/hubspot/v2/pipeline-summary").json()}
    counted = dict(bar.text.replace("\n", " ").partition(" · ")[0].rsplit(" ", 1) for bar in bars)
    assert {stage: int(count) for stage, count in counted.items() if count != "0"} == summary
    first, second = "Contract Sent", "Closed Won"
    bar(console, first).click()
    assert shows(console, service, stage=first)["total"] == summary[first]
    assert Select(console.the("field", "Stage")).first_selected_option.text == first
    bar(console, second).click()
    assert shows(console, service, stage=[first, second])["total"] == summary[first] + summary[second]
    assert query_of(console) == {"stage": [first, second]}
    assert Select(console.the("field", "Stage")).first_selected_option.text == "2 stages"
    assert [one.get_attribute("aria-pressed") for one in (bar(console, first), bar(console, second))] == ["true"] * 2
    bar(console, first).click()
    shows(console, service, stage=second)
    console.driver.back()
    shows(console, service, stage=[first, second])


def bar(console: Console, stage: str) -> Any:
    """Return the bar of a stage."""
    (found,) = [one for one in console.driver.find_elements(By.CSS_SELECTOR, ".bar-row") if one.text.startswith(stage)]
    return found


def test_the_file_holds_all_that_matches(console: Console, service: Gunicorn) -> None:
    console.open("/deals?q=re&open=true&stage=Contract+Sent&stage=closedwon&sort=-amount")
    query = {"q": "re", "open": "true", "stage": ["Contract Sent", "closedwon"], "sort": "-amount"}
    answer = shows(console, service, **query)
    link = console.the("link", "Download CSV").get_attribute("href")
    rows = list(csv.DictReader(io.StringIO(requests.get(link, timeout=30).text)))
    assert [row["deal_id"] for row in rows] == [deal["deal_id"] for deal in answer["deals"]]
    assert len(rows) == answer["total"] > 0


def test_with_a_token_the_file_is_saved_as_well(
    service: Gunicorn, start_service: StartService, open_console: OpenConsole, tmp_path: Path
) -> None:
    guarded = start_service(API_TOKEN="for-readers", MONGODB_DATABASE=service.database)
    console = open_console(guarded)
    console.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    console.open()
    console.fill("Token", "for-readers")
    console.press("Use token")
    console.wait_for("deals, total amount")
    console.press("Download CSV", "link")
    saved = tmp_path / "deals.csv"
    console.wait(saved.exists)
    everything = guarded.get(LIST, {"Authorization": "Bearer for-readers"}, format="csv").content
    console.wait(lambda: saved.read_bytes() == everything)
    console.wait_to_hear("Saved deals.csv.")
    assert "for-readers" not in console.driver.current_url
    assert all("401" in line for line in console.complaints())


def test_a_row_leads_to_the_deal_and_the_way_back_to_the_same_place(console: Console, service: Gunicorn) -> None:
    console.open("/deals?sort=amount")
    answer = shows(console, service, sort="amount")
    console.script("scrollTo(0, 900)")
    row = console.all("link", answer["deals"][30]["deal_name"])[0]
    place = console.script("arguments[0].scrollIntoView({block: 'center'}); return scrollY", row)
    row.click()
    console.wait(lambda: console.address == f"/deals/{answer['deals'][30]['deal_id']}")
    console.driver.back()
    shows(console, service, sort="amount")
    console.wait(lambda: abs(console.script("return scrollY") - place) < 100)


def test_keys_alone_suffice(console: Console, service: Gunicorn) -> None:
    console.open()
    answer = shows(console, service)
    ids = [deal["deal_id"] for deal in answer["deals"]]

    def present() -> str:
        return console.script("return document.activeElement.getAttribute('href') ?? ''").rpartition("/")[2]

    console.keys("j")
    assert present() == ids[0]
    console.keys("j")
    console.keys("j")
    console.keys("k")
    assert present() == ids[1]
    console.keys("/")
    console.keys("j")
    assert console.the("field", "Search").get_attribute("value") == "j"
    # What was typed last is still being asked for; Enter leads to the first deal of its list, not of the one before.
    console.wait(lambda: "q=j" in console.address)
    console.keys(Keys.BACKSPACE, Keys.ENTER)
    console.wait(lambda: present() == ids[0])
    console.keys("/", Keys.TAB)
    assert console.driver.switch_to.active_element.text == "Filters"
    console.script("document.activeElement.blur()")
    shows(console, service)
    console.keys("j")
    console.keys(Keys.ENTER)
    console.wait(lambda: console.address == f"/deals/{ids[0]}")
