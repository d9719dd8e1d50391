"""Stirring up an account from another process, and asking for the truth about all of it."""

import pytest

V3 = "/crm/v3/objects"


def change(hub, *changes, status=200):
    return hub.json("POST", "/_simulator/changes", list(changes), status=status)


def test_all_sorts_of_changes(hub, clock):
    one, two, note = change(
        hub,
        {"do": "add_deal", "name": "one", "properties": {"amount": "5"}, "record_id": 11},
        {"do": "add_deal", "name": "two"},
        {"do": "add_activity", "object_type": "notes", "properties": {"hs_note_body": "x"}, "deals": ["11"]},
    )["ids"]
    clock.tick(60)
    answer = change(
        hub,
        {"do": "update", "object_type": "notes", "record_id": note, "properties": {"hs_note_body": "y"}},
        {
            "do": "associate",
            "from_type": "deals",
            "from_id": two,
            "to_type": "notes",
            "to_id": note,
            "labels": [[5, "Z"]],
        },
        {"do": "disassociate", "from_type": "deals", "from_id": one, "to_type": "notes", "to_id": note},
        {"do": "archive", "object_type": "notes", "record_id": note},
        {"do": "restore", "object_type": "notes", "record_id": note},
        {"do": "merge", "object_type": "deals", "primary_id": two, "loser_id": one},
    )

    assert (one, hub.data.existing("deals", one).properties["amount"]) == ("11", "5")
    merged = answer["ids"][-1]
    assert answer["ids"] == [note, None, None, None, None, merged]
    assert merged not in (one, two)
    assert hub.data.existing("notes", note).properties["hs_note_body"] == "y"
    truth = hub.json("GET", "/_simulator/truth")
    assert truth == {
        "deals": [
            {
                "id": merged,
                "name": "two",
                "activities": [{"type": "notes", "id": note, "timestamp": "2026-09-21T14:13:20.000Z"}],
            }
        ],
        "merged": {one: merged, two: merged},
    }


def test_one_timestamp_for_many_records(hub):
    ids = [hub.data.add_deal("x") for _ in range(30)]

    change(
        hub,
        *(
            {"do": "update", "object_type": "deals", "record_id": one, "properties": {}, "modified_at": 1_780_000_000}
            for one in ids
        ),
    )

    assert len({one["updatedAt"] for one in hub.json("GET", f"{V3}/deals?limit=100")["results"]}) == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"do": "explode"}, "explode"),
        ({"object_type": "deals"}, "do must be"),
        ({"do": "clock"}, "do must be"),
        ({"do": "archive", "object_type": "deals"}, "record_id"),
        ({"do": "archive", "object_type": "deals", "record_id": "9", "reason": "x"}, "reason"),
        ({"do": "archive", "object_type": "deals", "record_id": "9"}, "no deal 9"),
        ({"do": "archive", "object_type": "houses", "record_id": "9"}, "houses"),
        ({"do": "archive", "object_type": "deals", "record_id": "nine"}, "nine"),
    ],
)
def test_a_change_that_cannot_be_made_is_named(hub, wrong, said):
    answer = change(hub, {"do": "add_deal", "name": "first"}, wrong, {"do": "add_deal", "name": "last"}, status=400)

    assert answer["message"].startswith("change 1: ")
    assert said in answer["message"]
    assert [one["name"] for one in hub.json("GET", "/_simulator/truth")["deals"]] == ["first"]


@pytest.mark.parametrize("body", [b"text", b"1", b"[1]", b"["])
def test_what_is_no_list_of_changes(hub, body):
    assert hub.ask("POST", "/_simulator/changes", body).status == 400


def test_chains_of_merges_lead_to_the_last_record(hub):
    a, b, c = (hub.data.add_deal(name) for name in "abc")
    first = hub.data.merge("deals", a, b)
    last = hub.data.merge("deals", first.id, c)

    merged = hub.json("GET", "/_simulator/truth")["merged"]

    assert merged == dict.fromkeys((a, b, c, str(first.id)), str(last.id))


def test_the_truth_leaves_archived_records_out(hub):
    gone, stays = hub.data.add_deal("gone"), hub.data.add_deal("stays")
    note = hub.data.add_activity("notes", deals=[stays])
    hub.data.archive("deals", gone)
    hub.data.archive("notes", note)

    assert hub.json("GET", "/_simulator/truth")["deals"] == [{"id": stays, "name": "stays", "activities": []}]


def test_storms_merge_as_the_account_does(hub):
    one, two = hub.data.add_deal("a"), hub.data.add_deal("b")
    hub.site.behaviour.merge_keeps_primary = True

    assert change(hub, {"do": "merge", "object_type": "deals", "primary_id": one, "loser_id": two})["ids"] == [one]


def test_a_merge_may_keep_the_primarys_id(hub, clock):
    one, two, three = (
        hub.data.add_deal("a", {"amount": None}),
        hub.data.add_deal("b", {"amount": "5"}),
        hub.data.add_deal("c"),
    )
    mine, theirs = hub.data.add_activity("notes", deals=[one]), hub.data.add_activity("notes", deals=[two])
    hub.site.behaviour.merge_keeps_primary = True
    clock.tick(60)

    for loser in (two, three):
        merged = hub.json("POST", f"{V3}/deals/merge", {"primaryObjectId": one, "objectIdToMerge": loser})

    assert merged["id"] == one
    assert (merged["properties"]["dealname"], merged["properties"]["amount"]) == ("a", "5")
    assert merged["properties"]["hs_merged_object_ids"] == f"{two};{three}"
    assert merged["updatedAt"] == "2026-09-21T14:14:20.000Z"
    assert hub.json("GET", f"{V3}/deals/{two}")["id"] == one
    assert [one["id"] for one in hub.search("deals")["results"]] == [one]
    truth = hub.json("GET", "/_simulator/truth")
    assert [entry["id"] for entry in truth["deals"][0]["activities"]] == [mine, theirs]
    assert truth["merged"] == {two: one, three: one}


@pytest.mark.parametrize("listed", [True, False])
def test_archived_activities_may_be_listed_among_associations(hub, listed):
    hub.site.behaviour.archived_keep_associations = listed
    deal, bare = hub.data.add_deal("x"), hub.data.add_deal("bare")
    stays = hub.data.add_activity("notes", deals=[deal])
    gone = hub.data.add_activity("notes", deals=[deal, bare])
    hub.data.archive("notes", gone)
    expected = [int(stays), int(gone)] if listed else [int(stays)]

    batch = hub.json(
        "POST",
        "/crm/v4/associations/deals/notes/batch/read",
        {"inputs": [{"id": deal}, {"id": bare}]},
        status=200 if listed else 207,
    )
    single = hub.json("GET", f"/crm/v4/objects/deals/{deal}/associations/notes")
    inline = hub.json("GET", f"{V3}/deals/{deal}?associations=notes")["associations"]["notes"]

    assert [one["toObjectId"] for one in batch["results"][0]["to"]] == expected
    assert [one["toObjectId"] for one in single["results"]] == expected
    assert [int(one["id"]) for one in inline["results"]] == expected
    assert len(batch["results"]) == (2 if listed else 1)
