"""One soak from its beginning to its end."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks import machine
from tests.soak.actor_threads import ActorThreads, Lag
from tests.soak.changers import Changer
from tests.soak.clearers import Clearer
from tests.soak.disturbances import Disturber, turns
from tests.soak.findings import Findings, Statistics, Wrong
from tests.soak.inspector import Inspector
from tests.soak.listeners import Listener, SubscribeBy
from tests.soak.memory import Growth, MemoryWatch
from tests.soak.messages import PATIENCE, Messages
from tests.soak.model import Model
from tests.soak.outages import ENDED, Outages
from tests.soak.readers import BatchReader, StoreReader, Viewer
from tests.soak.report import Result
from tests.soak.settlement import Settlement
from tests.soak.site import Shape, Site, running
from tests.soak.stage import Actor, Stage
from tests.soak.stallers import Staller
from tests.soak.syncs import Syncs
from tests.soak.versions import Specimen

_VIEWERS, _CHANGERS, _CLEARERS = 4, 4, 2
#: Seconds at the end in which nothing is disturbed any more.
_QUIET_AT_THE_END = 8.0


@dataclass(frozen=True, slots=True)
class Plan:
    """The course of a soak.

    ``seconds`` is for how long everybody acts, if every disturbance has had its turn by then; ``gap`` the seconds
    before each of them; ``seed`` decides what is left to chance.
    """

    shape: Shape
    seconds: float
    gap: float
    seed: int


def soak(directory: Path, plan: Plan, say: Callable[[str], None]) -> Result:
    """Run a soak. To be called in the main thread: what is started ends with it.

    Args:
        directory: where everything writes.
        plan: how it goes.
        say: is told what is going on.
    """
    described = machine.describe()
    with running(directory, plan.shape) as site:
        return _Soak(site, plan, say, described).run()


class _Soak:
    def __init__(self, site: Site, plan: Plan, say: Callable[[str], None], described: list[str]) -> None:
        self._site = site
        self._plan = plan
        self._said = say
        self._described = described
        self._began_at = time.monotonic()
        self._disturbances: Counter[str] = Counter()
        deal_ids = [deal.deal_id for deal in site.deals]
        model, outages, statistics = Model(deal_ids), Outages(time.monotonic), Statistics()
        findings = Findings(self._elapsed)
        messages = Messages(lambda since, until: outages.touched(ENDED, since, until, settle=PATIENCE))
        inspector = Inspector(outages, findings, statistics, has_redis=site.redis is not None)
        self._stage = Stage(
            site, model, Model(deal_ids), messages, outages, findings, statistics, inspector, threading.Event()
        )

    def _elapsed(self) -> float:
        return time.monotonic() - self._began_at

    def _say(self, text: str) -> None:
        self._said(f"{self._elapsed():7.1f} s  {text}; wrong so far: {len(self._stage.findings.all())}")

    def run(self) -> Result:
        """Fill MongoDB, let everybody act while everything is disturbed, and reckon up."""
        stage, lag, memory = self._stage, Lag(), MemoryWatch(self._site.workers)
        self._say("the first sync")
        Syncs(stage, Random(self._plan.seed)).run()
        lag.start()
        memory.start()
        over = threading.Event()
        with ActorThreads(self._listeners(over), stage.findings, over):
            self._act()
            stage.stopped.clear()
            self._say("the reckoning")
            Settlement(stage, Random(self._plan.seed)).run()
            self._judge_messages()
        memory.stop()
        lag.stop()
        return self._result(memory.growths(), lag.late)

    def _result(self, growths: Mapping[str, Growth], late: Sequence[float]) -> Result:
        stage = self._stage
        for name, growth in growths.items():
            if growth.too_much:
                stage.findings.add(Wrong.MEMORY, f"{name}: {growth}")
        return Result(
            machine=self._described,
            seed=self._plan.seed,
            seconds=self._elapsed(),
            findings=stage.findings.all(),
            statistics=stage.statistics,
            promises_checked=Counter(kind for _, _, kind in stage.inspector.checked),
            disturbances=self._disturbances,
            messages_came=stage.messages.came,
            messages_excused=stage.messages.excused,
            message_delays=stage.messages.delays,
            growths=growths,
            lag=late,
        )

    def _listeners(self, over: threading.Event) -> dict[str, Actor]:
        deals = self._site.deals
        subscriptions: list[tuple[SubscribeBy, Sequence[Specimen]]] = [
            ("all", deals),
            ("all", deals),
            ("query", deals[::3]),
            ("message", deals[1::3]),
        ]
        return {
            f"listener {number}": Listener(
                self._stage, self._random("listener", number), f"listener {number}", subscribe_by, wanted, over
            )
            for number, (subscribe_by, wanted) in enumerate(subscriptions)
        }

    def _act(self) -> None:
        clearers = [self._clearer(number) for number in range(_CLEARERS)]
        actors: dict[str, Actor] = {f"clearer {number}": one for number, one in enumerate(clearers)}
        for number in range(_VIEWERS):
            actors[f"viewer {number}"] = Viewer(self._stage, self._random("viewer", number))
        for number in range(_CHANGERS):
            own = self._site.deals[number::_CHANGERS]
            actors[f"changer {number}"] = Changer(self._stage, self._random("changer", number), own)
        actors["reader of batches"] = BatchReader(self._stage, self._random("batch", 0))
        actors["reader of MongoDB"] = StoreReader(self._stage, self._random("mongodb", 0))
        actors["staller"] = Staller(self._stage, self._random("staller", 0))
        try:
            with ActorThreads(actors, self._stage.findings, self._stage.stopped):
                self._disturb()
        finally:
            for clearer in clearers:
                clearer.close()

    def _clearer(self, number: int) -> Clearer:
        own = self._site.deals[number::_CLEARERS]
        return Clearer(self._stage, self._random("clearer", number), own, self._site.mongodb_uri)

    def _random(self, what: str, number: int) -> Random:
        return Random(f"{self._plan.seed} {what} {number}")

    def _disturb(self) -> None:
        random, end = self._random("disturber", 0), time.monotonic() + self._plan.seconds
        models = (self._stage.model, self._stage.annotations)
        outages, took = self._stage.outages, self._stage.statistics.delayed
        kinds = Disturber(self._site, outages, models, random, time.sleep, took).kinds()
        for name in turns(random, list(kinds)):
            late = time.monotonic() + self._plan.gap > end - _QUIET_AT_THE_END
            if late and len(self._disturbances) == len(kinds):
                break
            time.sleep(self._plan.gap)
            self._say(name)
            kinds[name]()
            self._disturbances[name] += 1
        time.sleep(max(_QUIET_AT_THE_END, end - time.monotonic()))

    def _judge_messages(self) -> None:
        stage = self._stage
        time.sleep(PATIENCE)
        for lost in stage.messages.settle(stage.clock()):
            begun_at, promised_at, *rest = (
                f"{moment - self._began_at:.2f} s"
                for moment in (lost.change.begun_at, lost.change.promised_at, lost.came_at)
                if moment is not None
            )
            stage.findings.add(
                Wrong.LOST_MESSAGE,
                f"{lost.listener} was told {f'only at {rest[0]}' if rest else 'nothing'} of the change of deal "
                f"{lost.change.deal_id} that began at {begun_at} and was promised at {promised_at}",
            )
