"""The disturbances of a deployment, and their order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random

from tests.freezing import frozen
from tests.soak.model import Model
from tests.soak.outages import Outage, Outages, Part
from tests.soak.site import Site

#: Seconds for which a part stays away: longer than the time-outs of those who ask it.
_REDIS_AWAY, _REDIS_FROZEN, _MONGOD_AWAY, _ALL_AWAY = 5.0, 4.0, 3.0, 8.0
#: Seconds for which a type is refused: a sync or two.
_TYPE_REFUSED = 4.0
#: Seconds for which a worker stands still: longer than it may be unsure of what it holds.
_WORKER_FROZEN = 2.5


def turns(random: Random, names: Sequence[str]) -> Iterator[str]:
    """Names by turns without an end: all of them in an order that chance decides, then all of them in another."""
    while True:
        yield from random.sample(names, len(names))


class Disturber:
    """Disturbs a deployment. To be used by the thread that started it, which its processes end with.

    Args:
        site: the deployment.
        outages: is told of everything.
        models: are told of crashes of MongoDB.
        random: decides whom it hits.
        wait: waits for a number of seconds.
        took: is told how many seconds something took.
    """

    def __init__(
        self,
        site: Site,
        outages: Outages,
        models: Sequence[Model],
        random: Random,
        wait: Callable[[float], object],
        took: Callable[[str, float], object],
    ) -> None:
        self._site = site
        self._outages = outages
        self._models = models
        self._random = random
        self._wait = wait
        self._took = took
        # One worker lives from the beginning to the end, so that its memory tells something.
        self._spared = site.instances[0].workers()[:1]

    def kinds(self) -> Mapping[str, Callable[[], None]]:
        """Return what it can do, by name."""
        kinds: dict[str, Callable[[], None]] = {
            "a worker killed": self.kill_worker,
            "a worker frozen": self.freeze_worker,
            "mongod killed": self.kill_mongod,
            "a type of activity refused": self.refuse_a_type,
        }
        if len(self._site.instances) > 1:
            kinds["an instance restarted"] = self.restart_instance
        if self._site.redis is not None:
            kinds["Redis killed"] = self.kill_redis
            kinds["Redis frozen"] = self.freeze_redis
            kinds["Redis, mongod and HubSpot gone"] = self.lose_everything
        return kinds

    def kill_worker(self) -> None:
        """Kill any worker but the spared one, and wait for its successor."""
        living = [(one, pid) for one in self._site.instances for pid in one.workers() if pid not in self._spared]
        if not living:
            return
        instance, pid = self._random.choice(living)
        outage = self._outages.begin(Part.WORKER, instance.name)
        instance.kill_worker(pid)
        while pid in instance.workers():
            self._wait(0.01)
        instance.wait()
        self._outages.end(outage)

    def freeze_worker(self) -> None:
        """Let any worker stand still, as a machine does that is moved: when it goes on it has missed everything."""
        instance = self._random.choice(self._site.instances)
        pid = self._random.choice(instance.workers())
        outage = self._outages.begin(Part.WORKER_FROZEN, instance.name)
        with frozen(pid):
            self._wait(_WORKER_FROZEN)
        self._outages.end(outage)

    def restart_instance(self) -> None:
        """Stop an instance as a deployment does, and start it again; the first one has the spared worker."""
        instance = self._site.instances[-1]
        outage = self._outages.begin(Part.INSTANCE, instance.name)
        with self._timed("an instance to stop"):
            instance.stop()
        with self._timed("an instance to start"):
            instance.start()
        self._outages.end(outage)

    def kill_mongod(self) -> None:
        """Kill mongod, and start it again with its data."""
        outage = self._kill_mongod()
        self._wait(_MONGOD_AWAY)
        with self._timed("mongod to start"):
            self._site.mongod.start()
        self._outages.end(outage)

    def refuse_a_type(self) -> None:
        """Let HubSpot refuse to list, search and read postal mail, as without a scope; no test deal has any."""
        outage = self._outages.begin(Part.TYPE_REFUSED)
        self._site.hubspot.steer("POST", "faults", match="/objects/postal_mail", status=403)
        try:
            self._wait(_TYPE_REFUSED)
        finally:
            self._site.hubspot.steer("DELETE", "faults")
        self._outages.end(outage)

    def kill_redis(self) -> None:
        """Kill Redis, and start it again, empty."""
        assert self._site.redis is not None
        outage = self._outages.begin(Part.REDIS)
        self._site.redis.kill()
        self._wait(_REDIS_AWAY)
        self._site.redis.start()
        self._outages.end(outage)

    def freeze_redis(self) -> None:
        """Let Redis hang: its connections stay open, and what it held is old when it goes on."""
        assert self._site.redis is not None
        outage = self._outages.begin(Part.REDIS_FROZEN)
        self._site.redis.freeze()
        try:
            self._wait(_REDIS_FROZEN)
        finally:
            self._site.redis.thaw()
        self._outages.end(outage)

    def lose_everything(self) -> None:
        """Take away all that a worker could ask, so that it has only its memory; then give it back, Redis last."""
        assert self._site.redis is not None
        redis, hubspot = self._outages.begin(Part.REDIS), self._outages.begin(Part.HUBSPOT)
        mongod = self._kill_mongod()
        self._site.redis.kill()
        self._site.hubspot.steer("POST", "faults", match="/crm/", status=503)
        try:
            self._wait(_ALL_AWAY)
        finally:
            self._site.hubspot.steer("DELETE", "faults")
        self._outages.end(hubspot)
        with self._timed("mongod to start"):
            self._site.mongod.start()
        self._outages.end(mongod)
        self._wait(1.0)
        self._site.redis.start()
        self._outages.end(redis)

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._took(what, time.monotonic() - started)

    def _kill_mongod(self) -> Outage:
        outage = self._outages.begin(Part.MONGOD)
        self._site.mongod.kill()
        for model in self._models:
            model.mongodb_crashed(outage.began)
        return outage
