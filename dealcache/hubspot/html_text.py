"""Reduces the texts of activities to readable plain text: HTML to what a reader sees; plain text is hardly changed.

E-mails come from strangers, so nothing here raises, hangs or needs more than linear time and memory, whatever the
input.
"""

from __future__ import annotations

import html
import re
import sys
from html.entities import html5
from typing import Any

from dealcache.hubspot.html_elements import BLOCKS, ELEMENTS, VERBATIM, names
from dealcache.hubspot.html_markup import MARKUP
from dealcache.hubspot.html_visible import AMPERSAND, BRACKET, BREAK, EDGE, SEAM, VisibleSource

# Control characters but tab and newline, and halves of surrogate pairs, which no database takes.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

# What ends a line besides "\n": also the vertical tab of office programs, and a new page.
_LINE_END = re.compile("\r\n|[\r\x0b\x0c]")

#: The mark that stands in the text for a tag, by its lower-case name; for all other markup it is a seam.
_MARKS = {
    **{slash + name: EDGE for name in BLOCKS | VERBATIM | names("hr") for slash in ("", "/")},
    **dict.fromkeys(("td", "/td", "th", "/th"), f"{SEAM} "),
    **dict.fromkeys(("br", "/br"), BREAK),
}

_EMPTY_LINES = re.compile(r"\n{3,}")

# Character references whose names need no semicolon, and their beginnings: other names without one need not be checked.
_BARE = [name for name in html5 if not name.endswith(";")]
_BARE_STARTS = "|".join(sorted({name[:2] for name in _BARE}))
_LONGEST_BARE = max(map(len, _BARE))

# Those that end with a semicolon, and all that HTML knows.
_COMPLETE = re.compile(r"&(#[0-9]++;|#[xX][0-9a-fA-F]++;|[A-Za-z][A-Za-z0-9]{1,31}+;)")
_ANY = re.compile(
    r"&(?=[#A-Za-z])(#[0-9]++;?|#[xX][0-9a-fA-F]++;?|[A-Za-z][A-Za-z0-9]{1,31}+;"
    rf"|(?:{_BARE_STARTS})[A-Za-z0-9]{{0,{_LONGEST_BARE - 2}}}+)"
)


def clean(text: str) -> str:
    """Return ``text`` with line ends as newlines, without other control characters, and without blanks around it."""
    if _UNPRINTABLE.search(text):
        text = _UNPRINTABLE.sub("", _LINE_END.sub("\n", text))
    return text.strip()


def shortened(text: str, most_bytes: int) -> str:
    """Return the beginning of ``text`` that has at most ``most_bytes`` bytes in UTF-8, mostly all of it."""
    if len(text) * 4 <= most_bytes:
        return text
    return text.encode()[:most_bytes].decode(errors="ignore")


def text_of_html(source: str) -> str:
    """Return what a reader sees of ``source``, as plain text.

    Scripts, styles, comments and other hidden content are removed; blocks and ``<br>`` become line breaks, character
    references their characters, and runs of blanks one blank. A text without a single HTML tag is really plain text:
    its line ends and blanks stay as they are, and so does anything between angle brackets.
    """
    source = clean(source)
    if "<" not in source:
        return clean(_resolved(source, _COMPLETE)) if "&" in source else source
    visible = VisibleSource(source).read()
    parts = MARKUP.split(visible)
    distinct = set(parts[1::2])
    if visible is source and not _is_html(source, distinct):
        return clean(_resolved(source, _COMPLETE))
    lines = _lines(_resolved(_marked(parts, distinct)))
    return clean(lines.replace(AMPERSAND, "&").replace(BRACKET, "<"))


def _is_html(source: str, tags: set[str | None]) -> bool:
    if any(tag and (":" in tag or tag.lstrip("/").lower() in ELEMENTS) for tag in tags):
        return True
    return None in tags and any(not (tag[1] or tag[0].startswith(("</", "<?"))) for tag in MARKUP.finditer(source))


def _marked(parts: list[str | Any], distinct: set[str | None]) -> str:
    """Return a document with marks in place of its markup.

    Args:
        parts: text and the names of tags by turns.
        distinct: the names.
    """
    verbatim = {tag: -1 if tag[0] == "/" else 1 for tag in distinct if tag and tag.lstrip("/").lower() in VERBATIM}
    if verbatim:
        _keep_line_ends(parts, verbatim)
    marks = {tag: _MARKS.get(tag.lower(), SEAM) if tag else SEAM for tag in distinct}
    parts[1::2] = map(marks.__getitem__, parts[1::2])
    return "".join(parts)


def _keep_line_ends(parts: list[str | Any], steps: dict[str, int]) -> None:
    depth = 0
    for index in range(1, len(parts), 2):
        step, text = steps.get(parts[index]), parts[index + 1]
        if step:
            depth = max(depth + step, 0)
            # A line end right after the start tag does not count.
            if step > 0 and text[:1] == "\n":
                parts[index + 1] = text = text[1:]
        if depth and "\n" in text:
            parts[index + 1] = text.replace("\n", BREAK)


def _lines(marked: str) -> str:
    text = " ".join(marked.replace(SEAM, "").split())
    text = "\n".join(filter(None, map(str.strip, text.split(EDGE))))
    if BREAK in text:
        text = "\n".join(map(str.strip, text.replace(BREAK, "\n").split("\n")))
    return _EMPTY_LINES.sub("\n\n", text)


def _resolved(text: str, references: re.Pattern[str] = _ANY) -> str:
    """Return ``text`` with characters in place of ``references``."""
    if "&" not in text:
        return text
    parts = references.split(text)
    characters = _Characters()
    parts[1::2] = [characters[reference] for reference in parts[1::2]]
    return "".join(parts)


class _Characters(dict[str, str]):
    """The characters of the references in one document, each resolved once."""

    def __missing__(self, reference: str) -> str:
        characters = self[reference] = _character(reference)
        return characters


def _character(reference: str) -> str:
    """Return the character of ``reference``, without its ampersand; itself if it is not a reference."""
    if reference[0] == "#":
        digits = reference[1:].rstrip(";").lstrip("xX").lstrip("0") or "0"
        # Python refuses to read numbers of thousands of digits, and no character has more than seven.
        code = int(digits, 16 if reference[1] in "xX" else 10) if len(digits) <= 7 else sys.maxunicode + 1
        return chr(code) if 0xA0 <= code < 0xD800 else html.unescape(f"&#{code};")
    if reference in html5:
        return html5[reference]
    for end in range(min(len(reference), _LONGEST_BARE), 1, -1):
        if reference[:end] in html5:
            return html5[reference[:end]] + reference[end:]
    return "&" + reference
