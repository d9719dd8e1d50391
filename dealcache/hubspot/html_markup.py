"""Markup as the HTML Standard's tokenizer reads it, by regular expressions that need linear time and little memory.

No tree is built: a parser repeats open formatting elements in every block and walks all open elements for each tag, so
that 25 kB of an e-mail can cost gigabytes and seconds. Every pattern here matches whatever follows its first
characters, up to the end of the source if necessary, so nothing is ever read twice. Markup that needs no attention is
skipped inside one match: a hostile document has a tag in every three characters, and each step in Python costs as much
as three tags.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import groupby

from dealcache.hubspot.html_elements import BREAKOUTS, FOREIGN, HIDDEN, OPENED, RAW_TEXT

# Between attributes stand "[\t\n /]*"; a name may begin with "="; a value is quoted only right after its "=".
_ATTRIBUTE = r"""[\t\n /]*+[^\t\n />][^\t\n />=]*+
    (?: [\t\n ]*+ = [\t\n ]*+ (?: "[^"]*+(?:"|\Z) | '[^']*+(?:'|\Z) | [^\t\n >"'][^\t\n >]*+ )? )?"""

#: The rest of a tag after its name; a tag that never ends takes all there is, as in browsers.
_REST = rf"(?: [^>=]*+> | (?:{_ATTRIBUTE})*+ [\t\n /]*+ (?:>|\Z) )"

_NAME = r"/?[A-Za-z][^\t\n />]*+"
_COMMENT = r"!-- (?: -?> | .*? (?: --!?> | \Z ) )"
_BOGUS_COMMENT = r"[!?/] [^>]*+ (?:>|\Z)"

#: Excludes addresses, which people write between angle brackets in e-mails, and which no editor writes as a tag.
_ADDRESS = r"(?: (?=/?[A-Za-z0-9]++>) | (?! https?: | mailto: | [^\t\n <>\"'=/@]{1,64}+ @ ) )"

_FLAGS = re.VERBOSE | re.DOTALL

_NAME_END = r"(?=[\t\n />]|\Z)"


def _any_of(elements: Iterable[str]) -> str:
    """Return a pattern of names in any case, as a tree, so that the first letter excludes most names."""
    tails = {letter: [name[1:] for name in group] for letter, group in groupby(sorted(elements), lambda name: name[:1])}
    ends = [_NAME_END] if tails.pop("", None) else []
    branches = [f"[{letter}{letter.upper()}](?:{_any_of(tail)})" for letter, tail in tails.items()]
    if len(branches) < 8:
        return "|".join(branches + ends)
    half = len(branches) // 2
    first = "".join(list(tails)[:half])
    return f"(?=[{first}{first.upper()}])(?:{'|'.join(branches[:half])})|{'|'.join(branches[half:] + ends)}"


def _all_but(attended: str, whole: str = "(?!)") -> str:
    """Return a pattern of text and markup up to markup that begins, after its angle bracket, with ``attended``.

    Args:
        attended: the beginning of the markup.
        whole: which markup of that kind to skip nevertheless.
    """
    markup = rf"/?[A-Za-z0-9]++> | {_ADDRESS} {_NAME} {_REST} | {_COMMENT} | {_BOGUS_COMMENT}"
    return rf"(?: [^<]++ | < (?![A-Za-z/!?]) | < (?! {attended} ) (?: {markup} | ) | < (?: {whole} ) )*+"


# Without a value in it, a slash before the end is the tag's own.
_NOT_SELF_CLOSING = r"(?![^>=]*+(?<=/)>)"

# SVG and MathML, and what decides where they end: what begins or ends something, what ends them at once, and CDATA.
_POINTS = frozenset[str]().union(*FOREIGN.values())
_BREAKOUT = rf"(?: {_any_of(BREAKOUTS)} | {_any_of(['font'])} [\t\n /]++ (?i:color|face|size) [\t\n />=] )"
_DECISIVE = rf"""(?: (?:{_any_of(_POINTS.union(FOREIGN))}) {_NOT_SELF_CLOSING} | {_any_of(BREAKOUTS | {"font"})}
    | /(?:{_any_of(OPENED | _POINTS.union(FOREIGN))}) | !\[CDATA\[ )"""
_CDATA = r"!\[CDATA\[ .*? (?: ]]> | \Z )"

# SVG or MathML in which nothing needs attention; most of it is only drawings.
_DRAWING = "|".join(
    rf"""(?:{_any_of([root])}) {_REST} (?<!/>) {_all_but(_DECISIVE, _CDATA)}
    (?: < /(?:{_any_of([root])}) {_REST} | (?= < {_BREAKOUT} ) | \Z )"""
    for root in FOREIGN
)

#: A tag, with its name and the slash of an end tag as group 1, or without a group a comment or a drawing.
MARKUP = re.compile(
    rf"< (?: (?=[sSmM]) (?:{_DRAWING}) | {_ADDRESS} ({_NAME}) {_REST} | {_COMMENT} | {_BOGUS_COMMENT} )", _FLAGS
)

_SPECIAL = RAW_TEXT.union(HIDDEN, FOREIGN, ("plaintext",))

#: The next start tag after which the document is read differently, as group 1; its name is group 2.
NEXT_SPECIAL = re.compile(
    rf"""{_all_but(f"(?:{_any_of(_SPECIAL)})", rf"{_DRAWING} | (?:{_any_of(FOREIGN)}) [^>=]*+ (?<=/) >")}
    (< ({_NAME}) {_REST})""",
    _FLAGS,
)

_NEXT_DECISIVE = re.compile(rf"{_all_but(_DECISIVE)} < (?: ({_NAME}) {_REST} | !\[CDATA\[ )", _FLAGS)

_RAW_TEXT_ENDS = {name: re.compile(rf"</{name} (?=[\t\n />]) {_REST}", _FLAGS | re.IGNORECASE) for name in RAW_TEXT}

# A script that begins a comment and in it another script ends after both have ended.
_SCRIPT_MARKS = re.compile(r"<!--(?=(-?>)?) | --> | <(/?)script(?=[\t\n />])", _FLAGS | re.IGNORECASE)
_TAG_END = re.compile(_REST, _FLAGS)

_FONT_BREAKOUT = re.compile(r"[\t\n /](?:color|face|size)[\t\n />=]", re.IGNORECASE)


def raw_text_end(source: str, name: str, position: int) -> tuple[int, int]:
    """Return where the content of the element ``name`` of :data:`RAW_TEXT` ends, and where its end tag does.

    Args:
        source: the document.
        name: the element.
        position: the end of its start tag.
    """
    if name == "script":
        return _script_end(source, position)
    end = _RAW_TEXT_ENDS[name].search(source, position)
    return end.span() if end else (len(source), len(source))


def _script_end(source: str, position: int) -> tuple[int, int]:
    commented = nested = False
    for mark in _SCRIPT_MARKS.finditer(source, position):
        if mark[2] is None:
            # "<!-->" begins a comment and ends it at once.
            commented = mark[0] == "<!--" and mark[1] is None
            nested = nested and commented
        elif not mark[2]:
            nested = nested or commented
        elif nested:
            nested = False
        elif (end := _TAG_END.match(source, mark.end())) is not None:
            return mark.start(), end.end()
    return len(source), len(source)


def foreign_end(source: str, root: str, position: int, is_open: Callable[[str], bool]) -> int:
    """Return where the present SVG or MathML ends and HTML continues.

    Args:
        source: the document.
        root: ``svg`` or ``math``.
        position: the end of its start tag.
        is_open: returns True for an element of HTML that is open, so that its end tag ends what stands in it.
    """
    depth, point, root_end, points = 1, "", f"/{root}", FOREIGN[root]
    while (tag := _NEXT_DECISIVE.match(source, position)) is not None:
        position, name = tag.end(), tag[1]
        if name is None:
            position = source.find("]]>", position)
            if position < 0:
                break
            continue
        name = name.lower()
        if name == root:
            depth += source[position - 2] != "/" or not is_self_closing(source[tag.start(1) : position])
        elif name == root_end:
            depth -= 1
            if not depth:
                return position
        elif point:
            point = "" if name == f"/{point}" else point
        elif name in BREAKOUTS or (name == "font" and _FONT_BREAKOUT.search(source, tag.end(1), position)):
            return tag.start(1) - 1
        elif name in points:
            point = "" if is_self_closing(source[tag.start(1) : position]) else name
        elif name[0] == "/" and is_open(name[1:]):
            return tag.start(1) - 1
    return len(source)


def is_self_closing(tag: str) -> bool:
    """Return True if ``tag`` ends with a slash of its own, which means something in SVG and MathML only."""
    if not tag.endswith("/>"):
        return False
    # In "a=b/" the slash belongs to the value.
    return tag[-3] in "\"'" or "=" not in tag.rsplit(None, 1)[-1]
