"""Archiving, restoring, merging, creating and updating records."""

import pytest

V3 = "/crm/v3/objects"


def ids(answer):
    return [one["id"] for one in answer["results"]]


def read(hub, object_type, *record_ids, status=200, **rest):
    body = {"inputs": [{"id": one} for one in record_ids], **rest}
    return hub.json("POST", f"{V3}/{object_type}/batch/read", body, status=status)


def test_archiving_sets_archived_at_and_leaves_the_modified_date(hub, clock):
    deal, other = hub.data.add_deal("gone"), hub.data.add_deal("stays")
    clock.tick(60)

    assert hub.ask("DELETE", f"{V3}/deals/{deal}").status == 204
    assert hub.ask("DELETE", f"{V3}/deals/{deal}").status == 204

    assert ids(hub.json("GET", f"{V3}/deals")) == [other]
    (shown,) = hub.json("GET", f"{V3}/deals?archived=true")["results"]
    assert (shown["id"], shown["archived"]) == (deal, True)
    assert shown["archivedAt"] == "2026-09-21T14:14:20.000Z"
    assert shown["updatedAt"] == "2026-09-21T14:13:20.000Z"
    assert hub.ask("GET", f"{V3}/deals/{deal}").status == 404
    assert hub.json("GET", f"{V3}/deals/{deal}?archived=true")["id"] == deal
    assert read(hub, "deals", deal, status=207)["results"] == []
    body = {"inputs": [{"id": deal}]}
    assert ids(hub.json("POST", f"{V3}/deals/batch/read?archived=true", body)) == [deal]


def test_restored_records_are_as_before(hub):
    deal = hub.data.add_deal("back")
    before = hub.json("GET", f"{V3}/deals/{deal}")
    hub.data.archive("deals", deal)

    assert hub.ask("POST", "/_simulator/restore", {"type": "deals", "id": deal}).status == 204

    assert hub.json("GET", f"{V3}/deals/{deal}") == before
    assert ids(hub.json("GET", f"{V3}/deals?archived=true")) == []


def test_a_restored_record_takes_its_old_place_in_lists(hub):
    made = [hub.data.add_deal("x") for _ in range(3)]
    for one in (made[0], made[1]):
        hub.data.archive("deals", one)
    for one in (made[1], made[0]):
        hub.data.restore("deals", one)

    assert ids(hub.json("GET", f"{V3}/deals")) == made


def test_deals_associated_with_each_other_are_not_so_with_themselves_once_merged(hub):
    one, two = hub.data.add_deal("a"), hub.data.add_deal("b")
    hub.data.associate("deals", one, "deals", two)

    merged = hub.data.merge("deals", one, two)

    assert hub.json("GET", f"/crm/v4/objects/deals/{merged.id}/associations/deals") == {"results": []}


def test_a_merge_makes_a_new_record_that_both_ids_lead_to(hub):
    one = hub.data.add_deal("primary", {"amount": None})
    two = hub.data.add_deal("loser", {"amount": "5"})
    note, call = hub.data.add_activity("notes", deals=[one, two]), hub.data.add_activity("calls", deals=[two])

    merged = hub.json("POST", f"{V3}/deals/merge", {"primaryObjectId": one, "objectIdToMerge": two})

    assert merged["id"] not in (one, two)
    assert (merged["properties"]["dealname"], merged["properties"]["amount"]) == ("primary", "5")
    assert merged["properties"]["hs_merged_object_ids"] == f"{one};{two}"
    for old in (one, two):
        assert hub.json("GET", f"{V3}/deals/{old}")["id"] == merged["id"]
    assert ids(read(hub, "deals", one, two)) == [merged["id"]]
    assert ids(hub.json("GET", f"{V3}/deals")) == [merged["id"]]
    assert ids(hub.search("deals")) == [merged["id"]]
    truth = hub.json("GET", f"/_simulator/deals/{merged['id']}")["activities"]
    assert {(entry["type"], entry["id"]) for entry in truth} == {("notes", note), ("calls", call)}


def test_merged_ids_may_be_left_out_of_batch_reads(hub):
    one, two = hub.data.add_deal("a"), hub.data.add_deal("b")
    merged = hub.data.merge("deals", one, two)
    hub.site.behaviour.omit_merged_in_batch = True

    answer = read(hub, "deals", one, str(merged.id))

    assert ids(answer) == [str(merged.id)]
    assert "errors" not in answer
    assert read(hub, "deals", one)["results"] == []


def test_old_ids_work_for_single_updates_only(hub):
    one, two = hub.data.add_deal("a"), hub.data.add_deal("b")
    merged = hub.data.merge("deals", one, two)
    change = {"properties": {"amount": "7"}}

    assert hub.json("PATCH", f"{V3}/deals/{one}", change)["id"] == str(merged.id)
    answer = hub.json("POST", f"{V3}/deals/batch/update", {"inputs": [{"id": one, **change}]}, status=207)
    assert answer["results"] == []


def test_merging_with_itself_or_with_nothing(hub):
    one = hub.data.add_deal("a")
    for loser, status in ((one, 400), ("999", 404)):
        body = {"primaryObjectId": one, "objectIdToMerge": loser}
        assert hub.ask("POST", f"{V3}/deals/merge", body).status == status


def test_create_and_update(hub, clock):
    body = {
        "properties": {"dealname": "New", "dealstage": "closedwon", "pipeline": "default", "amount": 12.5},
        "associations": [],
    }
    deal = hub.json("POST", f"{V3}/deals", body, status=201)
    note = hub.json(
        "POST",
        f"{V3}/notes",
        {
            "properties": {"hs_timestamp": "1793534400000", "hs_note_body": "<b>hi</b> there"},
            "associations": [
                {
                    "to": {"id": deal["id"]},
                    "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 214}],
                }
            ],
        },
        status=201,
    )
    clock.tick(60)
    changed = hub.json("PATCH", f"{V3}/deals/{deal['id']}", {"properties": {"amount": ""}})

    assert deal["properties"]["amount"] == "12.5"
    assert note["properties"]["hs_timestamp"] == "2026-11-01T12:00:00.000Z"
    assert changed["properties"]["amount"] is None
    assert changed["updatedAt"] > deal["updatedAt"] == changed["createdAt"]
    shown = hub.json("GET", f"{V3}/deals/{deal['id']}?properties=hs_is_closed_won,hs_is_closed_lost")
    assert (shown["properties"]["hs_is_closed_won"], shown["properties"]["hs_is_closed_lost"]) == ("true", "false")
    preview = hub.json("GET", f"{V3}/notes/{note['id']}?properties=hs_body_preview")
    assert preview["properties"]["hs_body_preview"] == "hi there"
    assert hub.json("GET", f"/_simulator/deals/{deal['id']}")["activities"][0]["id"] == note["id"]


@pytest.mark.parametrize(
    ("object_type", "properties", "code"),
    [
        ("deals", {"dealname": "x", "dealstage": "y", "nonsense": "1"}, "PROPERTY_DOESNT_EXIST"),
        ("deals", {"dealname": "x", "dealstage": "y", "hs_object_id": "1"}, "READ_ONLY_VALUE"),
        ("deals", {"dealname": "x", "dealstage": "y", "amount": "much"}, "INVALID_VALUE"),
        ("deals", {"dealname": "x"}, "REQUIRED_FIELD"),
        ("emails", {"hs_timestamp": "2026-11-01T12:00:00Z"}, "REQUIRED_FIELD"),
        ("communications", {"hs_timestamp": "2026-11-01T12:00:00Z"}, "REQUIRED_FIELD"),
    ],
)
def test_writes_that_are_refused(hub, object_type, properties, code):
    answer = hub.json("POST", f"{V3}/{object_type}", {"properties": properties}, status=400)

    assert [one["code"] for one in answer["errors"]] == [code]
    assert hub.json("GET", f"{V3}/{object_type}")["results"] == []


def test_batch_create_and_archive(hub):
    inputs = [{"properties": {"dealname": name, "dealstage": "contractsent"}} for name in ("a", "b")]
    made = ids(hub.json("POST", f"{V3}/deals/batch/create", {"inputs": inputs}, status=201))

    answer = hub.ask("POST", f"{V3}/deals/batch/archive", {"inputs": [{"id": made[0]}, {"id": "999"}]})

    assert answer.status == 204
    assert ids(hub.json("GET", f"{V3}/deals")) == [made[1]]
