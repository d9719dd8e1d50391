"""The report at the end of a soak: lines for people, JSON for programs. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.soak.findings import Finding, Statistics, Wrong
from tests.soak.memory import Growth

#: How many findings of a kind are shown in full.
_SHOWN = 8
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Result:
    """All that one soak has found out."""

    machine: Sequence[str]
    seed: int
    seconds: float
    findings: Sequence[Finding]
    statistics: Statistics
    promises_checked: Counter[str]
    disturbances: Counter[str]
    messages_came: int
    messages_excused: int
    message_delays: Sequence[float]
    growths: Mapping[str, Growth]
    lag: Sequence[float]

    @property
    def passed(self) -> bool:
        """True if nothing was wrong."""
        return not self.findings


def share(values: Sequence[float], part: float) -> float:
    """The value that ``part`` (0 to 1) of the values do not exceed; 0 of none."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)] if values else 0.0


def lines(result: Result) -> list[str]:
    """The report for people."""
    return [
        *result.machine,
        f"seed {result.seed}, {result.seconds:.0f} s, {sum(result.statistics.outcomes.values())} requests",
        "",
        *_table(("requests", "answers", "p50 ms", "p99 ms", "max ms"), _request_rows(result.statistics)),
        "",
        *_counts("excused failures", _joined(result.statistics.excused)),
        *_counts("reads by tier", _shares(result.statistics.tiers)),
        *_counts("disturbances", result.disturbances),
        *_counts("promises that reads were held to", result.promises_checked),
        *_counts("counts", result.statistics.events),
        *_counts("longest, s", {name: f"{value:.3f}" for name, value in result.statistics.longest.items()}),
        *_counts("messages", _messages(result)),
        *_counts("memory of workers", _memory(result.growths)),
        f"checker late by: median {share(result.lag, 0.5) * 1000:.1f} ms, p99 {share(result.lag, 0.99) * 1000:.1f} ms, "
        f"worst {share(result.lag, 1) * 1000:.1f} ms",
        "",
        *_verdict(result),
    ]


def as_json(result: Result) -> dict[str, Any]:
    """The report for programs."""
    counts = Counter(finding.wrong for finding in result.findings)
    return {
        "passed": result.passed,
        "seed": result.seed,
        "seconds": round(result.seconds, 1),
        "requests": _joined(result.statistics.outcomes),
        "excused": _joined(result.statistics.excused),
        "tiers": dict(result.statistics.tiers),
        "disturbances": dict(result.disturbances),
        "promises_checked": dict(result.promises_checked),
        "counts": dict(result.statistics.events),
        "longest_seconds": dict(result.statistics.longest),
        "messages": _messages(result),
        "memory_bytes": {name: growth._asdict() for name, growth in result.growths.items()},
        "lag_seconds": {"p99": share(result.lag, 0.99), "worst": share(result.lag, 1)},
        "wrong": {kind.value: counts[kind] for kind in Wrong},
        "findings": [{"wrong": one.wrong, "at": round(one.at, 3), "text": one.text} for one in result.findings],
    }


def _request_rows(statistics: Statistics) -> list[tuple[str, ...]]:
    rows = []
    for what, seconds in sorted(statistics.seconds.items()):
        answers = {outcome: count for (kind, outcome), count in sorted(statistics.outcomes.items()) if kind == what}
        shown = ", ".join(f"{outcome}: {count}" for outcome, count in answers.items())
        times = (share(seconds, 0.5), share(seconds, 0.99), max(seconds))
        rows.append((what, shown, *(f"{1000 * one:.1f}" for one in times)))
    return rows


def _joined(counts: Mapping[tuple[str, str], int]) -> dict[str, int]:
    return {" ".join(names): count for names, count in sorted(counts.items())}


def _shares(tiers: Counter[str]) -> dict[str, str]:
    total = sum(tiers.values())
    return {tier: f"{count} ({100 * count / total:.1f} %)" for tier, count in tiers.most_common()}


def _messages(result: Result) -> dict[str, Any]:
    return {
        "due and come": result.messages_came,
        "lost with a process that was killed": result.messages_excused,
        "after the promise, p99 s": round(share(result.message_delays, 0.99), 3),
        "after the promise, worst s": round(share(result.message_delays, 1), 3),
    }


def _memory(growths: Mapping[str, Growth]) -> dict[str, str]:
    return {
        name: f"{one.warm / _MEGABYTE:.1f} MB warm, {one.last / _MEGABYTE:.1f} MB at the end, "
        f"{one.lived:.0f} s: {(one.last - one.warm) / _MEGABYTE:+.1f} MB"
        for name, one in growths.items()
    }


def _counts(title: str, counts: Mapping[str, Any]) -> list[str]:
    if not counts:
        return [f"{title}: none"]
    return [f"{title}:", *(f"    {name}: {count}" for name, count in counts.items())]


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    cells = [headings, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _verdict(result: Result) -> list[str]:
    counts = Counter(finding.wrong for finding in result.findings)
    said = [f"{kind.value}: {counts[kind]}" for kind in Wrong]
    for kind in Wrong:
        of_kind = [finding for finding in result.findings if finding.wrong is kind]
        said += [f"  {one.at:7.2f} s  {one.wrong}: {one.text}" for one in of_kind[:_SHOWN]]
        if len(of_kind) > _SHOWN:
            said.append(f"             … and {len(of_kind) - _SHOWN} more")
    return [*said, "the soak passed" if result.passed else "the soak FAILED"]
