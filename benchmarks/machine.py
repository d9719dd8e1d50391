"""The machine of a measurement: its processors, how busy it was, and the versions of what took part."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    "dealcache",
    "Flask",
    "gunicorn",
    "pymongo",
    "redis",
    "zstandard",
    "wsproto",
    "orjson",
    "cachetools",
    "requests",
    "uvicorn",
    "fastapi",
    "Flask-Caching",
)
#: Programs of Debian's, and how each is asked for its version.
_PROGRAMS = {"wrk": ("wrk", "-v"), "nginx": ("nginx", "-v"), "varnish": ("varnishd", "-V")}
_NUMBER = re.compile(r"\d+\.\d+(?:\.\d+)*")

HOW_TO_GET_WRK = "wrk is not on PATH, the section is left out; get it with `apt-get install wrk`"
HOW_TO_GET_PEERS = "not everything to compare with is installed, the section is left out; `make bench` installs it"


def has_wrk() -> bool:
    """Return True if the load generator is installed."""
    return shutil.which("wrk") is not None


def has_peers() -> bool:
    """Return True if everything is installed that the service is compared with, and the load generator."""
    return None not in _versions().values()


def cores() -> list[int]:
    """The cores that this process may use."""
    return sorted(os.sched_getaffinity(0))


def server_core() -> int:
    """The core of the one server that is measured on one: the first."""
    return cores()[0]


def client_cores() -> list[int]:
    """The cores of what asks such a server: all others, or its own where there is but one."""
    return cores()[1:] or cores()


def describe() -> list[str]:
    """A few lines about the machine."""
    parts = ", ".join(f"{name} {found or 'missing'}" for name, found in _versions().items())
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return [
        f"{_processor()}, {len(cores())} cores, {platform.system()} {platform.release()}; load average {load}",
        f"Python {platform.python_version()}, {parts}",
    ]


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _versions() -> dict[str, str | None]:
    """The version of each part, None for what is not installed."""
    return {name: _package(name) for name in _PACKAGES} | {name: _program(*how) for name, how in _PROGRAMS.items()}


def _package(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _program(*command: str) -> str | None:
    if shutil.which(command[0]) is None:
        return None
    shown = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    number = _NUMBER.search(shown.stdout + shown.stderr)
    return number.group() if number else "of an unknown version"
