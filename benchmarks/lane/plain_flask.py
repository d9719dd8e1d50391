"""Answers that Flask dispatches here, beside the plain Flask view of ``benchmarks/peers/ttl_cache.py``.

Both servers are pinned to one core, with wrk on the others, and are measured in turns, by their processor time: ours
writes two log lines for an answer, counts it, checks access, and adds a dozen headers.
"""

from __future__ import annotations

from benchmarks import deals, machine, wrk
from benchmarks.affinity import pin, processor_seconds
from benchmarks.client import ask, expect
from benchmarks.deals import deal_of_size
from benchmarks.peers import servers
from benchmarks.report import Report, spread
from benchmarks.service import Server
from benchmarks.stand import Stand

_DATABASE = "plain_flask"
_SIZE = 300
_MOST = 1.25
_ROUNDS, _SECONDS = 9, 2


def run(stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report."""
    core = machine.server_core()
    # The deal is unknown to HubSpot, so it must not be read again there.
    service = stand.service(_DATABASE, HIT_LANE="off", CPU_AFFINITY=str(core), MAX_DATA_AGE_SECONDS="0")
    plain = servers.on_gthread("ttl_cache")(stand, service)
    for server in (service, plain):
        pin(server.pid, {core})
    (target,) = deals.store(stand.mongodb_uri, _DATABASE, [deal_of_size(1, _SIZE)])
    expect(ask(service.base_url, target), tier="mongodb")
    expect(ask(service.base_url, target), tier="memory")
    expect(ask(plain.base_url, target))
    ways = {
        f"a memory hit of {_SIZE} bytes, HIT_LANE=off": (service, target),
        "/v2/health": (service, "/api/hubspot/v2/health"),
        "the plain Flask view": (plain, target),
    }
    costs: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(1 + (2 if quick else _ROUNDS)):
        for name in sorted(ways, reverse=number % 2 == 1):
            cost = _cost(*ways[name], 1 if quick else _SECONDS)
            if number:  # the first round warms up
                costs[name].append(cost)
    *ours, reference = costs
    for name, each in costs.items():
        report.figure(name, spread(each).show(".0f", " µs of the server's processor time each"))
    for name in ours:
        ratio = spread(one / other for one, other in zip(costs[name], costs[reference], strict=True))
        wording = f"{name}: at most {_MOST:g} times the processor time of the plain Flask view"
        report.promise(wording, ratio.show(), ratio.median <= _MOST)


def _cost(server: Server, target: str, seconds: int) -> float:
    """The server's processor time for one answer, in µs."""
    taken = -processor_seconds(server.pid)
    load = wrk.load(server.base_url + target, seconds, machine.client_cores())
    taken += processor_seconds(server.pid)
    server.forget_log()
    return 1e6 * taken / load.requests
