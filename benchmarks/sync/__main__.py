"""``python -m benchmarks.sync``: measures full, unchanged, incremental and limited syncs of growing accounts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks import frame
from benchmarks.report import Report
from benchmarks.stand import Stand
from benchmarks.sync.further import OWN_PROPERTIES, STAGE_HISTORY, with_feature
from benchmarks.sync.loads import judge_growth, limited, unlimited
from benchmarks.sync.people import named
from benchmarks.sync.table import Row, show

_ACTIVITIES_PER_DEAL = "10"

#: The largest account that is loaded with the names of people too.
_MOST_NAMED = 10_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; see :func:`.frame.run`."""
    return frame.run(_parser(), arguments, _run)


def _run(options: argparse.Namespace, report: Report) -> None:
    sizes, within_limits = ((1_000, 10_000), (1_000,)) if options.quick else ((1_000, 10_000, 100_000), (1_000, 10_000))
    rows: list[Row] = []
    for deals in sizes:
        rows += _measure(report, deals, within_limits=deals in within_limits)
    _sum_up(report, rows)


def _measure(report: Report, deals: int, *, within_limits: bool) -> list[Row]:
    """Measure all syncs of one account."""
    report.heading(f"{deals:,} deals")
    rows: list[Row] = []
    try:
        with Stand(("--deals", str(deals), "--activities-per-deal", _ACTIVITIES_PER_DEAL, "--people")) as stand:
            rows += unlimited(stand, report)
            plain = rows[0]
            for feature in (OWN_PROPERTIES, STAGE_HISTORY):
                rows += with_feature(feature, stand, report, plain.account, plain.run, with_load=within_limits)
            if deals <= _MOST_NAMED:
                named(stand, report, plain.account, plain.run)
            if within_limits:
                rows.append(limited(stand, report, rows[0].account))
    except Exception as error:  # noqa: BLE001 - one size that cannot run must not hide what the others find
        report.failure(f"{deals:,} deals", error)
    return rows


def _sum_up(report: Report, rows: Sequence[Row]) -> None:
    report.heading("Growth")
    if len({row.account.deals for row in rows}) > 1:
        judge_growth(report, rows)
    else:
        report.left_out("growth", "needs two sizes")
    report.heading("\n".join(show(rows)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sync", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="accounts of 1,000 and 10,000 deals only")
    return parser


if __name__ == "__main__":
    sys.exit(main())
