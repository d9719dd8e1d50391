"""``python -m benchmarks.perf``: judges the service at ``HOST`` by the deal ``DEAL``; see README, "Under load"."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from math import inf

from benchmarks.deployed import CannotMeasureError, Deployed, knock, place_of
from benchmarks.perf.measure import Measurement
from benchmarks.perf.promises import COLUMNS

_DEADLINE_SECONDS = 15.0
#: A read may take all of its deadline, and the way to the service and back.
_WAY_SECONDS = 5.0


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Judge with the settings in an environment.

    Returns:
        The exit code: 0 when all promises were kept, 1 when one was not, 2 when nothing could be measured.
    """
    try:
        broken = _judge(environ)
    except CannotMeasureError as error:
        print(f"perf: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("perf: interrupted", file=sys.stderr)
        return 130
    print(f"\nPromises broken: {broken}" if broken else "\nAll promises kept")
    return 1 if broken else 0


def _judge(environ: Mapping[str, str]) -> int:
    """Print a line for each promise; returns how many were broken."""
    deal = environ.get("DEAL", "").strip()
    if not deal:
        raise CannotMeasureError("DEAL= must name a deal that the service knows")
    place, deadline = place_of(environ), _deadline_of(environ)
    knock(place)
    broken = 0
    with Deployed(place, patience=deadline + _WAY_SECONDS) as service:
        measurement = Measurement(service, place, deal, deadline)
        way = measurement.way()
        print(f"{deal} at {place.base_url}\nround trip to /healthz: {way.show()}\n\n{COLUMNS}")
        for verdict in measurement.verdicts(way):
            print(verdict.show(), flush=True)
            broken += not verdict.kept
    return broken


def _deadline_of(environ: Mapping[str, str]) -> float:
    given = environ.get("HUBSPOT_DEADLINE_SECONDS", "").strip()
    try:
        deadline = float(given or _DEADLINE_SECONDS)
    except ValueError:
        deadline = inf
    if not 0 < deadline <= 600:
        raise CannotMeasureError(f"HUBSPOT_DEADLINE_SECONDS must be a number of seconds up to 600, and is {given!r}")
    return deadline


if __name__ == "__main__":
    sys.exit(main())
