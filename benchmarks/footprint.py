"""The memory that cached timelines really take: resident memory of a process, before and after filling.

First that of a process of its own, :mod:`benchmarks.filling`, which makes entries as the read path does. Then that of a
worker of the service, which reads deals from MongoDB in batches and answers a hit of each. That one remembers requests,
targets and heads of answers too, a bounded number of each: some fifteen megabytes, however many entries there are.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import deals
from benchmarks.affinity import resident_bytes
from benchmarks.client import Client, expect
from benchmarks.deals import deal_of_size
from benchmarks.report import Report
from benchmarks.service import ROOT, Server
from benchmarks.stand import Stand

MAX_BYTES = 268_435_456
_TIMELINE = 20_480
_SHORT_TIMELINE = 2_048
_SMALL = 300
_TINY = 10
_OVERHEAD = 900
_DATABASE = "footprint"
_BATCH = 100


@dataclass(frozen=True)
class _Filled:
    """A filled memory tier: bytes above the idle process, bytes that it counts, entries that it holds, and evicted."""

    resident: int
    counted: int
    entries: int
    evictions: int

    @property
    def ratio(self) -> float:
        """The bytes that the entries take for each byte that they are counted with."""
        return self.resident / self.counted


def run(stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report."""
    filled = _fill(_TIMELINE, 10_000, MAX_BYTES)
    kept = filled.entries == 10_000 and filled.counted <= MAX_BYTES
    said = f"{filled.counted:,} of {MAX_BYTES:,} bytes, {filled.entries:,} entries"
    report.promise("10,000 cached timelines of 20 KB stay within CACHE_MAX_BYTES", said, kept)
    _judge(report, "10,000 cached timelines of 20 KB", filled)
    _per_byte(report, f"10,000 timelines of {_TIMELINE:,} bytes", filled.resident, 10_000 * _TIMELINE)
    for size, count in ((_TIMELINE, 20_000), (_SHORT_TIMELINE, 100_000)):
        _judge(report, f"{count:,} timelines of {size:,} bytes, filled to the bound", _fill(size, count, MAX_BYTES))
    _overhead(report, quick)
    _small_deals(report, quick)
    stand.hubspot.behave(0.0)
    service = stand.service(_DATABASE)
    for first, (size, count) in enumerate(((_SMALL, 1_000 if quick else 5_000), (_TIMELINE, 300 if quick else 1_000))):
        _in_a_worker(stand, report, service, 1 + 100_000 * first, size, count)


def _overhead(report: Report, quick: bool) -> None:
    """Of entries that share nothing, as each is of another deal: what they take beside their bodies."""
    count = 20_000 if quick else 100_000
    for size in (_TINY, _SMALL):
        filled = _fill(size, count, 4 * MAX_BYTES)
        each, counted = (total / filled.entries - size for total in (filled.resident, filled.counted))
        report.promise(
            f"an entry of {size} bytes takes less than {_OVERHEAD} bytes beside its body, and no more than is counted",
            f"{each:,.0f} bytes, {counted:,.0f} counted; {filled.entries:,} entries, each of another deal",
            each <= counted < _OVERHEAD,
        )
        _per_byte(report, f"{filled.entries:,} timelines of {size} bytes", filled.resident, filled.entries * size)


def _small_deals(report: Report, quick: bool) -> None:
    """All views of as many small deals as CACHE_MAX_BYTES is to hold."""
    share = 10 if quick else 1
    deals_filled, bound = 70_000 // share, MAX_BYTES // share
    filled = _fill(_SMALL, deals_filled, bound, "all")
    report.promise(
        f"{bound:,} bytes hold all three views of {deals_filled:,} small deals, counted and in memory",
        f"{filled.entries:,} entries, {filled.evictions} evicted, {filled.counted:,} bytes counted, "
        f"{filled.resident:,} bytes of memory, {filled.ratio:.2f} times that",
        filled.entries == 3 * deals_filled and not filled.evictions and filled.resident <= bound and filled.ratio <= 1,
    )


def _in_a_worker(stand: Stand, report: Report, service: Server, first: int, size: int, count: int) -> None:
    """Measure the memory tier of a worker after each of its entries has been asked for by itself too."""
    numbers = range(first, first + count + _BATCH)
    loaded = [deal_of_size(number, size) for number in numbers]
    targets = deals.store(stand.mongodb_uri, _DATABASE, loaded)
    names = [one.deal.deal_name for one in loaded]
    with Client(service.base_url) as client:
        _read(client, names[:_BATCH], targets[:_BATCH])  # what is made once, is made now
        before = resident_bytes(service.pid)
        cached = _read(client, names[_BATCH:], targets[_BATCH:])
    grown = resident_bytes(service.pid) - before
    _per_byte(report, f"a worker, {count:,} timelines of {size:,} bytes, each hit once", grown, cached)


def _read(client: Client, names: Sequence[str], targets: Sequence[str]) -> int:
    """Have deals read in batches, ask for a hit of each; the bytes of the hits' bodies."""
    for first in range(0, len(names), _BATCH):
        body = json.dumps({"deal_names": names[first : first + _BATCH], "include": ["timeline"]}).encode()
        expect(client.ask("/api/hubspot/deals-batch", "POST", body, content_type="application/json"))
    return sum(len(expect(client.ask(target), tier="memory").body) for target in targets)


def _per_byte(report: Report, what: str, resident: int, cached: int) -> None:
    shown = f"{resident / cached:.2f}; {resident:,} bytes of memory for {cached:,} of bodies"
    report.figure(f"{what}: bytes of the process for each cached byte", shown)


def _judge(report: Report, what: str, filled: _Filled) -> None:
    share = filled.resident / MAX_BYTES
    report.promise(
        f"{what}: resident memory within 1.5 times that above the idle process",
        f"{share:.2f}; {filled.ratio:.2f} times what is counted, {filled.entries:,} entries",
        share <= 1.5,
    )


def _fill(size: int, count: int, max_bytes: int, views: str = "timeline") -> _Filled:
    command = [sys.executable, "-m", "benchmarks.filling", views, str(size), str(count), str(max_bytes)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(f"filling the memory tier failed: {done.stderr.strip().splitlines()[-1:]}")
    return _Filled(**json.loads(done.stdout))
