"""Leases without a database, for the tests of those who share loads; tests/lease_contract.py holds it to the truth."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from dealcache.repositories import LoadEnd, LoadLease, StoreError
from dealcache.repositories.load_leases import ENDED_WELL
from tests.clocks import ManualClock


@dataclass
class _Row:
    nonce: str
    owner: str
    generation: int
    held_until: float
    end: LoadEnd | None = None
    failure: dict[str, Any] | None = None


class FakeLeases:
    """Stands in for LoadLeaseRepository. ``failure`` is raised by every method while it is set."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._numbers = itertools.count(1)
        self._rows: dict[str, _Row] = {}
        self.failure: StoreError | None = None

    def _answers(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _held(self, row: _Row) -> bool:
        return row.end is None and row.held_until > self._clock()

    def _lately(self, row: _Row, pause: timedelta, ends: Collection[LoadEnd]) -> bool:
        return bool(pause) and row.end in ends and row.held_until > self._clock() - pause.total_seconds()

    def acquire(
        self,
        wanted: Mapping[str, int],
        owner: str,
        term: timedelta,
        *,
        generation: int = 0,
        pause: timedelta = timedelta(0),
        pause_after: Collection[LoadEnd] = ENDED_WELL,
    ) -> dict[str, LoadLease]:
        self._answers()
        leases: dict[str, LoadLease] = {}
        for key, since in wanted.items():
            row = self._rows.get(key)
            if row and ((self._held(row) and row.generation >= since) or self._lately(row, pause, pause_after)):
                leases[key] = self._lease(key, row)
            else:
                nonce = str(next(self._numbers))
                self._rows[key] = _Row(nonce, owner, generation, self._clock() + term.total_seconds())
                leases[key] = LoadLease(key, nonce, owner, held=True, mine=True)
        return leases

    def read_leases(self, keys: Iterable[str]) -> dict[str, LoadLease]:
        self._answers()
        return {key: self._lease(key, self._rows[key]) for key in keys if key in self._rows}

    def _lease(self, key: str, row: _Row) -> LoadLease:
        return LoadLease(key, row.nonce, row.owner, self._held(row), False, row.end, row.failure)

    def renew(self, held: Mapping[str, str], term: timedelta) -> None:
        self._answers()
        for nonce, key in held.items():
            row = self._rows[key]
            if row.nonce == nonce and row.end is None:
                row.held_until = self._clock() + term.total_seconds()

    def release(self, ended: Iterable[LoadLease]) -> None:
        self._answers()
        for one in ended:
            row = self._rows[one.key]
            if row.nonce == one.nonce:
                row.end, row.held_until = one.end, self._clock()
                row.failure = None if one.failure is None else dict(one.failure)

    def note_loaded(self, key: str, owner: str) -> None:
        self._answers()
        row = self._rows.get(key)
        if row is None or not self._held(row):
            self._rows[key] = _Row(str(next(self._numbers)), owner, 0, self._clock(), LoadEnd.LOADED)
