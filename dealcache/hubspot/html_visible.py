"""The visible part of an HTML document: elements that hide their content, scripts, styles and drawings are removed."""

from __future__ import annotations

from dealcache.hubspot.html_elements import FOREIGN, HIDDEN, RAW_TEXT, REMEMBERED, OpenElements
from dealcache.hubspot.html_markup import MARKUP, NEXT_SPECIAL, foreign_end, is_self_closing, raw_text_end

# Marks used while a text is put together; the cleaned source does not contain them.

#: The edge of a block: many in a row make one line break.
EDGE = "\x01"
#: A line break that counts as it is.
BREAK = "\x02"
#: The place of removed markup, so that the text on its two sides does not form markup or a character reference.
SEAM = "\x03"
#: An ampersand that begins no character reference.
AMPERSAND = "\x04"
#: An angle bracket that begins no markup.
BRACKET = "\x05"

#: Tags that open or close elements, as far as hidden ones depend on it.
_TAKEN = REMEMBERED | HIDDEN | {f"/{name}" for name in HIDDEN}


class VisibleSource:
    """Removes what is not shown from one document, and leaves the markup around it as it is.

    Args:
        source: the document, without control characters.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._pieces: list[str] = []
        self._open = OpenElements()
        self._taken = 0

    def read(self) -> str:
        """Return the visible part, with marks where something was removed; the document itself if nothing was."""
        source, position, pieces = self._source, 0, self._pieces
        while (tag := NEXT_SPECIAL.match(source, position)) is not None:
            start, end = tag.span(1)
            if start > position:
                pieces.append(source[position:start])
            name = tag[2].lower()
            if name in HIDDEN:
                if self._taken < len(pieces):
                    self._take_tags()
                self._open.take(name)
                position = self._hidden_end(end)
            elif name in FOREIGN:
                position = self._foreign_end(name, start, end)
            else:
                position = self._read_raw(name, end)
        if not position:
            return source
        return SEAM.join((*pieces, source[position:]))

    def _foreign_end(self, name: str, start: int, end: int) -> int:
        if self._source[end - 2] == "/" and is_self_closing(self._source[start:end]):
            return end
        return foreign_end(self._source, name, end, self._is_open)

    def _read_raw(self, name: str, start: int) -> int:
        length = len(self._source)
        end, after = (length, length) if name == "plaintext" else raw_text_end(self._source, name, start)
        if name in ("plaintext", "textarea", "xmp"):
            text = self._source[start:end].replace("\n", BREAK).replace("<", BRACKET)
            self._pieces.append(text if name == "textarea" else EDGE + text.replace("&", AMPERSAND) + EDGE)
        return after

    def _hidden_end(self, position: int) -> int:
        """Return where the document, hidden from ``position`` on, becomes visible again."""
        source, take, search = self._source, self._open.take, MARKUP.search
        while (tag := search(source, position)) is not None:
            position, name = tag.end(), tag[1]
            if name is None:
                continue
            name = name.lower()
            if name in _TAKEN:
                if not take(name):
                    return position
            elif name in RAW_TEXT:
                position = raw_text_end(source, name, position)[1]
            elif name in FOREIGN:
                position = self._foreign_end(name, tag.start(), position)
        return len(source)

    def _is_open(self, name: str) -> bool:
        if self._taken < len(self._pieces):
            self._take_tags()
        return self._open.has(name)

    def _take_tags(self) -> None:
        pieces, take = self._pieces, self._open.take
        for index in range(self._taken, len(pieces)):
            for name in map(str.lower, MARKUP.findall(pieces[index])):
                if name in REMEMBERED:
                    take(name)
        self._taken = len(pieces)
