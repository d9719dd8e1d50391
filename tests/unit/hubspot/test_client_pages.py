"""The requests of syncs alone: whole lists, searches by ascending id, and associations from the other side."""

from __future__ import annotations

import orjson
import pytest
from responses import matchers

from dealcache.hubspot.activities import ACTIVITY_TYPES, DEAL_PROPERTIES
from dealcache.hubspot.client import HubSpotClient
from dealcache.hubspot.limits.buckets import Priority
from dealcache.hubspot.mapper import RecordMapper
from dealcache.hubspot.pages import AssociationPage, RecordBatch, RecordPage
from dealcache.model.deals import ENGAGEMENT_TYPES
from tests.unit.hubspot.conftest import BASE_URL, calls_of
from tests.unit.hubspot.records import record

DEAL_SEARCH = f"{BASE_URL}/crm/v3/objects/deals/search"
NOTES = f"{BASE_URL}/crm/v3/objects/notes/batch/read"
NOTE_DEALS = f"{BASE_URL}/crm/v4/associations/notes/deals/batch/read"
NOTE_SEARCH = f"{BASE_URL}/crm/v3/objects/notes/search"

INTERNAL_ERROR = {"results": [], "errors": [{"category": "INTERNAL_ERROR"}]}
NO_ASSOCIATIONS = {"results": [], "errors": [{"category": "OBJECT_NOT_FOUND"}]}


def sent(hubspot, index=0):
    return orjson.loads(hubspot.calls[index].request.body)


def page(*deals, from_id="1", after=None):
    result = {"from": {"id": from_id}, "to": [{"toObjectId": one, "associationTypes": []} for one in deals]}
    return result | ({"paging": {"next": {"after": after, "link": "ignore"}}} if after else {})


@pytest.fixture
def client(session, clock):
    """That of a sync."""
    return HubSpotClient(calls_of(session, clock, Priority.SYNC), RecordMapper())


def test_the_deals_of_activities(client, hubspot):
    results = [page(10, 11, 10, from_id=1, after="b"), page(20, from_id="2")]
    hubspot.post(NOTE_DEALS, status=207, json=NO_ASSOCIATIONS | {"results": results})
    found = client.read_associations("notes", {"1": None, "2": "a", "3": None}, "deals")
    assert found == AssociationPage({"1": ("10", "11"), "2": ("20",), "3": ()}, {"1": "b"})
    assert sent(hubspot) == {"inputs": [{"id": "1"}, {"id": "2", "after": "a"}, {"id": "3"}]}


def test_a_batch_that_failed_in_part_is_asked_for_again(client, hubspot):
    hubspot.post(NOTE_DEALS, status=207, json=INTERNAL_ERROR)
    hubspot.post(NOTE_DEALS, json={"status": "PROCESSING", "results": []})
    hubspot.post(NOTE_DEALS, json={"status": "COMPLETE", "results": [page(10)]})
    assert client.read_associations("notes", {"1": None}, "deals").ids == {"1": ("10",)}


def test_a_sync_asks_twice_for_a_record_that_is_refused(client, hubspot):
    hubspot.post(NOTES, status=207, json=INTERNAL_ERROR)
    assert client.read_records("notes", ["1"]) == RecordBatch([], frozenset({"1"}))
    assert len(hubspot.calls) == 2


@pytest.mark.parametrize("kind", ["deals", *ENGAGEMENT_TYPES])
def test_a_list_is_read_page_by_page(client, hubspot, kind):
    properties = DEAL_PROPERTIES if kind == "deals" else ACTIVITY_TYPES[kind].properties
    query = {"limit": "100", "archived": "false", "properties": ",".join(properties)}
    url = f"{BASE_URL}/crm/v3/objects/{kind}"
    first = {"results": [record("1"), record("2") | {"archived": True}], "paging": {"next": {"after": "b%3D=/+"}}}
    hubspot.get(url, match=[matchers.query_param_matcher(query)], json=first)
    hubspot.get(url, match=[matchers.query_param_matcher(query | {"after": "b%3D=/+"})], json={"results": []})
    assert client.list_page(kind, None) == RecordPage([record("1")], "b%3D=/+")
    assert client.list_page(kind, "b%3D=/+") == RecordPage([], None)


@pytest.mark.parametrize(
    ("kind", "properties"), [("deals", "hs_object_id,hs_merged_object_ids"), ("postal_mail", "hs_object_id")]
)
def test_archived_records_are_listed_by_themselves(client, hubspot, kind, properties):
    query = {"limit": "100", "archived": "true", "properties": properties}
    url = f"{BASE_URL}/crm/v3/objects/{kind}"
    gone, restored = record("1") | {"archived": True}, record("2") | {"archived": False}
    silent = {"id": "3", "properties": {}}
    first = {"results": [gone, restored, silent], "paging": {"next": {"after": "3"}}}
    hubspot.get(url, match=[matchers.query_param_matcher(query)], json=first)
    hubspot.get(url, match=[matchers.query_param_matcher(query | {"after": "3"})], json={"results": []})
    assert client.archived_page(kind, None) == RecordPage([gone, silent], "3")
    assert client.archived_page(kind, "3") == RecordPage([], None)


def test_a_search_goes_by_ascending_ids_and_never_by_offset(client, hubspot):
    found = [record("1"), record("2") | {"archived": True}, record("3")]
    hubspot.post(NOTE_SEARCH, json={"total": 999, "results": found, "paging": {"next": {"after": "200"}}})
    since = {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "1762000000000"}
    beyond = {"propertyName": "hs_object_id", "operator": "GT", "value": "0"}
    found = client.search_page("notes", [[since, beyond], [beyond]])
    assert found == RecordPage([record("1"), record("3")], "200")
    assert sent(hubspot) == {
        "filterGroups": [{"filters": [since, beyond]}, {"filters": [beyond]}],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": list(ACTIVITY_TYPES["notes"].properties),
        "limit": 200,
    }


def test_a_search_asks_for_other_properties_only_when_told(client, hubspot):
    hubspot.post(DEAL_SEARCH, json={"total": 0, "results": []})
    assert client.search_page("deals", [], properties=["hs_object_id"]) == RecordPage([], None)
    assert sent(hubspot)["properties"] == ["hs_object_id"]
    client.search_page("deals", [], properties=[])
    assert sent(hubspot, 1)["properties"] == []
    client.search_page("deals", [])
    assert sent(hubspot, 2)["properties"] == list(DEAL_PROPERTIES)


@pytest.mark.parametrize(
    ("method", "path", "ask", "label", "bucket"),
    [
        ("GET", "objects/calls", lambda client: client.list_page("calls", None), "calls_list", "app"),
        ("GET", "objects/deals", lambda client: client.archived_page("deals", None), "deals_list", "app"),
        (
            "POST",
            "objects/deals/search",
            lambda client: client.search_page("deals", []),
            "deals_search",
            "search",
        ),
        (
            "POST",
            "associations/tasks/deals/batch/read",
            lambda client: client.read_associations("tasks", {"1": None}, "deals"),
            "tasks_deals_associations",
            "associations",
        ),
    ],
)
def test_what_the_sync_asks_counts_as_a_sync_s_in_its_bucket(client, hubspot, notes, method, path, ask, label, bucket):
    version = "v4" if path.startswith("associations") else "v3"
    url = f"{BASE_URL}/crm/{version}/{path}"
    hubspot.add(method, url, status=500)
    hubspot.add(method, url, json={"results": []})
    # Three tries after a 500: only a sync makes them.
    for _ in range(2):
        hubspot.add(method, url, status=500)
    hubspot.add(method, url, json={"results": []})
    ask(client)
    ask(client)
    assert [outcome for _, outcome, _ in notes.calls] == ["500", "200", "500", "500", "200"]
    assert {endpoint for endpoint, _, _ in notes.calls} == {label}
    assert {used for used, _ in notes.left} == {bucket}
