"""Reduces what HubSpot stores as the text of an activity, HTML or plain, to readable plain text.

E-mails come from strangers, so nothing here may raise, hang or need more than linear time, whatever it is given.
"""

from __future__ import annotations

import html
import re

from selectolax.lexbor import LexborHTMLParser, LexborNode


def _names(*lines: str) -> frozenset[str]:
    return frozenset(name for line in lines for name in line.split())


#: Elements that stand on lines of their own.
_BLOCKS = _names(
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form",
    "h1 h2 h3 h4 h5 h6 header hr html legend li main nav ol option p pre section summary",
    "table tbody tfoot thead tr ul",
)

#: Elements whose content nobody reads.
_UNREAD = _names("script style head title template noscript iframe object svg math")

#: Elements that are set off by a blank from what is beside them.
_CELLS = _names("td th")

#: The other elements that make a text HTML.
_INLINE = _names(
    "a abbr b bdi bdo big br button caption cite code col colgroup del dfn em font i img input ins kbd label link",
    "mark meta q s samp select small span strike strong sub sup textarea tt u var wbr",
)

# A text is HTML when it has a tag of HTML's own: "<anna@example.com>" and "price < 100" are not.
_TAG = re.compile(
    rf"</?(?:{'|'.join(sorted(_BLOCKS | _UNREAD | _CELLS | _INLINE))})(?=[\s/>])[^<>]*>|<!doctype\b|<!--",
    re.IGNORECASE,
)

#: The parser needs time that grows with the square of the nesting; beyond so many tags they are cut out instead.
_MOST_TAGS = 10_000

_ANY_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*|!)[^<>]*>")

# Complete entities only: in plain text "AT&T" and "&copy" without its semicolon mean themselves.
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

# Control characters but tab and newline, and halves of surrogate pairs, which no database takes.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

#: Stands for the edge of a block while a text is put together: many edges in a row make one line break.
_EDGE = "\x01"
_EDGES = re.compile(f"[ {_EDGE}]*{_EDGE}[ {_EDGE}]*")

#: What stands in the text where an element begins, and again where it ends.
_MARKS = {**dict.fromkeys(_BLOCKS, _EDGE), **dict.fromkeys(_CELLS, " "), "br": "\n"}

_SPACE = re.compile(r"\s+")
_BLANKS = re.compile(r"[^\S\n]+")
_BLANKS_AT_BREAK = re.compile(r" ?\n ?")
_EMPTY_LINES = re.compile(r"\n{3,}")


def text_of(source: str) -> str:
    """Return ``source`` as plain text.

    HTML loses its tags: scripts, styles and the head go, blocks and ``<br>`` become line breaks, entities become their
    characters, runs of blanks become one. Plain text is kept as it is, line breaks included, but for its entities.
    Control characters other than tab and newline are removed from both, and blanks around the whole.
    """
    source = clean(source)
    if _TAG.search(source) is None:
        return clean(_ENTITY.sub(lambda entity: html.unescape(entity[0]), source))
    if source.count("<") > _MOST_TAGS:
        return _tidy(_cut(source))
    return _tidy(_rendered(source))


def clean(text: str) -> str:
    """Return ``text`` without control characters other than tab and newline, and without blanks around it."""
    return _UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _tidy(text: str) -> str:
    lines = clean(_EDGES.sub("\n", _BLANKS.sub(" ", text)))
    return _EMPTY_LINES.sub("\n\n", _BLANKS_AT_BREAK.sub("\n", lines)).strip()


def _rendered(source: str) -> str:
    """Walk the tree of ``source``, without recursion, since e-mails nest as deep as they like."""
    pieces: list[str] = []
    above: list[tuple[LexborNode, str, bool]] = []
    verbatim = False
    node = LexborHTMLParser(source).root
    while node is not None:
        tag = node.tag or ""
        below = None
        if tag == "-text":
            text = node.text_content or ""
            pieces.append(text if verbatim else _SPACE.sub(" ", text))
        elif tag not in _UNREAD:
            mark = _MARKS.get(tag, "")
            pieces.append(mark)
            below = node.child
            if below is not None:
                above.append((node, mark, verbatim))
                verbatim = verbatim or tag == "pre"
        while below is None and node is not None and (below := node.next) is None:
            node, mark, verbatim = above.pop() if above else (None, "", False)
            pieces.append(mark)
        node = below
    return "".join(pieces)


def _cut(source: str) -> str:
    """Cut the tags out of ``source`` without building a tree; rougher than :func:`_rendered`, in linear time."""
    first, *rest = source.split("<!--")
    commented = first + "".join(part.partition("-->")[2] for part in rest)
    pieces: list[str] = []
    skipped = ""
    position = 0
    for tag in _ANY_TAG.finditer(commented):
        closing, name = tag[1], tag[2].lower()
        if not skipped:
            pieces += (commented[position : tag.start()], _MARKS.get(name, ""))
            # The head's own end tag is optional; what it holds is left out by its own names.
            skipped = name if name in _UNREAD and name != "head" and not closing else ""
        elif closing and name == skipped:
            skipped = ""
        position = tag.end()
    return html.unescape("".join(pieces) + ("" if skipped else commented[position:]))
