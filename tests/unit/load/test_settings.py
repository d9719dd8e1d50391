"""The settings of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.deployed import CannotMeasureError, Place
from benchmarks.load.settings import LoadSettings, load_settings


def test_nothing_given_is_the_default() -> None:
    assert load_settings({"RATE": " ", "UNKNOWN": "1"}) == LoadSettings(Place("http://127.0.0.1:8000"))


def test_all_of_it_can_be_given() -> None:
    environ = {
        "HOST": "https://deals.example.com/",
        "TOKEN": "t",
        "ADMIN_TOKEN": "a",
        "RATE": "7.5",
        "DURATION": "20",
        "USERS": "3",
        "SEED": "9",
        "ALLOWED_ERRORS": "0.5",
        "REPORT": "/tmp/report.html",
    }
    place = Place("https://deals.example.com", "t", "a")
    assert load_settings(environ) == LoadSettings(place, 7.5, 20.0, 3, 9, 0.005, Path("/tmp/report.html"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RATE", "0"),
        ("RATE", "many"),
        ("RATE", "nan"),
        ("DURATION", "inf"),
        ("USERS", "301"),
        ("SEED", "-1"),
        ("ALLOWED_ERRORS", "101"),
    ],
)
def test_what_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(CannotMeasureError, match=rf"^{name} must be a number from .* and is '{value}'$"):
        load_settings({name: value})
