"""The frame of each benchmark command: the machine first, the summary last, and every process stopped at the end."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import machine
from benchmarks.report import Report


def run(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    measure: Callable[[argparse.Namespace, Report], None],
) -> int:
    """Run a benchmark.

    Args:
        parser: reads the command line; gets the option ``--strict``.
        arguments: the command line without the program; the process's own when left out.
        measure: does the work with the options that were read.

    Returns:
        The exit code: 1 when something could not be run, or with ``--strict`` when a promise was missed.
    """
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a promise is missed")
    options = parser.parse_args(arguments)
    # Unwinding the stack is what stops the processes; for Ctrl-C Python does the same by itself.
    signal.signal(signal.SIGTERM, _leave)
    report, started = Report(), time.monotonic()
    for line in machine.describe():
        print(line)
    measure(options, report)
    report.summary(time.monotonic() - started)
    return 1 if report.failed or (options.strict and report.missed) else 0


def _leave(_number: int, _frame: Any) -> None:
    sys.exit(143)
