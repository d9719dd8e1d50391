"""Owners, pipelines, properties, account details."""

import pytest


def ids(answer):
    return [one["id"] for one in answer["results"]]


@pytest.mark.parametrize("path", ["/crm/v3/owners", "/crm/v3/owners/", "/crm/owners/2026-09"])
def test_owners_come_in_two_sets(hub, path):
    active, archived = hub.json("GET", path), hub.json("GET", f"{path}?archived=true")

    assert ids(active) == ["910901", "910902", "910903", "910904", "910905"]
    assert ids(archived) == ["910890"]
    assert archived["results"][0]["userId"] is None


def test_owners_by_page_and_by_email(hub):
    first = hub.json("GET", "/crm/v3/owners?limit=3")
    rest = hub.json("GET", f"/crm/v3/owners?limit=3&after={first['paging']['next']['after']}")

    assert (len(ids(first)), len(ids(rest)), "paging" in rest) == (3, 2, False)
    assert ids(hub.json("GET", "/crm/v3/owners?email=owner910902@example.com")) == ["910902"]
    hub.json("GET", "/crm/v3/owners?limit=501", status=400)


def test_one_owner(hub):
    owner = hub.json("GET", "/crm/v3/owners/910902")

    assert hub.json("GET", f"/crm/v3/owners/{owner['userId']}?idProperty=userId") == owner
    hub.json("GET", "/crm/v3/owners/910890", status=404)
    assert hub.json("GET", "/crm/v3/owners/910890?archived=true")["lastName"] == "Lindqvist"


def test_pipelines_and_stages(hub):
    pipelines = hub.json("GET", "/crm/v3/pipelines/deals")

    assert pipelines == hub.json("GET", "/crm/pipelines/2026-09/0-3")
    default = pipelines["results"][0]
    assert (default["id"], default["label"], len(default["stages"])) == ("default", "Sales Pipeline", 7)
    assert hub.json("GET", "/crm/v3/pipelines/deals/default") == default
    assert hub.json("GET", "/crm/v3/pipelines/deals/default/stages")["results"] == default["stages"]
    won = hub.json("GET", "/crm/v3/pipelines/deals/default/stages/closedwon")
    assert won["metadata"] == {"isClosed": "true", "probability": "1.0"}
    assert all(stage["id"].isdigit() for stage in pipelines["results"][1]["stages"])
    hub.json("GET", "/crm/v3/pipelines/deals/nope", status=404)


def test_archived_pipelines_are_listed_when_asked_for(hub):
    hub.data.pipelines[1]["archived"] = True
    url = "/crm/v3/pipelines/deals"

    live, archived = hub.json("GET", url)["results"], hub.json("GET", f"{url}?archived=true")["results"]

    assert [one["id"] for one in live] == ["default"]
    assert [one["id"] for one in archived] == [hub.data.pipelines[1]["id"]]


def test_properties(hub):
    listed = {one["name"]: one for one in hub.json("GET", "/crm/v3/properties/deals")["results"]}

    assert (listed["amount"]["type"], listed["dealname"]["type"]) == ("number", "string")
    assert hub.json("GET", "/crm/properties/2026-09/deals/amount") == listed["amount"]
    hub.json("GET", "/crm/v3/properties/deals/nope", status=404)


@pytest.mark.parametrize("version", ["v3", "2026-09"])
def test_account_details(hub, version):
    assert hub.json("GET", f"/account-info/{version}/details")["timeZone"] == "US/Eastern"
