"""Request targets that name a view of a deal, and how often each was answered."""

from __future__ import annotations

import re

from dealcache.api.hits import PATHS, only_deal
from dealcache.deals import DealKey
from dealcache.tiers import CacheKey, Slot, View
from dealcache.tiers.memory import GONE

#: RFC 9112, 3.2: a target is printable ASCII; without a fragment, which belongs to the client (RFC 9110, 4.2.5).
_QUERY = re.compile(rb"[\x21\x22\x24-\x7e]+")

_VIEWS = {path.encode(): view for path, view in PATHS.items()}

#: The path of each view.
PATH_OF = {view: path for path, view in PATHS.items()}

#: The kinds of answers that are counted apart: the method and the status of each.
KINDS = (("GET", 200), ("GET", 304), ("HEAD", 200), ("HEAD", 304))

#: A slot in which there never was anything.
_NOWHERE = Slot(GONE)


class Target:
    """A target, and what is known of it.

    Args:
        raw: as it stands in the request line.
        view: the view that it asks for.
        deal: the deal that it names.

    ``slot`` is where memory's value was when the target was asked for last. ``unnamed`` counts, by :data:`KINDS`, the
    answers that no log line of their own tells of, and ``noted`` that somebody will ask for these counts; see
    :class:`~dealcache.lane.tally.HitTally`.
    """

    __slots__ = ("deal", "key", "noted", "raw", "slot", "told", "unnamed", "view")

    def __init__(self, raw: bytes, view: View, deal: DealKey) -> None:
        self.raw = raw
        self.view = view
        self.deal = deal
        self.key = CacheKey.of(view, deal)
        self.slot = _NOWHERE
        self.unnamed = [0] * len(KINDS)
        self.told = [0] * len(KINDS)
        self.noted = False


def parse_target(raw: bytes) -> Target | None:
    """The target that asks for one view of one deal and for nothing else, or None.

    Args:
        raw: the target as it stands in the request line.
    """
    path, _, query = raw.partition(b"?")
    view = _VIEWS.get(path)
    if view is None or not _QUERY.fullmatch(query):
        return None
    deal = only_deal(query.decode())
    return None if deal is None else Target(raw, view, deal)
