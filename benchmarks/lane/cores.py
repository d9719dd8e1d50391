"""The gain from cores: a worker that keeps to one core beside one that does not, and two workers beside one.

The client needs processor time as well. Where there are no more cores than the two workers take, it takes from theirs
what one worker's client has for itself; so two workers with their client on two cores are also compared with one
worker and its client on one, which tells how the service grows with the machine, whatever the client costs.

Varied hits are compared by the workers' processor time alone, in which the client's has no share. A worker that takes
``c`` seconds of its core for a request answers ``1 / c`` a second when clients elsewhere keep it busy. So workers with
a core each answer as many requests as are contained in as many seconds as there are workers. What a second worker costs
the first one is in ``c``: invalidations, statistics, locks of the kernel, the processor's caches. Three things are to
be known about that figure:

- One worker has its core for itself. The client of two works on their cores and displaces their data from the caches,
  which makes two look worse than with clients elsewhere.
- A client on the worker's own core is no load from outside: both hand each other whole batches without waking another
  core, and each request gets cheaper by a third. One worker with such a client is shown beside the others.
- An uneven spread is not counted: with many more clients on one worker than on the other, the service is full before
  both are. How the kernel spreads connections is therefore shown too; wrk opens all of its own at once, and whichever
  worker does not share a core with it at that moment gets most of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from benchmarks import deals, machine, wrk
from benchmarks.affinity import pin, processor_seconds, sockets_of_children
from benchmarks.client import ask, expect, target_of
from benchmarks.deals import deal_of_size
from benchmarks.report import Report, Spread, spread
from benchmarks.service import Server
from benchmarks.stand import Stand
from benchmarks.wrk import Variety

_HIT = target_of("Acme renewal")
_FLASK = f"{_HIT}&refresh=false"
_WAYS = {"memory hits": _HIT, "hits that Flask dispatches": _FLASK}
#: So many that either worker gets its share of them, whoever is quicker to accept.
_CONNECTIONS = 64
_DATABASE = "lane_cores"
_GROWTH, _PINNED = 1.6, 1.8
_VARIED_GROWTH, _VARIED, _VARIED_SIZE = 1.8, 200, 300
#: Seconds after which the workers have noticed that wrk's connections are closed.
_PAUSE = 0.3


@dataclass
class _Measurements:
    """Requests per second, and the shares of a core that the service and wrk took, of each round."""

    rates: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)
    client: list[float] = field(default_factory=list)

    def show(self) -> str:
        """The measurements of all rounds."""
        rate, server, client = spread(self.rates), spread(self.server).median, spread(self.client).median
        return f"{rate.show(',.0f')} per second; the service took {server:.2f} cores, wrk {client:.2f}"

    def costs(self) -> list[float]:
        """Microseconds of the service's processor time for each request."""
        return [taken / rate * 1e6 for taken, rate in zip(self.server, self.rates, strict=True)]

    def capacity_to(self, other: _Measurements, workers: int) -> Spread:
        """The requests that so many workers answer in a second of their cores, in those of one, round by round."""
        return spread(workers * two / one for one, two in zip(self.costs(), other.costs(), strict=True))

    def to(self, other: _Measurements) -> Spread:
        """These requests per second in those of another one, round by round."""
        return spread(one / two for one, two in zip(self.rates, other.rates, strict=True))


def run(stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report."""
    if not machine.has_wrk() or len(machine.cores()) < 2:
        report.left_out("lane-cores", "wrk or a second core is missing, the section is left out")
        return
    stand.hubspot.behave(0.0)
    settings = {"pinned": ("auto", 1), "free": ("off", 1), "two": ("auto", 2)}
    services = {
        name: stand.service(f"{_DATABASE}_{name}", CPU_AFFINITY=affinity, WEB_CONCURRENCY=str(workers))
        for name, (affinity, workers) in settings.items()
    }
    for service in services.values():
        expect(ask(service.base_url, _HIT), tier="hubspot")
        _measure(_Measurements(), service, _FLASK, 1, machine.cores())  # to warm up: every worker reads it for itself
    rounds, seconds = (2, 1) if quick else (5, 2)
    _pinned(report, services, rounds, seconds)
    _two_workers(report, services, rounds, seconds)
    _varied(stand, report, services, rounds, seconds)


def _pinned(report: Report, services: Mapping[str, Server], rounds: int, seconds: int) -> None:
    """One worker and wrk, which may run anywhere, on all cores."""
    measurements = {name: _Measurements() for name in ("pinned", "free")}
    for number in range(rounds):
        for name in sorted(measurements, reverse=number % 2 == 1):
            _measure(measurements[name], services[name], _FLASK, seconds, machine.cores(), wrk.CONNECTIONS)
    for name, affinity in (("pinned", "auto"), ("free", "off")):
        report.figure(f"hits that Flask dispatches, one worker, CPU_AFFINITY={affinity}", measurements[name].show())
    ratio = measurements["pinned"].to(measurements["free"])
    wording = f"a worker that keeps to one core: at least {_PINNED} times the requests per second of one that does not"
    report.promise(wording, ratio.show(), ratio.median >= _PINNED)


def _two_workers(report: Report, services: Mapping[str, Server], rounds: int, seconds: int) -> None:
    every, first = machine.cores(), {machine.server_core()}
    pin(services["pinned"].pid, first)
    for way, target in _WAYS.items():
        one, two, narrow = _Measurements(), _Measurements(), _Measurements()
        for number in range(rounds):
            turns = [(one, "pinned", every), (two, "two", every), (narrow, "pinned", first)]
            for measurements, name, cores in turns[number % 3 :] + turns[: number % 3]:
                _measure(measurements, services[name], target, seconds, cores)
        report.figure(f"{way}, one worker, wrk on any core", one.show())
        report.figure(f"{way}, one worker, wrk on its core", narrow.show())
        report.figure(f"{way}, two workers, wrk on any core", two.show())
        _judge(report, way, two.to(one), two.to(narrow))


def _varied(stand: Stand, report: Report, services: Mapping[str, Server], rounds: int, seconds: int) -> None:
    """No two requests are the same."""
    one, two, alone = _Measurements(), _Measurements(), _Measurements()
    every, first = machine.cores(), {machine.server_core()}
    varieties = {name: _store(stand, f"{_DATABASE}_{name}") for name in ("pinned", "two")}
    for name, variety in varieties.items():
        _measure(_Measurements(), services[name], _HIT, 2, every, variety=variety)  # every worker reads each deal
    spreads = []
    for number in range(rounds):
        turns = [(one, "pinned", first), (two, "two", every), (alone, "pinned", machine.client_cores())]
        for measurements, name, cores in turns[number % 3 :] + turns[: number % 3]:
            load = partial(_measure, measurements, services[name], _HIT, seconds, cores, variety=varieties[name])
            opened = _sockets_opened(services[name], load, seconds / 2)
            if name == "two":
                spreads.append("/".join(map(str, opened)))
    report.figure("varied hits, connections of the two workers in each round", ", ".join(spreads))
    _judge_varied(report, one, alone, two)


def _judge_varied(report: Report, one: _Measurements, alone: _Measurements, two: _Measurements) -> None:
    ways = {"one worker, wrk on its core": one, "one worker, wrk on others": alone, "two workers, wrk on any core": two}
    for way, shown in ways.items():
        report.figure(f"varied hits, {way}", f"{spread(shown.costs()).show('.1f', ' µs')} of a core; {shown.show()}")
    report.figure("varied hits, two workers to one with wrk on its core", two.capacity_to(one, 2).show())
    growth = two.capacity_to(alone, 2)
    wording = f"varied hits: two workers at least {_VARIED_GROWTH} times one with its own core, by their processor time"
    report.promise(wording, growth.show(), growth.median >= _VARIED_GROWTH)


def _store(stand: Stand, database: str) -> Variety:
    """Store made-up deals; requests for them."""
    made_up = [deal_of_size(number, _VARIED_SIZE) for number in range(_VARIED)]
    targets = stand.directory / f"{database}.targets"
    targets.write_text("".join(f"{target}\n" for target in deals.store(stand.mongodb_uri, database, made_up)), "utf-8")
    return Variety(targets)


def _sockets_opened(service: Server, load: Callable[[], None], seconds: float) -> list[int]:
    """Run ``load``; how many more sockets each worker has so many seconds after its beginning."""
    time.sleep(_PAUSE)
    before = sockets_of_children(service.pid)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(load)
        time.sleep(seconds)
        opened = [now - idle for now, idle in zip(sockets_of_children(service.pid), before, strict=True)]
        running.result()
    return opened


def _judge(report: Report, way: str, free: Spread, narrow: Spread) -> None:
    cores = len(machine.cores())
    if cores > 2:
        wording = f"{way}: two workers at least {_GROWTH} times one, wrk on any of {cores} cores"
        report.promise(wording, free.show(), free.median >= _GROWTH)
    else:
        report.figure(f"{way}, two workers to one, wrk on any core", free.show())
        wording = f"{way}: two workers and wrk on two cores at least {_GROWTH} times one and wrk on one"
        report.promise(wording, narrow.show(), narrow.median >= _GROWTH)


def _measure(
    measurements: _Measurements,
    service: Server,
    target: str,
    seconds: int,
    cores: Collection[int],
    connections: int = _CONNECTIONS,
    variety: Variety | None = None,
) -> None:
    expect(ask(service.base_url, target))
    taken = -processor_seconds(service.pid)
    load = wrk.load(service.base_url + target, seconds, cores, connections=connections, variety=variety)
    taken += processor_seconds(service.pid)
    service.forget_log()
    measurements.rates.append(load.rate)
    measurements.server.append(taken * load.rate / load.requests)
    measurements.client.append(load.client)
