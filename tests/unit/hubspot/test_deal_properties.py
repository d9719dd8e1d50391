"""The properties that are read with deals beyond the fixed ones: which are asked for, and what is kept of them."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from dealcache.hubspot.activities import DEAL_PROPERTIES
from dealcache.hubspot.client import HubSpotClient
from dealcache.hubspot.deal_properties import DealProperties
from dealcache.hubspot.errors import MalformedAnswer
from dealcache.hubspot.label_lists import LabelLists
from dealcache.hubspot.limits.buckets import Priority
from dealcache.hubspot.mapper import RecordMapper
from dealcache.hubspot.name_search import NameSearch
from tests.unit.hubspot.conftest import BASE_URL, calls_of
from tests.unit.hubspot.records import deal

LIST = f"{BASE_URL}/crm/v3/objects/deals"
SEARCH, BATCH = f"{LIST}/search", f"{LIST}/batch/read"

#: 300 names that no list's address holds, and which are too long for a search too.
MANY = [f"hs_v2_date_entered_{number:05}" for number in range(300)]


@pytest.fixture
def client_for(session, clock):
    return lambda *names: HubSpotClient(
        calls_of(session, clock, Priority.SYNC), RecordMapper(deal_properties=DealProperties(lambda: names))
    )


def listed(call) -> list[str]:
    return parse_qs(urlsplit(call.request.url).query)["properties"][0].split(",")


def posted(call) -> list[str]:
    return orjson.loads(call.request.body)["properties"]


def test_without_sources_only_the_fixed_properties_are_read():
    assert DealProperties().names() is DEAL_PROPERTIES
    assert DealProperties().further() == ()


def test_sources_are_asked_each_time_and_a_name_counts_once():
    stages = ["entered_1"]
    wanted = DealProperties(lambda: ("hs_priority", "amount"), lambda: stages)
    assert wanted.further() == ("hs_priority", "amount", "entered_1")
    assert wanted.names() == (*DEAL_PROPERTIES, "hs_priority", "entered_1")
    stages.append("hs_priority")
    stages.append("entered_2")
    assert wanted.further() == ("hs_priority", "amount", "entered_1", "entered_2")


def test_every_way_to_read_deals_asks_for_the_same_names(client_for, hubspot):
    client, wanted = client_for("hs_priority", "amount"), [*DEAL_PROPERTIES, "hs_priority"]
    for method, url in ((hubspot.get, LIST), (hubspot.post, SEARCH), (hubspot.post, BATCH)):
        method(url, json={"total": 0, "results": []})
    client.list_page("deals", None)
    client.find_deals(NameSearch(single=("Acme",)))
    client.read_records("deals", ["1"])
    client.search_page("deals", ())
    first, *others = hubspot.calls
    assert [listed(first), *map(posted, others)] == [wanted] * 4


def test_names_that_are_too_long_for_a_list_are_asked_for_by_ids(client_for, hubspot):
    one, refused, gone = (deal(str(number), hs_merged_object_ids="9") for number in (1, 2, 3))
    hubspot.get(LIST, json={"results": [one, refused, gone], "paging": {"next": {"after": "x"}}})
    whole = deal("1", **{MANY[0]: "2026-01-01"})
    error = {"category": "INTERNAL_ERROR", "context": {"ids": ["2"]}}
    hubspot.post(BATCH, status=207, json={"results": [whole], "errors": [error]})
    page = client_for(*MANY).list_page("deals", None)
    assert (page.records, page.after) == ([whole, refused], "x")
    assert listed(hubspot.calls[0]) == [*DEAL_PROPERTIES]
    assert posted(hubspot.calls[1]) == [*DEAL_PROPERTIES, *MANY]


def test_names_that_are_too_long_for_a_search_are_asked_for_by_ids(client_for, hubspot):
    hubspot.post(SEARCH, json={"total": 1, "results": [deal("1")]})
    whole = deal("1", **{MANY[0]: "2026-01-01"})
    hubspot.post(BATCH, json={"status": "COMPLETE", "results": [whole]})
    client = client_for(*MANY)
    (found,) = client.mapper.deals(client.find_deals(NameSearch(single=("Acme",))).records)
    assert found.properties == {MANY[0]: "2026-01-01"}
    assert [posted(call) for call in hubspot.calls] == [[*DEAL_PROPERTIES], [*DEAL_PROPERTIES, *MANY]]


def test_a_deal_keeps_the_texts_of_further_properties_that_are_not_empty():
    names = ("hs_priority", "amount", "size", "note", "done", "empty", "absent", "odd")
    values = {"hs_priority": "high", "size": 12.5, "note": "x" * 70_000, "done": True, "empty": "", "odd": ["a"]}
    (found,) = RecordMapper(deal_properties=DealProperties(lambda: names)).deals([deal(**values, other="not wanted")])
    kept = {"hs_priority": "high", "amount": "1500.00", "size": "12.5", "note": "x" * 65_536, "done": "true"}
    assert found.properties == kept
    with pytest.raises(TypeError):
        found.properties["hs_priority"] = "low"


def test_a_deal_has_no_further_properties_unless_they_are_wanted():
    (found,) = RecordMapper().deals([deal(hs_priority="high")])
    assert found.properties == {}
    assert hash(found)


OPTIONS = [
    {"value": "low", "label": "Low", "displayOrder": 2, "hidden": False},
    {"value": "none", "label": "None", "displayOrder": -1},
    {"value": "high", "label": " High ", "displayOrder": 1, "hidden": True},
    {"value": "medium", "label": None, "displayOrder": "odd"},
    {"value": "", "label": "Empty"},
    {"value": "x" * 600, "label": "y" * 600, "displayOrder": 3},
]


def test_definitions_of_the_wanted_properties():
    records = [
        {"name": "hs_priority", "label": "Priority", "type": "enumeration", "fieldType": "select", "options": OPTIONS},
        {"name": "bare"},
        {"name": "odd", "label": 7, "type": ["x"], "options": "none"},
        {"name": "other", "label": "Not wanted", "type": "string"},
    ]
    found = RecordMapper().properties(records, ("hs_priority", "bare", "odd", "missing"))
    assert [(one.name, one.label, one.type, one.field_type) for one in found] == [
        ("hs_priority", "Priority", "enumeration", "select"),
        ("bare", "bare", "string", ""),
        ("odd", "7", "string", ""),
    ]
    assert list(found[0].options.items()) == [
        ("medium", "medium"),
        ("high", "High"),
        ("low", "Low"),
        ("x" * 500, "y" * 500),
        ("none", "None"),
    ]


def test_thousands_of_options_are_bounded():
    options = [{"value": str(number), "label": str(number), "displayOrder": number} for number in range(5_000)]
    (found,) = RecordMapper().properties([{"name": "a", "type": "enumeration", "options": options}], ("a",))
    assert len(found.options) == 2_000


@pytest.mark.parametrize("version", ["v3", "2026-09"])
def test_the_list_of_properties(session, clock, hubspot, version):
    path = "/crm/v3/properties/deals" if version == "v3" else "/crm/properties/2026-09/deals"
    hubspot.get(f"{BASE_URL}{path}", json={"results": [{"name": "amount"}, {"label": "no name"}, "odd"]})
    lists = LabelLists(calls_of(session, clock, version=version), RecordMapper())
    assert lists.list_properties() == [{"name": "amount"}]


@pytest.mark.parametrize("answer", [{"results": []}, {"results": [{"key": "amount"}]}, {}])
def test_a_list_without_properties_is_no_answer(client, hubspot, answer):
    hubspot.get(f"{BASE_URL}/crm/v3/properties/deals", json=answer)
    with pytest.raises(MalformedAnswer):
        LabelLists(client.calls, client.mapper).list_properties()
