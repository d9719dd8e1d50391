"""Lists as the UI shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dealcache.api import deal_lists
from dealcache.deals import Deal, Pipeline, Stage

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

WON = Stage("closedwon", "Closed Won", 2, 1.0, is_closed=True)
LOST = Stage("closedlost", "Closed Lost", 1, 0.0, is_closed=True)
OPEN = Stage("open", "In Talks", 0, 0.5, is_closed=False)
DOUBTFUL = Stage("991", "closed won", 0, None, is_closed=False)
OLD = Stage("old", "Old", 9, 0.5, is_closed=False, archived=True)
PIPELINES = [
    Pipeline("2", "Partners", 1, (DOUBTFUL,)),
    Pipeline("default", "Sales", 0, (WON, LOST, OPEN, OLD)),
    Pipeline("gone", "Gone", 2, (Stage("x", "X", 0, 0.1, is_closed=False),), archived=True),
]


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (1500.0, "$1,500.00"),
        (0.0, "$0.00"),
        (1234567.891, "$1,234,567.89"),
        (-20.5, "-$20.50"),
        (None, "Not specified"),
    ],
)
def test_money(amount, shown):
    assert deal_lists.money(amount) == shown


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
    rows = deal_lists.stage_list(PIPELINES)
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


def test_a_stage_is_named_by_its_label_in_any_case_in_every_pipeline_or_by_its_id():
    assert deal_lists.stage_ids(PIPELINES, "CLOSED won") == ["991", "closedwon"]
    assert deal_lists.stage_ids(PIPELINES, "closedlost") == ["closedlost"]
    assert deal_lists.stage_ids(PIPELINES, "nowhere") == []


def test_all_names_of_a_stage_come_to_one():
    assert deal_lists.stage_name(PIPELINES, " IN talks ") == "In Talks"
    assert deal_lists.stage_name(PIPELINES, "open") == "In Talks"
    assert deal_lists.stage_name(PIPELINES, "CLOSED WON") == deal_lists.stage_name(PIPELINES, "closed won")
    assert deal_lists.stage_name(PIPELINES, "nowhere") is None


@pytest.mark.parametrize("wanted", ["open", "closedwon", "991", "closed won", "Old", "x"])
def test_the_one_name_of_a_stage_means_what_was_wanted(wanted):
    name = deal_lists.stage_name(PIPELINES, wanted)
    assert deal_lists.stage_ids(PIPELINES, name) == deal_lists.stage_ids(PIPELINES, wanted)


def test_the_id_of_a_stage_without_a_label_stays_its_name():
    nameless = Pipeline("p", "P", 0, (Stage("7", " ", 0, None, is_closed=False),))
    assert deal_lists.stage_name([nameless], "7") == "7"


def test_labels_that_occur_twice_are_told_with_their_pipeline():
    labels = ["In Talks", "Closed Lost", "Closed Won (Sales)", "closed won (Partners)"]
    assert deal_lists.stage_labels(PIPELINES) == labels


def test_deals_of_a_stage():
    deal = Deal("1", "Acme", NOW - timedelta(days=3), owner="Ann", stage_id="closedwon", amount=10.0, create_date=NOW)
    rows = deal_lists.stage_deals([deal], deal_lists.stages_by_id(PIPELINES), UTC, NOW)
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
    deals = [Deal("7", "B", NOW, create_date=NOW), Deal("8", "A", NOW, stage_id="s", owner="Ann")]
    assert deal_lists.all_deals(deals, {"7": 3}) == [
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
