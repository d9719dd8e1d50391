"""Query strings, read strictly."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.api.query import deal_id, deal_key, deal_name, parse_query
from dealcache.model.deals import DealKey
from dealcache.reader.question_errors import QuestionError

text = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(text.filter(bool), text))
def test_what_was_encoded_comes_back(values):
    assert parse_query(urlencode(values)) == {name: [text] for name, text in values.items()}


def test_bytes_that_were_not_encoded_are_utf_8():
    assert parse_query("dealName=Müller".encode().decode("latin-1")) == {"dealName": ["Müller"]}


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ("dealName=%", "dealName"),
        ("dealName=%4", "dealName"),
        ("dealName=%zz", "dealName"),
        ("dealName=a%%20", "dealName"),
        ("dealName=%ff", "dealName"),
        ("dealName=%c3%28", "dealName"),
        ("dealName=%ed%a0%80", "dealName"),
        ("dealName=\xff", "dealName"),
        ("dealName=a&dealName=%zz", "dealName"),
        ("%zz=1", "query"),
    ],
)
def test_what_cannot_be_decoded_is_told_with_its_field(raw, field):
    with pytest.raises(QuestionError) as told:
        parse_query(raw)
    assert told.value.parameter == field


def test_the_values_of_a_repeated_parameter_are_told_in_their_order():
    assert parse_query("a=1&b=2&a=%33&a=4") == {"a": ["1", "3", "4"], "b": ["2"]}


def test_a_plus_is_a_space_and_an_encoded_plus_a_plus():
    assert parse_query("dealName=a+b%2Bc") == {"dealName": ["a b+c"]}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (" Acme ", "Acme"),
        ("\u00a0Acme\u3000", "Acme"),
        ("\tAcme\r\n", "Acme"),
        ("\ufeff\u200bAcme\u2028\x0b\x0c\x85 ", "Acme"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("\u212bngstro\u0308m", "\u00c5ngstr\u00f6m"),
        ("a \u00a0b\u200d", "a \u00a0b\u200d"),
        ("$where", "$where"),
        ('{"$ne":null}', '{"$ne":null}'),
    ],
)
def test_a_name_is_stripped_and_otherwise_taken_as_it_is(given, name):
    assert deal_name(given) == name


@pytest.mark.parametrize(
    "bad", ["", "  ", "\u200b\t", "a\x00b", "a\nb", "a\tb", "\x1fAcme", "Acme\x00\n", "a\x7fb", "a\x85b", "x" * 513]
)
def test_a_name_that_is_none(bad):
    with pytest.raises(ValueError, match=r"^May"):
        deal_name(bad)


def test_the_longest_name_is_counted_in_characters_without_the_space_around():
    assert deal_name(" " + "東" * 512 + " ") == "東" * 512
    assert len(quote("東" * 512)) == 4608


@pytest.mark.parametrize("bad", ["", "1a", "-1", "1 ", "١٢", "1" * 21])
def test_an_id_that_is_none(bad):
    with pytest.raises(ValueError, match="digits"):
        deal_id(bad)


def test_which_deal_is_named():
    assert deal_key({}) is None
    assert deal_key({"dealName": " Acme"}) == DealKey("name", "Acme")
    assert deal_key({"dealName": "Acme", "dealId": "7"}) == DealKey("id", "7")
    assert deal_key({"dealName[$ne]": "x"}) is None
    for one_invalid in ({"dealName": "", "dealId": "7"}, {"dealName": "Acme", "dealId": "x"}):
        with pytest.raises(ValueError, match=r"^(May|Must)"):
            deal_key(one_invalid)
