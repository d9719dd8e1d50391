"""Own properties of deals: what the simulated account has, values for stored deals, and questions by them."""

from __future__ import annotations

import itertools
import random
import time
from datetime import timedelta
from typing import Any

import orjson

from benchmarks.client import ask, expect
from benchmarks.lists.deals import BEGIN
from benchmarks.service import Server

NAMES = ("hs_priority", "deal_source", "seats", "contract_start", "modules")
ENVIRON = {"HUBSPOT_DEAL_PROPERTIES": ",".join(NAMES)}

_SECONDS = 30.0
_FILTERS = (
    *("property.hs_priority=High", "property.deal_source=website&property.deal_source=referral", "property.seats=11"),
    *("property.contract_start=2024-05-30", "property.modules=sso", "property.hs_priority=low&stage=Contract%20Sent"),
    *("property.hs_priority=low&property.modules=core", "open=true", "q=renewal"),
)
_SORTS = ("property.hs_priority", "property.seats", "property.contract_start", "created", "amount")

#: Each filter in each order.
QUESTIONS = [f"{condition}&sort={{}}{sort}" for condition, sort in itertools.product(_FILTERS, _SORTS)]


def values(rng: random.Random) -> dict[str, Any]:
    """Return the values of one deal as they are stored; of each property a fifth of all deals has none."""
    every = {
        "hs_priority": rng.choice(("low", "medium", "high")),
        "deal_source": rng.choice(("referral", "website", "trade_fair", "cold_call")),
        "seats": float(rng.randrange(1, 12)),
        "contract_start": BEGIN + timedelta(days=30 * rng.randrange(15)),
        "modules": rng.sample(("core", "reports", "sso", "api"), rng.randrange(1, 4)),
    }
    return {name: value for name, value in every.items() if rng.random() < 0.8}


def wait(service: Server) -> None:
    """Wait until the service knows the definitions of all of them.

    Raises:
        TimeoutError: it does not learn them.
    """
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        known = orjson.loads(expect(ask(service.base_url, "/api/hubspot/v2/deal-properties")).body)
        if {one["name"] for one in known if one["type"] != "string"} == set(NAMES):
            return
        time.sleep(0.1)
    raise TimeoutError("the service does not know the definitions of own properties")
