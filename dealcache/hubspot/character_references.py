"""Character references of HTML, such as "&amp;" and "&#8364;", in linear time and whatever numbers they hold."""

from __future__ import annotations

import html
import re
import sys
from html.entities import html5

#: Names that need no semicolon, and their beginnings: other names without one need not be checked.
_BARE = [name for name in html5 if not name.endswith(";")]
_BARE_STARTS = "|".join(sorted({name[:2] for name in _BARE}))
_LONGEST_BARE = max(map(len, _BARE))

#: Those that end with a semicolon, and all that HTML knows.
COMPLETE = re.compile(r"&(#[0-9]++;|#[xX][0-9a-fA-F]++;|[A-Za-z][A-Za-z0-9]{1,31}+;)")
ANY = re.compile(
    r"&(?=[#A-Za-z])(#[0-9]++;?|#[xX][0-9a-fA-F]++;?|[A-Za-z][A-Za-z0-9]{1,31}+;"
    rf"|(?:{_BARE_STARTS})[A-Za-z0-9]{{0,{_LONGEST_BARE - 2}}}+)"
)


def resolved(text: str, references: re.Pattern[str] = ANY) -> str:
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
