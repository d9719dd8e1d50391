"""Plans the demo deals: names, and how many activities of each type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import NamedTuple

from dealcache.sandbox.simulator.demo_account import (
    ARCHIVED_OWNER_ID,
    DEFAULT_STAGES,
    NUMERIC_PIPELINE_ID,
    NUMERIC_STAGES,
    OWNER_IDS,
    UNKNOWN_OWNER_ID,
)
from dealcache.sandbox.simulator.demo_words import COMPANIES, PLACES, SUBJECTS


class DealPlan(NamedTuple):
    """A deal to be made: its name and the number of its activities by type."""

    name: str
    activities: Mapping[str, int]


#: The first demo deals, the same for every seed, in this order. Documentation and benchmarks count on them.
#:
#: - "Acme renewal": 60 activities of all 7 types; its first meeting is also on "ACME RENEWAL".
#: - "Globex expansion": 2,500 activities, 1,100 of them e-mails: several pages of associations.
#: - "Initech pilot": none. "Umbrella onboarding": one.
#: - Names that differ only in case, that are the same, that need percent-encoding, that look like HTML.
FIXED_DEALS = (
    DealPlan(
        "Acme renewal",
        {
            "calls": 12,
            "emails": 20,
            "meetings": 8,
            "notes": 10,
            "tasks": 5,
            "communications": 4,
            "postal_mail": 1,
        },
    ),
    DealPlan(
        "Globex expansion",
        {
            "calls": 500,
            "emails": 1_100,
            "meetings": 250,
            "notes": 350,
            "tasks": 180,
            "communications": 100,
            "postal_mail": 20,
        },
    ),
    DealPlan("Initech pilot", {}),
    DealPlan("Umbrella onboarding", {"notes": 1}),
    DealPlan("ACME RENEWAL", {"calls": 4, "emails": 5, "notes": 2}),
    DealPlan("Stark Industries pilot", {"calls": 2, "emails": 3}),
    DealPlan("Stark Industries pilot", {"meetings": 1, "notes": 3}),
    DealPlan("Müller & Söhne – Wartungsvertrag", {"emails": 6, "tasks": 2}),
    DealPlan("東京電機 – 保守契約 2026", {"calls": 3, "meetings": 4}),
    DealPlan("O'Brien & Sons <priority> 100% #1?", {"notes": 5}),
    DealPlan("Café Olé ☕ rollout / phase 2", {"communications": 3, "emails": 2}),
)

_FIXED_NAMES = frozenset(plan.name.casefold() for plan in FIXED_DEALS)

# How demo activities spread over the types.
_TYPES = ("calls", "emails", "meetings", "notes", "tasks", "communications", "postal_mail")
_WEIGHTS = (20, 38, 10, 18, 8, 5, 1)

# The shares of deals without and with very many activities in a big account.
_NONE = 0.1
_MANY = 0.002


def plan_deals(random: Random, count: int) -> Iterator[DealPlan]:
    """The demo deals: the fixed ones first, then made-up ones with mostly 2 to 40 activities, 10 in the mean."""
    yield from FIXED_DEALS[:count]
    for _ in range(count - len(FIXED_DEALS)):
        chosen = random_types(random, _activity_count(random))
        yield DealPlan(_name(random), {kind: chosen.count(kind) for kind in _TYPES})


def plan_spread_deals(random: Random, count: int, mean: float) -> Iterator[DealPlan]:
    """The demo deals of a big account: the fixed ones first, then made-up ones of very different sizes.

    Args:
        random: decides what is left to chance.
        count: how many.
        mean: activities of a made-up deal on average. One in ten has none, one in 500 has 20 to 60 times the mean.
    """
    yield from FIXED_DEALS[:count]
    for _ in range(count - len(FIXED_DEALS)):
        chosen = random_types(random, _spread_count(random, mean))
        yield DealPlan(_name(random), {kind: chosen.count(kind) for kind in _TYPES})


def random_types(random: Random, count: int) -> list[str]:
    """The types of some activities, spread as they are in demo data."""
    return random.choices(_TYPES, _WEIGHTS, k=count)


def plan_properties(random: Random) -> dict[str, str | None]:
    """A demo deal's stage, pipeline, owner, amount and the like, with empty, unknown and missing values among them."""
    standard = random.random() < 0.8
    pipeline = "default" if standard else NUMERIC_PIPELINE_ID
    stage = random.choice(DEFAULT_STAGES)[0] if standard else random.choice(NUMERIC_STAGES)[0]
    owners = (*OWNER_IDS, *OWNER_IDS, *OWNER_IDS, ARCHIVED_OWNER_ID, UNKNOWN_OWNER_ID, None)
    amounts = (None, "", "0", f"{random.randint(500, 250_000)}", f"{random.randint(500, 250_000)}.50")
    return {
        "pipeline": pipeline,
        "dealstage": stage,
        "hubspot_owner_id": random.choice(owners),
        "amount": random.choices(amounts, (1, 1, 1, 12, 6))[0],
        "dealtype": random.choice(("newbusiness", "existingbusiness", None)),
        "description": random.choice((None, "", "Imported from the old CRM.", "Strategic account")),
    }


def _activity_count(random: Random) -> int:
    chance = random.random()
    if chance < 0.03:
        return 0
    if chance < 0.08:
        return 1
    return min(40, 2 + int(random.expovariate(1 / 8.5)))


def _spread_count(random: Random, mean: float) -> int:
    chance = random.random()
    if chance < _NONE:
        return 0
    if chance < _NONE + _MANY:
        return round(random.uniform(20, 60) * mean)
    return round(random.expovariate((1 - _NONE - _MANY) / ((1 - 40 * _MANY) * mean)))


def _name(random: Random) -> str:
    """A name; about one in twenty is written in capitals, so that some differ only in case."""
    parts = [random.choice(COMPANIES), random.choice(SUBJECTS)]
    if random.random() < 0.5:
        parts.append(random.choice(PLACES))
    if random.random() < 0.7:
        parts.append(str(random.randint(2023, 2027)))
    name = " ".join(parts)
    if name.casefold() in _FIXED_NAMES:
        # A second deal of a fixed name would make look-ups by that name ambiguous.
        name += " II"
    return name.upper() if random.random() < 0.05 else name
