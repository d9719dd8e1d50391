"""Own properties of deals, from a simulated HubSpot to every answer that shows them, with a real MongoDB."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from dealcache.sandbox.simulator import Simulator, demo_data
from dealcache.sandbox.simulator.own_properties import definition
from tests.clocks import ManualClock
from tests.integration.service.harness import TOKEN, V2, Service, assert_problem, running

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAMES = ("hs_priority", "seats", "contract_start", "modules", "called", "vip", "note", "gone")

#: Name, and the values of own properties.
DEALS: tuple[tuple[str, dict[str, str]], ...] = (
    ("Acme", {"hs_priority": "high", "seats": "12.5", "contract_start": "2026-12-01", "modules": "core;sso"}),
    ("Globex", {"hs_priority": "low", "seats": "7", "called": "2026-10-24T22:30:00Z", "vip": "true", "note": "=1+2"}),
    ("Initech", {"seats": "100", "called": "2026-10-25T22:59:59.999Z", "vip": "false", "note": "Fair"}),
    ("Umbrella", {"hs_priority": "retired", "contract_start": "2025-01-31", "modules": "core"}),
    ("Stark", {}),
)


def at(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.fixture(scope="module")
def hubspot() -> Iterator[Simulator]:
    clock = ManualClock(NOW.timestamp())
    with Simulator(demo_data(0), token=TOKEN, limits=None, clock=clock) as hubspot:
        for name, label, kind, field in (
            ("called", "Called at", "datetime", "date"),
            ("vip", "VIP?", "bool", "booleancheckbox"),
            ("note", "Note <b>", "string", "text"),
        ):
            hubspot.data.own_properties[name] = definition(name, label, kind, field)
        for number, (name, values) in enumerate(DEALS):
            times = {"created_at": at(number).timestamp(), "modified_at": at(number).timestamp()}
            hubspot.data.add_deal(name, {"amount": "100", **values}, **times)
        yield hubspot


@pytest.fixture(scope="module")
def service(hubspot: Simulator, mongodb_uri: str) -> Iterator[Service]:
    """A service that knows the deals and the definitions."""
    clock, zone = ManualClock(NOW.timestamp()), {"TIMELINE_TIMEZONE": "Europe/Berlin"}
    database = f"test_{uuid.uuid4().hex}"
    with running(hubspot, mongodb_uri, database, clock, HUBSPOT_DEAL_PROPERTIES=",".join(NAMES), **zone) as service:
        service.parts.labels.refresh()
        service.parts.storage.property_indexes.tend()
        for name, _ in DEALS:
            assert service.get("deal-info", dealName=name).status_code == 200
        yield service
        service.database.client.drop_database(service.database)


@pytest.fixture(scope="module")
def plain(service: Service, hubspot: Simulator, mongodb_uri: str) -> Iterator[Service]:
    """A service on the same database that is configured without properties."""
    name, zone = service.database.name, {"TIMELINE_TIMEZONE": "Europe/Berlin"}
    with running(hubspot, mongodb_uri, name, service.clock, **zone) as plain:
        yield plain


def ask(service: Service, **query: Any) -> Any:
    return service.raw(V2 + "deal-list", urlencode({name.replace("__", "."): one for name, one in query.items()}, True))


def names(service: Service, **query: Any) -> list[str]:
    response = ask(service, **query)
    assert response.status_code == 200, response.text
    found = json.loads(response.data)
    assert found["total"] == len(found["deals"])
    assert found["total_amount"] == 100.0 * found["total"]
    return [row["deal_name"] for row in found["deals"]]


ACME: dict[str, Any] = {
    "hs_priority": {"label": "Priority", "type": "enumeration", "value": "high", "value_label": "High"},
    "seats": {"label": "Seats", "type": "number", "value": 12.5},
    "contract_start": {"label": "Contract start", "type": "date", "value": "2026-12-01"},
    "modules": {
        **{"label": "Modules", "type": "enumeration"},
        **{"value": ["core", "sso"], "value_label": ["Core", "Single sign-on"]},
    },
    "called": {"label": "Called at", "type": "datetime", "value": None},
    "vip": {"label": "VIP?", "type": "bool", "value": None},
    "note": {"label": "Note <b>", "type": "string", "value": None},
}


def test_every_answer_shows_them_alike(service: Service) -> None:
    service.clear()
    shown = [service.get(path, dealName="Acme").get_json()["properties"] for path in ("deal-info", V2 + "deal-info")]
    fresh = service.get("deal-info", dealName="Acme", refresh="true")
    batch = service.batch("Acme", "Stark").get_json()["deals"]
    row = json.loads(ask(service, q="acme").data)["deals"][0]
    everywhere = [*shown, fresh.get_json()["properties"], batch["Acme"]["info"]["properties"], row["properties"]]
    assert everywhere == [ACME] * 5
    assert [list(one) for one in everywhere] == [list(ACME)] * 5
    assert {one["value"] for one in batch["Stark"]["info"]["properties"].values()} == {None}


def test_without_a_configuration_every_body_is_what_it_was(service: Service, plain: Service) -> None:
    for path in ("deal-info", V2 + "deal-info"):
        ours, theirs = (one.get(path, dealName="Acme", refresh="true") for one in (service, plain))
        without = ours.get_json()
        del without["properties"]
        assert theirs.get_json() == without
        assert b"propert" not in theirs.data
    for query in ("limit=2", "format=csv", "format=ndjson", "property.seats=5", "sort=property.seats", "property=1"):
        assert b"properties" not in plain.raw(V2 + "deal-list", query).data, query
    assert plain.get(V2 + "deal-properties").get_json() == []
    refused = {"property.seats=5&property.seats=6": "property.seats", "property=1": "property"}
    for query, parameter in refused.items():
        problem = assert_problem(plain.raw(V2 + "deal-list", query), 422)
        assert problem["errors"] == {parameter: ["Unknown field."]}
    problem = assert_problem(plain.raw(V2 + "deal-list", "sort=property.seats"), 422)
    assert problem["errors"]["sort"][0].startswith("Must be one of: name, amount, ")
    assert "property" not in problem["errors"]["sort"][0]


FOUND: tuple[tuple[dict[str, Any], list[str]], ...] = (
    ({"property__hs_priority": "HIGH"}, ["Acme"]),
    ({"property__hs_priority": ["low", "High"]}, ["Acme", "Globex"]),
    ({"property__hs_priority": "retired"}, ["Umbrella"]),
    ({"property__seats": "12.50"}, ["Acme"]),
    ({"property__contract_start": ["2026-12-01", "2025-01-31"]}, ["Acme", "Umbrella"]),
    ({"property__modules": "single SIGN-ON"}, ["Acme"]),
    ({"property__modules": "core"}, ["Acme", "Umbrella"]),
    ({"property__called": "2026-10-25"}, ["Globex", "Initech"]),  # a day of 25 hours in Berlin
    ({"property__called": "2026-10-24"}, []),
    ({"property__vip": "false"}, ["Initech"]),
    ({"property__note": "Fair"}, ["Initech"]),
    ({"property__note": "fair"}, []),
    ({"property__modules": "core", "property__hs_priority": "high"}, ["Acme"]),
    ({"sort": "property.seats"}, ["Globex", "Acme", "Initech", "Umbrella", "Stark"]),
    ({"sort": "-property.seats"}, ["Initech", "Acme", "Globex", "Umbrella", "Stark"]),
    ({"sort": "property.hs_priority"}, ["Acme", "Globex", "Umbrella", "Initech", "Stark"]),
    ({"sort": "-property.vip"}, ["Globex", "Initech", "Acme", "Umbrella", "Stark"]),
    ({"sort": "-property.contract_start"}, ["Acme", "Umbrella", "Globex", "Initech", "Stark"]),
    ({"sort": "property.called", "property__seats": ["7", "100"]}, ["Globex", "Initech"]),
)


@pytest.mark.parametrize(("query", "expected"), FOUND, ids=str)
def test_deals_are_found_and_sorted_by_them(service: Service, query: dict[str, Any], expected: list[str]) -> None:
    assert names(service, **query) == expected


@pytest.mark.parametrize("sort", ["property.seats", "-property.hs_priority", "property.vip", "-property.called"])
def test_pages_meet_and_do_not_overlap(service: Service, sort: str) -> None:
    whole, paged, cursor = names(service, sort=sort), [], ""
    while cursor is not None:
        page = json.loads(ask(service, sort=sort, limit=2, **({"cursor": cursor} if cursor else {})).data)
        paged += [row["deal_name"] for row in page["deals"]]
        cursor = page.get("next_cursor")
        if cursor:
            other = {"sort": sort, "property__seats": "7", "cursor": cursor}
            assert "cursor" in assert_problem(ask(service, **other), 422)["errors"]
            assert (
                "cursor" in assert_problem(ask(service, sort="property.contract_start", cursor=cursor), 422)["errors"]
            )
    assert paged == whole


REFUSED: tuple[tuple[dict[str, str], str, str], ...] = (
    ({"property__hs_priority": "urgent"}, "property.hs_priority", "There are, for example: Low, Medium, High."),
    ({"property__seats": "many"}, "property.seats", "Must be a number."),
    ({"property__called": "yesterday"}, "property.called", "Must be a day, YYYY-MM-DD."),
    ({"property__vip": "1"}, "property.vip", "Must be true or false."),
    ({"property__nothing": "1"}, "property.nothing", "There are, for example: hs_priority, seats, "),
    ({"property__gone": "1"}, "property.gone", "There is no property 'gone'."),
    ({"property__amount": "1"}, "property.amount", "There is no property 'amount'."),
    ({"property__note": ""}, "property.note", "Must have 1 to 512 characters."),
    ({"sort": "property.gone"}, "sort", "There is no property 'gone'."),
    ({"sort": "property.modules"}, "sort", "may have several values"),
    ({"sort": "properties"}, "sort", "Must be one of: name, "),
    ({"sort": "seats"}, "sort", ", property.NAME, -property.NAME."),
    ({"propertyx": "1"}, "propertyx", "Unknown field."),
)


@pytest.mark.parametrize(("query", "parameter", "message"), REFUSED, ids=str)
def test_what_is_wrong_is_refused_by_name(
    service: Service, query: dict[str, str], parameter: str, message: str
) -> None:
    for more in ({}, {"format": "csv"}):
        problem = assert_problem(ask(service, **query, **more), 422)
        assert list(problem["errors"]) == [parameter]
        assert message in problem["errors"][parameter][0]


def test_exports_have_them_as_columns_and_as_json(service: Service) -> None:
    table = list(csv.DictReader(io.StringIO(ask(service, format="csv").get_data(as_text=True), newline="")))
    columns = [name for name in table[0] if name.startswith("property.")]
    assert columns == [f"property.{name}" for name in ACME]
    rows = {row["deal_name"]: [row[name] for name in columns] for row in table}
    assert rows["Acme"] == ["High", "12.5", "2026-12-01", "Core; Single sign-on", "", "", ""]
    assert rows["Globex"] == ["Low", "7.0", "", "", "2026-10-24T22:30:00.000Z", "true", "'=1+2"]
    assert rows["Stark"] == [""] * 7
    lines = [json.loads(line) for line in ask(service, format="ndjson").data.splitlines()]
    assert lines[0]["properties"] == ACME


def test_their_definitions_are_listed(service: Service) -> None:
    listed = service.get(V2 + "deal-properties")
    assert [one["name"] for one in listed.get_json()] == list(ACME)
    assert listed.get_json()[0] == {
        **{"name": "hs_priority", "label": "Priority", "type": "enumeration", "several": False, "indexed": True},
        "options": [
            {"value": value, "label": label}
            for value, label in (("low", "Low"), ("medium", "Medium"), ("high", "High"))
        ],
    }
    again = service.get(V2 + "deal-properties", headers={"If-None-Match": listed.headers["ETag"]})
    assert again.status_code == 304


def test_a_changed_option_reaches_what_is_cached(service: Service, hubspot: Simulator) -> None:
    before = service.get("deal-info", dealName="Acme")
    assert service.get("deal-info", dealName="Acme").headers["X-Cache-Tier"] == "memory"
    changed = definition("hs_priority", "Urgency", "enumeration", "select", (("low", "Low"), ("high", "Very high")))
    kept, hubspot.data.own_properties["hs_priority"] = hubspot.data.own_properties["hs_priority"], changed
    try:
        service.parts.labels.refresh()
        shown = service.get("deal-info", dealName="Acme")
        assert shown.headers["ETag"] != before.headers["ETag"]
        expected = {"label": "Urgency", "type": "enumeration", "value": "high", "value_label": "Very high"}
        assert shown.get_json()["properties"]["hs_priority"] == expected
        assert names(service, property__hs_priority="very high") == ["Acme"]
    finally:
        hubspot.data.own_properties["hs_priority"] = kept
        service.parts.labels.refresh()
