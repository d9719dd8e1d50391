"""The gain from cores: a worker that keeps to one core beside one that does not, and two workers beside one.

The client needs processor time as well. Where there are no more cores than the two workers take, it takes from theirs
what one worker's client has for itself; so two workers with their client on two cores are also compared with one
worker and its client on one, which tells how the service grows with the machine, whatever the client costs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from benchmarks import machine, wrk
from benchmarks.affinity import pin, processor_seconds
from benchmarks.client import ask, expect, target_of
from benchmarks.report import Report, Spread, spread
from benchmarks.service import Server
from benchmarks.stand import Stand

_HIT = target_of("Acme renewal")
_FLASK = f"{_HIT}&refresh=false"
_WAYS = {"memory hits": _HIT, "hits that Flask dispatches": _FLASK}
#: So many that either worker gets its share of them, whoever is quicker to accept.
_CONNECTIONS = 64
_DATABASE = "lane_cores"
_GROWTH, _PINNED = 1.6, 1.8


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
) -> None:
    expect(ask(service.base_url, target))
    taken = -processor_seconds(service.pid)
    load = wrk.load(service.base_url + target, seconds, cores, connections=connections)
    taken += processor_seconds(service.pid)
    service.forget_log()
    measurements.rates.append(load.rate)
    measurements.server.append(taken * load.rate / load.requests)
    measurements.client.append(load.client)
