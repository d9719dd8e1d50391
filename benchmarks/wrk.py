"""Runs wrk, the load generator, and reads what it says."""

from __future__ import annotations

import re
import subprocess

CONNECTIONS = 16


class LoadError(Exception):
    """wrk met errors, so its figure is none of what was meant to be measured."""


def requests_per_second(url: str, seconds: int, core: int | None) -> float:
    """Load ``url`` from one thread over 16 keep-alive connections.

    Args:
        url: what is asked for.
        seconds: how long; wrk takes whole ones only.
        core: the core that wrk is pinned to, None for any.

    Raises:
        LoadError: an answer was no success, or a connection broke.
    """
    pinned = [] if core is None else ["taskset", "-c", str(core)]
    command = [*pinned, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", url]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=True).stdout
    faults = [line.strip() for line in shown.splitlines() if "Non-2xx" in line or "Socket errors" in line]
    found = re.search(r"Requests/sec:\s*([0-9.]+)", shown)
    if faults or found is None:
        raise LoadError("; ".join(faults) or f"wrk said: {shown}")
    return float(found.group(1))
