"""``GET /v2/activity-summary`` against the timelines of all deals, with a real MongoDB."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from dealcache.sandbox.simulator import Simulator, demo_data
from tests.clocks import ManualClock
from tests.integration.service.harness import TOKEN, V2, Service, assert_problem, running

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

#: Name, stage, and for each activity its object name, owner and time: around midnight, the ends of a year, and the
#: night in which Berlin's clocks go back.
DEALS: tuple[tuple[str, str, tuple[tuple[str, str | None, str], ...]], ...] = (
    (
        "Acme renewal 2026",
        "contractsent",
        (
            ("notes", "910901", "2026-10-24T21:59:59.999Z"),
            ("notes", "910901", "2026-10-24T22:00:00.000Z"),
            ("calls", "910902", "2026-10-25T22:59:59.999Z"),
            ("calls", None, "2026-10-25T23:00:00.000Z"),
            ("tasks", "999999", "2027-01-03T22:59:59.999Z"),
            ("tasks", "999999", "2027-01-03T23:00:00.000Z"),
        ),
    ),
    (
        "ACME Wartungsvertrag",
        "closedwon",
        (("meetings", "910901", "2021-01-03T22:30:00.000Z"), ("notes", "910902", "2021-01-03T23:30:00.000Z")),
    ),
    ("Quiet", "closedwon", ()),
    ("Edges", "closedlost", (("notes", "910901", "9999-12-31T23:30:00.000Z"), ("notes", None, "0001-01-01T00:00:00Z"))),
)


@pytest.fixture(scope="module")
def service(mongodb_uri: str) -> Iterator[Service]:
    """A service in Berlin's time that has read :data:`DEALS`."""
    clock = ManualClock(NOW.timestamp())
    with (
        Simulator(demo_data(0), token=TOKEN, limits=None, clock=clock) as hubspot,
        running(hubspot, mongodb_uri, f"test_{uuid.uuid4().hex}", clock, TIMELINE_TIMEZONE="Europe/Berlin") as service,
    ):
        for name, stage, activities in DEALS:
            created = NOW.timestamp()
            properties = {"dealstage": stage, "pipeline": "default"}
            deal_id = hubspot.data.add_deal(name, properties, created_at=created, modified_at=created)
            for kind, owner, time in activities:
                fields = {"hs_timestamp": time, "hubspot_owner_id": owner}
                hubspot.data.add_activity(kind, fields, deals=[deal_id])
            assert service.get("deal-info", dealId=deal_id).status_code == 200
        yield service
        service.database.client.drop_database(service.database)


def ask(service: Service, **query: Any) -> Any:
    return service.raw(V2 + "activity-summary", urlencode(query, doseq=True))


def summary(service: Service, **query: Any) -> dict[str, Any]:
    response = ask(service, **query)
    assert response.status_code == 200, response.text
    return json.loads(response.data)


def counts(service: Service, **query: Any) -> dict[str | None, int]:
    return {row["key"]: row["count"] for row in summary(service, **query)["rows"]}


def timelines(service: Service) -> list[dict[str, Any]]:
    """Return all activities as the timelines show them, with the names of their deals."""
    shown = []
    for name, _, _ in DEALS:
        events = service.get("v2/deal-timeline", dealName=name).get_json()["events"]
        shown += [event | {"deal": name} for event in events]
    return shown


def week(day: str) -> str:
    year, number, _ = date.fromisoformat(day).isocalendar()
    return f"{year:04d}-W{number:02d}"


KEYS = {
    "week": lambda event: week(event["date_str"]),
    "month": lambda event: event["date_str"][:7],
    "owner": lambda event: event["owner"] or "Unknown Owner",
    "type": lambda event: event["type"],
}


@pytest.mark.parametrize("by", KEYS)
def test_numbers_are_those_of_the_timelines(service, by):
    events = timelines(service)
    expected = Counter(KEYS[by](event) for event in events)
    found = summary(service, by=by)
    key = "label" if by == "owner" else "key"
    numbers: Counter[str] = Counter()
    for row in found["rows"]:
        numbers[row[key]] += row["count"]
        of_row = Counter(event["type"] for event in events if KEYS[by](event) == row[key])
        assert by == "owner" or row["by_type"] == of_row
    assert numbers == expected
    assert found["total"] == len(events) == sum(expected.values())
    assert (found["by"], found["since"], found["until"], found["time_zone"]) == (by, None, None, "Europe/Berlin")


def test_weeks_are_those_of_iso_8601_in_the_order_of_time(service):
    found = summary(service)
    assert [row["key"] for row in found["rows"]] == [
        *("0001-W01", "2020-W53", "2021-W01", "2026-W43", "2026-W44", "2026-W53", "2027-W01", "9999-W52")
    ]
    assert found["rows"][1] == {
        "key": "2020-W53",
        "label": "Week 53, 2020",
        "start": "2020-12-28",
        "count": 1,
        "by_type": {"Meeting": 1},
    }


def test_months_and_owners_have_names(service):
    assert summary(service, by="month", since="2026-10-25", until="2026-10-26")["rows"] == [
        {
            "key": "2026-10",
            "label": "October 2026",
            "start": "2026-10-01",
            "count": 3,
            "by_type": {"Call": 2, "Note": 1},
        }
    ]
    owners = summary(service, by="owner")["rows"]
    assert {row["key"]: row["count"] for row in owners} == {"910901": 4, "910902": 2, None: 2, "999999": 2}
    assert owners == sorted(owners, key=lambda row: (-row["count"], row["label"], row["key"] or ""))
    assert {row["key"]: row["label"] for row in owners}[None] == "Unknown Owner"


def test_filters_go_together(service):
    assert counts(service, by="type", stage="Contract Sent") == counts(service, by="type", stage="contractsent")
    assert counts(service, by="type", stage=["contractsent", "CLOSED WON"]) == {
        "Note": 3,
        "Call": 2,
        "Task": 2,
        "Meeting": 1,
    }
    assert counts(service, by="type", stage="contractsent", owner="910902") == {"Call": 1}
    assert counts(service, by="type", owner="Unknown Owner") == {"Task": 2, "Call": 1, "Note": 1}
    assert counts(service, by="type", owner=["910902", "unknown owner"], since="2021-01-04", until="2026-12-31") == {
        "Call": 2,
        "Note": 1,
    }
    assert counts(service, stage="appointmentscheduled") == {}


@pytest.mark.parametrize(
    ("query", "parameter", "hint"),
    [
        ({"by": "day"}, "by", "week, month, owner, type"),
        ({"since": "2026-13-01"}, "since", "no such day"),
        ({"until": "tomorrow"}, "until", "YYYY-MM-DD"),
        ({"since": "2026-02-02", "until": "2026-02-01"}, "until", "since"),
        ({"stage": "Closed Won?"}, "stage", "Closed Won"),
        ({"owner": "Nobody"}, "owner", "example"),
        ({"stages": "closedwon"}, "stages", "nknown"),
        ({"by": ["week", "month"]}, "by", "once"),
        ({"owner": [""]}, "owner", "512"),
    ],
)
def test_what_is_wrong_is_named(service, query, parameter, hint):
    problem = assert_problem(ask(service, **query), 422)
    assert parameter in problem["errors"]
    assert hint in json.dumps(problem["errors"])


def test_an_unchanged_answer_is_304(service):
    tag = ask(service, by="month").headers["ETag"]
    again = service.get("v2/activity-summary", headers={"If-None-Match": tag}, by="month")
    assert (again.status_code, again.data) == (304, b"")
