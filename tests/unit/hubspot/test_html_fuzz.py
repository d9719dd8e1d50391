from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings

from dealcache.hubspot.html_text import clean, text_of_html
from tests.unit.hubspot.html_documents import any_markup, whole_parts

pytestmark = pytest.mark.long

_documents_a_run = settings(max_examples=5_000)

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@_documents_a_run
@given(any_markup)
def test_no_markup_makes_it_raise_or_lets_a_control_character_through(source):
    text = text_of_html(source)
    assert text == text.strip()
    assert _CONTROL.search(text) is None
    text.encode()


@_documents_a_run
@given(any_markup)
def test_text_is_only_cleaned_and_once_is_enough(source):
    text = clean(source)
    assert clean(text) == text
    assert _CONTROL.search(text) is None
    assert (
        text.split() == _CONTROL.sub("", source.replace("\r", "\n").replace("\f", "\n").replace("\x0b", "\n")).split()
    )


@_documents_a_run
@given(whole_parts)
@example(["<div>", None, "<svg/>", None, "</div>", None])
def test_what_is_hidden_never_shows_and_every_visible_word_does(parts):
    source = "".join(f" word{place} " if part is None else part for place, part in enumerate(parts))
    text = text_of_html(source)
    assert "hidden" not in text
    assert re.findall(r"word\d+", text) == [f"word{place}" for place, part in enumerate(parts) if part is None]
