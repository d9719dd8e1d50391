"""Searches by modified date and id, which do not go through all records: they find what going through would."""

from random import Random

import pytest

from dealcache.sandbox.simulator.modified_index import SORT_FROM, ModifiedIndex
from dealcache.sandbox.simulator.object_types import NOTES
from dealcache.sandbox.simulator.recent_searches import KEPT, RecentSearches
from dealcache.sandbox.simulator.timestamps import to_iso

START = 1_780_000_000
BY_ID = [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]
MODIFIED = "hs_lastmodifieddate"


def flt(name, operator, value, **rest):
    return {"propertyName": name, "operator": operator, "value": str(value), **rest}


def found(hub, *filters, **rest):
    answer = hub.search("notes", *filters, limit=200, **rest)
    assert answer["total"] == len(answer["results"])
    return [int(one["id"]) for one in answer["results"]]


@pytest.fixture
def notes(hub):
    """One note for each of ten seconds, modified in an order that is not that of the ids."""
    moments = [START + second for second in (3, 7, 1, 9, 0, 5, 8, 2, 6, 4)]
    return {moment: int(hub.data.add_activity("notes", modified_at=moment)) for moment in moments}


@pytest.mark.parametrize(
    ("operator", "bounds", "seconds"),
    [
        ("GT", (7,), {8, 9}),
        ("GTE", (7,), {7, 8, 9}),
        ("LT", (2,), {0, 1}),
        ("LTE", (2,), {0, 1, 2}),
        ("EQ", (4,), {4}),
        ("BETWEEN", (4, 6), {4, 5, 6}),
        ("NEQ", (4,), {0, 1, 2, 3, 5, 6, 7, 8, 9}),
        ("IN", (4, 5), {4, 5}),
    ],
)
def test_spans_of_time(hub, notes, operator, bounds, seconds):
    values = [str((START + one) * 1000) for one in bounds]
    one = {
        "propertyName": MODIFIED,
        "operator": operator,
        "value": values[0],
        "highValue": values[-1],
        "values": values,
    }

    assert set(found(hub, one)) == {notes[START + second] for second in seconds}


def test_spans_and_bounds_add_up(hub, notes):
    ids = sorted(notes.values())
    window = (flt(MODIFIED, "GTE", (START + 2) * 1000), flt(MODIFIED, "LT", (START + 8) * 1000))

    for sorts in (BY_ID, []):
        for operator, passes in (
            ("GT", lambda one: one > ids[4]),
            ("GTE", lambda one: one >= ids[4]),
            ("LT", lambda one: one < ids[4]),
            ("LTE", lambda one: one <= ids[4]),
        ):
            expected = {one for moment, one in notes.items() if START + 2 <= moment < START + 8 and passes(one)}
            assert set(found(hub, *window, flt("hs_object_id", operator, ids[4]), sorts=sorts)) == expected


def test_two_bounds_at_once(hub, notes):
    ids = sorted(notes.values())

    assert found(hub, flt("hs_object_id", "GT", ids[2]), flt("hs_object_id", "LTE", ids[5]), sorts=BY_ID) == ids[3:6]
    assert found(hub, flt("hs_object_id", "GT", ids[5]), flt("hs_object_id", "LT", ids[2]), sorts=BY_ID) == []


def test_descending_by_id(hub, notes):
    sorts = [{"propertyName": "hs_object_id", "direction": "DESCENDING"}]

    assert found(hub, flt("hs_object_id", "GT", min(notes.values())), sorts=sorts) == sorted(notes.values())[:0:-1]


@pytest.mark.parametrize("value", ["soon", "9" * 30])
def test_spans_that_are_none(hub, value):
    body = {"filterGroups": [{"filters": [flt(MODIFIED, "GTE", value)]}]}

    answer = hub.json("POST", "/crm/v3/objects/notes/search", body, status=400)

    assert answer["errors"][0]["context"] == {"propertyName": [MODIFIED]}


@pytest.mark.parametrize("seed", range(4))
def test_any_changes_and_any_lag(hub, clock, seed):
    random = Random(seed)
    hub.site.behaviour.index_lag = random.choice((0.0, 5.0))
    ids = []
    for _ in range(300):
        chance = random.random()
        if chance < 0.3 or not ids:
            ids.append(int(hub.data.add_activity("notes", already_indexed=random.random() < 0.3)))
        elif chance < 0.6:
            one = random.choice(ids)
            if hub.data.existing("notes", one).state == "live":
                hub.data.update("notes", one, {"hs_note_body": str(chance)}, modified_at=random.choice((None, START)))
        elif chance < 0.7:
            hub.data.archive("notes", random.choice(ids))
        elif chance < 0.8:
            hub.data.restore("notes", random.choice(ids))
        clock.tick(random.choice((0, 0, 0.5, 2)))

        low = random.choice((START, clock.now - 20, clock.now - 3))
        after = random.choice(ids)
        shown = {}
        for record in hub.data.store(NOTES).everything():
            properties = record.indexed(clock.now - hub.site.behaviour.index_lag)
            if properties is not None:
                shown[record.id] = properties[MODIFIED]
        bound = to_iso(int(low * 1000))
        expected = [one for one in sorted(shown) if shown[one] >= bound and one > after]

        window = (flt(MODIFIED, "GTE", bound), flt("hs_object_id", "GT", after))
        assert found(hub, *window, sorts=BY_ID) == expected
        assert sorted(found(hub, *window)) == expected


def test_search_does_not_look_at_records_outside_of_the_span(hub, monkeypatch):
    for number in range(100):
        hub.data.add_activity("notes", modified_at=START + number)
    looked_at = []
    record_type = type(hub.data.existing("notes", 1))
    original = record_type.indexed
    monkeypatch.setattr(record_type, "indexed", lambda self, at: looked_at.append(self.id) or original(self, at))

    assert len(found(hub, flt(MODIFIED, "GTE", (START + 95) * 1000))) == 5
    assert len(set(looked_at)) == 5


def test_the_next_page_by_id_looks_at_its_own_records_only(hub, monkeypatch):
    ids = [int(hub.data.add_activity("notes", modified_at=START)) for _ in range(100)]
    window = flt(MODIFIED, "GTE", START * 1000)
    hub.search("notes", window, flt("hs_object_id", "GT", 0), sorts=BY_ID, limit=10)
    looked_at = []
    record_type = type(hub.data.existing("notes", 1))
    original = record_type.indexed
    monkeypatch.setattr(record_type, "indexed", lambda self, at: looked_at.append(self.id) or original(self, at))

    answer = hub.search("notes", window, flt("hs_object_id", "GT", ids[9]), sorts=BY_ID, limit=10)

    assert (answer["total"], looked_at) == (90, ids[10:20])


def test_associations_are_never_remembered(hub):
    deal = hub.data.add_deal("x")
    note = int(hub.data.add_activity("notes"))
    one = flt("associations.deal", "EQ", deal)
    assert found(hub, one) == []

    hub.data.associate("deals", deal, "notes", note)

    assert found(hub, one) == [note]


@pytest.mark.parametrize(("capped", "total"), [(False, 10_050), (True, 10_000)])
def test_the_total_may_be_capped(hub, capped, total):
    hub.site.behaviour.search_total_capped = capped
    for _ in range(10_050):
        hub.data.create("notes", {})

    answer = hub.search("notes", limit=200, after="9800")

    assert answer["total"] == total
    assert ("paging" in answer) is not capped


@pytest.mark.parametrize("count", [3, SORT_FROM, 3 * SORT_FROM])
def test_the_index_finds_what_was_added(count):
    index, random = ModifiedIndex(), Random(1)
    entries = [(f"{random.randrange(1000):04}", one) for one in range(count)]
    for place, (modified, one) in enumerate(entries):
        index.add(modified, one)
        if place == count // 2:
            index.between("", "~", most=0)

    assert index.between("0200", "0700", most=count) == {one for at, one in entries if "0200" <= at <= "0700"}
    assert index.between("", "~", most=count - 1) is None


def test_only_so_many_searches_are_remembered():
    searches, made = RecentSearches(), []

    def ask(key):
        return searches.get(key, lambda: made.append(key) or [])

    for key in range(KEPT):
        ask(key)
    ask(0)
    ask(KEPT)
    ask(0)
    ask(1)

    assert made == [*range(KEPT), KEPT, 1]
