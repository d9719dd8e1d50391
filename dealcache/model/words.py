"""The words of a name, in the form for searches: case and accents do not count."""

from __future__ import annotations

import re
from unicodedata import category, normalize

from dealcache.model.deals import NAME_LENGTH

#: The most words of one name; more than a name of the contract's length can have, except with single letters.
MOST_WORDS = 256

_ASCII_WORD = re.compile(r"[a-z0-9]+")

#: Letters whose stroke or missing dot Unicode does not remove as it does accents.
_STROKES = str.maketrans("øłđħŧı", "oldhti")


def words_of(text: str) -> list[str]:
    """Return the words of a name, each once: runs of letters and digits, folded.

    Folding is Unicode's for compatibility caseless matching (section 3.13) without the marks. Text beyond the
    contract's longest name is ignored, so that a stranger's name cannot have thousands of words.
    """
    named = text[:NAME_LENGTH]
    if named.isascii():
        return list(dict.fromkeys(_ASCII_WORD.findall(named.lower())))[:MOST_WORDS]
    return list(dict.fromkeys("".join(map(_letter, _folded(named))).split()))[:MOST_WORDS]


def _folded(text: str) -> str:
    return normalize("NFKD", normalize("NFKD", text).casefold()).translate(_STROKES)


def _letter(character: str) -> str:
    """Return a character of a word unchanged, nothing for an accent, and a space for a separator."""
    if character.isalnum():
        return character
    kind = category(character)
    # Spacing vowel signs belong to their word, although Python does not count them as alphabetic.
    return "" if kind in ("Mn", "Me") else character if kind == "Mc" else " "
