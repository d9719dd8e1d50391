"""The properties of deals that an account has for itself: definitions, values, and what becomes of unknown ones."""

from __future__ import annotations

import pytest

from dealcache.sandbox.simulator import demo_data, live_deals
from dealcache.sandbox.simulator.label_changes import apply_label_changes
from dealcache.sandbox.simulator.own_properties import demo_own_properties

SEATS = {"what": "property", "id": "seats", "set": {"label": "Seats", "type": "number", "fieldType": "number"}}


@pytest.fixture
def deal(hub):
    hub.ask("POST", "/_simulator/labels", [SEATS])
    return hub.data.add_deal("Acme", {"seats": "12.5"})


def batch(hub, deal_id, *names):
    body = {"inputs": [{"id": deal_id}], "properties": list(names), "propertiesWithHistory": []}
    return hub.json("POST", "/crm/v3/objects/deals/batch/read", body)["results"][0]["properties"]


@pytest.mark.parametrize("path", ["/crm/v3/properties/deals", "/crm/properties/2026-09/deals"])
def test_definitions_are_listed_archived_ones_only_when_asked_for(hub, deal, path):
    def names(query=""):
        return {one["name"] for one in hub.json("GET", f"{path}{query}")["results"]}

    assert {"seats", "amount"} <= names()
    assert hub.json("GET", f"{path}/seats")["type"] == "number"
    apply_label_changes(hub.data, [{"what": "property", "id": "seats", "set": {"archived": True}}])
    assert "seats" not in names()
    assert names("?archived=true") == {"seats"}
    apply_label_changes(hub.data, [{"what": "property", "id": "seats", "gone": True}])
    assert hub.ask("GET", f"{path}/seats").status == 404


def test_values_are_shown_wherever_a_deal_is_read_and_undefined_properties_nowhere(hub, deal):
    asked = "seats,no_such"
    listed = hub.json("GET", f"/crm/v3/objects/deals?properties={asked}")["results"][0]["properties"]
    found = hub.search("deals", properties=["seats", "no_such"])["results"][0]["properties"]
    shown = batch(hub, deal, "seats", "no_such")
    assert [one["seats"] for one in (listed, found, shown)] == ["12.5"] * 3
    assert not any("no_such" in one for one in (listed, found, shown))
    apply_label_changes(hub.data, [{"what": "property", "id": "seats", "set": {"archived": True}}])
    assert "seats" not in batch(hub, deal, "seats")


def test_searches_know_own_properties_and_refuse_others(hub, deal):
    def search(name, status):
        body = {"filterGroups": [{"filters": [{"propertyName": name, "operator": "GT", "value": "12"}]}]}
        sorts = {"sorts": [{"propertyName": name, "direction": "ASCENDING"}]}
        hub.json("POST", "/crm/v3/objects/deals/search", sorts, status=status)
        return hub.json("POST", "/crm/v3/objects/deals/search", body, status=status)

    assert search("seats", 200)["total"] == 1
    assert search("no_such", 400)["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"


def test_values_are_written_and_checked_by_their_kind(hub, deal):
    path = f"/crm/v3/objects/deals/{deal}"
    assert hub.json("PATCH", path, {"properties": {"seats": 7}})["properties"]["seats"] == "7"
    hub.json("PATCH", path, {"properties": {"seats": "many"}}, status=400)
    hub.json("PATCH", path, {"properties": {"no_such": "1"}}, status=400)
    assert hub.json("GET", f"/_simulator/deals/{deal}")["properties"] == {"seats": "7"}


def test_demo_deals_have_believable_values_which_change_nothing_else():
    data = demo_data(60)
    assert data.own_properties == demo_own_properties()
    for deal in live_deals(data):
        for name, one in data.own_properties.items():
            value = deal.properties[name]
            options = {option["value"] for option in one["options"]}
            assert value is None or not options or set(value.split(";")) <= options
    several = [deal.properties["modules"] for deal in live_deals(data)]
    assert any(";" in (value or "") for value in several)
    assert any(value is None for value in several)
