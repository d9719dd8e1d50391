"""The console's static files: read once, known by a digest of them all, which is part of their paths.

One digest for all files instead of one for each: modules import each other by relative paths, so that no file has to be
rewritten, and a page never mixes the modules of two releases.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

#: The types of the files that browsers get; others, such as licences, are not served.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

#: Hexadecimal digits of the digest.
_DIGITS = 16

#: The folders whose files every page needs.
_COMMON = ("vendor/", "app/", "parts/")

#: A module that is fetched by the parts that need it.
_LATER = "vendor/uplot.js"


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
        """Return the paths of the style sheets of a page, those that all pages share first: its own overrule them."""
        wanted = (*_COMMON, f"{page}/")
        styles = (path for path in self.files if path.endswith(".css") and path.startswith(wanted))
        return sorted(styles, key=lambda path: (not path.startswith("app/"), not path.startswith(_COMMON), path))

    def modules(self, page: str) -> list[str]:
        """Return the paths of the modules that a page needs, so that a browser can fetch them all at once."""
        wanted = (*_COMMON, f"{page}/")
        modules = (path for path in sorted(self.files) if path.endswith(".js") and path.startswith(wanted))
        return [path for path in modules if path != _LATER]


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
