"""The console's static files: read once, known by a digest of them all, which is part of their paths.

One digest for all files instead of one for each: modules import each other by relative paths, so that no file has to be
rewritten, and a page never mixes the modules of two releases.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from posixpath import dirname, join, normpath

#: The types of the files that browsers get; others, such as licences, are not served.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

#: Hexadecimal digits of the digest.
_DIGITS = 16

#: The style sheets that every page needs, or their folders.
_COMMON = ("app/", "parts/parts.css")

#: A module that every page begins with, and the import of another one; those inside functions are for later.
_ENTRY = "app/main.js"
_IMPORT = re.compile(r"""^import\b[^;]*?\bfrom "(\.[^"]+)";""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its content and its media type."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Assets:
    """All files by their paths, and the digest of them all. Immutable."""

    files: dict[str, Asset]
    digest: str

    def styles(self, page: str) -> list[str]:
        """Return the paths of the style sheets of a page, those that pages share first: its own overrule them.

        A style sheet that has the name of a module is needed where that is.
        """
        beside = {f"{path.removesuffix('.js')}.css" for path in self.modules(page)}
        wanted = (*_COMMON, f"{page}/")
        styles = (path for path in self.files if path in beside or (path.endswith(".css") and path.startswith(wanted)))
        return sorted(styles, key=lambda path: (not path.startswith("app/"), path.startswith(f"{page}/"), path))

    def modules(self, page: str) -> list[str]:
        """Return the paths of the modules that a page needs, so that a browser can fetch them all at once."""
        needed: set[str] = set()
        found = {_ENTRY, f"{page}/page.js"} & self.files.keys()
        while found:
            needed |= found
            found = {one for path in found for one in self._imports(path)} - needed
        return sorted(needed)

    def _imports(self, path: str) -> list[str]:
        text = self.files[path].content.decode()
        return [normpath(join(dirname(path), place)) for place in _IMPORT.findall(text)]


def read_assets(folder: Path) -> Assets:
    """Return all files in ``folder`` that browsers get."""
    files = {
        path.relative_to(folder).as_posix(): Asset(path.read_bytes(), _TYPES[path.suffix])
        for path in sorted(folder.rglob("*"))
        if path.suffix in _TYPES
    }
    digest = hashlib.sha256()
    for path, asset in files.items():
        digest.update(f"{path}\0{len(asset.content)}\0".encode() + asset.content)
    return Assets(files, digest.hexdigest()[:_DIGITS])
