"""The hit lane, where it is wanted and can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from dealcache.api.services import Services
from dealcache.lane import support
from dealcache.logs import is_console
from dealcache.reader.tiered_cache import TieredCache
from dealcache.settings import Settings

if TYPE_CHECKING:
    from dealcache.lane.hit_lane import HitLane


class Lane(NamedTuple):
    """The lane, which the worker's event loop asks, and the beginning and the end of the counting of its hits."""

    hits: HitLane | None
    start: Callable[[], None]
    stop: Callable[[], None]


def make_lane(settings: Settings, cache: TieredCache, services: Services) -> Lane:
    """The hit lane of this process; without one when it is off or the machine lacks what it needs."""
    if settings.hit_lane == "off" or support.missing() is not None:
        return Lane(None, lambda: None, lambda: None)
    from dealcache.lane.hit_lane import HitLane  # needs a parser that may be missing
    from dealcache.lane.tally import HitTally

    # A person at a terminal sees each read in a line of its own, and not each request beside it.
    log_requests = not is_console(settings.log_format)
    tally = HitTally(services.recorder, services.metrics, cache.served, log_requests)
    hits = HitLane(cache, services.tokens, services.cors, tally, services.clock)
    return Lane(hits, tally.start, tally.stop)
