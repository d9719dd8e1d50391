from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.hubspot.html_text import text_of


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("price < 100 & rising", "price < 100 & rising"),
        ("two\nlines  and\tblanks", "two\nlines  and\tblanks"),
        ("dos\r\nand\rmac", "dos\nand\nmac"),
        ("mail <anna@example.com>, see <https://example.com>", "mail <anna@example.com>, see <https://example.com>"),
        ("Tom &amp; Jerry &#8364;5 &#x41;", "Tom & Jerry €5 A"),
        ("AT&T &copy 2026 &nosuch;", "AT&T &copy 2026 &nosuch;"),
        ("a < b but c > d", "a < b but c > d"),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<div>a</div><div><br></div><div>b</div>", "a\n\nb"),
        ("<div>a<br><br><br><br><br>b</div>", "a\n\nb"),
        ("<p>price < 100 &amp; rising</p>", "price < 100 & rising"),
        ("<p>&lt;b&gt; is a tag</p>", "<b> is a tag"),
        ("<b>bo</b>ld <i>  and \n more </i>", "bold and more"),
        ("<p>a&nbsp;&nbsp;b</p>", "a b"),
        ("<ul><li>x</li><li>y</li></ul>", "x\ny"),
        ("<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>", "1 2\n3"),
        ("<pre>a\nb</pre>c", "a\nb\nc"),
        ("<html><head><title>t</title><style>p{}</style></head><body>x<script>y</script></body></html>", "x"),
        ("<P>CAPS</P>", "CAPS"),
        ("<p>a<!-- hidden <b>b</b> -->c</p>", "ac"),
        ("<p>open <b>never closed", "open never closed"),
        ("</div>closed, never open", "closed, never open"),
        ("nul\x00 bell\x07 <p>del\x7f c1\x9f", "nul bell\ndel c1"),
        ("half an emoji \ud83d <p>x", "half an emoji\nx"),
    ],
)
def test_text_of(source, text):
    assert text_of(source) == text


def test_a_document_of_very_many_tags_is_read_without_a_tree():
    head = "<html><head><title>t</title><style>x{}</style><body><!-- <p>no</p> --><script>if (1) {}</script>"
    assert text_of(head + "<p>a&amp;b</p>" * 6000 + "<b>end</b>") == "a&b\n" * 6000 + "end"


@pytest.mark.parametrize(
    "source",
    [
        "<div>" * 9_900,
        "<div>" * 100_000 + "x",
        "<p>" + " " * 300_000,
        "<p>" + " \n" * 200_000,
        "<" * 200_000,
        "<p " * 100_000,
        "<!--" * 100_000,
        "<script>" * 50_000,
        '<a href="' * 50_000,
        "&amp" * 100_000 + "<p>",
        "<p>" + "\x01 " * 200_000,
    ],
    ids=lambda source: source[:12],
)
def test_hostile_documents_take_no_time(source):
    started = time.process_time()
    text_of(source)
    assert time.process_time() - started < 2.0


_fragments = st.lists(
    st.one_of(
        st.sampled_from(
            ["<", ">", "</", "<p>", "</p>", "<pre>", "<!--", "-->", "<script>", "<table>", "<td>", "<br", "&#", ";"]
        ),
        st.sampled_from(
            [
                "&",
                "<svg>",
                "<template>",
                "</html>",
                "<style>",
                "\0",
                "\ud800",
                "<![CDATA[",
                "<html",
                "=",
                '"',
                "'",
                "\r",
                "\x01",
            ]
        ),
        st.text(max_size=5),
    ),
    max_size=40,
)


@given(_fragments)
def test_nothing_makes_it_raise_and_no_control_character_gets_through(fragments):
    text = text_of("".join(fragments))
    assert text == text.strip()
    assert not any((character < " " and character not in "\n\t") or character == "\x7f" for character in text)
    text.encode()


_words = st.text(alphabet="abcäöü漢字0123456789 .,!?", max_size=20).map(lambda words: (words, words))
_tags = st.sampled_from(["p", "div", "b", "span", "li", "h1", "blockquote", "em"])


def _element(tag, parts):
    inner, words = "".join(part[0] for part in parts), "".join(part[1] for part in parts)
    return f'<{tag} class="x">{inner}</{tag}>', words


_documents = st.recursive(_words, lambda inner: st.builds(_element, _tags, st.lists(inner, max_size=4)), max_leaves=12)


@given(_documents)
def test_simple_documents_keep_their_words_and_lose_their_tags(document):
    source, words = document
    assert "".join(text_of(f"<div>{source}</div>").split()) == "".join(words.split())


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs", "Z"], exclude_characters="<&"), max_size=50))
def test_plain_words_come_through_unchanged(text):
    assert text_of(text) == text.strip()
    assert text_of(f"<p>{text}</p>") == text.strip()
