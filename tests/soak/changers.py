"""Those who change deals in HubSpot, and have the service told of it: by a webhook, a sync, or a refresh."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle
from random import Random

from tests.soak.findings import Wrong
from tests.soak.outages import ENDED, Part
from tests.soak.readers import read_mongodb
from tests.soak.stage import TIERS, Lines, Stage, reading
from tests.soak.syncs import Syncs
from tests.soak.versions import VIEWS, Specimen, events_of, next_version
from tests.soak.webhooks import Webhooks

#: How the service is told of changes, with their weights.
_WAYS = {"webhook": 4, "refresh": 4, "sync": 2, "sync of the deal": 1}

#: For how long a deal that was refreshed is not fetched again, by the contract, and some more.
_REFRESH_SECONDS = 15.0

#: Seconds until what a webhook told of must be stored, by an undisturbed service.
_WEBHOOK_SECONDS = 30.0
#: Seconds until somebody else takes over the events that a killed process had claimed, and does them.
_LEASE_SECONDS = 120.0 + _WEBHOOK_SECONDS
#: Seconds from when a webhook's change is in MongoDB until it counts as promised: caches are told right after.
_TOLD_SECONDS = 2.0


class Changer:
    """Changes deals that nobody else changes.

    Args:
        stage: what all share.
        random: decides what happens.
        deals: the deals.
    """

    def __init__(self, stage: Stage, random: Random, deals: Sequence[Specimen]) -> None:
        self._stage = stage
        self._random = random
        self._deals = cycle(deals)
        self._lines = Lines(stage, random)
        self._syncs = Syncs(stage, random)
        self._webhooks = Webhooks(stage, random)
        #: Deals and versions that a webhook told of, and until when somebody must have taken them over.
        self._left_to_a_lease: list[tuple[Specimen, int, float]] = []

    def act(self) -> float:
        """Change one deal, and see it through."""
        deal = next(self._deals)
        version, added_id = self._change(deal)
        (way,) = self._random.choices(list(_WAYS), list(_WAYS.values()))
        self._stage.statistics.count(f"changes told by {way}")
        if way == "webhook":
            self._by_webhook(deal, version, added_id)
        elif way == "refresh":
            self._by_refresh(deal, version)
        else:
            self._syncs.run(None if way == "sync" else deal)
        self._look_after_leases()
        return self._random.uniform(0.2, 0.8)

    def _change(self, deal: Specimen) -> tuple[int, str]:
        stage = self._stage
        version = stage.model.begin(deal.deal_id, stage.clock())
        *_, added_id = stage.site.hubspot.change(*next_version(deal, version))
        stage.model.made(deal.deal_id, version, stage.clock(), time.time())
        return version, str(added_id)

    def _by_refresh(self, deal: Specimen, version: int) -> None:
        """Refresh until HubSpot has been asked: a refresh may share the fetch of one before."""
        stage = self._stage
        deadline = stage.clock() + _REFRESH_SECONDS
        while not stage.stopped.is_set() and stage.clock() < deadline:
            if (self._refreshed(deal) or -1) >= version:
                return
            stage.stopped.wait(1.0)
        stage.statistics.count("refreshes that did not come to HubSpot in time")

    def _refreshed(self, deal: Specimen) -> int | None:
        """Refresh once, on any view; the version that HubSpot had, None when it was not asked."""
        stage, view = self._stage, self._random.choice(list(VIEWS))
        read = reading("refresh", TIERS, view, deal, self._random.choice(("dealName", "dealId")))
        connection = self._lines.one()
        answer = stage.inspector.accept(connection.ask(replace(read, path=f"{read.path}&refresh=true")), 200)
        if answer is None or not stage.inspector.tiers(answer):
            return None
        shown = stage.judge_view(answer, view, stage.inspector.json_of(answer), deal, connection)
        if shown is None or answer.headers["x-cache-tier"] != "hubspot":
            return None
        if stage.outages.touched({Part.MONGOD}, answer.begun_at, answer.ended_at, settle=5.0):
            stage.statistics.count("refreshes without a promise, for MongoDB was down")
        else:
            stage.promise(deal.deal_id, shown.oldest, answer.ended_at, "refresh")
        return shown.oldest

    def _by_webhook(self, deal: Specimen, version: int, added_id: str) -> None:
        """Deliver what HubSpot would, and wait until it is stored."""
        stage = self._stage
        begun_at = stage.clock()
        if not self._webhooks.deliver(events_of(deal, version, added_id, time.time())):
            return
        accepted_at = stage.clock()
        if self._stored(deal, version, accepted_at + _WEBHOOK_SECONDS):
            disturbed = stage.outages.touched(ENDED, begun_at, stage.clock())
            stage.statistics.delayed(
                f"webhook until stored, {'disturbed' if disturbed else 'undisturbed'}", stage.clock() - accepted_at
            )
            told_at = stage.clock() + _TOLD_SECONDS
            stage.stopped.wait(_TOLD_SECONDS)
            if not stage.outages.touched(ENDED, begun_at, max(told_at, stage.clock())):
                stage.promise(deal.deal_id, version, told_at, "webhook")
        elif stage.outages.touched(ENDED, begun_at, stage.clock()):
            stage.statistics.count("webhooks left to the lease of a killed process")
            self._left_to_a_lease.append((deal, version, stage.clock() + _LEASE_SECONDS))
        elif not stage.stopped.is_set():
            stage.findings.add(
                Wrong.LOST_UPDATE,
                f"version {version} of {deal.name!r} is not stored {_WEBHOOK_SECONDS:g} s after its webhook",
            )

    def _stored(self, deal: Specimen, version: int, deadline: float) -> bool:
        """Wait until all views of MongoDB show a version."""
        stage, missing = self._stage, list(VIEWS)
        while not stage.stopped.is_set() and stage.clock() < deadline:
            if (read_mongodb(stage, self._lines.one(), missing[0], deal, "dealId") or 0) >= version:
                missing.pop(0)
                if not missing:
                    return True
            else:
                stage.stopped.wait(0.1)
        return False

    def _look_after_leases(self) -> None:
        stage, now = self._stage, self._stage.clock()
        for deal, version, due in [one for one in self._left_to_a_lease if one[2] <= now]:
            stored = read_mongodb(stage, self._lines.one(), "info", deal, "dealId")
            if stored is None:
                return  # MongoDB is down; another time
            self._left_to_a_lease.remove((deal, version, due))
            if stored < version:
                text = f"version {version} of {deal.name!r} is not stored {_LEASE_SECONDS:g} s after a kill"
                stage.findings.add(Wrong.LOST_UPDATE, text)
