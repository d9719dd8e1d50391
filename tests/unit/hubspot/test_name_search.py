from __future__ import annotations

import math

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dealcache.hubspot.name_search import (
    NameSearch,
    forms,
    plan_further_searches,
    plan_searches,
    plan_single_searches,
    words,
)
from dealcache.hubspot.search_limits import fits
from dealcache.sandbox.simulator.search_query import MOST_FILTERS, MOST_FILTERS_PER_GROUP, MOST_GROUPS

MOST_CHARACTERS = 3_000

#: Letters whose lower case is in doubt, or that take more room in JSON, beside ordinary ones.
LETTERS = st.one_of(
    st.sampled_from('aAzZéÉüß漢👍İıΣσς"\\/ k\u212a'), st.characters(codec="utf-8", exclude_categories=("C",))
)
SHORT = st.text(LETTERS, min_size=1, max_size=30)
LONG = st.tuples(st.text(LETTERS, min_size=1, max_size=12), st.integers(300, 512)).map(
    lambda drawn: (drawn[0] * drawn[1])[: drawn[1]]
)
NAMES = st.lists(st.one_of(SHORT, SHORT, LONG), min_size=1, max_size=100)


def values_of(body):
    """Return what the filters of a body are compared with, and the operators."""
    filters = [one for group in body["filterGroups"] for one in group["filters"]]
    assert all(one["propertyName"] == "dealname" for one in filters)
    return filters


@settings(deadline=None)
@given(NAMES)
@example(["x" * 505 + f"{number:07}" for number in range(100)])
@example(['"' * 512, "\\" * 512, "ß" * 512, "👍" * 512, "İ" * 512])
@example(["a", "A", "ß", "SS", "straße", "STRASSE"])
def test_every_search_keeps_every_limit_and_together_they_find_every_name(names):
    for searches in (plan_searches(names), plan_single_searches(names)):
        for search in searches:
            body = search.body()
            groups = body["filterGroups"]
            assert 1 <= len(groups) <= MOST_GROUPS
            assert all(len(group["filters"]) <= MOST_FILTERS_PER_GROUP for group in groups)
            assert len(values_of(body)) <= MOST_FILTERS
            # Further pages say where they begin, and there are pages up to the 10,000th result.
            assert len(orjson.dumps(body | {"after": "9800"}).decode()) <= MOST_CHARACTERS
        filters = [one for search in searches for one in values_of(search.body())]
        exact = {one["value"] for one in filters if one["operator"] == "EQ"}
        listed = {value for one in filters if one["operator"] == "IN" for value in one["values"]}
        assert all(name in exact or name.lower() in listed for name in names)
        assert all(any(search.concerns(name) for search in searches) for name in names)


@settings(deadline=None)
@given(NAMES)
def test_no_name_is_searched_twice(names):
    searches = plan_searches(names)
    listed = [name.lower() for search in searches for name in search.listed]
    single = [name for search in searches for name in search.single]
    assert len(set(listed)) == len(listed)
    assert len(set(single)) == len(single)
    assert len(searches) <= len(names)


@settings(deadline=None)
@given(NAMES)
def test_no_two_searches_could_have_been_one(names):
    searches = plan_searches(names)
    for place, one in enumerate(searches):
        for other in searches[place + 1 :]:
            assert not fits(NameSearch((*one.listed, *other.listed), (*one.single, *other.single)).body())


@settings(deadline=None)
@given(st.lists(st.text("abcdefghij 0123456789", min_size=1, max_size=512).filter(str.strip), min_size=1, max_size=100))
def test_there_are_hardly_more_searches_than_the_characters_alone_would_take(names):
    """Of plain names at least five fit, so a search is given up with room for less than one name."""
    searches = plan_searches(names)
    room = MOST_CHARACTERS - len(orjson.dumps(NameSearch(listed=("", "")).body()))
    taken = sum(len(orjson.dumps(name.lower())) + 1 for name in {name.lower(): name for name in names}.values())
    assert len(searches) <= math.ceil(taken / (room * 5 / 6)) + 1


def test_a_hundred_names_of_ordinary_length_are_one_search():
    names = [f"Company {number} renewal" for number in range(100)]
    (search,) = plan_searches(names)
    assert search.single == ()
    assert set(search.listed) == set(names)


@pytest.mark.parametrize(
    ("length", "searches"),
    [(512, 20), (100, 4), (48, 2), (20, 1)],
)
def test_how_many_searches_a_hundred_names_take(length, searches):
    names = [f"{number:03}".ljust(length, "x") for number in range(100)]
    assert len(plan_searches(names)) == searches


def test_one_name_is_asked_for_as_it_was_given():
    assert plan_searches(["Acme Renewal"]) == [NameSearch(single=("Acme Renewal",))]
    (search,) = plan_searches(["Acme Renewal", "Other"])
    assert search.body()["filterGroups"] == [
        {"filters": [{"propertyName": "dealname", "operator": "IN", "values": ["acme renewal", "other"]}]}
    ]


@pytest.mark.parametrize("name", ["Straße", "İstanbul", "ısı", "ΟΔΟΣ", "οδος", "οδοσ", "ſtadt", "ﬁrma", "ŉ"])
def test_a_name_whose_lower_case_is_in_doubt_is_never_listed(name):
    (search,) = plan_searches([name, "Other", "Third"])
    assert search.single == (name,)
    assert set(search.listed) == {"Other", "Third"}


@pytest.mark.parametrize(
    "name", ["Café Olé", "МОСКВА", "ÄÖÜ", "東京電機", "العقد رقم ٧", "👩‍👩‍👧‍👦 family", "Νέα σύμβαση 2"]
)
def test_other_names_in_any_script_are_listed(name):
    (search,) = plan_searches([name, "Other"])
    assert set(search.listed) == {name, "Other"}


def test_names_that_differ_in_case_only_are_one_in_a_list():
    (search,) = plan_searches(["Deal", "DEAL", "deal", "Other"])
    assert len(search.listed) == 2
    assert all(search.concerns(name) for name in ("Deal", "DEAL", "deal"))
    assert not search.concerns("Deals")


def test_doubtful_names_fill_the_groups_that_a_list_leaves():
    doubtful = [f"Straße {number}" for number in range(9)]
    plain = [f"Deal {number}" for number in range(50)]
    searches = plan_searches([*plain, *doubtful])
    assert sorted((len(search.single), len(search.listed)) for search in searches) == [(4, 50), (5, 0)]


@settings(deadline=None)
@given(st.lists(SHORT, min_size=2, max_size=20, unique=True))
def test_halves_search_for_the_same_names(names):
    for search in plan_searches(names):
        if len(search.names) > 1:
            first, second = search.halves()
            assert first.names
            assert second.names
            assert sorted((*first.names, *second.names)) == sorted(search.names)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("Acme renewal 2026", ["renewal", "acme", "2026"]),
        ("O'Brien & Sons, Ltd.", ["*brien", "sons*", "ltd*"]),
        ("Cr\u00e8me br\u00fbl\u00e9e", ["cr*", "br*"]),
        ("\u00e9cole", ["*cole"]),
        ("東京電機 保守", ["東京電機", "保守"]),
        ("a b", ["a", "b"]),
        ("x" * 60, ["x" * 50 + "*"]),
        ("Straße", ["stra*"]),
        ("ΟΔΟΣ ΝΑΞΟΥ", ["οδο*", "ναξου"]),
        ("\uacc4\uc57d 👍 --- !!!", []),
        ("same SAME same", ["same"]),
    ],
)
def test_the_words_of_a_name(name, asked):
    assert sorted(words(name)) == sorted(asked)
    lengths = [len(word.strip("*")) for word in words(name)]
    assert lengths == sorted(lengths, reverse=True)


def test_the_ways_to_write_a_name():
    assert forms("Acme") == ("Acme",)
    assert forms("Caf\u00e9") == ("Caf\u00e9", "Cafe\u0301")


@settings(deadline=None)
@given(NAMES)
@example(["x" * 90 + f"{number:09}" for number in range(100)])
@example(["\u1f82" * 512, "👍", "a'b" * 170, "\uac01" * 512])
def test_further_searches_keep_every_limit(names):
    searches = plan_further_searches(names)
    for search in searches:
        assert fits(search.body())
        if len(search.names) > 1:
            assert sorted(name for half in search.halves() for name in half.names) == sorted(search.names)
    if len(names) <= 10:
        assert all(any(search.concerns(name) for search in searches) for name in names)
    assert len(searches) <= 20


def test_a_hundred_unknown_names_take_a_few_searches_more():
    names = [f"Company {number} renewal" for number in range(100)]
    searches = plan_further_searches(names)
    assert len(searches) == 3
    assert {one for search in searches for one in search.names} == {
        one for name in names for one in (f"{name} ", f" {name}", f"{name}\u00a0")
    }
    assert [len(search.worded) for search in plan_further_searches(names[:10])] == [5, 5]
    (alone,) = plan_further_searches(["one two three four five six seven"])
    (group,) = alone.body()["filterGroups"]
    assert [one["value"] for one in group["filters"]] == ["three", "seven", "four", "five", "one", "two"]
