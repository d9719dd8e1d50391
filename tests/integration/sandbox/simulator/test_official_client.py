"""HubSpot's own Python client understands every answer: it checks types and required fields while it reads them."""

from __future__ import annotations

import json

import pytest
from hubspot import HubSpot
from hubspot.crm import deals
from hubspot.crm.associations.v4 import (
    BatchInputPublicFetchAssociationsBatchRequest,
    PublicFetchAssociationsBatchRequest,
)
from hubspot.crm.deals import ApiException
from hubspot.crm.objects import notes

from dealcache.sandbox.simulator import ALL_SCOPES, Dataset, Limits, Simulator, activities_of, demo_deal_id

ACME = demo_deal_id("Acme renewal")
GLOBEX = demo_deal_id("Globex expansion")
INITECH = demo_deal_id("Initech pilot")


def test_list_all_deals(client, simulator):
    found = client.crm.deals.get_all(properties=["dealname"])

    assert len(found) == 60
    assert (found[0].id, found[0].properties["dealname"]) == (ACME, "Acme renewal")
    assert simulator.calls.counts() == {"list": 1}


def test_list_follows_pages(client, simulator):
    api = client.crm.deals.basic_api
    seen, after = [], None
    while True:
        page = api.get_page(limit=25, after=after)
        seen += [one.id for one in page.results]
        if page.paging is None:
            break
        after = page.paging.next.after

    assert len(set(seen)) == len(seen) == 60
    assert simulator.calls.count("list") == 3


def test_both_archived_sets(client, simulator):
    deal = simulator.data.add_deal("to be archived")
    client.crm.deals.basic_api.archive(deal)

    live = {one.id for one in client.crm.deals.get_all()}
    archived = {one.id: one for one in client.crm.deals.get_all(archived=True)}

    assert deal not in live
    assert archived[deal].archived_at is not None
    assert not live & set(archived)


def test_read_one_with_associations_and_history(client):
    deal = client.crm.deals.basic_api.get_by_id(
        ACME, associations=["notes", "postal_mail"], properties_with_history=["amount"]
    )

    assert len(deal.associations["postal_mail"].results) == 1
    assert deal.properties_with_history["amount"][0].source_type == "CRM_UI"


def test_batch_read_of_found_and_missing(client):
    request = deals.BatchReadInputSimplePublicObjectId(
        inputs=[{"id": GLOBEX}, {"id": "999"}, {"id": ACME}], properties=["dealname"], properties_with_history=[]
    )

    answer = client.crm.deals.batch_api.read(request)

    assert [one.id for one in answer.results] == [ACME, GLOBEX]
    assert isinstance(answer, deals.BatchResponseSimplePublicObjectWithErrors)
    assert answer.num_errors == 1
    assert answer.errors[0].context == {"ids": ["999"]}


def test_search_by_name(client):
    request = deals.PublicObjectSearchRequest(
        filter_groups=[{"filters": [{"propertyName": "dealname", "operator": "EQ", "value": "acme renewal"}]}],
        properties=["dealname"],
        limit=100,
    )

    answer = client.crm.deals.search_api.do_search(request)

    assert answer.total == 2
    assert {one.properties["dealname"] for one in answer.results} == {"Acme renewal", "ACME RENEWAL"}


def test_association_batch_follows_each_records_pages(client, simulator):
    api = client.crm.associations.v4.batch_api
    seen: dict[str, list[str]] = {ACME: [], GLOBEX: []}
    inputs = [PublicFetchAssociationsBatchRequest(id=one) for one in (ACME, INITECH, GLOBEX)]
    missing = []
    while inputs:
        answer = api.get_page("deals", "emails", BatchInputPublicFetchAssociationsBatchRequest(inputs=inputs))
        missing += [error.context["fromObjectId"][0] for error in getattr(answer, "errors", None) or ()]
        inputs = []
        for result in answer.results:
            # The client's models keep to the property names of its own schema for the "from" member.
            seen[result._from.id] += [str(one.to_object_id) for one in result.to]
            if result.paging:
                inputs.append(PublicFetchAssociationsBatchRequest(id=result._from.id, after=result.paging.next.after))

    truth = {one: [it.id for it in activities_of(simulator.data, one) if it.type == "emails"] for one in seen}
    assert seen == truth
    assert len(seen[GLOBEX]) == 1100
    assert missing == [INITECH]
    assert simulator.calls.count("associations") == 11


def test_associations_of_one_deal(client):
    api = client.crm.associations.v4.basic_api
    first = api.get_page("deals", GLOBEX, "emails", limit=500)
    third = api.get_page("deals", GLOBEX, "emails", limit=500, after=first.paging.next.after)

    assert len(first.results) == len(third.results) == 500
    assert first.results[0].association_types[0].type_id == 209


def test_owners_and_pipelines(client):
    active = client.crm.owners.owners_api.get_page(archived=False)
    archived = client.crm.owners.owners_api.get_page(archived=True)
    pipelines = client.crm.pipelines.pipelines_api.get_all("deals")

    assert [len(active.results), len(archived.results)] == [5, 1]
    assert archived.results[0].user_id is None
    assert [len(one.stages) for one in pipelines.results] == [7, 4]
    assert pipelines.results[0].stages[5].metadata == {"isClosed": "true", "probability": "1.0"}


def test_create_update_merge(client, simulator):
    api = client.crm.deals.basic_api
    properties = {"dealname": "made by the client", "dealstage": "contractsent", "pipeline": "default"}
    one, two = (
        api.create(deals.SimplePublicObjectInputForCreate(properties=properties, associations=[])) for _ in range(2)
    )
    note = client.crm.objects.notes.basic_api.create(
        notes.SimplePublicObjectInputForCreate(
            properties={"hs_timestamp": "1793534400000", "hs_note_body": "hi"},
            associations=[
                {
                    "to": {"id": one.id},
                    "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 214}],
                }
            ],
        )
    )
    updated = api.update(one.id, deals.SimplePublicObjectInput(properties={"amount": "10"}))
    merged = api.merge(deals.PublicMergeInput(primary_object_id=one.id, object_id_to_merge=two.id))

    assert updated.properties["amount"] == "10"
    assert merged.id not in (one.id, two.id)
    assert api.get_by_id(two.id).id == merged.id
    assert [it.id for it in activities_of(simulator.data, merged.id)] == [note.id]


def test_not_found(client):
    with pytest.raises(ApiException) as caught:
        client.crm.deals.basic_api.get_by_id("999")

    assert caught.value.status == 404
    assert json.loads(caught.value.body)["category"] == "OBJECT_NOT_FOUND"


def test_wrong_token(simulator):
    with pytest.raises(ApiException) as caught:
        HubSpot(access_token="wrong", host=simulator.base_url).crm.deals.basic_api.get_page()

    assert caught.value.status == 401


def test_missing_scope():
    with Simulator(Dataset(), scopes=ALL_SCOPES - {"crm.objects.deals.read"}) as simulator:
        client = HubSpot(access_token="simulator-token", host=simulator.base_url)
        with pytest.raises(ApiException) as caught:
            client.crm.deals.basic_api.get_page()

    assert caught.value.status == 403
    assert "crm.objects.deals.read" in caught.value.body


def test_limit(client, simulator):
    simulator.set_limits(Limits(ten_secondly=1))
    client.crm.deals.basic_api.get_page()
    with pytest.raises(ApiException) as caught:
        client.crm.deals.basic_api.get_page()

    assert caught.value.status == 429
    assert caught.value.headers["X-HubSpot-RateLimit-Remaining"] == "0"
