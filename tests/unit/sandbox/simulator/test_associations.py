"""Associations: pages per record, records without any, labels, changes."""

import pytest

from dealcache.sandbox.simulator.associations import Label, page_of, read_cursor, write_cursor
from dealcache.sandbox.simulator.object_types import CALLS, NOTES

BATCH = "/crm/v4/associations/deals/notes/batch/read"


def targets(result):
    return [one["toObjectId"] for one in result["to"]]


@pytest.mark.parametrize(
    ("after", "size", "expected"),
    [
        (None, 2, ([1, 3], 3)),
        (3, 2, ([5, 7], 7)),
        (7, 2, ([9], None)),
        (None, 5, ([1, 3, 5, 7, 9], None)),
        (4, 1, ([5], 5)),
        (9, 2, ([], None)),
    ],
)
def test_pages(after, size, expected):
    assert page_of([1, 3, 5, 7, 9], after, size) == expected


def test_cursor_has_the_observed_form():
    cursor = write_cursor(NOTES, 301)

    assert cursor == "MC00Ni0zMDE%3D"
    assert read_cursor(NOTES, cursor) == read_cursor(NOTES, "MC00Ni0zMDE=") == 301


@pytest.mark.parametrize("after", ["x", "100", "MC0yLTMwMQ==", write_cursor(CALLS, 301)])
def test_foreign_cursors_are_refused(hub, after):
    deal = hub.data.add_deal("x")
    hub.data.add_activity("notes", deals=[deal])

    hub.json("POST", BATCH, {"inputs": [{"id": deal, "after": after}]}, status=400)


def test_each_record_has_its_own_pages(hub):
    hub.site.behaviour.association_page_size = 2
    big, small = hub.data.add_deal("big"), hub.data.add_deal("small")
    notes = [int(hub.data.add_activity("notes", deals=[big])) for _ in range(5)]
    lone = int(hub.data.add_activity("notes", deals=[small]))

    answer = hub.json("POST", BATCH, {"inputs": [{"id": small}, {"id": big}]})

    by_id = {one["from"]["id"]: one for one in answer["results"]}
    assert targets(by_id[small]) == [lone]
    assert "paging" not in by_id[small]
    seen, page = targets(by_id[big]), by_id[big]
    while "paging" in page:
        after = page["paging"]["next"]["after"]
        (page,) = hub.json("POST", BATCH, {"inputs": [{"id": big, "after": after}]})["results"]
        seen += targets(page)
    assert seen == notes


def test_a_record_without_any_is_an_error_entry(hub):
    some, none = hub.data.add_deal("some"), hub.data.add_deal("none")
    note = int(hub.data.add_activity("notes", deals=[some]))

    answer = hub.json("POST", BATCH, {"inputs": [{"id": none}, {"id": some}]}, status=207)

    assert [(one["from"]["id"], targets(one)) for one in answer["results"]] == [(some, [note])]
    assert answer["numErrors"] == 1
    assert answer["errors"][0] == {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No note is associated with deal {none}.",
        "context": {"fromObjectId": [none], "fromObjectType": ["deal"], "toObjectType": ["note"]},
    }


def test_a_thousand_inputs_at_most(hub):
    for count, status in ((1000, 207), (1001, 400)):
        hub.json("POST", BATCH, {"inputs": [{"id": str(one)} for one in range(count)]}, status=status)


def test_archived_activities_stay_associated_and_archived_deals_have_none(hub):
    deal = hub.data.add_deal("x")
    note = hub.data.add_activity("notes", deals=[deal])
    hub.data.archive("notes", note)

    assert targets(hub.json("POST", BATCH, {"inputs": [{"id": deal}]})["results"][0]) == [int(note)]
    assert hub.json("GET", f"/_simulator/deals/{deal}")["activities"] == []

    hub.data.archive("deals", deal)
    assert hub.json("POST", BATCH, {"inputs": [{"id": deal}]}, status=207)["results"] == []


def test_labels_come_as_further_types_of_one_target(hub):
    deal = hub.data.add_deal("x")
    call = hub.data.add_activity("calls", deals=[deal])
    hub.data.labels[frozenset({"deals", "calls"})] = [Label(28, "Kick-off")]
    spec = [{"associationCategory": "USER_DEFINED", "associationTypeId": 28}]

    path = f"/crm/v4/objects/deals/{deal}/associations/calls"
    hub.json("PUT", f"{path}/{call}", spec, status=201)

    own = {"category": "HUBSPOT_DEFINED", "typeId": 205, "label": None}
    label = {"category": "USER_DEFINED", "typeId": 28, "label": "Kick-off"}
    assert hub.json("GET", path)["results"] == [{"toObjectId": int(call), "associationTypes": [own, label]}]
    assert hub.json("GET", "/crm/v4/associations/deals/calls/labels")["results"] == [own, label]
    listed = hub.json("GET", "/crm/v3/objects/deals?associations=calls")["results"][0]["associations"]["calls"]
    assert [one["id"] for one in listed["results"]] == [call, call]
    back = hub.json("GET", f"/crm/v4/objects/calls/{call}/associations/deals")["results"]
    assert [one["typeId"] for one in back[0]["associationTypes"]] == [206, 28]


@pytest.mark.parametrize("prefix", ["/crm/v4/objects", "/crm/objects/2026-03"], ids=["v4", "03"])
def test_single_read_pages_through_one_record(hub, prefix):
    deal = hub.data.add_deal("x")
    notes = [int(hub.data.add_activity("notes", deals=[deal])) for _ in range(3)]

    first = hub.json("GET", f"{prefix}/deals/{deal}/associations/notes?limit=2")
    link = first["paging"]["next"]["link"].removeprefix("http://hub.test")
    second = hub.json("GET", link)

    assert [one["toObjectId"] for one in first["results"] + second["results"]] == notes
    assert "paging" not in second


def test_the_single_read_is_not_in_2026_09(hub):
    deal = hub.data.add_deal("x")
    hub.data.add_activity("notes", deals=[deal])

    hub.json("GET", f"/crm/objects/2026-09/deals/{deal}/associations/notes", status=404)
    body = {"inputs": [{"id": deal}]}
    assert hub.json("POST", "/crm/associations/2026-09/deals/notes/batch/read", body)["results"]


def test_single_read_without_any_is_empty_and_of_nothing_404(hub):
    deal = hub.data.add_deal("x")

    assert hub.json("GET", f"/crm/v4/objects/deals/{deal}/associations/notes") == {"results": []}
    hub.json("GET", "/crm/v4/objects/deals/999/associations/notes", status=404)


def test_changes_move_no_modified_date(hub, clock):
    deal, note = hub.data.add_deal("x"), hub.data.add_activity("notes")
    before = [hub.json("GET", f"/crm/v3/objects/{path}") for path in (f"deals/{deal}", f"notes/{note}")]
    pair = {"from": {"id": deal}, "to": {"id": note}}
    spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 213}
    clock.tick(60)

    made = hub.json(
        "POST", "/crm/v4/associations/deals/notes/batch/create", {"inputs": [{**pair, "types": [spec]}]}, status=201
    )
    assert made["results"][0]["fromObjectId"] == deal
    assert len(hub.json("POST", BATCH, {"inputs": [{"id": deal}]})["results"]) == 1
    away = {"inputs": [{"from": {"id": deal}, "to": [{"id": note}]}]}
    assert hub.ask("POST", "/crm/v4/associations/deals/notes/batch/archive", away).status == 204

    assert hub.json("POST", BATCH, {"inputs": [{"id": deal}]}, status=207)["results"] == []
    after = [hub.json("GET", f"/crm/v3/objects/{path}") for path in (f"deals/{deal}", f"notes/{note}")]
    assert after == before


def test_default_association_and_its_removal(hub):
    deal, note = hub.data.add_deal("x"), hub.data.add_activity("notes")
    answer = hub.json("PUT", f"/crm/v4/objects/notes/{note}/associations/default/deals/{deal}")
    assert [one["associationSpec"]["associationTypeId"] for one in answer["results"]] == [214, 213]

    for _ in range(2):
        assert hub.ask("DELETE", f"/crm/v4/objects/deals/{deal}/associations/notes/{note}").status == 204
    assert hub.json("GET", f"/crm/v4/objects/deals/{deal}/associations/notes") == {"results": []}


def test_specs_that_do_not_fit(hub):
    deal, note = hub.data.add_deal("x"), hub.data.add_activity("notes")
    for category, type_id in (("HUBSPOT_DEFINED", 205), ("USER_DEFINED", 99)):
        spec = [{"associationCategory": category, "associationTypeId": type_id}]
        hub.json("PUT", f"/crm/v4/objects/deals/{deal}/associations/notes/{note}", spec, status=400)
    hub.json("PUT", f"/crm/v4/objects/deals/{deal}/associations/notes/999", [], status=404)
