"""``make install DESTDIR=…``, which needs neither root nor systemd."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from dealcache import __version__
from tests.e2e.programs import ROOT, environment

pytestmark = pytest.mark.long

ENVIRONMENT = "etc/dealcache/dealcache.env"
LAUNCHER = "opt/dealcache/bin/dealcache"
INSTALLED = [
    ENVIRONMENT,
    "etc/nginx/sites-available/dealcache",
    "etc/systemd/system/dealcache.service",
    "etc/systemd/system/dealcache.socket",
    LAUNCHER,
    "opt/dealcache/current/complete",
    "usr/local/sbin/dealcache-admin",
]


def make(target: str, directory: Path, *variables: str) -> None:
    """Run make; the packages that the service needs are there without being installed again."""
    command = ["make", "--silent", target, f"DESTDIR={directory}", f"PYTHON={sys.executable}", *variables]
    environ = environment(PIP_NO_DEPS="1")
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr


def contents(directory: Path) -> dict[str, tuple[int, bytes]]:
    """All files but those of packages, with their modes."""
    files = (path for path in directory.rglob("*") if path.is_file() and "site-packages" not in path.parts)
    return {str(path.relative_to(directory)): (path.stat().st_mode, path.read_bytes()) for path in files}


def test_installing_twice_is_installing_once_and_what_operators_edit_stays(tmp_path: Path) -> None:
    tmp_path = tmp_path / "a [b] | c"  # which sed and the shell would take for something else
    make("install", tmp_path)
    assert [path for path in INSTALLED if not (tmp_path / path).is_file()] == []
    assert (tmp_path / ENVIRONMENT).stat().st_mode & 0o777 == 0o640
    version = subprocess.run(
        [tmp_path / LAUNCHER, "--version"],
        env=environment(PYTHONPATH=str(Path(orjson.__file__).parents[1])),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert version.stdout == f"dealcache {__version__}\n"
    (tmp_path / ENVIRONMENT).write_text("API_TOKEN=mine\n", "utf-8")
    before = contents(tmp_path)
    assert [path for path, (_, content) in before.items() if str(tmp_path).encode() in content] == []
    compiled = list(tmp_path.rglob("*.pyc"))
    assert [path for path in compiled if str(tmp_path).encode() in path.read_bytes()] == []
    assert compiled
    make("install", tmp_path)
    assert contents(tmp_path) == before
    make("uninstall", tmp_path)
    assert set(contents(tmp_path)) == {ENVIRONMENT, "etc/nginx/sites-available/dealcache"}
    make("uninstall", tmp_path, "PURGE=1")
    assert contents(tmp_path) == {}
