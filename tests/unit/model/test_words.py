"""The words of names, as they are stored and looked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.model.words import MOST_WORDS, words_of


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Acme renewal 2026", ["acme", "renewal", "2026"]),
        ("Müller & Söhne – Wartungsvertrag", ["muller", "sohne", "wartungsvertrag"]),
        ("Mu\u0308ller", ["muller"]),
        ("O'Brien_x/y", ["o", "brien", "x", "y"]),
        ("İSTANBUL Łódź Ørsted ﬁn ẞ", ["istanbul", "lodz", "orsted", "fin", "ss"]),
        ("Ｆｕｌｌ ½", ["full", "1", "2"]),
        ("日本 株式会社", ["日本", "株式会社"]),
        (".*(+\\E$", ["e"]),
        ("same Same SAME", ["same"]),
        ("", []),
        ("—…!", []),
    ],
)
def test_words_are_runs_of_letters_and_digits_without_case_and_accents(name: str, words: list[str]) -> None:
    assert words_of(name) == words


@given(st.text())
def test_words_are_words_of_themselves(name: str) -> None:
    for word in words_of(name):
        assert words_of(word)[:1] in ([word], [])  # one may go beyond what is looked at of a name
        assert not set(word) & set("^$.*+?()[]{}|\\/ ")


def test_a_name_of_any_length_has_some_words() -> None:
    assert words_of(" ".join(map(str, range(10**5)))) == list(map(str, range(155)))
    assert len(words_of(" ".join(map(chr, range(0x4E00, 0x5E00))))) == MOST_WORDS
