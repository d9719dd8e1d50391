"""Fetches files of npm packages, and only those that have the published hash.

``python -m tests.console.packages``, which is ``make vendor``, writes the console's vendored files again. To take
another release of one, change its version and its integrity in ``packages.json``; ``npm view NAME dist.integrity``
tells it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
VENDOR = ROOT / "dealcache" / "console" / "static" / "vendor"

#: Where npm puts the files in every archive.
_TOP = "package/"


@dataclass(frozen=True, slots=True)
class Package:
    """A release of a package: its published hash as in Subresource Integrity, and what its files are called here."""

    package: str
    version: str
    licence: str
    integrity: str
    files: Mapping[str, str]


#: Judges how accessible the pages are; for tests alone.
AXE = Package(
    "axe-core",
    "4.14.1",
    "MPL-2.0",
    "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
    {"axe.min.js": "axe.min.js"},
)


def vendored() -> list[Package]:
    """Return the packages of which the console has files."""
    return [Package(**one) for one in json.loads((VENDOR / "packages.json").read_text("utf-8"))]


def fetched(package: Package) -> dict[str, bytes]:
    """Return the files of a package by what they are called here.

    Raises:
        ValueError: the archive has another hash than the published one.
    """
    with tempfile.TemporaryDirectory() as directory:
        name = f"{package.package}@{package.version}"
        subprocess.run(["npm", "pack", "--silent", name], cwd=directory, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(directory).glob("*.tgz")
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if f"sha512-{digest}" != package.integrity:
            raise ValueError(f"{name} has the hash sha512-{digest}, and {package.integrity} was expected")
        with tarfile.open(archive) as members:
            return {ours: _content(members, _TOP + theirs) for theirs, ours in package.files.items()}


def _content(members: tarfile.TarFile, name: str) -> bytes:
    member = members.extractfile(name)
    assert member is not None, name
    return member.read()


def main(directory: Path) -> None:
    """Write the vendored files; those of axe-core, if another directory is given."""
    for package in vendored() if directory == VENDOR else [AXE]:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in fetched(package).items():
            (directory / name).write_bytes(content)
            print(f"{directory / name}: {package.package} {package.version}, {package.licence}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else VENDOR)
