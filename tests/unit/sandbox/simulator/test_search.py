"""Searches: limits, paging, sorting, the lag of the index, and what is never found."""

import pytest

SEARCH = "/crm/v3/objects/deals/search"


def names(answer):
    return [one["properties"]["dealname"] for one in answer["results"]]


def flt(name, operator="EQ", value=None, **rest):
    return {"propertyName": name, "operator": operator, **({} if value is None else {"value": value}), **rest}


def test_name_is_found_in_any_case_and_all_its_deals(hub):
    for name in ("Acme renewal", "ACME RENEWAL", "Acme renewal 2026"):
        hub.data.add_deal(name)

    answer = hub.search("deals", flt("dealname", value="acme Renewal"))

    assert answer["total"] == 2
    assert names(answer) == ["Acme renewal", "ACME RENEWAL"]
    assert "paging" not in answer


def test_nothing_found(hub):
    assert hub.search("deals", flt("dealname", value="nobody")) == {"total": 0, "results": []}


def test_groups_are_alternatives_and_filters_add_up(hub):
    for name, amount in (("a", "1"), ("b", "2"), ("c", "3")):
        hub.data.add_deal(name, {"amount": amount})
    body = {
        "filterGroups": [
            {"filters": [flt("amount", "GTE", "2"), flt("dealname", value="b")]},
            {"filters": [flt("dealname", value="a")]},
        ]
    }

    assert names(hub.json("POST", SEARCH, body)) == ["a", "b"]


def test_pages_by_offset(hub):
    for number in range(5):
        hub.data.add_deal(f"deal {number}")

    first = hub.search("deals", limit=2)
    last = hub.search("deals", limit=2, after="4")

    assert (first["total"], names(first), first["paging"]) == (
        5,
        ["deal 0", "deal 1"],
        {"next": {"after": "2"}},
    )
    assert names(last) == ["deal 4"]
    assert "paging" not in last
    assert "paging" not in hub.search("deals", limit=2, after="3")


def test_ten_is_the_default_page(hub):
    for number in range(11):
        hub.data.add_deal(f"deal {number}")

    assert len(hub.search("deals")["results"]) == 10


@pytest.mark.parametrize(("after", "limit", "status"), [("9800", 200, 200), ("9801", 200, 400), ("10000", 10, 400)])
def test_nothing_beyond_ten_thousand(hub, after, limit, status):
    hub.json("POST", SEARCH, {"after": after, "limit": limit}, status=status)


@pytest.mark.parametrize(
    ("groups", "status"),
    [
        ([6, 6, 6], 200),
        ([6, 6, 6, 1], 400),
        ([7], 400),
        ([1] * 5, 200),
        ([1] * 6, 400),
    ],
)
def test_limits_of_filters(hub, groups, status):
    one = flt("dealname", "HAS_PROPERTY")
    body = {"filterGroups": [{"filters": [one] * count} for count in groups]}

    answer = hub.json("POST", SEARCH, body, status=status)

    assert status == 200 or answer["category"] == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"after": "MTAw"},
        {"query": "x" * 3_000},
        {"filterGroups": [{"filters": [flt("amount", "GT", "much")]}]},
        {"filterGroups": [{"filters": [flt("dealname", "IN")]}]},
        {"filterGroups": [{"filters": [flt("dealname")]}]},
        {"filterGroups": [{"filters": [flt("hs_body_preview_html", "HAS_PROPERTY")]}]},
        {"filterGroups": [{"filters": [flt("associations.deal", "GT", "1")]}]},
        {"filterGroups": ["text"]},
        {"filterGroups": [{"filters": "text"}]},
        {"filterGroups": [{"filters": [flt("dealname", "IN", values="acme")]}]},
        {"filterGroups": [{"filters": [flt("dealname", "IN", values=["a"] * 101)]}]},
        {"filterGroups": [{"filters": [flt("dealname", "NOT_IN", values=["a"] * 101)]}]},
        {"filterGroups": [{"filters": [flt("hs_v2_deal_name", "HAS_PROPERTY")]}]},
        {"filterGroups": [{"filters": [flt("hs_note_body", "EQ", "a property of notes")]}]},
        {"sorts": [{"propertyName": "last_modified", "direction": "ASCENDING"}]},
        b"[]",
        b'{"limit": ',
    ],
)
def test_malformed_searches(hub, body):
    assert hub.json("POST", SEARCH, body, status=400)["category"] == "VALIDATION_ERROR"


def test_a_hundred_values_and_properties_that_exist_are_taken(hub):
    hub.data.add_deal("a99")
    values = [f"a{number}" for number in range(100)]

    assert names(hub.search("deals", flt("dealname", "IN", values=values))) == ["a99"]
    assert hub.search("deals", flt("associations.notes", value="1"), properties=["no_such_property"])["total"] == 0


def test_the_limit_of_the_body_can_be_lifted(hub):
    hub.site.behaviour.search_body_limit = None

    hub.json("POST", SEARCH, {"query": "x" * 3_000})


def test_only_the_first_sort_counts_and_texts_are_ignored(hub):
    for name, amount in (("a", "9"), ("b", "10"), ("c", None), ("d", "10")):
        hub.data.add_deal(name, {"amount": amount})
    by_amount = {"propertyName": "amount", "direction": "DESCENDING"}
    by_name = {"propertyName": "dealname", "direction": "DESCENDING"}

    assert names(hub.search("deals", sorts=[by_amount, by_name])) == ["b", "d", "a", "c"]
    assert names(hub.search("deals", sorts=[by_name, by_amount])) == ["d", "c", "b", "a"]
    assert names(hub.search("deals", sorts=["-dealname"])) == ["a", "b", "c", "d"]


def test_the_oldest_comes_first_unless_sorted(hub, clock):
    hub.data.add_deal("young", record_id=1)
    hub.data.add_deal("old", record_id=2, created_at=clock() - 60)

    assert names(hub.search("deals")) == ["old", "young"]


def test_a_new_record_shows_when_the_index_has_caught_up(hub, clock):
    hub.site.behaviour.index_lag = 5.0
    hub.data.add_deal("new")
    assert hub.search("deals")["total"] == 0

    clock.tick(4.9)
    assert hub.search("deals")["total"] == 0

    clock.tick(0.1)
    assert hub.search("deals")["total"] == 1


def test_a_change_shows_when_the_index_has_caught_up(hub, clock):
    deal = hub.data.add_deal("old name")
    hub.site.behaviour.index_lag = 5.0
    clock.tick(10)
    hub.data.update("deals", deal, {"dealname": "new name"})

    assert names(hub.search("deals", flt("dealname", value="old name"))) == ["old name"]
    assert hub.search("deals", flt("dealname", value="new name"))["total"] == 0
    assert hub.json("GET", f"/crm/v3/objects/deals/{deal}")["properties"]["dealname"] == "new name"

    clock.tick(5)
    assert hub.search("deals", flt("dealname", value="old name"))["total"] == 0
    assert names(hub.search("deals", flt("dealname", value="new name"))) == ["new name"]


def test_archived_records_go_with_the_lag_and_come_back_restored(hub, clock):
    deal = hub.data.add_deal("gone")
    hub.site.behaviour.index_lag = 5.0
    clock.tick(10)
    hub.data.archive("deals", deal)
    assert hub.search("deals")["total"] == 1

    clock.tick(5)
    assert hub.search("deals")["total"] == 0

    hub.data.restore("deals", deal)
    clock.tick(5)
    assert hub.search("deals")["total"] == 1


def test_by_association(hub):
    one, other = hub.data.add_deal("one"), hub.data.add_deal("other")
    both = hub.data.add_activity("calls", deals=[one, other])
    hub.data.add_activity("calls", deals=[other])
    hub.data.add_activity("calls")

    answer = hub.search("calls", flt("associations.deal", value=one), limit=1)

    assert (answer["total"], answer["results"][0]["id"]) == (1, both)
    assert hub.search("calls", flt("associations.deal", "IN", values=[one, other]))["total"] == 2
    assert hub.search("calls", flt("associations.deal", "HAS_PROPERTY"))["total"] == 2
    assert hub.search("calls", flt("associations.deal", "NOT_HAS_PROPERTY"))["total"] == 1


def test_free_text_looks_into_the_documented_properties_only(hub):
    hub.data.add_activity("notes", {"hs_note_body": "<p>Renewal of Müller</p>"})
    hub.data.add_activity("emails", {"hs_email_subject": "Hello", "hs_email_text": "Renewal"})

    assert hub.search("notes", query="müll renew")["total"] == 1
    assert hub.search("notes", query="müll globex")["total"] == 0
    assert hub.search("emails", query="renewal")["total"] == 0


def test_keyset_paging_by_id_reaches_every_record_once(hub):
    ids = [hub.data.add_deal("same", modified_at=1_780_000_000) for _ in range(25)]
    seen, last = [], "0"
    while True:
        answer = hub.search(
            "deals",
            flt("hs_object_id", "GT", last),
            flt("hs_lastmodifieddate", "GTE", "1780000000000"),
            sorts=[{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            limit=10,
        )
        if not answer["results"]:
            break
        seen += [one["id"] for one in answer["results"]]
        last = seen[-1]

    assert seen == ids


def test_results_hold_no_associations_and_defined_properties_only(hub):
    deal = hub.data.add_deal("x", {"amount": None})
    hub.data.add_activity("notes", deals=[deal])

    (found,) = hub.search("deals", properties=["amount", "nonsense"], associations=["notes"])["results"]

    assert set(found) == {"id", "properties", "createdAt", "updatedAt", "archived"}
    assert set(found["properties"]) == {"amount", "createdate", "hs_lastmodifieddate", "hs_object_id"}
    assert found["properties"]["amount"] is None
