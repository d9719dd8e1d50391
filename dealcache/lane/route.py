"""Routes: request targets that name a view of a deal, and how often each was answered."""

from __future__ import annotations

import re

from dealcache.api.query import PATHS, deal_key, parse_query
from dealcache.model.deals import DealKey
from dealcache.tiers import CacheKey, Slot, View
from dealcache.tiers.slot import GONE

#: RFC 9112, 3.2: a target is printable ASCII; without a fragment, which belongs to the client (RFC 9110, 4.2.5).
_QUERY = re.compile(rb"[\x21\x22\x24-\x7e]+")

_VIEWS = {path.encode(): view for path, view in PATHS.items()}

#: The path of each view.
PATH_OF = {view: path for path, view in PATHS.items()}

#: The kinds of answers that are counted separately: the method and the status of each.
KINDS = (("GET", 200), ("GET", 304), ("HEAD", 200), ("HEAD", 304))

#: A slot that was never filled.
_NOWHERE = Slot(CacheKey(View.INFO, "name", ""), GONE)


class Route:
    """A request target, and what is known of it.

    Args:
        raw: the target as it stands in the request line.
        view: the view that it asks for.
        deal: the deal that it names.

    ``slot`` is where memory's value was when the target was asked for last. ``unlogged`` counts, by :data:`KINDS`, the
    answers that share log lines, ``counted`` how many of them are counted, and ``is_noted`` is True while the others
    are waiting for that; see ``HitRecorder``.
    """

    __slots__ = ("counted", "deal", "is_noted", "key", "raw", "slot", "unlogged", "view")

    def __init__(self, raw: bytes, view: View, deal: DealKey) -> None:
        self.raw = raw
        self.view = view
        self.deal = deal
        self.key = CacheKey.of(view, deal)
        self.slot = _NOWHERE
        self.unlogged = [0] * len(KINDS)
        self.counted = [0] * len(KINDS)
        self.is_noted = False


def parse_route(raw: bytes) -> Route | None:
    """Return the route of a target that asks for one view of one deal and for nothing else, or None."""
    path, _, query = raw.partition(b"?")
    view = _VIEWS.get(path)
    if view is None or not _QUERY.fullmatch(query):
        return None
    try:
        values, repeated = parse_query(query.decode())
        deal = deal_key(values)
    except ValueError:
        return None
    return None if deal is None or len(values) != 1 or repeated else Route(raw, view, deal)
