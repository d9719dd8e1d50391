"""``python -m benchmarks.perf``: judges the service at ``HOST`` by the deal ``DEAL``; see docs/performance.md."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from math import inf

from benchmarks.deployed import CannotMeasureError, Deployed, knock, place_of
from benchmarks.perf.measure import Measurement
from benchmarks.perf.promises import COLUMNS

#: What the service has unless it is set; it does not tell.
_DEADLINE_SECONDS, _MOST_AGE_SECONDS = 15.0, 3_600.0
_YEAR = 31_536_000
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
    place = place_of(environ)
    deadline = _seconds(environ, "HUBSPOT_DEADLINE_SECONDS", _DEADLINE_SECONDS, least=0.001, most=600)
    most_age = _seconds(environ, "MAX_DATA_AGE_SECONDS", _MOST_AGE_SECONDS, least=0, most=_YEAR)
    knock(place)
    broken = 0
    with Deployed(place, patience=deadline + _WAY_SECONDS) as service:
        measurement = Measurement(service, place, deal, deadline, most_age)
        way = measurement.way()
        print(f"{deal} at {place.base_url}\nround trip to /healthz: {way.show()}\n\n{COLUMNS}")
        for verdict in measurement.verdicts(way):
            print(verdict.show(), flush=True)
            broken += verdict.kept is False
    return broken


def _seconds(environ: Mapping[str, str], name: str, default: float, *, least: float, most: float) -> float:
    given = environ.get(name, "").strip()
    try:
        seconds = float(given or default)
    except ValueError:
        seconds = inf
    if not least <= seconds <= most:
        raise CannotMeasureError(f"{name} must be a number of seconds up to {most}, and is {given!r}")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
