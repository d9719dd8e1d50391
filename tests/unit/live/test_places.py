"""The number of clients that fit into a worker."""

from __future__ import annotations

import resource

import pytest

from dealcache.live.hub import MOST_CLIENTS, make_room, places_within


@pytest.mark.parametrize(
    ("files", "places"),
    [
        (resource.RLIM_INFINITY, MOST_CLIENTS),
        (1_000_000, MOST_CLIENTS),
        (6_500, 5_000),
        (4_096, 2_596),
        (2_000, 500),
        (1_024, 256),
    ],
)
def test_places_by_the_number_of_open_files(files, places):
    assert places_within(files) == places


@pytest.mark.parametrize(
    ("limits", "raised", "places"),
    [
        ((1024, 524_288), (6_500, 524_288), 5_000),
        ((1024, resource.RLIM_INFINITY), (6_500, resource.RLIM_INFINITY), 5_000),
        ((1024, 4096), (4096, 4096), 2_596),
        ((20_000, 20_000), None, 5_000),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), None, 5_000),
    ],
)
def test_the_limit_is_raised_as_far_as_needed_and_allowed(monkeypatch, limits, raised, places):
    set_to: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _which: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _which, wanted: set_to.append(wanted))
    assert make_room() == places
    assert set_to == ([raised] if raised else [])
