"""The answers that a read may give: each test deal's versions, and when each is owed to readers. Pure.

A *promise* is what the service has said with an answer: from then on readers get this version or a newer one. It holds
at once in the worker that gave the answer and after a second in all others (contract, ``clear-endpoint-cache``). The
moment of a promise is when its answer had arrived, that of a read is when it was about to be sent, both on one clock in
one process; so whatever the checker itself loses in between only makes it milder.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.soak.versions import VIEWS, Shown

#: What made a promise; ``annotation``: a clear, after another system had written beside a deal.
PromiseKind = Literal["clear", "sync", "refresh", "webhook", "annotation"]

#: Seconds after which a promise holds in every worker.
BOUND = 1.0

#: Seconds on top of it before a read counts as too old, for a machine on which everything shares two cores.
MARGIN = 0.1

#: Seconds until what a reader of MongoDB has seen survives a crash: its journal is written ten times a second.
JOURNALED = 1.0


@dataclass(frozen=True, slots=True)
class Promise:
    """That readers get ``version`` or a newer one, from ``at`` on."""

    deal_id: str
    version: int
    at: float
    kind: PromiseKind


@dataclass(frozen=True, slots=True)
class Judgement:
    """The fault of one read, if it has any.

    ``owed`` is the newest promise that had to hold for it; ``broken`` is the same when the read was older than that.
    ``impossible`` says that it showed a version that HubSpot never had. ``late`` is for how many seconds the read was
    older than had been promised, be it allowed or not; ``since`` is how many seconds before it the last promise was.
    """

    owed: Promise | None
    broken: Promise | None
    impossible: bool
    late: float
    since: float

    @property
    def fine(self) -> bool:
        """True if nothing is wrong."""
        return self.broken is None and not self.impossible


@dataclass(slots=True)
class _Deal:
    #: When each version may have been seen first.
    begun_at: list[float] = field(default_factory=lambda: [float("-inf")])
    #: When each version was surely there: on the model's clock, and in epoch seconds.
    made_at: list[float] = field(default_factory=lambda: [float("-inf")])
    made_wall: list[float] = field(default_factory=lambda: [float("-inf")])
    #: Ascending by time and by version: what is owed at a moment is the last promise before it.
    promises: list[Promise] = field(default_factory=list)
    #: By view, when each version was first seen in MongoDB, ascending in both: a deal is not written in one step.
    seen: defaultdict[str, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))

    def seen_by(self, view: str, at: float) -> int:
        """The newest version that a view of MongoDB had shown by a moment."""
        seen = self.seen[view]
        place = bisect_right(seen, at, key=lambda one: one[0])
        return seen[place - 1][1] if place else 0


class Model:
    """Knows what readers are owed. Methods may be called from any thread.

    Args:
        deal_ids: the test deals, all at version 0.
        bound: seconds after which a promise holds everywhere.
        margin: seconds of grace on top of it.
    """

    def __init__(self, deal_ids: Iterable[str], bound: float = BOUND, margin: float = MARGIN) -> None:
        self._deals = {deal_id: _Deal() for deal_id in deal_ids}
        self._grace = bound + margin
        self._lock = threading.Lock()

    def begin(self, deal_id: str, at: float) -> int:
        """Announce a change, which may be seen from ``at`` on; returns the version that it makes."""
        with self._lock:
            begun_at = self._deals[deal_id].begun_at
            begun_at.append(at)
            return len(begun_at) - 1

    def made(self, deal_id: str, version: int, at: float, wall: float) -> None:
        """Note that a version is there at the latest since ``at``, which is ``wall`` in epoch seconds."""
        with self._lock:
            deal = self._deals[deal_id]
            assert len(deal.made_at) == version, "the changes of one deal are made one after the other"
            deal.made_at.append(at)
            deal.made_wall.append(wall)

    def newest(self) -> Mapping[str, int]:
        """The newest version of each deal that is surely there."""
        with self._lock:
            return {deal_id: len(deal.made_at) - 1 for deal_id, deal in self._deals.items()}

    def made_before(self, wall: float) -> Mapping[str, int]:
        """The newest version of each deal that was surely there before a moment, in epoch seconds."""
        with self._lock:
            return {deal_id: bisect_right(deal.made_wall, wall) - 1 for deal_id, deal in self._deals.items()}

    def made_by(self, deal_id: str, wall: float) -> int:
        """Return the newest version of a deal that was surely there by a moment, in epoch seconds."""
        with self._lock:
            return bisect_right(self._deals[deal_id].made_wall, wall) - 1

    def begun_at(self, deal_id: str, version: int) -> float:
        """When a version may have been seen first."""
        with self._lock:
            return self._deals[deal_id].begun_at[version]

    def promise(self, promise: Promise) -> bool:
        """Take note of a promise.

        Returns:
            Whether it promises more than was promised by then.
        """
        with self._lock:
            promises = self._deals[promise.deal_id].promises
            place = bisect_right(promises, promise.at, key=lambda one: one.at)
            if place and promises[place - 1].version >= promise.version:
                return False
            outdone = place
            while outdone < len(promises) and promises[outdone].version <= promise.version:
                outdone += 1
            promises[place:outdone] = [promise]
            return True

    def saw_in_mongodb(self, deal_id: str, view: str, version: int, at: float) -> None:
        """Note that a reader of a view in MongoDB had got a version by ``at``."""
        with self._lock:
            seen = self._deals[deal_id].seen[view]
            if not seen or version > seen[-1][1]:
                seen.append((at, version))

    def mongodb_crashed(self, at: float) -> None:
        """Forget what readers saw in MongoDB so shortly before a crash that it may not have been in the journal."""
        with self._lock:
            for seen in (seen for deal in self._deals.values() for seen in deal.seen.values()):
                seen[:] = [one for one in seen if one[0] <= at - JOURNALED or one[0] > at]

    def in_mongodb(self, deal_id: str, at: float) -> int:
        """The newest version of which all views are known to have been in MongoDB for good by ``at``."""
        with self._lock:
            deal = self._deals[deal_id]
            owed = _last_before(deal.promises, at)
            return max(owed.version if owed else 0, min(deal.seen_by(view, at - JOURNALED) for view in VIEWS))

    def promised_lately(self, now: float, within: float) -> list[str]:
        """The deals of which something new was promised in the last ``within`` seconds."""
        with self._lock:
            return [
                deal_id
                for deal_id, deal in self._deals.items()
                if deal.promises and now - within <= deal.promises[-1].at <= now
            ]

    def judge(self, deal_id: str, shown: Shown, begun_at: float, *, at_once: bool = False) -> Judgement:
        """Say whether a read may have returned what it did.

        Args:
            deal_id: the deal.
            shown: what the read showed.
            begun_at: when it was about to be sent.
            at_once: whether what was promised before holds already: MongoDB itself was asked, or the worker that
                gave the promise.
        """
        with self._lock:
            deal = self._deals[deal_id]
            owed = _last_before(deal.promises, begun_at - (0.0 if at_once else self._grace))
            broken = owed if owed is not None and shown.oldest < owed.version else None
            missed = next((one for one in deal.promises if one.version > shown.oldest), None)
            late = max(0.0, begun_at - missed.at) if missed is not None else 0.0
            latest = _last_before(deal.promises, begun_at)
            since = begun_at - latest.at if latest is not None else float("inf")
            return Judgement(owed, broken, shown.newest >= len(deal.begun_at), late, since)


def _last_before(promises: list[Promise], at: float) -> Promise | None:
    place = bisect_right(promises, at, key=lambda one: one.at)
    return promises[place - 1] if place else None
