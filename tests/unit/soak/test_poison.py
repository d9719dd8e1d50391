"""The soak's bad records in an account."""

from __future__ import annotations

from math import gcd

from dealcache.sandbox.simulator.poisons import Poison, Poisons
from tests.soak.poison import ACTIVITY_POISONS, BODIES, BODY_OF, DEAL_POISONS, body_for, poisons


def truth() -> list[dict[str, object]]:
    activities = [{"type": "notes", "id": str(number)} for number in range(90)]
    return [
        {"id": str(number), "name": "x", "activities": activities[number * 3 : number * 3 + 4]} for number in range(30)
    ]


def test_deals_that_are_spared_stay_well_with_all_that_is_theirs() -> None:
    made = list(poisons(truth(), frozenset({"0", "4"})))
    hit = {(one["type"], one["id"]) for one in made}
    assert len(hit) == len(made) > 10
    assert {kind for kind, _ in hit} == {"deals", "notes"}
    assert ("deals", "0") not in hit
    assert ("deals", "4") not in hit
    assert not hit & {("notes", str(number)) for number in (0, 1, 2, 3, 12, 13, 14, 15)}


def test_the_simulator_takes_each_of_them() -> None:
    damaged = Poisons()
    for number, wrong in enumerate((*ACTIVITY_POISONS, *DEAL_POISONS)):
        damaged.set("notes", str(number), Poison(**wrong))
    assert len(damaged.describe()) == len(ACTIVITY_POISONS) + len(DEAL_POISONS)


def test_every_body_comes_to_every_type_in_time() -> None:
    assert {body_for(version) for version in range(len(BODIES))} == set(BODIES)
    assert gcd(len(BODIES), len(BODY_OF)) == 1  # types come by turns, too
