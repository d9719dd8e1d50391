"""The three views, made from values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dealcache.model.deals import Deal, Event
from dealcache.model.labels import Labels, Owner, UnknownIds
from dealcache.model.people import DealPeople, Person
from dealcache.model.pipelines import Pipeline, Stage
from dealcache.reader import views
from dealcache.reader.timeline_filter import TimelineFilter
from dealcache.repositories import Totals
from dealcache.tiers import View

NOON = datetime(2026, 3, 1, 23, 30, 15, 250_000, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
LABELS = Labels(
    (Owner("1", "Ann"), Owner("2", None), Owner("3", "Ruth", archived=True)),
    (
        Pipeline(
            "p", "Sales", 0, (Stage("won", "Won", 0, 1.0, is_closed=True), Stage("s", "", 1, None, is_closed=False))
        ),
    ),
)


def event(number: int = 1, at: datetime = NOON, **fields) -> Event:
    given = {
        "engagement_type": "calls",
        "engagement_id": str(number),
        "occurred_at": at,
        "type": "Call",
        "subject": "Hello",
        "content": "text",
        "owner_id": None,
        "owner": "",
        "hubspot_updated_at": at,
    }
    return Event(**(given | fields))


def deal(**fields) -> Deal:
    return Deal(**({"deal_id": "7", "deal_name": "Acme", "hubspot_updated_at": NOON} | fields))


def test_an_event_shows_what_the_contract_names():
    assert views.event_view(event(owner_id="1"), UTC, LABELS) == {
        "id": "1_202603012330",
        "engagement_id": "1",
        "date_str": "2026-03-01",
        "time_str": "23:30",
        "timestamp": "2026-03-01T23:30:15.250Z",
        "type": "Call",
        "subject": "Hello",
        "content": "text",
        "content_preview": "text",
        "owner": "Ann",
    }


def test_the_zone_moves_day_and_hour_but_never_the_id_or_the_timestamp():
    here, there = views.event_view(event(), UTC, LABELS), views.event_view(event(), BERLIN, LABELS)
    assert (there["date_str"], there["time_str"]) == ("2026-03-02", "00:30")
    assert (there["id"], there["timestamp"]) == (here["id"], here["timestamp"])


@pytest.mark.parametrize(
    ("length", "preview"), [(150, "x" * 150), (151, "x" * 150 + "..."), (0, "")], ids=["whole", "cut", "empty"]
)
def test_the_preview_is_the_first_150_characters(length, preview):
    assert views.event_view(event(content="x" * length), UTC, LABELS)["content_preview"] == preview


def test_only_the_three_foreign_fields_are_passed_on_and_only_if_there():
    shown = views.event_view(event(extra={"sentiment": None, "secret": 1}), UTC, LABELS)
    assert shown["sentiment"] is None
    assert "secret" not in shown
    assert "buyer_intent" not in shown


def test_a_timeline_is_ordered_by_time_then_by_the_id_that_is_shown():
    events = [event(10), event(9), event(100), event(5, NOON - timedelta(seconds=1))]
    shown = views.timeline(deal(), events, UTC, LABELS)["events"]
    assert [one["engagement_id"] for one in shown] == ["5", "100", "10", "9"]


def test_a_timeline_spans_the_days_of_its_events():
    late = NOON + timedelta(days=40)
    shown = views.timeline(deal(), [event(2, late), event(1)], UTC, LABELS)
    assert (shown["start_date"], shown["end_date"]) == ("2026-03-01", "2026-04-10")


def test_an_empty_timeline_has_no_days():
    assert views.timeline(deal(), [], UTC, LABELS) == {
        "deal_id": "7",
        "deal_name": "Acme",
        "events": [],
        "start_date": None,
        "end_date": None,
    }


def test_counts_add_up():
    events = [event(1), event(2), event(3, type="Note")]
    view = views.activities_count(Totals.of(events).by_type)
    assert view == {"count": 3, "by_type": {"Call": 2, "Note": 1}}


def test_info_of_a_deal_that_has_everything():
    full = deal(
        owner_id="1",
        stage_id="won",
        pipeline_id="p",
        amount=12.5,
        create_date=NOON,
        close_date=NOON + timedelta(days=2),
    )
    view = views.info(full, Totals.of([event(1), event(2, NOON + timedelta(days=1))]), ["11", "9"], BERLIN, LABELS)
    assert view == {
        "dealId": "7",
        "dealName": "Acme",
        "dealOwner": "Ann",
        "dealStage": "Won",
        "activityCount": 2,
        "startDate": "2026-03-02",
        "endDate": "2026-03-03",
        "amount": 12.5,
        "pipeline": "Sales",
        "closeDate": "2026-03-04",
        "createDate": "2026-03-02",
        "otherDealIds": ["9", "11"],
    }


def test_info_names_a_currency_only_where_there_is_one():
    plain, swiss = (views.info(deal(amount=1.0, currency=one), Totals({}), [], UTC, LABELS) for one in (None, "CHF"))
    assert "currency" not in plain
    assert swiss == plain | {"currency": "CHF"}


def test_info_of_a_deal_that_has_nothing():
    view = views.info(deal(stage_id="s1", pipeline_id="p1"), Totals.of([]), [], UTC, LABELS)
    assert view["dealOwner"] == "Unknown Owner"
    assert (view["dealStage"], view["pipeline"]) == ("s1", "p1")
    assert {view[name] for name in ("startDate", "endDate", "amount", "closeDate", "createDate")} == {None}
    assert (view["activityCount"], view["otherDealIds"]) == (0, [])


def test_a_label_of_an_earlier_version_shows_while_nothing_is_known_of_the_id():
    stored = {"owner": "Bob", "stage": "Lost", "pipeline": "Old"}
    unknown = deal(owner_id="9", stage_id="x", pipeline_id="y", **stored)
    view = views.info(unknown, Totals.of([]), [], UTC, LABELS)
    assert (view["dealOwner"], view["dealStage"], view["pipeline"]) == ("Bob", "Lost", "Old")
    known = deal(owner_id="1", stage_id="won", pipeline_id="p", **stored)
    view = views.info(known, Totals.of([]), [], UTC, LABELS)
    assert (view["dealOwner"], view["dealStage"], view["pipeline"]) == ("Ann", "Won", "Sales")
    assert views.event_view(event(owner_id="9", owner="Bob"), UTC, LABELS)["owner"] == "Bob"
    assert views.event_view(event(owner_id="3", owner="Bob"), UTC, LABELS)["owner"] == "Ruth"


def test_without_a_name_or_a_label_there_is_none():
    view = views.info(deal(owner_id="2", stage_id="s", pipeline_id="p"), Totals.of([]), [], UTC, LABELS)
    assert (view["dealOwner"], view["dealStage"]) == ("Unknown Owner", "s")
    assert views.event_view(event(owner_id="2"), UTC, LABELS)["owner"] == ""
    assert views.event_view(event(owner_id="9"), UTC, LABELS)["owner"] == ""


def test_a_view_tells_which_ids_it_shows_for_want_of_labels():
    lost = deal(owner_id="9", stage_id="x", pipeline_id="p")
    events = [event(1, owner_id="8"), event(2, owner_id="1"), event(3)]
    assert views.unknown_ids(View.TIMELINE, lost, events, LABELS) == UnknownIds(frozenset({"8"}))
    assert views.unknown_ids(View.INFO, lost, events, LABELS) == UnknownIds(frozenset({"9"}), frozenset({("p", "x")}))
    assert not views.unknown_ids(View.ACTIVITIES_COUNT, lost, events, LABELS)
    nobody = deal(stage_id="won", pipeline_id="p")
    assert not views.unknown_ids(View.INFO, nobody, events, LABELS)


JANE, ACME = Person("contact:51", "Jane Doe"), Person("company:7", None)


def test_an_event_and_its_deal_name_those_who_take_part():
    people = DealPeople(("company:7",), {"contact:51": JANE, "company:7": ACME, "contact:9": None})
    events = [event(1, participants=("contact:51", "contact:9", "contact:8")), event(2, participants=()), event(3)]

    shown = views.timeline(deal(), events, UTC, LABELS, people)

    jane, acme = {"type": "contact", "id": "51", "name": "Jane Doe"}, {"type": "company", "id": "7", "name": None}
    assert shown["with"] == [acme]
    # Who is gone is left out; of one who was never read the id is known.
    assert shown["events"][0]["with"] == [jane, {"type": "contact", "id": "8", "name": None}]
    assert shown["events"][1]["with"] == []
    assert "with" not in shown["events"][2]


def test_people_that_were_merged_are_one():
    people = DealPeople(None, {"contact:1": JANE, "contact:2": JANE})

    shown = views.timeline(deal(), [event(1, participants=("contact:1", "contact:2"))], UTC, LABELS, people)

    assert shown["events"][0]["with"] == [{"type": "contact", "id": "51", "name": "Jane Doe"}]
    assert "with" not in shown


def test_nobody_is_named_unless_names_are_wanted():
    shown = views.timeline(deal(), [event(1, participants=("contact:51",))], UTC, LABELS)

    assert "with" not in shown
    assert "with" not in shown["events"][0]


def test_a_part_of_a_timeline_keeps_the_people_of_the_deal():
    people = DealPeople(("contact:51",), {"contact:51": JANE})
    whole = views.timeline(deal(), [event(1), event(2)], UTC, LABELS, people)

    part = TimelineFilter(limit=1).apply(whole)

    assert part["with"] == whole["with"]
    assert len(part["events"]) == 1
