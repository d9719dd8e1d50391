from __future__ import annotations

import orjson
import pytest
from responses import matchers

from dealcache.hubspot.activities import ACTIVITY_TYPES
from dealcache.hubspot.calls import Paths
from dealcache.hubspot.client import HubSpotClient
from dealcache.hubspot.errors import HubSpotError, MalformedAnswer, Unavailable
from dealcache.hubspot.label_lists import LabelLists
from dealcache.hubspot.mapper import RecordMapper
from dealcache.hubspot.name_search import NameSearch
from dealcache.hubspot.pages import RecordBatch
from dealcache.model.deals import ENGAGEMENT_TYPES
from tests.unit.hubspot.conftest import BASE_URL, calls_of
from tests.unit.hubspot.records import OWNERS, PIPELINES, deal, record

X = NameSearch(single=("x",))
TWO = {"1": None, "2": None}

SEARCH = f"{BASE_URL}/crm/v3/objects/deals/search"
DEALS = f"{BASE_URL}/crm/v3/objects/deals/batch/read"
NOTES = f"{BASE_URL}/crm/v3/objects/notes/batch/read"
NOTE_IDS = f"{BASE_URL}/crm/v4/associations/deals/notes/batch/read"
NOTE_DEALS = f"{BASE_URL}/crm/v4/associations/notes/deals/batch/read"
NOTE_SEARCH = f"{BASE_URL}/crm/v3/objects/notes/search"
NOTE_LIST = f"{BASE_URL}/crm/v3/objects/notes"
DEAL_LIST = f"{BASE_URL}/crm/v3/objects/deals"
OWNER_LIST = f"{BASE_URL}/crm/v3/owners"
PIPELINE_LIST = f"{BASE_URL}/crm/v3/pipelines/deals"

NO_ASSOCIATIONS = {
    "status": "error",
    "category": "OBJECT_NOT_FOUND",
    "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
    "message": "No note is associated with deal 1.",
    "context": {"fromObjectId": ["1"]},
}


def sent(hubspot, index=0):
    return orjson.loads(hubspot.calls[index].request.body)


def page(*targets, from_id="1", after=None):
    result = {"from": {"id": from_id}, "to": [{"toObjectId": one, "associationTypes": []} for one in targets]}
    return result | ({"paging": {"next": {"after": after, "link": "ignore"}}} if after else {})


def ids_of(records):
    return [one["id"] for one in records]


def test_a_deal_is_searched_by_its_exact_name_last_modified_first(client, hubspot):
    hubspot.post(SEARCH, json={"total": 1, "results": [deal()]})
    assert ids_of(client.find_deals(NameSearch(single=("Acme renewal",))).records) == ["7891023"]
    body = sent(hubspot)
    assert body["filterGroups"] == [
        {"filters": [{"propertyName": "dealname", "operator": "EQ", "value": "Acme renewal"}]}
    ]
    assert body["sorts"] == [{"propertyName": "hs_lastmodifieddate", "direction": "DESCENDING"}]
    assert body["limit"] == 200
    assert "after" not in body


def test_the_longest_name_stays_below_hubspot_s_bound_of_a_body(client, hubspot):
    hubspot.post(SEARCH, json={"total": 0, "results": []})
    assert client.find_deals(NameSearch(single=("漢" * 512,))).records == []
    assert len(hubspot.calls[0].request.body) < 3000


def test_further_pages_of_a_search_are_followed_up_to_a_thousand(client, hubspot):
    def answer(request):
        start = int(orjson.loads(request.body).get("after", "0"))
        found = [deal(str(number)) for number in range(start, start + 200)]
        return 200, {}, orjson.dumps({"total": 5000, "results": found, "paging": {"next": {"after": str(start + 200)}}})

    hubspot.add_callback("POST", SEARCH, answer)
    assert len(client.find_deals(X).records) == 1000
    assert len(hubspot.calls) == 5


@pytest.mark.parametrize(("total", "pages"), [(1000, 5), (1001, 1), (None, 5)])
def test_a_search_for_several_names_ends_when_they_have_too_many_deals_together(client, hubspot, total, pages):
    def answer(request):
        start = int(orjson.loads(request.body).get("after", "0"))
        found = [deal(str(number)) for number in range(start, start + 200)]
        more = {} if start == 800 and total == 1000 else {"paging": {"next": {"after": str(start + 200)}}}
        return 200, {}, orjson.dumps({"total": total, "results": found} | more)

    hubspot.add_callback("POST", SEARCH, answer)
    found = client.find_deals(NameSearch(listed=("X", "y")))
    assert len(hubspot.calls) == pages
    assert (found.after is None) == (total == 1000)
    assert sent(hubspot)["filterGroups"] == [
        {"filters": [{"propertyName": "dealname", "operator": "IN", "values": ["x", "y"]}]}
    ]


def test_deals_are_read_with_the_ids_merged_into_them(client, hubspot):
    hubspot.post(DEALS, json={"results": []})
    client.read_records("deals", ["1"])
    assert "hs_merged_object_ids" in sent(hubspot)["properties"]


def test_deals_that_do_not_exist_are_left_out(client, hubspot):
    missing = {"category": "OBJECT_NOT_FOUND", "context": {"ids": ["999"]}}
    answer = {"status": "COMPLETE", "results": [deal()], "numErrors": 1, "errors": [missing]}
    hubspot.post(DEALS, status=207, json=answer)
    assert ids_of(client.read_records("deals", ["7891023", "999"]).records) == ["7891023"]
    assert sent(hubspot)["inputs"] == [{"id": "7891023"}, {"id": "999"}]


def test_none_of_the_deals_existing_is_an_answer_too(client, hubspot):
    hubspot.post(DEALS, status=404, json={"category": "OBJECT_NOT_FOUND"})
    assert client.read_records("deals", ["999"]) == RecordBatch([])


def test_a_merged_deal_comes_back_under_its_new_id_and_once(client, hubspot):
    hubspot.post(DEALS, json={"status": "COMPLETE", "results": [deal("3"), deal("3")]})
    assert ids_of(client.read_records("deals", ["1", "2"]).records) == ["3"]


def test_an_archived_deal_does_not_come_back_whoever_was_asked_for(client, hubspot):
    hubspot.post(DEALS, json={"results": [deal("1") | {"archived": True}, deal("3"), deal("9") | {"archived": True}]})
    assert ids_of(client.read_records("deals", ["1", "2"]).records) == ["3"]


def test_archived_records_are_left_out(client, hubspot):
    hubspot.post(NOTES, json={"results": [record("1") | {"archived": True}, record("2")]})
    assert ids_of(client.read_records("notes", ["1", "2"]).records) == ["2"]


@pytest.mark.parametrize("kind", ENGAGEMENT_TYPES)
def test_activities_are_read_with_the_properties_that_the_mapping_needs(client, hubspot, kind):
    hubspot.post(f"{BASE_URL}/crm/v3/objects/{kind}/batch/read", json={"results": []})
    client.read_records(kind, ["1"])
    properties = sent(hubspot)["properties"]
    assert properties == list(ACTIVITY_TYPES[kind].properties)
    assert {"hs_timestamp", "hubspot_owner_id", "hs_lastmodifieddate"} <= set(properties)
    assert len(properties) == len(set(properties))


def test_more_than_a_batch_is_a_mistake_of_the_caller(client):
    with pytest.raises(ValueError, match="100"):
        client.read_records("notes", [str(number) for number in range(101)])
    with pytest.raises(ValueError, match="1000"):
        client.read_associations("deals", {str(number): None for number in range(1001)}, "notes")
    with pytest.raises(ValueError, match="1000"):
        client.read_associations("notes", {str(number): None for number in range(1001)}, "deals")


@pytest.mark.parametrize("state", ["PENDING", "PROCESSING", "CANCELED"])
def test_a_batch_that_is_not_complete_is_no_answer(client, hubspot, state):
    hubspot.post(NOTES, json={"status": state, "results": []})
    with pytest.raises(Unavailable, match=state):
        client.read_records("notes", ["1"])


def test_associations_are_numbers_or_strings_and_come_once_each(client, hubspot):
    hubspot.post(NOTE_IDS, json={"results": [page(5790939450, "5790939450", 7, "8", after="Mg%3D%3D")]})
    found = client.read_associations("deals", {"1": None}, "notes")
    assert found.ids == {"1": ("5790939450", "7", "8")}
    assert found.after == {"1": "Mg%3D%3D"}
    assert sent(hubspot) == {"inputs": [{"id": "1"}]}


def test_each_deal_has_pages_of_its_own(client, hubspot):
    results = [page(20, from_id="2"), page(10, from_id=1, after="b")]
    hubspot.post(NOTE_IDS, status=207, json={"results": results, "errors": [NO_ASSOCIATIONS]})
    found = client.read_associations("deals", {"1": "a", "2": None, "3": None}, "notes")
    assert found.ids == {"1": ("10",), "2": ("20",), "3": ()}
    assert found.after == {"1": "b"}
    assert sent(hubspot)["inputs"] == [{"id": "1", "after": "a"}, {"id": "2"}, {"id": "3"}]


def test_a_deal_without_activities_has_none(client, hubspot):
    hubspot.post(NOTE_IDS, status=207, json={"results": [], "numErrors": 1, "errors": [NO_ASSOCIATIONS]})
    found = client.read_associations("deals", {"1": None}, "notes")
    assert (found.ids, found.after) == ({"1": ()}, {})


def test_a_merged_deal_s_associations_belong_to_the_id_that_was_asked(client, hubspot):
    hubspot.post(NOTE_IDS, json={"results": [page(10, from_id="3")]})
    assert client.read_associations("deals", {"1": None}, "notes").ids == {"1": ("10",)}


def test_of_several_deals_an_answer_under_another_id_is_nobody_else_s(client, hubspot):
    results = [page(10, from_id="3", after="c"), page(20, from_id="2"), page(11, from_id="3")]
    hubspot.post(NOTE_IDS, json={"results": results})
    found = client.read_associations("deals", TWO, "notes")
    assert found.ids == {"1": (), "2": ("20",), "3": ("10", "11")}
    assert found.after == {"3": "c"}


def test_owners_of_both_kinds_and_of_all_pages_are_listed(client, hubspot):
    def owners(archived, after, answer):
        query = {"limit": "500", "archived": archived} | ({"after": after} if after else {})
        hubspot.get(OWNER_LIST, match=[matchers.query_param_matcher(query)], json=answer)

    owners("false", None, {"results": OWNERS[:1], "paging": {"next": {"after": "500"}}})
    owners("false", "500", {"results": [{"id": "3"}]})
    owners("true", None, {"results": OWNERS[1:]})
    assert ids_of(LabelLists(client.calls, client.mapper).list_owners()) == ["910901", "3", "2"]


def test_owners_whose_cursor_repeats_end(client, hubspot):
    hubspot.get(OWNER_LIST, json={"results": [], "paging": {"next": {"after": "1"}}})
    with pytest.raises(MalformedAnswer, match="repeats"):
        LabelLists(client.calls, client.mapper).list_owners()


def test_pipelines_are_listed(client, hubspot):
    archived = [{"id": "gone", "label": "Gone", "stages": []}]
    hubspot.get(PIPELINE_LIST, match=[matchers.query_param_matcher({})], json={"results": PIPELINES})
    asked_for = matchers.query_param_matcher({"archived": "true"})
    hubspot.get(PIPELINE_LIST, match=[asked_for], json={"results": archived})
    found = LabelLists(client.calls, client.mapper).list_pipelines()
    assert ids_of(found) == ["default", "gone"]
    assert [one["archived"] for one in found] == [False, True]


def test_a_hubspot_that_does_not_know_of_archived_pipelines_lists_the_others(client, hubspot):
    hubspot.get(PIPELINE_LIST, json={"results": PIPELINES})
    assert LabelLists(client.calls, client.mapper).list_pipelines() == PIPELINES


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_refused_list_of_archived_labels_leaves_the_others(client, hubspot, status, caplog):
    asked_for = matchers.query_param_matcher({"archived": "true"}, strict_match=False)
    for url, results in ((OWNER_LIST, OWNERS[:1]), (PIPELINE_LIST, PIPELINES)):
        hubspot.get(url, match=[asked_for], status=status, json={"category": "VALIDATION_ERROR"})
        hubspot.get(url, json={"results": results})
    assert LabelLists(client.calls, client.mapper).list_owners() == OWNERS[:1]
    assert LabelLists(client.calls, client.mapper).list_pipelines() == PIPELINES
    assert "archived owners" in caplog.text


ALL_CALLS = {
    SEARCH: lambda client: client.find_deals(X).records,
    DEALS: lambda client: client.read_records("deals", ["1"]),
    NOTES: lambda client: client.read_records("notes", ["1"]),
    NOTE_IDS: lambda client: client.read_associations("deals", {"1": None, "2": None}, "notes"),
    OWNER_LIST: lambda client: LabelLists(client.calls, client.mapper).list_owners(),
    NOTE_DEALS: lambda client: client.read_associations("notes", {"1": None, "2": None}, "deals"),
    NOTE_SEARCH: lambda client: client.search_page("notes", []),
    NOTE_LIST: lambda client: client.list_page("notes", None),
    DEAL_LIST: lambda client: client.archived_page("deals", None),
    PIPELINE_LIST: lambda client: LabelLists(client.calls, client.mapper).list_pipelines(),
}


def method_of(url):
    return "GET" if url in (OWNER_LIST, PIPELINE_LIST, NOTE_LIST, DEAL_LIST) else "POST"


@pytest.mark.parametrize("url", ALL_CALLS)
@pytest.mark.parametrize("body", [{}, {"results": None}, {"results": {}}], ids=str)
def test_an_answer_of_another_shape_is_malformed(client, hubspot, url, body):
    hubspot.add(method_of(url), url, json=body)
    with pytest.raises(MalformedAnswer):
        ALL_CALLS[url](client)


@pytest.mark.parametrize("url", [SEARCH, NOTE_SEARCH, NOTE_LIST, DEAL_LIST, OWNER_LIST])
@pytest.mark.parametrize("paging", [7, [], {"next": "x"}, {"next": {"after": {}}}], ids=str)
def test_paging_of_another_shape_is_malformed(client, hubspot, url, paging):
    hubspot.add(method_of(url), url, json={"results": [{"id": "1"}], "paging": paging})
    with pytest.raises(MalformedAnswer):
        ALL_CALLS[url](client)


@pytest.mark.parametrize("url", ALL_CALLS)
def test_a_path_that_hubspot_does_not_know_is_no_missing_deal(client, hubspot, url):
    hubspot.add(method_of(url), url, status=404, body="resource not found")
    with pytest.raises(MalformedAnswer, match="base URL"):
        ALL_CALLS[url](client)


@pytest.mark.parametrize(
    ("version", "paths"),
    [
        (
            "v3",
            [
                "/crm/v3/objects/deals/search",
                "/crm/v3/objects/calls/batch/read",
                "/crm/v4/associations/deals/calls/batch/read",
                "/crm/v3/owners",
                "/crm/v3/pipelines/deals",
                "/account-info/v3/details",
                "/crm/v3/objects/calls",
            ],
        ),
        (
            "2026-09",
            [
                "/crm/objects/2026-09/deals/search",
                "/crm/objects/2026-09/calls/batch/read",
                "/crm/associations/2026-09/deals/calls/batch/read",
                "/crm/owners/2026-09",
                "/crm/pipelines/2026-09/deals",
                "/account-info/2026-09/details",
                "/crm/objects/2026-09/calls",
            ],
        ),
    ],
)
def test_the_paths_of_a_version(version, paths):
    made = Paths(version)
    assert [
        made.search("deals"),
        made.batch_read("calls"),
        made.associations("deals", "calls"),
        made.owners,
        made.deal_pipelines,
        made.account_details,
        made.objects("calls"),
    ] == paths


def test_other_versions_are_refused():
    with pytest.raises(ValueError, match="v9"):
        Paths("v9")


def test_the_dated_version_asks_at_its_own_paths(session, clock, hubspot):
    hubspot.post(f"{BASE_URL}/crm/objects/2026-09/deals/search", json={"results": []})
    found = HubSpotClient(calls_of(session, clock, version="2026-09"), RecordMapper()).find_deals(X)
    assert found.records == []


def test_every_failure_is_a_hubspot_error(client, hubspot):
    hubspot.post(SEARCH, status=400)
    with pytest.raises(HubSpotError, match="deals_search"):
        client.find_deals(X)
