"""Single damaged records: what is wrong with one of them changes nothing about the others."""

import orjson
import pytest

from dealcache.sandbox.simulator import Poison

V3 = "/crm/v3/objects"


def read(hub, object_type, *record_ids, properties=("hs_timestamp",)):
    body = {"inputs": [{"id": one} for one in record_ids], "properties": list(properties)}
    return hub.ask("POST", f"{V3}/{object_type}/batch/read", body)


def test_properties_take_any_value_where_they_are_shown(hub):
    one, _other = (hub.data.add_deal("Acme") for _ in range(2))
    hub.site.poisons.set("deal", one, Poison(properties={"dealname": {"a": [1]}, "amount": True}))

    listed = hub.json("GET", f"{V3}/deals?properties=dealname")["results"]

    assert [record["properties"]["dealname"] for record in listed] == [{"a": [1]}, "Acme"]
    assert "amount" not in listed[0]["properties"]
    assert hub.json("POST", f"{V3}/deals/search", {"properties": ["amount"]})["results"][0]["properties"]["amount"]


def test_members_are_replaced_and_left_out(hub):
    note = hub.data.add_activity("notes", {"hs_note_body": "x"})
    hub.site.poisons.set("notes", note, Poison(members={"properties": [], "id": 7}, absent=["createdAt"]))

    (record,) = hub.json("GET", f"{V3}/notes")["results"]

    assert (record["properties"], record["id"], "createdAt" in record) == ([], 7, False)


@pytest.mark.parametrize("text", ["1e400", "NaN", '"\\ud800"', "[" * 2000 + "]" * 2000])
def test_raw_texts_stand_in_the_answer_as_they_are(hub, text):
    note = hub.data.add_activity("notes", {"hs_note_body": "x"})
    hub.site.poisons.set("notes", note, Poison(raw={"hs_note_body": text}))

    assert f'"hs_note_body":{text}'.encode() in hub.ask("GET", f"{V3}/notes?properties=hs_note_body").body


def test_a_batch_refuses_one_record_and_answers_the_rest(hub):
    first, second = (hub.data.add_activity("emails") for _ in range(2))
    hub.site.poisons.set("emails", first, Poison(category="VALIDATION_ERROR", times=1))

    partial, whole = read(hub, "emails", first, second), read(hub, "emails", first, second)

    assert (partial.status, whole.status) == (207, 200)
    body = orjson.loads(partial.body)
    assert [one["id"] for one in body["results"]] == [second]
    assert body["numErrors"] == 1
    assert body["errors"][0]["category"] == "VALIDATION_ERROR"
    assert body["errors"][0]["context"] == {"ids": [first]}


def test_the_associations_of_one_record_are_refused(hub):
    deals = [hub.data.add_deal("Acme") for _ in range(2)]
    for deal in deals:
        hub.data.add_activity("notes", deals=[deal])
    hub.site.poisons.set("deals", deals[0], Poison(category="INTERNAL_ERROR"))

    body = hub.json(
        "POST", "/crm/v4/associations/deals/notes/batch/read", {"inputs": [{"id": one} for one in deals]}, status=207
    )

    assert [one["from"]["id"] for one in body["results"]] == [deals[1]]
    assert body["errors"][0]["context"] == {"fromObjectId": [deals[0]]}


def test_owners_and_pipelines_can_be_damaged_and_mended(hub):
    owner, pipeline = hub.data.owners[0]["id"], hub.data.pipelines[0]["id"]
    hub.json("POST", "/_simulator/poisons", {"type": "owners", "id": owner, "members": {"firstName": 5}}, status=201)
    hub.json("POST", "/_simulator/poisons", {"type": "pipelines", "id": pipeline, "absent": ["id"]}, status=201)

    assert hub.json("GET", "/crm/v3/owners")["results"][0]["firstName"] == 5
    assert "id" not in hub.json("GET", "/crm/v3/pipelines/deals")["results"][0]
    assert len(hub.json("GET", "/_simulator/poisons")["poisons"]) == 2

    hub.ask("DELETE", f"/_simulator/poisons?type=owners&id={owner}")
    assert hub.json("GET", "/crm/v3/owners")["results"][0]["firstName"] != 5
    hub.ask("DELETE", "/_simulator/poisons")
    assert hub.json("GET", "/_simulator/poisons")["poisons"] == []
