"""One call in twenty goes wrong, in all the ways in which HubSpot and the network fail."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.drills.site import MakeSite
from tests.drills.storm import stir_up
from tests.e2e.programs import HubSpot

SHARE = 0.05
SEED = 99
#: Calls over which the faults are spread: more than there are.
CALLS = 3_000

FAULTS: tuple[dict[str, Any], ...] = (
    {"status": 429},
    {"status": 500},
    {"status": 502, "html": True},
    {"reset": True},
    {"cut_short": True},
)


def break_calls(hubspot: HubSpot) -> list[int]:
    """Let calls at random places fail; how many calls pass before each."""
    random = Random(SEED)
    places = sorted(random.sample(range(CALLS), round(CALLS * SHARE)))
    for place in places:
        hubspot.steer("POST", "faults", match="/", skip=place, times=1, **random.choice(FAULTS))
    return places


def test_a_full_load_and_a_storm_with_faults(make_site: MakeSite) -> None:
    """The search index is late, too: what it does not show at first is found by the confirming pass."""
    site = make_site("--deals", "1000", "--index-lag", "3", SYNC_CONFIRM_SECONDS="4")
    site.hubspot.steer("PATCH", "settings", limits={"ten_secondly": 2_000})
    service = site.start_service()
    places = break_calls(site.hubspot)
    site.sync(service, full="true")
    stir_up(site.hubspot, SEED)
    site.assert_behind(service)
    site.sync(service)
    faults = site.hubspot.steer("GET", "faults")["faults"]
    calls = site.hubspot.steer("GET", "calls")["total"]
    hit = sum(fault["matched"] > place for fault, place in zip(faults, places, strict=True))
    assert SHARE * 0.6 < hit / calls < SHARE * 1.4
    site.hubspot.reset()
    site.assert_true(service)
