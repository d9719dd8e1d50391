"""Documents for the tests of the conversion of HTML: hostile ones, and pieces of which documents are put together."""

from __future__ import annotations

from string import ascii_lowercase

from hypothesis import strategies as st


def _tags(names: str, slash: str = "") -> list[str]:
    return [f"<{slash}{name}>" for name in names.split()]


#: What any place of a document may hold: nothing of it need be closed, or open.
PIECES = (
    *_tags("p div b i span font a table tr td ul li h1 center section br hr img body html"),
    *_tags("p div b i span font a table tr td ul li h1 center section br body html", "/"),
    *_tags("script style title textarea iframe xmp noembed plaintext select option"),
    *_tags("script style title textarea iframe xmp noembed select option", "/"),
    *_tags("svg math template noscript object datalist pre foreignObject desc mi head frameset"),
    *_tags("svg math template noscript object datalist pre foreignObject desc mi head", "/"),
    *(
        "<P CLASS=x>",
        "<a href='>'>",
        '<a title="<p>">',
        "<p ='x'>",
        "<p a = b/>",
        "<svg/>",
        "<svg a=/>",
        "<b a",
        "<b a='",
    ),
    *(
        "<!--",
        "-->",
        "--!>",
        "<!-->",
        "<!--->",
        "<![CDATA[",
        "]]>",
        "<!doctype html>",
        "<?php",
        "</>",
        "</ x>",
        "<o:p>",
    ),
    *(
        "&amp;",
        "&lt;p&gt;",
        "&#65;",
        "&#x1F600;",
        "&#xD800;",
        "&#0;",
        "&#1;",
        "&#128;",
        "&#;",
        "&#x;",
        "&notit;",
        "&x;",
    ),
    *("&", "&#", "&#" + "0" * 4301 + "65;", "&#x" + "f" * 5000 + ";", "&nbsp;", "&#10;", "&#13", "&zwnj;", "&ngE;"),
    *(
        "<",
        ">",
        "/",
        "=",
        '"',
        "'",
        " ",
        "\n",
        "\r\n",
        "\t",
        "\f",
        "\0",
        "\x01",
        "\x02",
        "\x03",
        "\x04",
        "\x7f",
        "\x9f",
    ),
    *(
        "\x9f",
        "<o:p>",
        "&x;",
        "\ud800",
        "\udc00",
        "\U0001f600",
        "\ufeff",
        "\u2028",
        "word",
        "<anna@example.com>",
        "a < b",
    ),
    *("<3",),
)

#: Elements whose content is read as text, up to their end tags, and those that hold elements; nobody sees either.
HIDDEN_TEXT = ("script", "style", "title", "iframe", "noembed", "noframes")
HIDDEN_ELEMENTS = ("template", "noscript", "object", "datalist", "svg", "math")

#: Markup that hides nothing, and is whole.
HARMLESS = (
    *_tags("p div b i span font a table tr td ul li h1 center section br hr img select option"),
    *_tags("p div b i span font a table tr td ul li h1 center section br body html svg x-y", "/"),
    *("<P CLASS=x>", "<a href='>'>", '<a title="<script>">', "<p ='x'>", "<p a = b/>", "<svg/>", "<pre>", "</pre>"),
    *("<!doctype html>", "<?xml a?>", "</>", "<!-->", "<!--->", "<!---->", "<!-- - -- -->", "<![if !mso]>", "<o:p/>"),
    *(
        "<i a1 a2 = x a3='' a4=\"\">",
        "<font size=1 color=#fff>",
        "&amp;",
        "&#65",
        "&lt;script&gt;",
        "&",
        "&#x;",
        "\0",
        "<",
    ),
)


any_markup = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=30).map("".join)


def _hidden_element(name, before, after):
    attribute = " a='>'" if len(before) % 2 else ""
    return f"<{name}{attribute}>{before} hidden {after}</{name}>"


_TEXT_INSIDE = ("<g>", "<b a=1", "<x y='", " ", "&amp;", "<!-", "-", "<", "\0")
_MARKUP_INSIDE = ("<g>", "</g>", "<x y='>'/>", "<!-- > -->", "&amp;")
_inside = st.lists(st.sampled_from(_TEXT_INSIDE), max_size=3).map("".join)
_whole_inside = st.lists(st.sampled_from(_MARKUP_INSIDE), max_size=3).map("".join)
_hidden = st.one_of(
    st.builds(_hidden_element, st.sampled_from(HIDDEN_TEXT), _inside, _inside),
    st.builds(_hidden_element, st.sampled_from(HIDDEN_ELEMENTS), _whole_inside, _whole_inside),
    st.builds("<!-- hidden {}-->".format, st.sampled_from(("<p>", "<script>", "--", "<!--", ""))),
    st.just("<svg><![CDATA[ </svg> hidden ]]> hidden </svg>"),
    st.just("<script><!-- <script> hidden </script> hidden --> hidden </script>"),
    st.just("<a title='hidden>' hidden=\"hidden>\" =hidden>"),
)

#: Parts of a document in which all that is hidden is whole; None stands for a visible word.
whole_parts = st.lists(st.sampled_from(HARMLESS) | _hidden | st.none(), min_size=1, max_size=25)


def _many(piece: str, size: int) -> str:
    return piece * (size // len(piece) + 1)


def hostile(size: int) -> dict[str, str]:
    """Return documents of about ``size`` characters, each hostile in a way of its own, by a name."""
    lines = size // 34
    distinct = ("".join((a, b, c)) for a in ascii_lowercase for b in ascii_lowercase for c in ascii_lowercase)
    return {
        "4301 digits": _many("<b>", size * 7 // 8) + "&#" + "0" * 4301 + ";",
        "open elements": "<p>" + "".join(f"<i a{n}>" for n in range(size // 16)) + _many("<p>x", size // 2),
        "fonts": "".join(f"<p><font size={n % 7} color=#{n:06x}>line" for n in range(lines)),
        "attributes": "<p" + "".join(f" a{n}=1" for n in range(size // 8)) + ">x",
        "short attributes": "<p " + _many("a/", size) + "=>x",
        "quoted attributes": "<p" + _many(' a=""', size) + ">x",
        "numbers": "<p>" + "".join(f"&#{n}" for n in range(size // 7)),
        "names": "<p>" + "".join(f"&{name}" for name in distinct)[:size],
        "closed in order": _many("<div>", size * 5 // 11) + _many("</div>", size * 6 // 11),
        **{f"{piece[:8]}…": _many(piece, size) for piece in _REPEATED},
    }


_REPEATED = (
    *(
        "<b>",
        "<p>",
        "<P>",
        "<p>x",
        "<b>x",
        "<p>x</p>",
        "<div>",
        "</div>",
        "<td>x ",
        "<br> x",
        "<li>",
        "<pre>\n",
        "</pre>",
    ),
    *("<b a=>", "<a ", '<a b="', "<a b='", "<a =", "<", "</", "<!", "<?", "<!>", "<!--", "<!---->", "<!--->", "--!>"),
    *("&", "&#", "&#1", "&#x", "&#x1F600;", "&a", "&amp", "&nbsp;<p>", "&notit;", "\0", "\ud800", "\x01", " ", " \n"),
    *("<script>", "<script><!--", "<title></title>", "<style>x</style>", "<textarea>", "<xmp>", "<plaintext>"),
    *(
        "<svg>",
        "<svg></svg>",
        "<svg><desc>",
        "<svg><![CDATA[",
        "<svg></div>",
        "<math><mi>",
        "<svg><title>",
        "<![CDATA[",
    ),
    *("</pre>", "<template>", "<template></template>", "<p><noscript>", "<object><div>", "<select><option>"),
    *(
        "<svg><b>",
        "<math><p>",
        "<svg/>",
        "<svg a=/>",
        "<SVG><P>",
        "<svg><font size=1>",
        "<p><svg></p>",
        "<b><template>x",
    ),
    *("<table><tr><td>", "<noscript></noscript>", "<p>\U0001f600<br>", "<xmp></xmp>", "<listing>\n</listing>"),
    *("<a@", "<a@b>", "<https://", "<x-y>", "<!-- -- >", "a<b and c>d ", "words and more words ", "\U0001f600<p>"),
)
