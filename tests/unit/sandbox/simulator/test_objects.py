"""Lists, single reads and batch reads of records."""

import pytest

V3 = "/crm/v3/objects"
DATED = "/crm/objects/2026-09"


def ids(answer):
    return [one["id"] for one in answer["results"]]


def read(hub, object_type, *record_ids, status=200, **rest):
    body = {"inputs": [{"id": one} for one in record_ids], **rest}
    return hub.json("POST", f"{V3}/{object_type}/batch/read", body, status=status)


@pytest.mark.parametrize("prefix", [V3, DATED, "/crm/objects/2026-03"])
@pytest.mark.parametrize("alias", ["deals", "deal", "0-3"])
def test_versions_and_names_of_one_type(hub, prefix, alias):
    deal = hub.data.add_deal("Acme")

    assert ids(hub.json("GET", f"{prefix}/{alias}")) == [deal]
    assert ids(hub.json("POST", f"{prefix}/{alias}/batch/read", {"inputs": [{"id": deal}]})) == [deal]
    assert ids(hub.json("POST", f"{prefix}/{alias}/search", {})) == [deal]


def test_list_pages_by_id_and_ends_without_paging(hub):
    made = [hub.data.add_deal("x", record_id=number) for number in (3, 10, 20, 100)]

    first = hub.json("GET", f"{V3}/deals?limit=3&properties=dealname")
    rest = hub.json("GET", f"{V3}/deals?limit=3&after={first['paging']['next']['after']}")

    assert ids(first) + ids(rest) == made
    assert first["paging"]["next"]["link"] == (
        "http://hub.test/crm/v3/objects/deals?limit=3&properties=dealname&after=100"
    )
    assert "paging" not in rest


def test_a_record_that_vanishes_between_two_pages_hides_no_other(hub):
    for number in range(1, 7):
        hub.data.add_deal("x", record_id=number)
    after = hub.json("GET", f"{V3}/deals?limit=3")["paging"]["next"]["after"]
    hub.data.archive("deals", 2)

    assert ids(hub.json("GET", f"{V3}/deals?limit=3&after={after}")) == ["4", "5", "6"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=100", 200),
        ("limit=101", 400),
        ("limit=0", 400),
        ("limit=50&propertiesWithHistory=amount", 200),
        ("limit=51&propertiesWithHistory=amount", 400),
        ("after=x", 400),
        ("associations=widgets", 400),
    ],
)
def test_list_parameters(hub, query, status):
    assert hub.ask("GET", f"{V3}/deals?{query}").status == status


def test_values_are_strings_or_null_and_undefined_ones_absent(hub):
    deal = hub.data.add_deal("Acme", {"amount": "1500.00", "description": ""})

    shown = hub.json("GET", f"{V3}/deals/{deal}?properties=amount,description,closedate&properties=nonsense")

    assert shown["properties"] == {
        "amount": "1500.00",
        "description": "",
        "closedate": None,
        "createdate": "2026-09-21T14:13:20.000Z",
        "hs_lastmodifieddate": "2026-09-21T14:13:20.000Z",
        "hs_object_id": deal,
    }
    assert shown["createdAt"] == shown["updatedAt"] == "2026-09-21T14:13:20.000Z"
    assert shown["archived"] is False
    assert "archivedAt" not in shown


def test_default_properties(hub):
    deal, note = hub.data.add_deal("Acme"), hub.data.add_activity("notes", {"hs_note_body": "x"})

    assert set(hub.json("GET", f"{V3}/deals/{deal}")["properties"]) == {
        "dealname",
        "amount",
        "closedate",
        "pipeline",
        "dealstage",
        "createdate",
        "hs_lastmodifieddate",
        "hs_object_id",
    }
    assert set(hub.json("GET", f"{V3}/notes/{note}")["properties"]) == {
        "hs_createdate",
        "hs_lastmodifieddate",
        "hs_object_id",
    }


def test_history_is_newest_first(hub, clock):
    deal = hub.data.add_deal("Acme", {"amount": "1"})
    clock.tick(60)
    hub.data.update("deals", deal, {"dealname": "Acme again"})
    clock.tick(60)
    hub.data.update("deals", deal, {"amount": "2"})

    history = hub.json("GET", f"{V3}/deals/{deal}?propertiesWithHistory=amount")["propertiesWithHistory"]["amount"]

    assert [(one["value"], one["timestamp"]) for one in history] == [
        ("2", "2026-09-21T14:15:20.000Z"),
        ("1", "2026-09-21T14:13:20.000Z"),
    ]


def test_inline_associations_show_a_first_page_and_an_entry_per_label(hub):
    deal = hub.data.add_deal("Acme")
    notes = [hub.data.add_activity("notes", deals=[deal]) for _ in range(101)]

    (shown,) = hub.json("GET", f"{V3}/deals?associations=notes,calls")["results"]
    page = shown["associations"]["notes"]

    assert page["results"][0] == {"id": notes[0], "type": "deal_to_note"}
    assert len(page["results"]) == 100
    assert "calls" not in shown["associations"]
    followed = hub.json("GET", page["paging"]["next"]["link"].removeprefix("http://hub.test"))
    assert followed["results"] == [{"id": notes[100], "type": "deal_to_note"}]


@pytest.mark.parametrize("prefix", ["/crm/v3/objects", "/crm/objects/2026-09"])
def test_archived_meetings_are_not_listed_other_records_are(hub, prefix):
    for kind in ("meetings", "notes"):
        hub.data.archive(kind, hub.data.add_activity(kind))

    refused = hub.json("GET", f"{prefix}/meetings?archived=true", status=400)
    assert refused["message"] == "Paging through deleted objects is not yet supported"
    hub.json("GET", f"{prefix}/meetings?archived=false")
    assert len(hub.json("GET", f"{prefix}/notes?archived=true")["results"]) == 1


def test_batch_read_answers_by_id_and_each_record_once(hub):
    for number in (1, 2, 3):
        hub.data.add_deal("x", record_id=number)

    answer = read(hub, "deals", "3", "1", "3", "2")

    assert ids(answer) == ["1", "2", "3"]
    assert answer["status"] == "COMPLETE"
    assert "errors" not in answer


def test_batch_read_of_missing_ids(hub):
    hub.data.add_deal("x", record_id=1)

    answer = read(hub, "deals", "999", "1", "abc", status=207)

    assert ids(answer) == ["1"]
    assert answer["numErrors"] == 1
    assert answer["errors"] == [
        {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": "Could not get some DEAL objects, they may be deleted or not exist. Check that ids are valid.",
            "context": {"ids": ["999", "abc"]},
        }
    ]


def test_batch_errors_under_200_when_set_so(hub):
    hub.site.behaviour.partial_status = 200

    assert read(hub, "deals", "999")["numErrors"] == 1


@pytest.mark.parametrize(("count", "history", "status"), [(100, [], 207), (101, [], 400), (51, ["amount"], 400)])
def test_batch_limits(hub, count, history, status):
    read(hub, "deals", *map(str, range(1, count + 1)), propertiesWithHistory=history, status=status)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{V3}/deals/999", 404),
        ("GET", f"{V3}/deals/abc", 404),
        ("PATCH", f"{V3}/deals/999", 404),
        ("DELETE", f"{V3}/deals/999", 404),
        ("GET", f"{V3}/widgets", 400),
        ("PUT", f"{V3}/deals", 405),
        ("GET", "/crm/v9/objects/deals", 404),
        ("GET", "/crm/objects/2025-09/deals", 404),
        ("GET", "/", 404),
    ],
)
def test_what_does_not_exist(hub, method, path, status):
    body = {"properties": {}} if method == "PATCH" else None

    answer = hub.json(method, path, body, status=status)

    assert answer["status"] == "error"
    assert {"message", "correlationId", "category"} <= set(answer)
