"""Fixtures and settings of all tests."""

from __future__ import annotations

import gc
import importlib
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from dealcache.sandbox.embedded import Mongod
from tests.databases import Databases, fast_directory
from tests.shared_by_apps import share

share()

# A busy machine is no fault of what is tested, nor is a rare example found by a change that has nothing to do with it:
# examples are the same in each run. ``--hypothesis-profile explore`` draws new ones.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dealcache", settings.get_profile("explore"), derandomize=True)
settings.load_profile("dealcache")

# A shell that runs tests in the background has them, and all programs that they start, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

#: What clients of the session's mongod are told.
OPTIONS = "&".join(
    (
        "journal=false",
        "serverSelectionTimeoutMS=30000",
        "connectTimeoutMS=30000",
        "socketTimeoutMS=60000",
        "waitQueueTimeoutMS=30000",
    )
)

#: Directories of tests that wait for processes and time-outs, rather than compute.
WAITING = {"e2e", "cluster", "benchmarks", "embedded", "server", "live"}

#: Those of tests that compute longest.
COMPUTING = ("sync", "service")

# What stands in a suite that several modules run explains its failures as well as what stands in a test module.
pytest.register_assert_rewrite("tests.tier_contract")


@pytest.fixture(scope="session")
def mongodb_uri() -> Iterator[str]:
    """The URI of the session's mongod, which nobody may stop: nothing need be in its journal, or is given up soon."""
    with fast_directory() as directory:
        mongod = Mongod(directory / "data")
        yield f"{mongod.start()}?{OPTIONS}"
        mongod.stop()


@pytest.fixture(scope="session")
def databases(mongodb_uri: str) -> Iterator[Databases]:
    """Its databases."""
    lender = Databases(mongodb_uri)
    yield lender
    lender.close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Have each of several processes import a share of the test modules before it collects all of them.

    In a fresh checkout pytest rewrites the assertions of each module, which takes longer than all else at the start.
    Processes that import the modules in the same order would all rewrite all of them, at the same time.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    worker, workers = int(os.environ["PYTEST_XDIST_WORKER"][2:]), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    directories = [session.config.invocation_params.dir / argument for argument in session.config.args]
    modules = [path for directory in directories for path in sorted(directory.rglob("test_*.py"))]
    for path in modules[worker::workers]:
        with suppress(Exception):  # which happens again when it is collected, and is reported then
            importlib.import_module(".".join(path.relative_to(session.config.rootpath).with_suffix("").parts))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have files whose tests wait and files whose tests compute by turns, for several processes take them in order."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    waiting = [path for path in files if WAITING.intersection(path.parts)]
    computing = [path for path in files if not WAITING.intersection(path.parts)]
    computing.sort(key=lambda path: path.parent.name not in COMPUTING)
    by_turns = [path for pair in zip_longest(waiting, computing) for path in pair if path is not None]
    items[:] = [item for path in by_turns for item in files[path]]


def pytest_collection_finish() -> None:
    """Keep the garbage collector from going through all that was collected, again and again: a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # tests leave few cycles, and have memory enough
