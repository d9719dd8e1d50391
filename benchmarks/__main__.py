"""``python -m benchmarks``: runs the sections, prints their figures and whether the promises are kept."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from benchmarks import (
    against_peers,
    batch,
    cold,
    data_age,
    footprint,
    frame,
    html,
    live_updates,
    mongodb_tier,
    parallel,
    redis_tier,
    sharing,
    slow_hubspot,
)
from benchmarks.lane import cores, misses, senders, waiting
from benchmarks.report import Report
from benchmarks.stand import Stand
from benchmarks.sync import first

_ONLY = "run this section only, `lane` all that begin with it; may be repeated"
_PURPOSE = "Runs the sections, prints their figures and whether the promises are kept."

Section = Callable[[Stand, Report, bool], None]

SECTIONS: dict[str, tuple[str, Section]] = {
    "cold": ("A cold deal, 200 ms per call to HubSpot", cold.run),
    "mongodb": ("The MongoDB tier", mongodb_tier.run),
    "data-age": ("How old the data is", data_age.run),
    "redis": ("The Redis tier", redis_tier.run),
    "peers": ("Memory hits over HTTP, beside other caches", against_peers.run),
    "lane-waiting": ("Hits while others wait for HubSpot", waiting.run),
    "lane-senders": ("Requests beside silent and slow clients", senders.run),
    "lane-misses": ("What the lane cannot answer", misses.run),
    "lane-cores": ("Workers and cores", cores.run),
    "batch": ("A hundred deals in one batch", batch.run),
    "parallel": ("Many readers of one cold deal", parallel.run),
    "sharing": ("A cold deal among several processes", sharing.run),
    "slow-hubspot": ("Hits while HubSpot is slow", slow_hubspot.run),
    "first-sync": ("A first full load of a small account", first.run),
    "live": ("Clients of live updates", live_updates.run),
    "footprint": ("What cached timelines take", footprint.run),
    "html": ("The text of hostile HTML", html.run),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; see :func:`.frame.run`."""
    return frame.run(_parser(), arguments, _run_all)


def _run_all(options: argparse.Namespace, report: Report) -> None:
    for name in _chosen(options.only):
        _run(name, report, options.quick)


def _run(name: str, report: Report, quick: bool) -> None:
    title, section = SECTIONS[name]
    report.heading(f"{name}: {title}")
    try:
        with Stand() as stand:
            section(stand, report, quick)
    except Exception as error:  # noqa: BLE001 - one section that cannot run must not hide what the others find
        report.failure(name, error)


def _chosen(only: Sequence[str] | None) -> list[str]:
    """The names of the sections to run: all, or those that are named, of which ``lane`` names several."""
    return [name for name in SECTIONS if not only or name in only or name.partition("-")[0] in only]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=_PURPOSE)
    parser.add_argument("--only", action="append", choices=[*SECTIONS, "lane"], help=_ONLY)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    return parser


if __name__ == "__main__":
    sys.exit(main())
