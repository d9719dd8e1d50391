"""What the figures were measured on: the machine, how busy it was, and the versions of what took part."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import version
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
)

HOW_TO_GET_WRK = "wrk is not on PATH, the section is left out; get it with `apt-get install wrk`"


def has_wrk() -> bool:
    """Whether the load generator is installed."""
    return shutil.which("wrk") is not None


def cores() -> list[int]:
    """The cores that this process may use."""
    return sorted(os.sched_getaffinity(0))


def describe() -> list[str]:
    """A few lines about the machine."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return [
        f"{_processor()}, {len(cores())} cores, {platform.system()} {platform.release()}; load average {load}",
        f"Python {platform.python_version()}, {packages}, {_wrk_version()}",
    ]


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _wrk_version() -> str:
    if not has_wrk():
        return "no wrk"
    shown = subprocess.run(["wrk", "-v"], capture_output=True, text=True, timeout=10, check=False)
    first, *_ = (shown.stdout or shown.stderr).splitlines()
    return f"wrk {first.partition('wrk ')[2].partition(' Copyright')[0]}"
