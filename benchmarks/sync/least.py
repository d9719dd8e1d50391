"""The least that a full load of an account could cost: the fewest calls, and the least time within HubSpot's limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from pymongo.collection import Collection

from benchmarks.hubspot import BATCH, PAGE
from benchmarks.stand import Stand
from dealcache.model.deals import ENGAGEMENT_TYPES

#: Deals whose associations one call reads.
CHUNK = 1_000

#: The kinds of call that do not count towards the app's limit, and towards which they do.
_BUCKETS = {"search": "search", "associations": "associations"}
#: By limit, what the simulator calls its size, and its period in seconds.
_WINDOWS = {
    "app": ("ten_secondly", 10.0),
    "search": ("search_per_second", 1.0),
    "associations": ("associations_ten_secondly", 10.0),
}


@dataclass(frozen=True, slots=True)
class Account:
    """An account's size: deals, distinct activities, associations of the two, and the fewest calls to read it all."""

    deals: int
    activities: int
    associations: int
    fewest_calls: int

    @property
    def formula(self) -> str:
        """Return how the fewest calls add up: pages of deals, associations of each type, batches of activities."""
        deals, types, batches = ceil(self.deals / PAGE), len(ENGAGEMENT_TYPES), ceil(self.activities / BATCH)
        associations = types * ceil(self.deals / CHUNK)
        further = self.fewest_calls - deals - associations - batches
        terms = (f"{deals:,} (D/100)", f"{associations:,} (7 D/1,000)", f"{batches:,} (A/100)", f"{further:,} (pages)")
        return " + ".join(terms) + f" = {self.fewest_calls:,}"


def account_of(stand: Stand, database: str) -> Account:
    """The account, as a full load has stored it.

    Raises:
        ValueError: the load did not store what there is: what it took means nothing then.
    """
    truth = {deal["id"]: deal["activities"] for deal in stand.hubspot.deals()}
    events = stand.mongodb[database]["deal_timeline"]
    per_type = _grouped(events, "engagement_of_deal", "deal_id", "engagement_type")
    stored: Counter[str] = Counter()
    for group in per_type:
        stored[group["_id"]["deal_id"]] += group["count"]
    if stored != Counter(truth):
        wrong = sum(stored[one] != count for one, count in truth.items())
        raise ValueError(f"{wrong:,} of {len(truth):,} deals have not the activities that HubSpot has")
    activities = len(_grouped(events, "deals_of_engagement", "engagement_type", "engagement_id"))
    fewest = ceil(len(truth) / PAGE) + len(ENGAGEMENT_TYPES) * ceil(len(truth) / CHUNK) + ceil(activities / BATCH)
    return Account(len(truth), activities, stored.total(), fewest + _further_pages(list(truth), per_type))


def _grouped(events: Collection[dict[str, Any]], index: str, *fields: str) -> list[dict[str, Any]]:
    """Return how many events there are for each combination of the first fields of an index, from that index alone."""
    stages: list[dict[str, Any]] = [
        {"$match": {fields[0]: {"$gte": ""}}},  # without a condition MongoDB would read all documents
        {"$group": {"_id": {name: f"${name}" for name in fields}, "count": {"$sum": 1}}},
    ]
    return list(events.aggregate(stages, hint=index, allowDiskUse=True))


def _further_pages(deal_ids: Iterable[str], per_type: Iterable[Mapping[str, Any]]) -> int:
    """Association pages after the first, when the deals are read in chunks in the order of HubSpot's list."""
    chunk_of = {deal_id: place // CHUNK for place, deal_id in enumerate(deal_ids)}
    most: Counter[tuple[int, str]] = Counter()
    for group in per_type:
        place = (chunk_of[group["_id"]["deal_id"]], group["_id"]["engagement_type"])
        most[place] = max(most[place], ceil(group["count"] / PAGE) - 1)
    return most.total()


def at_full_rate(calls: Iterable[Mapping[str, Any]], limits: Mapping[str, int]) -> float:
    """Seconds that these calls take at the rate of the limit which is the narrowest for them."""
    return max(_seconds(calls, limits).values())


def at_best(calls: Iterable[Mapping[str, Any]], limits: Mapping[str, int]) -> float:
    """Seconds that these calls take at least: the first period's worth of them at once, the others at the full rate."""
    return max(max(0.0, seconds - _WINDOWS[bucket][1]) for bucket, seconds in _seconds(calls, limits).items())


def in_flight(calls: Iterable[Mapping[str, Any]], latency: float, at_once: int) -> float:
    """Seconds that the calls of a first load of at most 1,000 deals take when nothing but their latency counts.

    First the owners and the pages of the list of deals, one after another, because each names the next; then the pages
    of associations and the batches, ``at_once`` at a time; but of one type a page comes after the other, and a batch
    after the last page.
    """
    every = list(calls)
    kinds = Counter(call["kind"] for call in every)
    pages = Counter(call["path"] for call in every if call["kind"] == "associations")
    together = ceil((kinds["associations"] + kinds["batch_read"]) / at_once)
    return latency * (kinds["owners"] + kinds["list"] + max(together, max(pages.values()) + 1))


def _seconds(calls: Iterable[Mapping[str, Any]], limits: Mapping[str, int]) -> dict[str, float]:
    counts = Counter(_BUCKETS.get(call["kind"], "app") for call in calls)
    return {bucket: counts[bucket] / limits[size] * period for bucket, (size, period) in _WINDOWS.items()}
