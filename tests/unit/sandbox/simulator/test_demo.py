"""The demo account: the same on every day, and as varied as its users count on."""

from collections import Counter

import pytest

from dealcache.sandbox.simulator import activities_of, demo_data, demo_deal_id, live_deals, people_of
from dealcache.sandbox.simulator.associations import End
from dealcache.sandbox.simulator.demo_account import ARCHIVED_OWNER_ID, UNKNOWN_OWNER_ID
from dealcache.sandbox.simulator.demo_builder import REFERENCE
from dealcache.sandbox.simulator.demo_deals import FIXED_DEALS
from dealcache.sandbox.simulator.object_types import ACTIVITY_TYPES, CONTACTS, DEALS, NOTES, OBJECT_TYPES
from dealcache.sandbox.simulator.timestamps import to_iso, to_milliseconds


@pytest.fixture(scope="module")
def demo():
    return demo_data(200, 7)


def everything(data):
    return [
        (kind.name, one.id, one.properties, one.created_at, one.state)
        for kind in OBJECT_TYPES
        for one in data.store(kind).everything()
    ]


def test_the_seed_decides_everything(demo):
    assert everything(demo_data(200, 7)) == everything(demo)
    assert everything(demo_data(200, 8)) != everything(demo)


def test_seen_from_another_moment_all_of_it_moves(demo):
    day = 86_400_000
    later = demo_data(200, 7, seen_from=REFERENCE + 30 * day)
    for kind in (*ACTIVITY_TYPES, DEALS, CONTACTS):
        before, after = (list(data.store(kind).everything()) for data in (demo, later))
        assert [one.id for one in after] == [one.id for one in before]
        moved = zip(before, after, strict=True)
        assert {to_milliseconds(new.created_at) - to_milliseconds(old.created_at) for old, new in moved} == {30 * day}
    last = {one.properties["hs_timestamp"] for one in later.store(NOTES).everything()}
    assert max(filter(None, last)) > to_iso(REFERENCE + 28 * day)


def test_fewer_deals_are_the_first_of_more(demo):
    few = demo_data(20, 7)

    assert [one.properties for one in live_deals(few)] == [one.properties for one in live_deals(demo)[:20]]


@pytest.mark.parametrize("count", [0, 1, 5, 200])
def test_as_many_deals_as_asked_for(count):
    assert len(live_deals(demo_data(count))) == count


@pytest.mark.parametrize("seed", [7, 8])
def test_the_documented_deals(seed):
    data = demo_data(12, seed)
    counts = {
        name: len(activities_of(data, demo_deal_id(name)))
        for name in ("Acme renewal", "Globex expansion", "Initech pilot", "Umbrella onboarding", "ACME RENEWAL")
    }

    assert counts == {
        "Acme renewal": 60,
        "Globex expansion": 2500,
        "Initech pilot": 0,
        "Umbrella onboarding": 1,
        "ACME RENEWAL": 12,
    }
    acme = activities_of(data, demo_deal_id("Acme renewal"))
    assert {one.type for one in acme} == {kind.name for kind in ACTIVITY_TYPES}
    assert demo_deal_id("Acme renewal") == "7891023"


def test_no_other_deal_is_named_like_a_documented_one(demo):
    names = Counter(one.properties["dealname"].casefold() for one in live_deals(demo_data(3000)))

    assert names["globex expansion"] == names["initech pilot"] == names["umbrella onboarding"] == 1
    assert names["acme renewal"] == 2
    assert max(names.values()) > 2


def test_an_activity_is_on_two_deals_and_an_archived_one_on_acme(demo):
    acme, shouted = demo_deal_id("Acme renewal"), demo_deal_id("ACME RENEWAL")
    shared = set(activities_of(demo, acme)) & set(activities_of(demo, shouted))
    notes = demo.graph.targets(End("deals", int(acme)), "notes")
    states = Counter(demo.existing("notes", one).state for one in notes)

    assert len(shared) == 1
    assert states == {"live": 10, "archived": 1}


def test_most_deals_have_2_to_40_activities(demo):
    counts = [len(activities_of(demo, one.id)) for one in live_deals(demo)]

    assert sum(2 <= count <= 40 for count in counts) > 170
    assert {0, 1} <= set(counts)


def test_values_are_varied(demo):
    deals = [one.properties for one in live_deals(demo)]
    notes = [one.properties for one in demo.store(ACTIVITY_TYPES[3]).everything()]
    tasks = [one.properties["hs_timestamp"] or "" for one in demo.store(ACTIVITY_TYPES[4]).everything()]
    bodies = [note["hs_note_body"] for note in notes]

    assert {None, "", "0"} <= {deal["amount"] for deal in deals}
    assert {None, ARCHIVED_OWNER_ID, UNKNOWN_OWNER_ID} <= {deal["hubspot_owner_id"] for deal in deals}
    assert len({deal["pipeline"] for deal in deals}) == 2
    assert "" in bodies
    assert any("<script>" in body for body in bodies)
    assert any(not note["hs_timestamp"] for note in notes)
    assert max(tasks) > "2027-01-01" > min(tasks)
    assert any(not deal["dealname"].isascii() for deal in deals)


def test_ids_repeat_between_types(demo):
    calls, notes = ({one.id for one in demo.store(ACTIVITY_TYPES[place]).everything()} for place in (0, 3))

    assert calls & notes


def test_every_stage_belongs_to_its_pipeline(demo):
    stages = {(line["id"], stage["id"]) for line in demo.pipelines for stage in line["stages"]}

    assert {(one.properties["pipeline"], one.properties["dealstage"]) for one in live_deals(demo)} <= stages


@pytest.fixture(scope="module")
def big():
    return demo_data(2_000, 7, activities_per_deal=6, unassociated=0.2)


def made_up(data):
    """The activities of the deals that are not documented ones."""
    return [activities_of(data, one.id) for one in live_deals(data)[len(FIXED_DEALS) :]]


def test_big_accounts_have_as_many_activities_as_asked_for(big):
    counts = [len(one) for one in made_up(big)]

    assert 5 < sum(counts) / len(counts) < 7.5
    assert 0.07 < counts.count(0) / len(counts) < 0.15
    assert 1 <= sum(count >= 120 for count in counts) <= 10


def test_some_activities_are_on_two_deals_of_one_company(big):
    names = {one.id: one.properties["dealname"].casefold().split()[0] for one in live_deals(big)}
    holders = [
        big.graph.targets(End(kind.name, one.id), "deals")
        for kind in ACTIVITY_TYPES
        for one in big.store(kind).everything()
    ]
    shared = [deals for deals in holders[1:] if len(deals) == 2]
    of_deals = sum(map(bool, holders))

    assert 0.03 < len(shared) / of_deals < 0.06
    assert all(names[one] == names[other] for one, other in shared)


def test_some_activities_are_on_no_deal(big):
    bare = [
        not big.graph.targets(End(kind.name, one.id), "deals")
        for kind in ACTIVITY_TYPES
        for one in big.store(kind).everything()
    ]

    assert sum(bare) / len(bare) == pytest.approx(0.2, abs=0.001)


def test_the_documented_deals_are_the_same_in_big_accounts(big, demo):
    for name in ("Acme renewal", "Globex expansion", "Initech pilot", "Umbrella onboarding"):
        assert activities_of(big, demo_deal_id(name)) == activities_of(demo, demo_deal_id(name))


def test_sharing_changes_nothing_else():
    one, other = (demo_data(100, 7, activities_per_deal=3, shared=share) for share in (0.0, 0.5))

    assert everything(one) == everything(other)
    assert sum(map(len, made_up(one))) < sum(map(len, made_up(other)))


def test_deals_and_activities_have_people(demo):
    acme = people_of(demo, demo_deal_id("Acme renewal"))

    assert {one["type"] for one in acme["with"]} == {"contact", "company"}
    assert any(one["name"] == "Acme" for one in acme["with"])
    names = [one["name"] for one in acme["with"]]
    taking_part = [one["name"] for people in acme["events"].values() for one in people]
    assert set(taking_part) <= set(names)
    assert 30 < len(taking_part) < 180


def test_people_change_nothing_else(demo):
    without = demo_data(200, 7, people=False)

    assert list(without.store(CONTACTS).everything()) == []
    kept = (DEALS, *ACTIVITY_TYPES)
    assert [one for one in everything(demo) if one[0] in {kind.name for kind in kept}] == everything(without)


def test_big_accounts_have_people_only_when_asked_for():
    assert demo_data(30, activities_per_deal=2).store(CONTACTS).live_count() == 0
    assert demo_data(30, activities_per_deal=2, people=True).store(CONTACTS).live_count() > 20
