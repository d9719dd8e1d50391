"""Workers on one database, one of which can be killed, and what lists must show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from pymongo.collection import Collection
from pymongo.database import Database

from dealcache.clock import RemoteClock
from dealcache.model.deal_filter import DealFilter
from dealcache.model.unreadable import UnreadableRecords
from dealcache.repositories.storage import Storage
from tests.unit.repositories.samples import a_deal, a_load, an_event, at

#: The time by which tests know what is planned: a day after noon.
NOW = at(60 * 24)

_SHOWN = ("deal_name", "stage_id", "amount", "create_date", "close_date", "hubspot_updated_at", "activities")
_WRITES = ("insert_one", "insert_many", "update_one", "update_many", "bulk_write", "delete_many", "find_one_and_update")
_WRITES += ("delete_one", "create_indexes", "create_index", "drop_index")


_OWNERS, _TYPES = ("910901", "910902", None), ("Outgoing Email", "Incoming Email")
_STAGES = ("contractsent", "closedwon", None)


class KilledError(BaseException):
    """Stands for the death of the process."""


class Worker:
    """A process' storage on a database, and a look at what lists would show."""

    def __init__(self, uri: str, name: str) -> None:
        self.now: datetime = NOW
        self.storage = Storage(uri, name, 4, UnreadableRecords(), RemoteClock(), lambda: self.now)
        with self.storage.connection.operation() as database:
            self.database: Database[dict[str, Any]] = database

    def close(self) -> None:
        self.storage.close()

    def shown(self, deal_id: str = "1") -> Any:
        return (self.database.deal_info.find_one({"deal_id": deal_id}) or {}).get("activities")

    def marked(self) -> list[str]:
        return sorted(one["deal_id"] for one in self.database.deal_info.find({"list_stale": {"$exists": True}}))

    def with_plans(self, has_next_activity: bool = True) -> int:
        """Return how many deals a list of those with, or without, a planned activity has."""
        return self.storage.deal_list.total(DealFilter(has_next_activity=has_next_activity)).count

    def listed(self) -> dict[str, Any]:
        """Return the deals as lists show them, after a reader has settled those that were left."""
        live = self.database.deal_info.find({"archived": {"$ne": True}})
        return {
            one["deal_id"]: {name: one.get(name) for name in _SHOWN}
            | {"complete": one.get("timeline_synced_at") is not None}
            for one in live
        }

    def wrong(self) -> dict[str, Any]:
        """The complete deals that lists do not show as counting does: what is shown, and what was counted."""
        found = {}
        for one in self.database.deal_info.find({"timeline_synced_at": {"$ne": None}, "archived": {"$ne": True}}):
            totals = self.storage.timelines.totals([one["deal_id"]]).get(one["deal_id"])
            times = [event.occurred_at for event in self.storage.timelines.events(one["deal_id"])]
            planned = [time for time in times if time > self.now]
            counted = {
                "count": totals.events if totals else 0,
                "first": totals.first if totals else None,
                "last": max((time for time in times if time <= self.now), default=None),
                "end": totals.last if totals else None,
            } | ({"next": min(planned)} if planned else {})
            if one.get("activities") != counted:
                found[one["deal_id"]] = one.get("activities"), counted
        return found

    def let_time_pass(self) -> None:
        """Let so much time pass that who gives no sign of life counts as dead."""
        state = self.database.list_state.find_one() or {}
        long_ago = timedelta(seconds=31)
        for kind in ("changing", "writers"):
            earlier = {f"{kind}.{name}": date - long_ago for name, date in state.get(kind, {}).items()}
            if earlier:
                self.database.list_state.update_one({}, {"$set": earlier})


@contextmanager
def killed_before(number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], bool]]:
    """Let the process die instead of making its ``number``-th write; yields whether it has died."""
    made = 0

    def dying(write: Any) -> Any:
        def write_or_die(*arguments: Any, **options: Any) -> Any:
            nonlocal made
            made += 1
            if made >= number:  # who is dead writes nothing more
                raise KilledError
            return write(*arguments, **options)

        return write_or_die

    with monkeypatch.context() as patched:
        for name in _WRITES:
            patched.setattr(Collection, name, dying(getattr(Collection, name)))
        yield lambda: made >= number


def writes(worker: Worker, random: Random, minute: int) -> None:
    """Write something that a sync, a webhook or a reader may write."""
    storage, one, other = worker.storage, *map(str, random.sample(range(6), 2))
    numbers = random.sample(range(8), random.randrange(4))
    events = [
        an_event(
            n,
            occurred_at=at(random.randrange(3000)),
            hubspot_updated_at=at(minute),
            owner_id=random.choice(_OWNERS),
            type=random.choice(_TYPES),
        )
        for n in numbers
    ]
    merged = (other,) if random.random() < 0.05 else ()
    stage = random.choice(_STAGES)
    deal = a_deal(one, amount=float(minute), hubspot_updated_at=at(minute), stage_id=stage, merged_ids=merged)
    random.choice(
        [
            lambda: storage.store.save(a_load(deal=deal, events=tuple(events), began=at(minute))),
            lambda: storage.deals.store([deal], at(minute)),
            lambda: storage.timelines.write([(one, event) for event in events], at(minute)),
            lambda: storage.timelines.write([(one, event) for event in events], at(minute - 5)),
            lambda: storage.timelines.sweep([one, other], at(minute)),
            lambda: storage.timelines.remove([(one, "emails", f"{n:09}") for n in numbers], at(minute)),
            lambda: storage.timelines.adopt(one, [other]),
            lambda: storage.deals.mark_archived([one], at(minute)),
            lambda: storage.deals.note_timelines_synced([one, other], at(minute)),
            lambda: storage.missing_types.note_partly_synced([one], ["calls"], at(minute)),
            lambda: storage.missing_types.note_read([one, other], ["calls"]),
            lambda: storage.summaries.settle([one, other]),
            lambda: storage.summaries.settle_own(),
            lambda: storage.summaries.settle_abandoned(),
        ]
    )()
