"""Memory hits through the service, against a bare WSGI callable on the same gunicorn.

Both run gunicorn's threaded worker with 16 threads, and the bare one answers a body of the same size. Both are pinned
to one core and wrk to another, with 16 keep-alive connections; they are measured in turns. The service writes its log
and its metrics as always, to a file; the bare callable has no log.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import machine, wrk
from benchmarks.affinity import pin
from benchmarks.client import ask, expect, target_of
from benchmarks.deals import deal_of_size
from benchmarks.report import Report, Spread, spread
from benchmarks.service import Server
from benchmarks.stand import Stand
from dealcache.repositories import Connection, DealInfoRepository, DealStore, DealTimelineRepository

SIZES = (300, 20_000, 200_000)
_DATABASE = "memory_tier"


@dataclass(frozen=True)
class _Pair:
    """What is compared: one timeline, and a body of the same size."""

    ours: str
    bare: str
    size: int


def run(stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report."""
    if not machine.has_wrk():
        report.left_out("memory", machine.HOW_TO_GET_WRK)
        return
    stand.hubspot.behave(0.0)
    service, bare = stand.service(_DATABASE), stand.bare()
    try:
        pairs = [_prepare(stand, service, bare, number, size) for number, size in enumerate(SIZES)]
        _pinned(report, [service, bare], pairs, rounds=3 if quick else 7, seconds=1 if quick else 2)
        _dispatched(report, service, pairs[1], seconds=1 if quick else 3)
        _unpinned(report, [service, bare], pairs[1], seconds=1 if quick else 3)
        for pair in pairs:
            expect(ask(service.base_url, pair.ours.removeprefix(service.base_url)), tier="memory")
    finally:
        bare.stop()
        service.stop()


def _prepare(stand: Stand, service: Server, bare: Server, number: int, size: int) -> _Pair:
    """Store a deal of that size, have the memory tier take it up, and make sure of both answers."""
    loaded = deal_of_size(number, size)
    connection = Connection(stand.mongodb_uri, _DATABASE)
    DealStore(DealInfoRepository(connection), DealTimelineRepository(connection)).save(loaded)
    connection.close()
    target = target_of(loaded.deal.deal_name)
    expect(ask(service.base_url, target), tier="mongodb")
    body = expect(ask(service.base_url, target), tier="memory").body
    same = expect(ask(bare.base_url, f"/{len(body)}")).body
    if len(same) != len(body):
        raise RuntimeError(f"the bodies differ in size: {len(body)} and {len(same)}")
    return _Pair(service.base_url + target, f"{bare.base_url}/{len(body)}", len(body))


def _compare(pair: _Pair, seconds: int, core: int | None, bare_first: bool = False) -> tuple[float, float]:
    """The requests per second of both, measured one after the other."""
    order = (pair.bare, pair.ours) if bare_first else (pair.ours, pair.bare)
    figures = {url: wrk.requests_per_second(url, seconds, core) for url in order}
    return figures[pair.ours], figures[pair.bare]


def _pinned(report: Report, servers: list[Server], pairs: list[_Pair], rounds: int, seconds: int) -> None:
    for server in servers:
        pin(server.pid, machine.cores()[:1])
    for pair in pairs:  # to warm up
        _compare(pair, 1, _load_core())
    results: dict[int, list[tuple[float, float]]] = {pair.size: [] for pair in pairs}
    for number in range(rounds):
        for pair in pairs:
            results[pair.size].append(_compare(pair, seconds, _load_core(), bare_first=number % 2 == 1))
    for size, figures in results.items():
        ratio = _show(report, f"{size:,} bytes", figures)
        report.promise(
            f"{size:,} bytes: at least 0.5 of the requests per second of a bare WSGI callable on the same gunicorn",
            ratio.show(),
            ratio.median >= 0.5,
        )


def _dispatched(report: Report, service: Server, pair: _Pair, seconds: int) -> None:
    """The same hit when a parameter that changes nothing sends it through Flask's dispatch, still pinned."""
    url = f"{pair.ours}&refresh=false"
    expect(ask(service.base_url, url.removeprefix(service.base_url)), tier="memory")
    through_flask = _Pair(url, pair.bare, pair.size)
    ratio = _show(report, f"{pair.size:,} bytes, dispatched by Flask", [_compare(through_flask, seconds, _load_core())])
    report.figure("dispatched by Flask, for information", f"{ratio.median:.2f} of the bare callable")


def _load_core() -> int:
    """Where wrk runs: the last core; the servers have the first."""
    return machine.cores()[-1]


def _unpinned(report: Report, servers: list[Server], pair: _Pair, seconds: int) -> None:
    for server in servers:
        pin(server.pid, machine.cores())
    ratio = _show(report, f"{pair.size:,} bytes, nothing pinned", [_compare(pair, seconds, None)])
    report.figure("nothing pinned, for information", f"{ratio.median:.2f} of the bare callable")


def _show(report: Report, what: str, figures: list[tuple[float, float]]) -> Spread:
    ours, bare = (spread(column).show(",.0f") for column in zip(*figures, strict=True))
    report.figure(f"{what}, requests per second", f"service {ours}, bare callable {bare}")
    return spread(one / other for one, other in figures)
