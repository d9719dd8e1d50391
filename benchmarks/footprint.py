"""How much memory cached timelines really take: resident memory of a process of its own, before and after filling.

The process is :mod:`benchmarks.filling`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from benchmarks.report import Report
from benchmarks.service import ROOT
from benchmarks.stand import Stand
from dealcache.tiers.memory import ENTRY_OVERHEAD

MAX_BYTES = 268_435_456
_TIMELINE = 20_480
_SHORT_TIMELINE = 2_048
_TINY = 10


@dataclass(frozen=True)
class _Filled:
    """A filled memory tier: bytes above the idle process, bytes that the tier counts, entries that it holds."""

    resident: int
    counted: int
    entries: int


def run(stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report."""
    filled = _fill(_TIMELINE, 10_000, MAX_BYTES)
    kept = filled.entries == 10_000 and filled.counted <= MAX_BYTES
    said = f"{filled.counted:,} of {MAX_BYTES:,} bytes, {filled.entries:,} entries"
    report.promise("10,000 cached timelines of 20 KB stay within CACHE_MAX_BYTES", said, kept)
    _judge(report, "10,000 cached timelines of 20 KB", filled)
    for size, count in ((_TIMELINE, 20_000), (_SHORT_TIMELINE, 100_000)):
        _judge(report, f"{count:,} timelines of {size:,} bytes, filled to the bound", _fill(size, count, MAX_BYTES))
    tiny = _fill(_TINY, 20_000 if quick else 100_000, 4 * MAX_BYTES)
    each = tiny.resident / tiny.entries - _TINY
    report.promise(
        f"an entry costs at most the {ENTRY_OVERHEAD:,} bytes that are counted beside its body",
        f"{each:,.0f} bytes; {tiny.entries:,} entries of {_TINY} bytes, each of another deal",
        each <= ENTRY_OVERHEAD,
    )


def _judge(report: Report, what: str, filled: _Filled) -> None:
    share = filled.resident / MAX_BYTES
    report.promise(
        f"{what}: resident memory within 1.5 times that above the idle process",
        f"{share:.2f}; {filled.resident / filled.counted:.2f} times what is counted, {filled.entries:,} entries",
        share <= 1.5,
    )


def _fill(size: int, count: int, max_bytes: int) -> _Filled:
    command = [sys.executable, "-m", "benchmarks.filling", str(size), str(count), str(max_bytes)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(f"filling the memory tier failed: {done.stderr.strip().splitlines()[-1:]}")
    return _Filled(**json.loads(done.stdout))
