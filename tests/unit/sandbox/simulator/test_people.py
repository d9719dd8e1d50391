"""Contacts and companies: their own modified date, their associations, and deletion for good."""

import pytest

from dealcache.sandbox.simulator import ALL_SCOPES, people_of

V3 = "/crm/v3/objects"
NOW = 1_790_000_000_000


@pytest.fixture
def jane(hub):
    return str(hub.data.create("contacts", {"firstname": "Jane", "lastname": "Doe", "email": "jane@acme.example"}).id)


def search_since(hub, object_type, name, since=NOW):
    return hub.search(object_type, {"propertyName": name, "operator": "GTE", "value": str(since)})


def test_contacts_have_a_modified_date_of_another_name(hub, jane):
    shown = hub.json("GET", f"{V3}/contacts/{jane}?properties=lastname,hs_lastmodifieddate,lastmodifieddate")

    assert shown["properties"] == {
        "createdate": "2026-09-21T14:13:20.000Z",
        "hs_object_id": jane,
        "lastmodifieddate": "2026-09-21T14:13:20.000Z",
        "lastname": "Doe",
    }


def test_a_search_finds_what_was_modified_by_the_name_that_the_type_has_for_it(hub, clock, jane):
    company = str(hub.data.create("companies", {"name": "Acme"}).id)
    clock.tick(60)
    hub.data.update("contacts", jane, {"lastname": "Roe"})

    assert [one["id"] for one in search_since(hub, "contacts", "lastmodifieddate", NOW + 1)["results"]] == [jane]
    assert search_since(hub, "companies", "hs_lastmodifieddate", NOW + 1)["results"] == []
    assert [one["id"] for one in search_since(hub, "companies", "hs_lastmodifieddate")["results"]] == [company]
    body = {"filterGroups": [{"filters": [{"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "1"}]}]}
    assert hub.json("POST", f"{V3}/contacts/search", body, status=400)["category"] == "VALIDATION_ERROR"


def test_deals_and_activities_are_associated_with_people(hub, jane):
    deal = hub.data.add_deal("x")
    note = hub.data.add_activity("notes", deals=[deal])
    hub.data.associate("deals", deal, "contacts", jane)
    hub.data.associate("contacts", jane, "notes", note)

    for from_type, one, type_id in (("deals", deal, 3), ("notes", note, 202)):
        path = f"/crm/v4/associations/{from_type}/contacts/batch/read"
        (result,) = hub.json("POST", path, {"inputs": [{"id": one}]})["results"]
        assert [target["toObjectId"] for target in result["to"]] == [int(jane)]
        assert [kind["typeId"] for kind in result["to"][0]["associationTypes"]] == [type_id]
    body = hub.json("POST", "/crm/v4/associations/deals/companies/batch/read", {"inputs": [{"id": deal}]}, status=207)
    assert body["errors"][0]["message"] == f"No company is associated with deal {deal}."


def test_the_truth_names_those_who_took_part(hub, jane):
    deal = hub.data.add_deal("x")
    note = hub.data.add_activity("notes", deals=[deal])
    nameless = hub.data.create("contacts", {"firstname": " ", "email": "info@acme.example"}).id
    blank = hub.data.create("contacts", {}).id
    company = hub.data.create("companies", {"name": "", "domain": "acme.example"}).id
    for kind, one in (("contacts", jane), ("contacts", nameless), ("contacts", blank), ("companies", company)):
        hub.data.associate("notes", note, kind, one)
    hub.data.associate("deals", deal, "companies", company)
    acme = {"type": "company", "id": str(company), "name": "acme.example"}

    assert people_of(hub.data, deal) == {
        "with": [acme],
        "events": {
            f"notes:{note}": [
                {"type": "contact", "id": jane, "name": "Jane Doe"},
                {"type": "contact", "id": str(nameless), "name": "info@acme.example"},
                {"type": "contact", "id": str(blank), "name": None},
                acme,
            ]
        },
    }
    assert hub.json("GET", f"/_simulator/deals/{deal}")["people"] == people_of(hub.data, deal)


def test_what_is_deleted_for_good_is_nowhere(hub, clock, jane):
    hub.site.behaviour.index_lag = 10
    clock.tick(60)
    deal = hub.data.add_deal("x")
    hub.data.associate("deals", deal, "contacts", jane)

    assert hub.ask("POST", f"{V3}/contacts/gdpr-delete", {"objectId": jane}).status == 204

    assert hub.json("GET", f"{V3}/contacts")["results"] == hub.json("GET", f"{V3}/contacts?archived=true")["results"]
    assert hub.json("POST", f"{V3}/contacts/batch/read", {"inputs": [{"id": jane}]}, status=207)["results"] == []
    assert people_of(hub.data, deal)["with"] == []
    # The index learns of it late.
    assert len(search_since(hub, "contacts", "lastmodifieddate")["results"]) == 1
    clock.tick(11)
    assert search_since(hub, "contacts", "lastmodifieddate")["results"] == []
    for gone in (jane, "9", "x", ""):
        assert hub.ask("POST", f"{V3}/contacts/gdpr-delete", {"objectId": gone}).status == 404


def test_a_merged_contact_answers_to_both_ids(hub, jane):
    other = hub.data.create("contacts", {"firstname": "J.", "lastname": "Doe"}).id
    note = hub.data.add_activity("notes")
    hub.data.associate("notes", note, "contacts", other)

    merged = str(hub.data.merge("contacts", jane, other).id)

    for one in (jane, str(other)):
        (found,) = hub.json("POST", f"{V3}/contacts/batch/read", {"inputs": [{"id": one}]})["results"]
        assert found["id"] == merged
    (result,) = hub.json("POST", "/crm/v4/associations/notes/contacts/batch/read", {"inputs": [{"id": note}]})[
        "results"
    ]
    assert [target["toObjectId"] for target in result["to"]] == [int(merged)]


def test_companies_need_a_scope_of_their_own(hub):
    hub.site.scopes = ALL_SCOPES - {"crm.objects.companies.read"}

    hub.json("GET", f"{V3}/contacts")
    body = hub.json("GET", f"{V3}/companies", status=403)
    assert body["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.companies.read"]


def test_the_events_of_people_are_classic_ones(hub, jane):
    hub.webhooks.subscribe("https://service.test/", "x")
    hub.data.update("contacts", jane, {"lastname": "Roe"})
    company = hub.data.create("companies", {"name": "Acme"}).id
    hub.data.erase("companies", company)
    hub.data.erase("contacts", jane)

    while hub.webhooks.deliver_due():
        pass

    events = [event for post in hub.posts for event in post.events]
    assert sorted((one["subscriptionType"], str(one["objectId"])) for one in events) == sorted(
        [
            ("contact.propertyChange", jane),
            ("company.creation", str(company)),
            ("company.deletion", str(company)),
            ("contact.privacyDeletion", jane),
            ("contact.deletion", jane),
        ]
    )
    assert all("objectTypeId" not in one for one in events)
