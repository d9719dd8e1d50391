"""``python -m benchmarks.load``: loads the service at ``HOST``; see docs/performance.md."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from rich.console import Console

from benchmarks.deployed import CannotMeasureError
from benchmarks.load.page import write
from benchmarks.load.session import content_of, load
from benchmarks.load.settings import load_settings
from benchmarks.load.target import look_at
from benchmarks.load.terminal import show


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Make a run with the settings in an environment.

    Returns:
        The exit code: 0 when no more requests failed than may, 1 when more did, 2 when nothing could be measured.
    """
    # The tables need so much; a file or a pipe has no width of its own.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    try:
        settings = load_settings(environ)
        target = look_at(settings.place)
        console.print(f"{settings.place.base_url}: {settings.rate:g} visits a second for {settings.duration:g} s …")
        content = content_of(settings, target, load(settings, target))
        show(content, console)
        write(content, settings.report)
    except CannotMeasureError as error:
        print(f"load-test: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("load-test: interrupted, so there is no report", file=sys.stderr)
        return 130
    console.print(f"report: {settings.report}", soft_wrap=True)
    return 0 if content.passed else 1


if __name__ == "__main__":
    sys.exit(main())
