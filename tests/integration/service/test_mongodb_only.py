"""``/api/hubspot/v2``: what MongoDB holds, in the shapes that the UI shows, without ever asking HubSpot."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dealcache.sandbox.simulator import Simulator, demo_data, demo_deal_id
from tests.clocks import ManualClock
from tests.integration.service.harness import ACME, TOKEN, V2, VIEWS, Service, assert_problem, running

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ROWS = (
    # name, stage, owner, amount, created days ago, changed, close date
    ("Newest", "appointmentscheduled", "910901", "1500", 1, timedelta(minutes=5), "2027-02-03T00:00:00.000Z"),
    ("Won", "closedwon", "910902", "1234567.891", 10, timedelta(days=3, hours=5), "2026-11-20T00:00:00.000Z"),
    ("Lost", "closedlost", None, "", 20, timedelta(days=1, minutes=1), None),
    ("Prolonged", "143220003", "999999", "0", 30, timedelta(hours=1), None),
    ("Old", "appointmentscheduled", "910905", "-20.5", 800, timedelta(days=400), None),
)


def store(service: Service) -> None:
    """Have MongoDB know the deals of :data:`ROWS` and "Acme renewal".

    Each deal has as many notes as its place in the list says.
    """
    service.clock.now = NOW.timestamp()
    data = service.hubspot.data
    service.get("deal-info", dealName=ACME)
    for place, (name, stage, owner, amount, age, changed, closes) in enumerate(ROWS):
        pipeline = "default" if stage.isalpha() else "75018640"
        properties = {"dealstage": stage, "pipeline": pipeline, "hubspot_owner_id": owner}
        properties |= {"amount": amount, "closedate": closes}
        created = NOW - timedelta(days=age)
        times = {"created_at": created.timestamp(), "modified_at": (NOW - changed).timestamp()}
        deal_id = data.add_deal(name, properties, **times)
        for _ in range(place):
            data.add_activity("notes", deals=[deal_id])
        assert service.get("deal-info", dealName=name).status_code == 200
    service.clear()


@pytest.fixture(scope="module")
def stored_once(mongodb_uri: str) -> Iterator[Service]:
    clock = ManualClock(NOW.timestamp())
    with (
        Simulator(demo_data(1), token=TOKEN, limits=None, clock=clock) as hubspot,
        running(hubspot, mongodb_uri, f"test_{uuid.uuid4().hex}", clock) as service,
    ):
        store(service)
        yield service


@pytest.fixture
def stored(stored_once: Service) -> Iterator[Service]:
    """A service that knows the deals of :data:`ROWS`, for tests that change nothing; its HubSpot is not to be asked."""
    calls = stored_once.calls()
    yield stored_once
    assert stored_once.calls() == calls


def listed(service: Service, path: str, **query: str) -> list[dict[str, Any]]:
    response = service.get(V2 + path, **query)
    assert response.status_code == 200, response.text
    return response.get_json()


def test_health_asks_nobody(service: Service) -> None:
    service.hubspot.stop()
    assert service.get(V2 + "health").get_json() == {"status": "healthy", "version": "v2"}


def test_all_deals_newest_created_first(stored: Service) -> None:
    rows = listed(stored, "all-deals")
    assert [row["name"] for row in rows] == ["Newest", "Won", "Lost", "Prolonged", ACME, "Old"]
    assert [row["id"] for row in rows] == list(range(6))
    assert [row["activities"] for row in rows] == [0, 1, 2, 3, 60, 4]
    assert rows[4]["deal_id"] == demo_deal_id(ACME)
    assert rows[1] == {
        "id": 1,
        "deal_id": rows[1]["deal_id"],
        "name": "Won",
        "createdate": "2026-11-13T12:00:00.000Z",
        "stage": "Closed Won",
        "owner": "Tomáš Novák",
        "activities": 1,
    }
    assert rows[2]["owner"] == "Unknown Owner"
    assert rows[3]["stage"] == "Verlängert"


@pytest.mark.parametrize("stage", ["closedwon", "Closed Won", "closed won", "CLOSED WON", " Closed Won "])
def test_the_deals_of_a_stage_by_label_in_any_case_or_by_id(stored: Service, stage: str) -> None:
    assert listed(stored, "deals", stage=stage) == [
        {
            "Deal_Name": "Won",
            "Owner": "Tomáš Novák",
            "Amount": "$1,234,567.89",
            "Created_At": "Nov 13, 2026",
            "Last_Update": "3 days ago",
            "Expected_Close_Date": "Nov 20, 2026",
            "Closed_Won": "Yes",
            "Closed_Lost": "No",
        }
    ]


def test_amounts_dates_and_ages_as_people_read_them(stored: Service) -> None:
    newest, old = listed(stored, "deals", stage="Appointment Scheduled")
    assert (newest["Deal_Name"], newest["Amount"], newest["Last_Update"]) == ("Newest", "$1,500.00", "5 minutes ago")
    assert newest["Expected_Close_Date"] == "Feb 03, 2027"
    assert (old["Deal_Name"], old["Amount"], old["Last_Update"]) == ("Old", "-$20.50", "1 year ago")
    assert (old["Owner"], old["Expected_Close_Date"]) == ("owner910905@example.com", "Not set")
    (lost,) = listed(stored, "deals", stage="closedlost")
    assert (lost["Amount"], lost["Last_Update"]) == ("Not specified", "1 day ago")
    assert (lost["Closed_Won"], lost["Closed_Lost"], lost["Owner"]) == ("No", "Yes", "Unknown Owner")
    (prolonged,) = listed(stored, "deals", stage="verlängert")
    assert (prolonged["Amount"], prolonged["Last_Update"]) == ("$0.00", "1 hour ago")
    assert prolonged["Closed_Won"] == "Yes"


@pytest.mark.parametrize("stage", ["no such stage", "closed", '{"$ne":null}', "$where", ".*", "\x00"])
def test_a_stage_that_does_not_exist_has_no_deals(stored: Service, stage: str) -> None:
    assert listed(stored, "deals", stage=stage) == []


@pytest.mark.parametrize("query", ["", "stage=", "stage=a&stage=b", "stage=%ff", "stage=%", "stage[$ne]=x"])
def test_a_stage_that_cannot_be_meant_is_refused(stored: Service, query: str) -> None:
    assert "stage" in assert_problem(stored.raw(V2 + "deals", query), 422)["errors"]


def test_the_stages_of_all_pipelines(stored: Service) -> None:
    rows = listed(stored, "stages")
    assert len(rows) == 11
    assert rows[5] == {
        "stage_name": "Closed Won",
        "stage_id": "closedwon",
        "pipeline": "Sales Pipeline",
        "display_order": 5,
        "probability": 1.0,
        "closed_won": "true",
        "closed_lost": False,
    }
    assert (rows[6]["stage_id"], rows[6]["closed_won"], rows[6]["closed_lost"]) == ("closedlost", "false", True)
    assert [row["pipeline"] for row in rows] == ["Sales Pipeline"] * 7 + ["Vertragsverlängerung"] * 4
    assert rows[7]["stage_name"] == "Kündigungsfrist läuft"


def test_the_summary_has_the_fullest_stage_first(stored: Service) -> None:
    rows = listed(stored, "pipeline-summary")
    assert rows[0] == {"stage": "Appointment Scheduled", "count": 2, "amount": 1479.5}
    assert {row["stage"]: (row["count"], row["amount"]) for row in rows[1:]} == {
        "Closed Won": (1, 1234567.891),
        "Closed Lost": (1, 0),
        "Verlängert": (1, 0),
        "Contract Sent": (1, 96363.5),
    }


def test_nothing_is_listed_of_an_empty_database(service: Service) -> None:
    for path in ("all-deals", "stages", "pipeline-summary"):
        assert listed(service, path) == []
    assert listed(service, "deals", stage="closedwon") == []
    assert service.calls() == 0


@pytest.mark.parametrize("view", VIEWS)
def test_a_deal_that_only_hubspot_knows_is_unknown(service: Service, view: str) -> None:
    assert_problem(service.get(V2 + view, dealName=ACME), 404)
    assert_problem(service.get(V2 + view, dealId=demo_deal_id(ACME)), 404)
    assert service.calls() == 0


def test_memory_is_not_read(service: Service) -> None:
    store(service)
    calls = service.calls()
    known = {view: service.get(view, dealName=ACME).data for view in VIEWS}
    service.database.deal_info.update_many({}, {"$set": {"amount": 1.0}})
    service.database.deal_timeline.delete_many({})
    for view in VIEWS:
        assert service.get(view, dealName=ACME).data == known[view]
        fresh = service.get(V2 + view, dealName=ACME)
        assert (fresh.status_code, fresh.data != known[view]) == (200, True)
        assert "X-Cache-Tier" not in fresh.headers
    assert service.calls() == calls


@pytest.mark.parametrize("view", VIEWS)
def test_a_client_that_has_the_body_gets_304(stored: Service, view: str) -> None:
    known = stored.get(V2 + view, dealName=ACME)
    again = stored.get(V2 + view, {"If-None-Match": known.headers["ETag"]}, dealName=ACME)
    assert (again.status_code, again.data) == (304, b"")
