"""An invalidation on its way into the record, and what has come of it. Plain values, but for the queue's lock."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from dealcache.changes import Changes
from dealcache.invalidation import Invalidation, Selection
from dealcache.reader import Applied, Token
from dealcache.repositories import MOST_MARKS

#: Marks that are kept of what could not be recorded yet; with more, everything is invalidated instead.
_MOST_UNRECORDED = 5_000


def doubt_at(at: datetime) -> Invalidation:
    """The entry that says: nobody knows what changed."""
    return Invalidation(Selection.all(), at, nonce=uuid.uuid4().hex, doubt=True)


def invalidations_of(selection: Selection, changes: Changes | None, at: datetime) -> list[Invalidation]:
    """The entries of the record that say ``selection``, each small enough for one document."""
    views = {} if changes is None else changes.views
    names = {} if changes is None else changes.names_of
    return [
        Invalidation(part, at, _frozen(views, part), _frozen(names, part), uuid.uuid4().hex)
        for part in selection.parts(MOST_MARKS)
    ]


def _frozen(by_deal: Mapping[str, Iterable[str]], part: Selection) -> dict[str, frozenset[str]]:
    return {deal_id: frozenset(by_deal[deal_id]) for deal_id in part.deal_ids if deal_id in by_deal}


@dataclass(slots=True)
class Ticket:
    """One invalidation that waits to be recorded, in as many entries as it takes.

    Args:
        invalidations: the entries.
        claim: see :meth:`dealcache.reader.Journal.record`.
        applied: what has come of it so far.
        is_known: it could not be recorded before, so that it holds in this process already.
    """

    invalidations: list[Invalidation]
    claim: Token | None = None
    applied: Applied = field(default_factory=partial(Applied, frozenset()))
    is_known: bool = False

    def add(self, more: Applied) -> None:
        """Note what came of one of the entries."""
        self.applied = Applied(self.applied.cleared | more.cleared, more.token, more.generation)


class Waiting:
    """The tickets that wait to be recorded, and one invalidation that sums up all that could not be."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tickets: list[Ticket] = []
        self._unrecorded: Invalidation | None = None

    def add(self, ticket: Ticket) -> None:
        """Let a ticket wait."""
        with self._lock:
            self._tickets.append(ticket)

    def take(self) -> list[Ticket]:
        """All that wait, oldest first; what could not be recorded before comes first, as a ticket of its own."""
        with self._lock:
            tickets, self._tickets = self._tickets, []
            old, self._unrecorded = self._unrecorded, None
        if old is None:
            return tickets
        entries = [old] if old.doubt else invalidations_of(old.selection, old.changes, old.at)
        return [Ticket(entries, is_known=True), *tickets]

    def give_back(self, ticket: Ticket) -> None:
        """Keep what could not be recorded, to be taken again."""
        with self._lock:
            for one in ticket.invalidations:
                self._unrecorded = one if self._unrecorded is None else _both(self._unrecorded, one)

    @property
    def has_unrecorded(self) -> bool:
        """Whether there is something that could not be recorded at the first try."""
        return self._unrecorded is not None


def _both(first: Invalidation, second: Invalidation) -> Invalidation:
    selection = first.selection | second.selection
    if len(selection) > _MOST_UNRECORDED:
        selection = Selection.all()
    if selection.everything:
        return replace(first, selection=selection, views={}, names_of={}, doubt=first.doubt and second.doubt)
    views, names_of = _merged(first.views, second.views), _merged(first.names_of, second.names_of)
    return replace(first, selection=selection, views=views, names_of=names_of)


def _merged(first: Mapping[str, frozenset[str]], second: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    return {key: first.get(key, frozenset()) | second.get(key, frozenset()) for key in first.keys() | second.keys()}
