"""Lists as the UI shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dealcache.api import deal_lists
from dealcache.api.money import money
from dealcache.model.deals import Deal
from dealcache.model.labels import Labels, Owner
from dealcache.model.pipelines import Pipeline, Stage
from dealcache.model.unreadable import UnreadableRecords
from dealcache.repositories import StageTotal

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

WON = Stage("closedwon", "Closed Won", 2, 1.0, is_closed=True)
LOST = Stage("closedlost", "Closed Lost", 1, 0.0, is_closed=True)
OPEN = Stage("open", "In Talks", 0, 0.5, is_closed=False)
DOUBTFUL = Stage("991", "closed won", 0, None, is_closed=False)
OLD = Stage("old", "Old", 9, 0.5, is_closed=False, archived=True)
LABELS = Labels(
    (Owner("1", "Ann"),),
    (
        Pipeline("2", "Partners", 1, (DOUBTFUL,)),
        Pipeline("default", "Sales", 0, (WON, LOST, OPEN, OLD)),
        Pipeline("gone", "Gone", 2, (Stage("x", "X", 0, 0.1, is_closed=False),), archived=True),
    ),
)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (1500.0, "$1,500.00"),
        (0.0, "$0.00"),
        (1234567.891, "$1,234,567.89"),
        (-20.5, "-$20.50"),
        (None, "Not specified"),
        (float("nan"), "Not specified"),
        (float("inf"), "Not specified"),
    ],
)
def test_money(amount, shown):
    assert money(amount) == shown


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (1500.0, "USD", "$1,500.00"),
        (1500.0, "EUR", "€1,500.00"),
        (-1500.5, "GBP", "-£1,500.50"),
        (1500.4, "JPY", "¥1,500"),
        (1500.0, "CAD", "CA$1,500.00"),
        (1500.0, "CHF", "CHF 1,500.00"),
        (-0.5, "CHF", "-CHF 0.50"),
        (1.2345, "KWD", "KWD 1.234"),
        (1500.0, "ZZZ", "ZZZ 1,500.00"),
        (None, "EUR", "Not specified"),
    ],
)
def test_money_with_its_currency(amount, currency, shown):
    assert money(amount, currency) == shown


def test_days_are_written_in_english_and_in_the_zone():
    late = datetime(2026, 1, 9, 23, 30, tzinfo=UTC)
    assert deal_lists.written_day(late, UTC) == "Jan 09, 2026"
    assert deal_lists.written_day(late, ZoneInfo("Europe/Berlin")) == "Jan 10, 2026"
    assert deal_lists.written_day(None, UTC) == "Not set"


@pytest.mark.parametrize(
    ("passed", "shown"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=-5), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=23, minutes=59), "23 hours ago"),
        (timedelta(days=3, hours=5), "3 days ago"),
        (timedelta(days=30), "1 month ago"),
        (timedelta(days=800), "2 years ago"),
    ],
)
def test_how_long_ago(passed, shown):
    assert deal_lists.ago(NOW - passed, NOW) == shown


def test_the_stages_are_listed_pipeline_by_pipeline_without_archived_ones():
    rows = deal_lists.stage_list(LABELS)
    assert [row["stage_id"] for row in rows] == ["open", "closedlost", "closedwon", "991"]
    assert rows[2] == {
        "stage_name": "Closed Won",
        "stage_id": "closedwon",
        "pipeline": "Sales",
        "display_order": 2,
        "probability": 1.0,
        "closed_won": "true",
        "closed_lost": False,
    }
    assert (rows[1]["closed_won"], rows[1]["closed_lost"]) == ("false", True)
    assert (rows[3]["probability"], rows[3]["closed_won"], rows[3]["closed_lost"]) == (None, "false", False)


def test_deals_of_a_stage():
    deal = Deal("1", "Acme", NOW - timedelta(days=3), owner_id="1", stage_id="closedwon", amount=10.0, create_date=NOW)
    rows = deal_lists.stage_deals([deal], LABELS, UTC, NOW, UnreadableRecords())
    assert rows == [
        {
            "Deal_Name": "Acme",
            "Owner": "Ann",
            "Amount": "$10.00",
            "Created_At": "Nov 23, 2026",
            "Last_Update": "3 days ago",
            "Expected_Close_Date": "Not set",
            "Closed_Won": "Yes",
            "Closed_Lost": "No",
        }
    ]


def test_all_deals_count_from_zero_and_tell_their_activities():
    rows = deal_lists.all_deals(LABELS, UnreadableRecords())
    first = {"deal_id": "7", "deal_name": "B", "create_date": NOW.replace(tzinfo=None), "activities": {"count": 3}}
    second = {"deal_id": "8", "deal_name": "A", "stage_id": "s", "owner_id": "1", "activities": {"count": 0}}
    assert rows([first]) + rows([second]) == [
        {
            "id": 0,
            "deal_id": "7",
            "name": "B",
            "createdate": "2026-11-23T12:00:00.000Z",
            "stage": "",
            "owner": "Unknown Owner",
            "activities": 3,
        },
        {"id": 1, "deal_id": "8", "name": "A", "createdate": None, "stage": "s", "owner": "Ann", "activities": 0},
    ]


class Nameless:
    """A deal of which everything but its id fails."""

    deal_id = "66"
    deal_name = "Odd"

    def __getattr__(self, name):
        raise RuntimeError(name)


def test_one_deal_that_cannot_be_shown_is_shown_with_nulls():
    good = Deal("7", "Acme", NOW)
    counted = []
    unreadable = UnreadableRecords(counted.append)

    nameless = {"deal_id": "66", "deal_name": "Odd", "create_date": "odd"}
    listed = {"deal_id": "7", "deal_name": "Acme", "activities": {"count": 3}}
    first, second = deal_lists.all_deals(LABELS, unreadable)([nameless, listed])
    odd, fine = deal_lists.stage_deals([Nameless(), good], LABELS, UTC, NOW, unreadable)

    assert first == {"id": 0, "deal_id": "66"} | dict.fromkeys(("name", "createdate", "stage", "owner", "activities"))
    assert (second["id"], second["name"], second["activities"]) == (1, "Acme", 3)
    assert (odd["Deal_Name"], {odd[name] for name in odd if name != "Deal_Name"}) == ("Odd", {None})
    assert fine["Deal_Name"] == "Acme"
    assert counted == ["deals"]


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), "Europe/Berlin", "Dec 31, 9999"),
        (datetime(1, 1, 1, tzinfo=UTC), "America/New_York", "Jan 01, 1"),
        (datetime(9999, 12, 31, 10, tzinfo=UTC), "Pacific/Kiritimati", "Dec 31, 9999"),
    ],
)
def test_days_at_the_edges_of_the_calendar(moment, zone, day):
    assert deal_lists.written_day(moment, ZoneInfo(zone)) == day
    assert deal_lists.ago(datetime(1, 1, 1, tzinfo=UTC), NOW) == "2027 years ago"  # years of 365 days


TWICE = Labels(
    (),
    (
        Pipeline("a", "A", 0, (Stage("1", "Won", 0, 1.0, is_closed=True),)),
        Pipeline("b", "B", 1, (Stage("1", "Lost", 0, 0.0, is_closed=True),)),
    ),
)


def test_one_stage_id_in_two_pipelines_is_two_stages():
    deals = [Deal(pipeline, pipeline, NOW, stage_id="1", pipeline_id=pipeline) for pipeline in "ab"]
    shown = deal_lists.stage_deals(deals, TWICE, UTC, NOW, UnreadableRecords())
    assert [(row["Closed_Won"], row["Closed_Lost"]) for row in shown] == [("Yes", "No"), ("No", "Yes")]


def test_the_summary_has_a_line_for_each_stage():
    totals = [
        StageTotal("a", "1", 2, 10.0, "a label of before"),
        StageTotal("b", "1", 3, 5.0),
        StageTotal(None, "1", 1, 1.0),
        StageTotal("a", "gone", 1, 2.0, "Former"),
        StageTotal("b", "gone", 1, 2.0),
        StageTotal(None, None, 1, 0.0),
    ]
    assert deal_lists.pipeline_summary(totals, TWICE) == deal_lists.pipeline_summary(totals[::-1], TWICE)
    assert deal_lists.pipeline_summary(totals, TWICE) == [
        {"stage": "Lost", "count": 3, "amount": 5.0},
        {"stage": "Won", "count": 3, "amount": 11.0},
        {"stage": "Former", "count": 2, "amount": 4.0},
        {"stage": "", "count": 1, "amount": 0.0},
    ]


EUROS = StageTotal("default", "open", 2, 10.5, currency="EUR")
DOLLARS = StageTotal("default", "open", 1, 3.0, currency="USD")
WITHOUT = StageTotal("default", "open", 1, 0.25)


def summary(*totals: StageTotal, home: str | None = "USD") -> list[dict[str, object]]:
    return deal_lists.pipeline_summary(totals, LABELS, lambda: home)


@pytest.mark.parametrize(("totals", "home"), [((EUROS,), "USD"), ((WITHOUT,), "USD"), ((WITHOUT, DOLLARS), "USD")])
def test_one_currency_is_not_mentioned(totals, home):
    (line,) = summary(*totals, home=home)
    assert line.keys() == {"stage", "count", "amount"}


def test_several_currencies_have_their_amounts_in_each_stage():
    won = StageTotal("default", "closedwon", 1, 7.0, currency="EUR")
    assert summary(EUROS, WITHOUT, won, DOLLARS) == [
        {"stage": "In Talks", "count": 4, "amount": 13.75, "amounts": {"EUR": 10.5, "USD": 3.25}},
        {"stage": "Closed Won", "count": 1, "amount": 7.0, "amounts": {"EUR": 7.0}},
    ]


def test_deals_without_a_currency_are_in_none_while_the_companys_is_unknown():
    (line,) = summary(EUROS, WITHOUT, home=None)
    assert line["amounts"] == {"EUR": 10.5, "XXX": 0.25}
