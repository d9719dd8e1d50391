"""HTML's elements, as far as they affect lines and visibility, and a record of those that are open."""

from __future__ import annotations

from collections import defaultdict


def names(*lines: str) -> frozenset[str]:
    """Return the names of elements in ``lines``, which blanks separate."""
    return frozenset(name for line in lines for name in line.split())


#: Elements whose content has no markup but their end tag.
RAW_TEXT = names("iframe noembed noframes script style textarea title xmp")

#: SVG and MathML, and those of their elements in which HTML may stand.
FOREIGN = {"svg": names("foreignobject desc title"), "math": names("annotation-xml mi mn mo ms mtext")}

#: Start tags that end SVG and MathML wherever they stand in it, and two end tags.
BREAKOUTS = names(
    "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta",
    "nobr ol p pre ruby s small span strong strike sub sup table tt u ul var /br /p",
)

#: Elements that stand on lines of their own.
BLOCKS = names(
    "address article aside blockquote body caption center dd details dir div dl dt fieldset figcaption figure footer",
    "form h1 h2 h3 h4 h5 h6 header hgroup html legend li main menu nav ol optgroup option p search section summary",
    "table tbody tfoot thead tr ul",
)

#: Elements in which line ends count.
VERBATIM = names("listing pre")

#: Elements whose content is not shown, and the ones of them that only their own end tag ends.
HIDDEN = names("datalist noscript object template")
_CLOSED = names("object template")

#: Inline elements; visible content may follow the end of one in which a hidden element was left open.
_FORMATTING = names("a b big code em font i nobr s small strike strong tt u")
INLINE = _FORMATTING | names("label select span td th")

#: Elements of which it is known whether they are open.
OPENED = BLOCKS | INLINE | HIDDEN

#: Tags to remember in case a hidden element follows.
REMEMBERED = frozenset(slash + name for name in BLOCKS | INLINE for slash in ("", "/"))

#: The elements of HTML, so that "<name>" is none.
ELEMENTS = (BLOCKS | INLINE | HIDDEN | VERBATIM | RAW_TEXT | FOREIGN.keys()) | names(
    "abbr acronym applet area audio base basefont bdi bdo blink br button canvas cite col colgroup del dfn embed head",
    "hr img input ins kbd link map mark marquee meta meter output picture plaintext progress q rp rt ruby samp source",
    "sub sup track var video wbr",
)


class OpenElements:
    """The open elements, as far as they matter: an outer end tag ends a hidden element as well."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._outside: list[defaultdict[str, int]] = []
        self._hidden = 0

    def has(self, name: str) -> bool:
        """Return True if ``name`` is open, and an end tag here would end it."""
        return self._counts[name] > 0

    def take(self, tag: str) -> int:
        """Take in a tag: the name of its element, after a slash if it is an end tag.

        Returns:
            How many elements hide what follows.
        """
        if tag[0] == "/":
            self._close(tag[1:])
            return self._hidden
        counts, names = self._counts, self._names
        if tag in BLOCKS:
            if counts["p"]:
                if tag == names[-1] == "p":
                    return self._hidden
                self._close("p")
        elif tag in HIDDEN:
            self._hidden += 1
            if tag in _CLOSED:
                self._outside.append(counts)
                self._counts = counts = defaultdict(int)
        names.append(tag)
        counts[tag] += 1
        return self._hidden

    def _close(self, name: str) -> None:
        names, counts = self._names, self._counts
        if not counts[name] or (name in _FORMATTING and counts["noscript"]):
            return
        while True:
            closed = names.pop()
            counts[closed] -= 1
            if closed in HIDDEN:
                self._hidden -= 1
                if closed in _CLOSED:
                    self._counts = counts = self._outside.pop()
            if closed == name:
                return
