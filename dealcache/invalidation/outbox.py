"""The outbox: invalidations on their way into the log, and their outcomes."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from dealcache.model.invalidation import Changes, Invalidation, Selection
from dealcache.reader.fence import Applied, Token
from dealcache.repositories import MOST_MARKS

#: The most marks to keep of unrecorded invalidations; beyond that, everything is invalidated instead.
_MOST_UNRECORDED = 5_000

#: The most entries to keep of them; beyond that, they are merged. All processes record theirs at the same moment, and a
#: process that has yet to read the log finds only its newest entries there.
_MOST_ENTRIES = 100


def invalidations_of(
    selection: Selection, changes: Changes | None, at: datetime, *, labels: bool = False, doubt: bool = False
) -> list[Invalidation]:
    """Return the log entries for ``selection``, each small enough for one document.

    The first one tells whether ``labels`` changed, so that a process that knows one of the others knows that too. In
    ``doubt`` nothing is known of a change.
    """
    views = {} if changes is None else changes.views
    names = {} if changes is None else changes.names_of
    return [
        Invalidation(part, at, _frozen(views, part), _frozen(names, part), doubt=doubt, labels=labels and place == 0)
        for place, part in enumerate(selection.parts(MOST_MARKS))
    ]


def _frozen(by_deal: Mapping[str, Iterable[str]], part: Selection) -> dict[str, frozenset[str]]:
    return {deal_id: frozenset(by_deal[deal_id]) for deal_id in part.deal_ids if deal_id in by_deal}


@dataclass(slots=True)
class PendingInvalidation:
    """An invalidation to be recorded, in as many entries as necessary.

    Args:
        entries: of the log.
        claim: the token of a load with the new value of the selected deals.
        applied: its effect so far.
        is_known: whether it could not be recorded before, and so already holds in this process.
    """

    entries: list[Invalidation]
    claim: Token | None = None
    applied: Applied = field(default_factory=partial(Applied, frozenset()))
    is_known: bool = False

    def add(self, more: Applied) -> None:
        """Note the outcome of one of the entries."""
        self.applied = Applied(self.applied.cleared | more.cleared, more.token, more.generation)


class Outbox:
    """The pending invalidations, and the entries that could not be recorded. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[PendingInvalidation] = []
        self._unrecorded: list[Invalidation] = []

    def add(self, pending: PendingInvalidation) -> None:
        """Add an invalidation."""
        with self._lock:
            self._pending.append(pending)

    def take(self) -> list[PendingInvalidation]:
        """Remove and return everything, oldest first, beginning with all that could not be recorded before, as one."""
        with self._lock:
            batch, self._pending = self._pending, []
            old, self._unrecorded = self._unrecorded, []
        return [PendingInvalidation(old, is_known=True), *batch] if old else batch

    def put_back(self, pending: PendingInvalidation) -> None:
        """Keep unrecorded entries, to be taken again; merged if there are too many of them."""
        with self._lock:
            kept = [*self._unrecorded, *pending.entries]
            are_few = len(kept) <= _MOST_ENTRIES and sum(len(one.selection) for one in kept) <= _MOST_UNRECORDED
            self._unrecorded = kept if are_few else _merged(kept)

    @property
    def has_unrecorded(self) -> bool:
        """True if something could not be recorded at the first try."""
        return bool(self._unrecorded)


def _merged(entries: list[Invalidation]) -> list[Invalidation]:
    """Return as few entries as possible that select the same, or one that selects everything in place of too much."""
    selection, changes = Selection(), Changes()
    for one in entries:
        selection |= one.selection
        changes.add(one.changes)
    doubt, labels = all(one.doubt for one in entries), any(one.labels for one in entries)
    if selection.everything or len(selection) > _MOST_UNRECORDED:
        return invalidations_of(Selection.all(), None, entries[0].at, labels=labels, doubt=doubt)
    return invalidations_of(selection, changes, entries[0].at, labels=labels)
