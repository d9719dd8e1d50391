from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.hubspot.html_text import clean, text_of_html
from tests.unit.hubspot.html_documents import any_markup, hostile, whole_parts


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
        ("<p>AT&T &copy 2026 &nosuch; &notit; &ngE;</p>", "AT&T © 2026 &nosuch; ¬it; \u2267\u0338"),
        ("their <custom> fields\nand <Your Name>, </>", "their <custom> fields\nand <Your Name>, </>"),
        ("<p>their <custom> fields", "their fields"),
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
        # Numbers of character references: thousands of digits, none, halves of pairs, the old Windows characters.
        ("<b>&#" + "0" * 4301 + ";</b>", "\ufffd"),
        ("&#" + "0" * 5000 + "65;&#x" + "0" * 5000 + "42;&#" + "9" * 5000, "AB&#" + "9" * 5000),
        ("<p>&#" + "9" * 5000 + ";&#xfffffff;&#x110000;&#xD800;", "\ufffd\ufffd\ufffd\ufffd"),
        ("<p>&#;&#x;&#xg;&#-1;&#128;&#129;&#1;&#10;&#65", "&#;&#x;&#xg;&#-1;€ A"),
        ("&am<b></b>p; &a<!-- -->mp;", "&amp; &amp;"),
        # What looks like the end of a tag or of hidden content, and is none.
        ("<a title='</a>' b=\"x>y\">text</a>", "text"),
        ("<a ='x>y</a>", "y"),
        ("a<!--> b <!---> c <!-- d --!> e <!-- f -- > g -->h", "a b c e h"),
        ("<![CDATA[x>y]]><![if !mso]>z<![endif]><?php a?></>b", "y]]>zb"),
        ("<!--[if mso]><p>outlook</p><![endif]--><!--[if !mso]><!--><p>all</p><!--<![endif]-->", "all"),
        ("<script>'</scripty>'</script >a<SCRIPT>b</Script>c", "ac"),
        ("<script><!-- <script></script> --></script>a<script><!--></script>b", "ab"),
        ("<title></b>no</title/>a<style></p>no</STYLE a='>'>b<iframe><p>no</iframe>c", "abc"),
        ("<title/>all of the rest", ""),
        ("a<b never ended", "a"),
        ("a<!-- never ended <p>b", "a"),
        # Hidden elements end with what they stand in, and only with their own tag where a browser says so.
        ("<template><template>no</template>no</template>a", "a"),
        ("<div><template></div>no</template>a</div>", "a"),
        ("<div><noscript>no</div>a", "a"),
        ("<td><svg><g>no</td><td>a</td>", "a"),
        ("<p><b><object>no</p></b>no</object>a", "a"),
        ("<select><option>a<option>b</select><datalist><option>no</datalist>", "a\nb"),
        # SVG and MathML: where they end, and where HTML begins within them.
        ("<svg a='>'><title>no</title><style/>no</svg>a<svg/>b<math>no</math>c", "abc"),
        ("<svg><svg>no</svg>no</svg>a<svg><![CDATA[</svg>no]]>no</svg>b", "ab"),
        ("<svg><desc><p>no</p></desc>no<p>a</svg>b", "ab"),
        ("<svg width=1/>no</svg>a<math><mi><b>no</b></mi>no<font color=red>b", "ab"),
        ("<svg><font>no</font></svg>a<math><annotation-xml><p>no</p></annotation-xml></math>b", "ab"),
        # Text as it was written.
        ("<textarea>\n<b>a</b>\nb &amp; c</textarea>", "<b>a</b>\nb & c"),
        ("a<xmp><b>&amp;</xmp>b<plaintext></p>&amp;\nc", "a\n<b>&amp;\nb\n</p>&amp;\nc"),
        ("<pre>\na\n  b&#9;c</pre>d\ne<pre>f\n<pre>g\nh</pre>i\nj", "a\nb c\nd e\nf\n\ng\nh\ni\nj"),
        # Addresses in angle brackets are text in HTML too; no editor writes such tags.
        ("<p>Anna <anna@example.com>, <https://example.com/a>, <mailto:b@c.d></p>", None),
        ("<o:p></o:p><x-y>a</x-y><st1:city w:st='on'>b</st1:city>", "ab"),
        ("<h1>one</h1>two<hr>three</ul>four<center>five", "one\ntwo\nthree\nfour\nfive"),
        ("page one\x0cpage two\x0bnext", "page one\npage two\nnext"),
        ("<p>page one\x0cpage two", "page one page two"),
    ],
)
def test_html(source, text):
    assert text_of_html(source) == (source.removeprefix("<p>").removesuffix("</p>") if text is None else text)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("see <style guide> attached.\nBudget approved: 50k", None),
        ("Dear <title> <name>,\nour offer is 20,000 EUR.", None),
        ("if a<b and c>d then lose", None),
        ("<!-- not a comment --> &amp; &#65; &nbsp;<br>", None),
        ("<script>kept</script> </p> <![CDATA[x]]>", None),
        ("two  blanks\tand a tab", None),
        (" dos\r\nmac\rpage\x0cvertical\x0bend\n", "dos\nmac\npage\nvertical\nend"),
        ("nul\x00 bell\x07 del\x7f c1\x9f half \ud83d", "nul bell del c1 half"),
        ("\x00 \ufeff\u2028", "\ufeff"),
    ],
)
def test_text_is_only_cleaned(source, text):
    assert clean(source) == (source if text is None else text)


def test_a_document_of_very_many_tags_is_read_like_a_short_one():
    head = "<html><head><title>t</title><style>x{}</style><body><!-- <p>no</p> --><script>if (1) {}</script>"
    assert text_of_html(head + "<p>a&amp;b</p>" * 6000 + "<b>end</b>") == "a&b\n" * 6000 + "end"


@pytest.mark.parametrize("source", hostile(2_000).values(), ids=hostile(2_000).keys())
def test_hostile_documents_do_not_make_it_raise(source):
    text_of_html(source).encode()


@given(any_markup)
def test_nothing_makes_it_raise_and_no_control_character_gets_through(source):
    text = text_of_html(source)
    assert text == text.strip()
    assert not any((character < " " and character not in "\n\t") or character == "\x7f" for character in text)
    text.encode()


@given(whole_parts)
def test_what_is_hidden_does_not_show_and_what_is_not_does(parts):
    text = text_of_html("".join(f" word{place} " if part is None else part for place, part in enumerate(parts)))
    assert "hidden" not in text
    assert re.findall(r"word\d+", text) == [f"word{place}" for place, part in enumerate(parts) if part is None]


_words = st.text(alphabet="abcäöü漢字0123456789 .,!?", max_size=20).map(lambda words: (words, words))
_tags = st.sampled_from(["p", "div", "b", "span", "li", "h1", "blockquote", "em"])


def _element(tag, parts):
    inner, words = "".join(part[0] for part in parts), "".join(part[1] for part in parts)
    return f'<{tag} class="x">{inner}</{tag}>', words


_documents = st.recursive(_words, lambda inner: st.builds(_element, _tags, st.lists(inner, max_size=4)), max_leaves=12)


@given(_documents)
def test_simple_documents_keep_their_words_and_lose_their_tags(document):
    source, words = document
    assert "".join(text_of_html(f"<div>{source}</div>").split()) == "".join(words.split())


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs", "Z"], exclude_characters="<&"), max_size=50))
def test_plain_words_come_through_unchanged(text):
    assert text_of_html(text) == text.strip()
    assert text_of_html(f"<p>{text}</p>") == text.strip()
