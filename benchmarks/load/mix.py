"""The mix of requests: mostly pages of popular deals, as the web UI asks for them, and now and then something else."""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from benchmarks.client import VIEWS, target_of
from benchmarks.load.zipf import Zipf


class Kind(StrEnum):
    """Kinds of visits."""

    PAGE = "page view"
    BATCH = "batch"
    FIRST = "first read"
    NO_CACHE = "no-cache read"
    REFRESH = "refresh"
    CLEAR = "clear"
    STATISTICS = "statistics"


#: Shares of all visits. A first read is one of a deal that nobody here has read yet.
SHARES: Mapping[Kind, float] = {
    Kind.PAGE: 0.95,
    Kind.BATCH: 0.015,
    Kind.FIRST: 0.01,
    Kind.NO_CACHE: 0.01,
    Kind.REFRESH: 0.005,
    Kind.CLEAR: 0.005,
    Kind.STATISTICS: 0.005,
}
#: What the three requests of a page view are called.
VIEW_NAMES = {view: view.removeprefix("deal-").replace("-", " ") for view in VIEWS}
#: Kinds that a service with an ``ADMIN_TOKEN`` asks it for.
ADMINS = frozenset({Kind.REFRESH, Kind.CLEAR})
#: Seconds between two refreshes at least: each takes a dozen calls or more of what HubSpot allows a real account.
REFRESH_PAUSE = 5.0
#: The share of page views whose browser has seen the deal before, and asks whether it has changed.
_RETURNING = 0.5
_BATCH_SIZES = (5, 40)
_BROWSERS = 50


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    kind: str
    target: str
    method: str = "GET"
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    admin: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """The requests of one moment, all made at once."""

    kind: Kind
    calls: tuple[Call, ...]


class Mix:
    """Decides what each visit is; the same seed and the same answers give the same visits.

    Args:
        deals: the names of the deals, in any order; who is popular is decided here.
        rng: gives the chance.
        left_out: kinds that must not be asked for; plain page views come in their place.
    """

    def __init__(self, deals: Sequence[str], rng: random.Random, left_out: Collection[Kind] = ()) -> None:
        self._deals = list(dict.fromkeys(deals))
        rng.shuffle(self._deals)
        self._zipf = Zipf(len(self._deals))
        self._rng = rng
        self._left_out = frozenset(left_out)
        self._unread = dict.fromkeys(self._deals)
        self._etags: dict[str, str] = {}
        self._next_refresh = 0.0

    def next(self, due: float) -> Visit:
        """The visit that is due after so many seconds of the run."""
        (kind,) = self._rng.choices(list(SHARES), list(SHARES.values()))
        return self._visit(self._possible(kind, due))

    def learn(self, target: str, etag: str) -> None:
        """A browser has now seen an answer with this entity tag."""
        self._etags[target] = etag

    def _possible(self, kind: Kind, due: float) -> Kind:
        if kind in self._left_out:
            return Kind.PAGE
        if kind is Kind.FIRST and not self._unread:
            return Kind.NO_CACHE
        if kind is Kind.REFRESH:
            if due < self._next_refresh:
                return Kind.NO_CACHE
            self._next_refresh = due + REFRESH_PAUSE
        return kind

    def _visit(self, kind: Kind) -> Visit:
        match kind:
            case Kind.PAGE:
                return Visit(kind, self._page())
            case Kind.BATCH:
                return Visit(kind, (self._batch(),))
            case Kind.FIRST:
                name, _ = self._unread.popitem()  # the least popular one
                return Visit(kind, (Call(kind, target_of(name)),))
            case Kind.NO_CACHE:
                return Visit(kind, (Call(kind, target_of(self._popular()), headers={"Cache-Control": "no-cache"}),))
            case Kind.REFRESH:
                name = self._rng.choice(self._deals)  # any deal: the popular ones have just been refreshed
                return Visit(kind, (Call(kind, f"{target_of(name)}&refresh=true", admin=True),))
            case Kind.CLEAR:
                target = target_of(self._popular(), "clear-endpoint-cache")
                return Visit(kind, (Call(kind, target, "DELETE", admin=True),))
            case Kind.STATISTICS:
                return Visit(kind, (Call(kind, "/api/hubspot/cache-stats?limit=100"),))

    def _page(self) -> tuple[Call, ...]:
        """The three views of a deal, as a browser asks for them that may have seen them before."""
        name = self._popular()
        returning = self._rng.random() < _RETURNING
        browser = f"browser-{self._rng.randrange(_BROWSERS)}"
        calls = []
        for view in VIEWS:
            target = target_of(name, view)
            headers = {"X-Browser-ID": browser, "X-Session-ID": f"session-of-{browser}"}
            if returning and target in self._etags:
                headers["If-None-Match"] = self._etags[target]
            calls.append(Call(VIEW_NAMES[view], target, headers=headers))
        return tuple(calls)

    def _batch(self) -> Call:
        ranks = self._zipf.choose_several(self._rng, self._rng.randint(*_BATCH_SIZES))
        names = [self._deals[rank] for rank in ranks]
        for name in names:
            self._unread.pop(name, None)
        body = json.dumps({"deal_names": names}).encode()
        return Call(Kind.BATCH, "/api/hubspot/deals-batch", "POST", body, {"Content-Type": "application/json"})

    def _popular(self) -> str:
        name = self._deals[self._zipf.choose(self._rng)]
        self._unread.pop(name, None)
        return name
