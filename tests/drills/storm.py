"""A storm: very many changes of all sorts in HubSpot within a second."""

from __future__ import annotations

import time
from itertools import count
from random import Random
from typing import Any, NamedTuple

from tests.e2e.programs import HubSpot

Change = dict[str, Any]

#: Records that an integration has written in one go: all with one modified date.
AT_ONCE = 1_000
UPDATED = RENAMED = 150
NEW_DEALS = 30
ADDED = 200
MOVED = 100
ARCHIVED_DEALS, ARCHIVED_ACTIVITIES = 40, 200
MERGES = 12


class Held(NamedTuple):
    """An activity of a deal."""

    deal_id: str
    type: str
    id: str

    @property
    def key(self) -> dict[str, str]:
        return {"object_type": self.type, "record_id": self.id}

    def end(self, what: str, deal_id: str) -> Change:
        """A change of its association with a deal."""
        return {"do": what, "from_type": "deals", "from_id": deal_id, "to_type": self.type, "to_id": self.id}


def stir_up(hubspot: HubSpot, seed: int) -> None:
    """Let a storm go over an account.

    Args:
        hubspot: the account.
        seed: decides what happens.
    """
    random, number = Random(seed), count()
    deals = hubspot.steer("GET", "truth")["deals"]
    random.shuffle(deals)
    ids = iter([deal["id"] for deal in deals])
    ended = {next(ids) for _ in range(ARCHIVED_DEALS + 2 * MERGES)}
    held = [Held(deal["id"], one["type"], one["id"]) for deal in deals for one in deal["activities"]]
    random.shuffle(held)
    lasting = [deal["id"] for deal in deals if deal["id"] not in ended]
    merged = sorted(ended)

    changes: list[Change] = []
    changes += _updates(random, lasting, held)
    changes += [one.end("disassociate", one.deal_id) for one in held[:MOVED]]
    changes += [one.end("associate", random.choice(lasting)) for one in held[MOVED // 2 : MOVED + MOVED // 2]]
    changes += [{"do": "archive", **one.key} for one in unique(held[-2 * ARCHIVED_ACTIVITIES :])[:ARCHIVED_ACTIVITIES]]
    changes += [{"do": "add_deal", "name": f"New {seed} {next(number)}"} for _ in range(NEW_DEALS)]
    changes += [
        {"do": "add_activity", "object_type": random.choice(held).type, "deals": random.sample(lasting, 2)}
        for _ in range(ADDED)
    ]
    for _ in range(MERGES):
        changes.append({"do": "merge", "object_type": "deals", "primary_id": merged.pop(), "loser_id": merged.pop()})
    changes += [{"do": "archive", "object_type": "deals", "record_id": one} for one in merged]
    hubspot.change(*changes)


def _updates(random: Random, deal_ids: list[str], held: list[Held]) -> list[Change]:
    modified_at = time.time()
    changes: list[Change] = [
        {"do": "update", **one.key, "properties": {"hubspot_owner_id": None}, "modified_at": modified_at}
        for one in unique(held[MOVED : MOVED + AT_ONCE])
    ]
    for one in random.sample(deal_ids, UPDATED):
        properties = {"amount": str(random.randint(1, 10**6))}
        changes.append({"do": "update", "object_type": "deals", "record_id": one, "properties": properties})
    for one in random.sample(deal_ids, RENAMED):
        properties = {"dealname": f"Renamed {one}"}
        changes.append({"do": "update", "object_type": "deals", "record_id": one, "properties": properties})
    for engagement in unique(held[AT_ONCE : AT_ONCE + 100]):
        properties = {"hs_timestamp": f"2026-0{random.randint(1, 9)}-11T10:00:00.000Z"}
        changes.append({"do": "update", **engagement.key, "properties": properties})
    return changes


def unique(held: list[Held]) -> list[Held]:
    """Each activity once, also one that several deals have."""
    return list({(one.type, one.id): one for one in held}.values())
