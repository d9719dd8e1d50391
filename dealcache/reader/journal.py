"""What the read path needs of the record of invalidations; :mod:`dealcache.group` keeps it for all workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dealcache.changes import Changes
from dealcache.invalidation import Selection
from dealcache.reader.fence import Token


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of an invalidation in this process.

    Args:
        cleared: the displayed keys that left memory.
        token: the token with which the load on whose behalf it was made may store; None when it may not, or when there
            was no such load.
        generation: its place in the record of all, None when it could not be recorded yet.
    """

    cleared: frozenset[str]
    token: Token | None = None
    generation: int | None = None

    @property
    def everywhere(self) -> bool:
        """Whether every other worker will know of it within a second."""
        return self.generation is not None


class Journal(Protocol):
    """Takes invalidations in, applies them to this process, and lets all others know."""

    def record(self, selection: Selection, changes: Changes | None = None, claim: Token | None = None) -> Applied:
        """Invalidate, and return when that holds here and is recorded for all others.

        When it cannot be recorded, it holds here all the same, and is recorded as soon as that can be done.

        Args:
            selection: which deals.
            changes: which views of them really changed; None: nothing did, as when somebody clears the cache.
            claim: the token of a load that brings the new value of the selected deals.
        """
