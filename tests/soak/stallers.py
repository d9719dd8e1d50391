"""Those who connect and stall: everybody else must not notice them."""

from __future__ import annotations

from random import Random

from tests.soak.stage import Stage
from tests.stalled import KINDS, StalledConnections

#: Connections of each kind at a time, more together than a worker has threads, and for how many seconds.
_OF_EACH, _SECONDS = 5, 12.0


class Staller:
    """Stalls connections of every kind, to one instance after another.

    Args:
        stage: what all share.
        random: decides which instance is next.
    """

    def __init__(self, stage: Stage, random: Random) -> None:
        self._stage = stage
        self._random = random

    def act(self) -> float:
        """Hold some connections for a while; an instance that is being restarted refuses them."""
        instance = self._random.choice(self._stage.site.instances)
        with StalledConnections(("127.0.0.1", instance.port), dict.fromkeys(KINDS, _OF_EACH), again=True) as stalled:
            self._stage.stopped.wait(_SECONDS)
        self._stage.statistics.count("connections that stalled", len(KINDS) * _OF_EACH - stalled.refused)
        self._stage.statistics.count("of these, ended by the service", sum(stalled.ended.values()))
        return 0.0
