"""Changes to the records of an account, as the listeners of a data set receive them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from dealcache.sandbox.simulator.associations import End

Happening = Literal[
    "creation", "deletion", "privacyDeletion", "restore", "propertyChange", "merge", "associationChange"
]


class Change(NamedTuple):
    """One thing that happened to a record; which of the later fields count goes by ``what``.

    ``at`` is in milliseconds since 1970. ``name`` and ``value`` tell the property that changed and what it is now.
    ``other`` is the record at the far end of an association, or the one that was merged away; ``removed`` says that
    the association is gone; ``successor`` is the id of the record that came out of a merge, and ``moved`` how many
    properties it took over from the one that was merged away.
    """

    what: Happening
    record: End
    at: int
    name: str = ""
    value: str | None = None
    other: End | None = None
    removed: bool = False
    successor: int = 0
    moved: int = 0


#: Called after a change, mostly with the data set's lock held: it must be quick and must not wait for anything.
Listener = Callable[[Change], object]
