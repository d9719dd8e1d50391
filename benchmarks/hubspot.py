"""The simulated HubSpot as the benchmark sees it: steering it, and what its record of calls tells."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any

from benchmarks.client import ask, expect
from dealcache.model.deals import ENGAGEMENT_TYPES
from dealcache.sandbox.simulator.calls import KEPT
from dealcache.sandbox.simulator.demo_deals import FIXED_DEALS

#: HubSpot's most ids on a page of associations, and most records in a batch read.
PAGE = BATCH = 100
#: Calls that a service makes once and not for each deal; the owners take two lists, active and archived.
ONCE = {"owners": 2, "pipelines": 1}


class HubSpot:
    """Steers a running simulator.

    Args:
        base_url: where it listens.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def behave(self, latency: float) -> None:
        """Hold each answer back for ``latency`` seconds, and count against HubSpot's request limits from zero."""
        self.limit(True)
        self._post("settings", {"latency": latency}, "PATCH")

    def limit(self, limits: bool | Mapping[str, int]) -> dict[str, Any]:
        """Set the request limits, counted from zero: HubSpot's own (True), none (False), or others; what they are."""
        settings: dict[str, Any] = self._post("settings", {"limits": limits}, "PATCH")
        return settings["limits"] or {}

    def change(self, changes: Sequence[Mapping[str, Any]]) -> list[str]:
        """Change the account; see ``dealcache.sandbox.simulator.change_list``. The ids of what came out of it."""
        ids: list[str] = self._post("changes", changes)["ids"]
        return ids

    def deals(self) -> list[dict[str, Any]]:
        """All deals by ascending id: ``id``, ``name``, and how many ``activities`` each has."""
        deals: list[dict[str, Any]] = json.loads(expect(ask(self.base_url, "/_simulator/deals")).body)["deals"]
        return deals

    def mark(self) -> int:
        """Return where the record of calls stands now, for :meth:`calls_since`."""
        total: int = self._record(0)["total"]
        return total

    def calls_since(self, mark: int) -> list[dict[str, Any]]:
        """The calls that came in since the record stood there, at most as many as the simulator keeps."""
        record = self._record(KEPT)
        calls: list[dict[str, Any]] = record["calls"]
        new = record["total"] - mark
        return calls[-new:] if new else []

    def small_deals(self, count: int) -> list[str]:
        """Names of deals with 1 to 40 activities, each the name of a single deal in any case."""
        deals = self.deals()
        names = Counter(deal["name"].strip().casefold() for deal in deals)
        fixed = {plan.name for plan in FIXED_DEALS}
        single = [deal for deal in deals if names[deal["name"].strip().casefold()] == 1]
        return [deal["name"] for deal in single if deal["activities"] and deal["name"] not in fixed][:count]

    def _post(self, subject: str, body: object, method: str = "POST") -> Any:
        return json.loads(expect(ask(self.base_url, f"/_simulator/{subject}", method, json.dumps(body).encode())).body)

    def _record(self, shown: int) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(expect(ask(self.base_url, f"/_simulator/calls?limit={shown}")).body)
        return record


def activities_of(deal_name: str) -> Mapping[str, int]:
    """Return how many activities of each type a fixed demo deal has."""
    return next(plan.activities for plan in FIXED_DEALS if plan.name == deal_name)


def expected_calls(activities: Mapping[str, int]) -> Counter[str]:
    """Return the calls that a cold deal may cost: a search, each type's pages of associations and full batches."""
    counts = [activities.get(kind, 0) for kind in ENGAGEMENT_TYPES]
    pages = sum(max(1, ceil(count / PAGE)) for count in counts)
    return Counter(search=1, associations=pages, batch_read=sum(ceil(count / BATCH) for count in counts))


def expected_depth(activities: Mapping[str, int]) -> int:
    """Search, associations, batch reads; and one more for each further page of the type that has most."""
    return 3 + max(0, ceil(max(activities.values(), default=0) / PAGE) - 1)


def counts_of(calls: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Return how many calls of each kind there are, without those that are made once and not for each deal."""
    # A process asks once which account the token is for.
    return Counter(call["kind"] for call in calls if call["kind"] not in (*ONCE, "account"))


def depth_of(calls: Iterable[Mapping[str, Any]]) -> int:
    """The length of the longest chain of calls of which each began after the one before had ended."""
    depth, free_from = 0, float("-inf")
    for call in sorted(calls, key=lambda one: one["finished"]):
        if call["started"] >= free_from:
            depth, free_from = depth + 1, call["finished"]
    return depth


def batches_beside_paging(calls: Iterable[Mapping[str, Any]]) -> int:
    """Return how many batch reads began before the last page of associations had come."""
    every = list(calls)
    last_page = max(call["finished"] for call in every if call["kind"] == "associations")
    return sum(call["kind"] == "batch_read" and call["started"] < last_page for call in every)
