"""The settings of a run: the environment, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from benchmarks.deployed import CannotMeasureError, Place, place_of

#: Each user's page view takes a connection for each of its three views, and select() watches 1,024 files at most.
MOST_USERS = 300


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """The settings of a run.

    Attributes:
        place: the service.
        rate: visits per second on average.
        duration: seconds during which visits arrive.
        users: the most visits under way at once.
        seed: decides all chance.
        allowed_errors: the share of requests, 0 to 1, that may fail.
        report: the page that is written.
    """

    place: Place
    rate: float = 50.0
    duration: float = 60.0
    users: int = 64
    seed: int = 1
    allowed_errors: float = 0.0
    report: Path = Path("build/load-test.html")


def load_settings(environ: Mapping[str, str]) -> LoadSettings:
    """The settings in an environment.

    Raises:
        CannotMeasureError: one of them cannot be used; the message names it.
    """
    default = LoadSettings(place_of(environ))
    return LoadSettings(
        default.place,
        rate=_number(environ, "RATE", default.rate, 0.1, 5_000.0),
        duration=_number(environ, "DURATION", default.duration, 1.0, 3_600.0),
        users=int(_number(environ, "USERS", default.users, 1, MOST_USERS)),
        seed=int(_number(environ, "SEED", default.seed, 0, 2**31)),
        allowed_errors=_number(environ, "ALLOWED_ERRORS", 0.0, 0.0, 100.0) / 100.0,
        report=Path(environ.get("REPORT", "").strip() or default.report),
    )


def _number(environ: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    given = environ.get(name, "").strip()
    if not given:
        return default
    try:
        value = float(given)
    except ValueError:
        value = float("nan")
    if not (isfinite(value) and least <= value <= most):
        raise CannotMeasureError(f"{name} must be a number from {least:g} to {most:g}, and is {given!r}")
    return value
