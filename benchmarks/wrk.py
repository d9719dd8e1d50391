"""Runs wrk, the load generator, and reads what it says."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 16
#: Seconds that an answer may take: 256 of 200 KB in turn take the slowest peer several.
_PATIENCE = 30
_SCRIPT = Path(__file__).with_name("wrk.lua")


class LoadError(Exception):
    """wrk met errors, so its figure is none of what was meant to be measured."""


@dataclass(frozen=True, slots=True)
class Load:
    """The result of one run of wrk.

    Attributes:
        requests: how many were answered.
        rate: requests per second.
        p50, p99, p999: percentiles of the latency in milliseconds; p999 is the 99.9th.
        mean_bytes: of an answer, its headers included.
        client: the share of one core that wrk itself took; near 1 it was wrk that set the pace.
    """

    requests: int
    rate: float
    p50: float
    p99: float
    p999: float
    mean_bytes: float
    client: float


@dataclass(frozen=True, slots=True)
class Variety:
    """Requests that differ from each other: a browser's header fields, and another request id each time.

    Attributes:
        targets: a file with a path and query on each line; they are asked for in turn.
        users: how many browsers take turns, each with header fields of its own.
        parsed: whether the id stands in a form that the service does not look for, so that it parses each request.
    """

    targets: Path
    users: int = 1
    parsed: bool = False

    def environ(self) -> dict[str, str]:
        """Return the variables that ``wrk.lua`` reads."""
        variables = {"BENCHMARK_TARGETS": str(self.targets), "BENCHMARK_USERS": str(self.users)}
        return variables | ({"BENCHMARK_PARSED": "1"} if self.parsed else {})


def load(
    url: str,
    seconds: int,
    cores: Collection[int],
    *,
    connections: int = CONNECTIONS,
    headers: Mapping[str, str] | None = None,
    variety: Variety | None = None,
) -> Load:
    """Ask for ``url`` from one thread over keep-alive connections, on each again as soon as the answer is there.

    Args:
        url: what is asked for.
        seconds: how long; wrk takes whole ones only.
        cores: the cores that wrk may use.
        connections: how many.
        headers: header fields that each request has.
        variety: what is asked for instead.

    Raises:
        LoadError: an answer was no success, or a connection broke.
    """
    pinned = ["taskset", "-c", ",".join(map(str, sorted(cores)))]
    fields = [part for name, value in (headers or {}).items() for part in ("-H", f"{name}: {value}")]
    command = [
        *pinned,
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout",
        f"{_PATIENCE}s",
        "--latency",
        "-s",
        str(_SCRIPT),
        *fields,
    ]
    variables = {} if variety is None else variety.environ()
    before = _processor_seconds_of_children()
    shown = subprocess.run(
        [*command, url], capture_output=True, text=True, timeout=seconds + 30, check=True, env=os.environ | variables
    ).stdout
    return parse(shown, _processor_seconds_of_children() - before)


def parse(shown: str, processor_seconds: float) -> Load:
    """Read what wrk printed; its last line is that of ``wrk.lua``.

    Args:
        shown: wrk's standard output.
        processor_seconds: what wrk took.

    Raises:
        LoadError: an answer was no success, a connection broke, or nothing was answered.
    """
    *_, last = shown.splitlines() or [""]
    if not last.startswith("{"):
        raise LoadError(f"wrk said: {shown}")
    told = json.loads(last)
    faults = {name: count for name, count in told["errors"].items() if count}
    if faults or not told["requests"]:
        raise LoadError(f"{told['requests']} requests, errors: {faults}")
    seconds = told["microseconds"] / 1e6
    return Load(
        requests=told["requests"],
        rate=told["requests"] / seconds,
        p50=told["p50"] / 1e3,
        p99=told["p99"] / 1e3,
        p999=told["p999"] / 1e3,
        mean_bytes=told["bytes"] / told["requests"],
        client=processor_seconds / seconds,
    )


def _processor_seconds_of_children() -> float:
    """Return what the processes took that this one has started and waited for: nobody else's end while wrk runs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
