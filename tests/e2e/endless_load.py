"""``python -m tests.e2e.endless_load``: the load of ``make load-test``, which ends when the process gets SIGTERM."""

from __future__ import annotations

import os
import signal
import sys
import threading

from benchmarks.load.session import content_of, load
from benchmarks.load.settings import load_settings
from benchmarks.load.target import look_at


def main() -> int:
    """Load the service until told to end; return 0 if no request failed."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: ended.set())
    settings = load_settings(os.environ)
    target = look_at(settings.place)
    print("begins", flush=True)
    content = content_of(settings, target, load(settings, target, ended.is_set))
    print(content.verdict)
    return 0 if content.passed else 1


if __name__ == "__main__":
    sys.exit(main())
