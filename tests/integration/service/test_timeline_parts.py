"""Parts of a timeline: by type, by day, page by page; and the zone in which days are meant."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.service.harness import ACME, V2, MakeService, Service, assert_problem, event_ids, tier

PATHS = ("deal-timeline", V2 + "deal-timeline")


def events(service: Service, path: str = "deal-timeline", **query: Any) -> list[dict[str, Any]]:
    response = service.get(path, dealName=ACME, **query)
    assert response.status_code == 200, response.text
    return response.get_json()["events"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("types", ["Meeting", "Call,Note", "Incoming Email,Outgoing Email,Forwarded Email", "SMS"])
def test_only_the_types_that_were_asked_for(shared: Service, path: str, types: str) -> None:
    every = events(shared)
    found = events(shared, path, types=types)
    assert found == [event for event in every if event["type"] in types.split(",")]
    assert len(found) < len(every)


@pytest.mark.parametrize("path", PATHS)
def test_only_the_days_that_were_asked_for(shared: Service, path: str) -> None:
    every = events(shared)
    first, last = every[10]["date_str"], every[-10]["date_str"]
    assert events(shared, path, since=first) == [event for event in every if event["date_str"] >= first]
    assert events(shared, path, until=last) == [event for event in every if event["date_str"] <= last]
    both = events(shared, path, since=first, until=last)
    assert both == [event for event in every if first <= event["date_str"] <= last]
    assert both[0]["date_str"] == first  # both ends are included
    assert both[-1]["date_str"] == last
    assert events(shared, path, since="2100-01-01") == []
    assert events(shared, path, since=last, until=first) == []


def test_a_part_says_from_when_to_when_it_goes(shared: Service) -> None:
    events(shared)
    part = shared.get("deal-timeline", dealName=ACME, types="Meeting").get_json()
    assert part["start_date"] == part["events"][0]["date_str"]
    assert part["end_date"] == part["events"][-1]["date_str"]
    nothing = shared.get("deal-timeline", dealName=ACME, since="2100-01-01").get_json()
    assert (nothing["events"], nothing["start_date"], nothing["end_date"]) == ([], None, None)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("limit", "more"), [(1, {}), (7, {}), (60, {}), (1000, {}), (3, {"types": "Call,Note"})])
def test_pages_give_every_event_once_and_in_order(shared: Service, path: str, limit: int, more: Any) -> None:
    every = events(shared, **more)
    seen: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": limit, **more}
    while True:
        page = shared.get(path, dealName=ACME, **query).get_json()
        assert len(page["events"]) <= limit
        seen += page["events"]
        if "next_cursor" not in page:
            break
        assert len(page["events"]) == limit
        query["cursor"] = page["next_cursor"]
    assert seen == every


def test_an_event_that_comes_in_between_shifts_no_page(service: Service) -> None:
    data = service.hubspot.data
    deal_id = data.add_deal("Growing")
    stamps = [f"2026-05-{day:02d}T12:00:00.000Z" for day in (1, 3, 5, 7)]
    ids = [data.add_activity("notes", {"hs_timestamp": stamp}, deals=[deal_id]) for stamp in stamps]
    first = service.get("deal-timeline", dealName="Growing", limit=2).get_json()
    service.clock.tick(60)
    data.add_activity("notes", {"hs_timestamp": "2026-05-02T12:00:00.000Z"}, deals=[deal_id])
    late = data.add_activity("notes", {"hs_timestamp": "2026-05-06T12:00:00.000Z"}, deals=[deal_id])
    service.get("deal-info", dealName="Growing", refresh="true")
    rest = service.get("deal-timeline", dealName="Growing", limit=10, cursor=first["next_cursor"]).get_json()
    assert [event["engagement_id"] for event in first["events"]] == ids[:2]
    assert [event["engagement_id"] for event in rest["events"]] == [ids[2], late, ids[3]]


def test_events_of_the_same_minute_and_id_are_told_apart_by_pages(service: Service) -> None:
    data = service.hubspot.data
    deal_id = data.add_deal("Alike")
    for kind in ("calls", "notes", "tasks", "meetings"):
        properties = {"hs_timestamp": "2026-05-01T12:00:00.000Z"}
        data.add_activity(kind, properties, deals=[deal_id], record_id=88_000_000_001)
    assert service.get("deal-activities-count", dealName="Alike").get_json()["count"] == 4
    kinds, cursor = [], {}
    for _ in range(4):
        page = service.get("deal-timeline", dealName="Alike", limit=1, **cursor).get_json()
        kinds += [event["type"] for event in page["events"]]
        cursor = {"cursor": page.get("next_cursor", "")}
    assert sorted(kinds) == ["Call", "Meeting", "Note", "Task"]
    assert cursor == {"cursor": ""}


def test_a_part_is_cut_from_what_is_cached_and_has_a_tag_of_its_own(shared: Service) -> None:
    whole = shared.get("deal-timeline", dealName=ACME)
    part = shared.get("deal-timeline", dealName=ACME, limit=5)
    assert tier(part) == "memory"
    assert part.headers["ETag"] != whole.headers["ETag"]
    again = shared.get("deal-timeline", {"If-None-Match": part.headers["ETag"]}, dealName=ACME, limit=5)
    assert (again.status_code, again.data) == (304, b"")
    other = shared.get("deal-timeline", {"If-None-Match": part.headers["ETag"]}, dealName=ACME, limit=6)
    assert other.status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("types", text) for text in ("Party", "meeting", "Meeting,Party", ",")),
        *(("since", text) for text in ("2026-02-30", "2026-1-1", "20260101", "01.02.2026", "now", "", "2026-01-01T00")),
        *(("until", text) for text in ("2026-13-01", "0000-00-00", "٢٠٢٦-٠١-٠١")),
        *(("limit", text) for text in ("0", "-1", "1001", "ten", "1.5", "", "1e2", "٣", "1_0")),
        *(("cursor", text) for text in ("x", "", "eyJ9", "2026-01-01", "~~", "2026-05-01T12:00:00.000Z~1~Party")),
    ],
)
def test_a_part_that_cannot_be_meant_is_refused(shared: Service, path: str, field: str, value: str) -> None:
    shared.get("deal-timeline", dealName=ACME)
    problem = assert_problem(shared.get(path, dealName=ACME, **{field: value}), 422)
    assert list(problem["errors"]) == [field]


def test_the_zone_moves_days_and_hours_but_no_id(make_service: MakeService) -> None:
    utc, berlin = make_service(), make_service(TIMELINE_TIMEZONE="Europe/Berlin")
    data = utc.hubspot.data
    created = {"createdate": "2026-06-30T22:30:00.000Z", "closedate": "2026-12-31T23:30:00.000Z"}
    deal_id = data.add_deal("Midnight", created)
    for stamp in ("2026-01-31T22:59:59.999Z", "2026-01-31T23:00:00.000Z", "2026-06-30T22:30:00.000Z"):
        data.add_activity("calls", {"hs_timestamp": stamp}, deals=[deal_id])
    answers = [service.get("deal-timeline", dealName="Midnight") for service in (utc, berlin)]
    assert event_ids(answers[0]) == event_ids(answers[1])
    shown = [[(event["date_str"], event["time_str"]) for event in answer.get_json()["events"]] for answer in answers]
    assert shown[0] == [("2026-01-31", "22:59"), ("2026-01-31", "23:00"), ("2026-06-30", "22:30")]
    assert shown[1] == [("2026-01-31", "23:59"), ("2026-02-01", "00:00"), ("2026-07-01", "00:30")]
    stamps = [[event["timestamp"] for event in answer.get_json()["events"]] for answer in answers]
    assert stamps[0] == stamps[1]
    for how in ({}, {"refresh": "true"}):
        timeline = berlin.get("deal-timeline", dealName="Midnight", **how).get_json()
        assert (timeline["start_date"], timeline["end_date"]) == ("2026-01-31", "2026-07-01")
    days = ("startDate", "endDate", "createDate", "closeDate")
    info = [service.get("deal-info", dealName="Midnight").get_json() for service in (utc, berlin)]
    assert [info[0][name] for name in days] == ["2026-01-31", "2026-06-30", "2026-06-30", "2026-12-31"]
    assert [info[1][name] for name in days] == ["2026-01-31", "2026-07-01", "2026-07-01", "2027-01-01"]
    february = berlin.get("deal-timeline", dealName="Midnight", since="2026-02-01", until="2026-02-01").get_json()
    assert [event["timestamp"] for event in february["events"]] == ["2026-01-31T23:00:00.000Z"]
