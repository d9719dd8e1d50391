"""Where syncs and webhooks tell what they changed; :mod:`dealcache.group` lets all caches and listeners know."""

from __future__ import annotations

from typing import Protocol

from dealcache.changes import Changes


class ChangeSink(Protocol):
    """Takes in what was changed in MongoDB. Every method may be called from any thread."""

    def changed(self, changes: Changes) -> None:
        """Let go what is cached of changed deals: here at once, elsewhere within a second. It does not wait."""

    def doubt(self) -> None:
        """Trust nothing that is cached: a write broke off, or its writer died, and nobody knows what it changed."""

    def settle(self) -> None:
        """Return when all processes are sure to hear of what was told so far.

        Raises:
            StoreError: that cannot be had now.
        """
