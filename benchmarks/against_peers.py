"""Memory hits through the service, beside what else one could put in its place.

A bare WSGI callable, Flask with cachetools, Flask-Caching, FastAPI, nginx's ``proxy_cache`` and Varnish
(``benchmarks/peers``). Each is pinned to the same core and wrk has the others; in each round all of them are measured
once, another one first each time. The service works as always: it logs each answer and counts it. Around each
measurement the answers are compared with what the service shows, and the service's own count of reads tells whether
every request was a memory hit of its own, or, for the others, whether none reached it. Beside requests per second the
servers' processor time for each is given, which a busy machine disturbs less, and how much of its core wrk took: near
1 it was wrk that set the pace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import deals, machine, wrk
from benchmarks.affinity import pin
from benchmarks.client import Client, expect
from benchmarks.contest import Contest, Contestant, Subject, Turn
from benchmarks.deals import deal_of_size
from benchmarks.peers import origin, servers
from benchmarks.report import Report, Spread, spread
from benchmarks.service import Server
from benchmarks.stand import Stand
from benchmarks.wrk import Variety

SIZES = (300, 20_000, 200_000)
#: How many deals are asked for in turns where requests vary, and of which sizes.
_VARIED, _VARIED_SIZES = 200, SIZES[:2]
#: How many users ask for how many deals where users vary too: more requests than the service remembers.
_USERS, _DEALS_OF_USERS = 1_000, 50
_OTHER_CONNECTIONS, _QUICK_CONNECTIONS = (1, 64, 256), (64,)
_DATABASE = "against_peers"
FASTAPI_TYPED = "FastAPI with a dict and a return type"
OURS, DISPATCHED, BARE = "dealcache", "dealcache, dispatched by Flask", "bare WSGI callable on gthread"
PARSED = "dealcache, each request parsed"
NGINX, VARNISH, FASTAPI = "nginx proxy_cache", "Varnish", "FastAPI with a dict"

_HEAD = ("per second", f"{OURS} / it", "p50 ms", "p99 ms", "p99.9 ms", "server's µs", "wrk's core")

#: What is promised with 16 connections: at least this many times the requests per second of a peer, by size.
_PROMISES: Mapping[str, Mapping[int, float]] = {
    NGINX: {300: 0.9, 20_000: 0.9, 200_000: 0.8},
    BARE: {300: 10.0, 20_000: 10.0},
    FASTAPI: {300: 15.0, 20_000: 80.0},
}
#: The same of nginx, where no two requests are the same.
_VARIED_PROMISE = 0.9
#: How much dearer, at most, a request may be than parsing it where there are more than the service remembers.
_DEARER = 1.05


@dataclass(frozen=True)
class _Rounds:
    """The results of the rounds of one comparison, by contestant."""

    turns: dict[str, list[Turn]]

    def show(self, report: Report, what: str) -> None:
        """A row for each contestant."""
        report.table(what, _HEAD, [(name, *self._row(name, turns)) for name, turns in self.turns.items()])

    def _row(self, name: str, turns: Sequence[Turn]) -> Iterator[str]:
        yield spread(turn.load.rate for turn in turns).show(",.0f")
        yield self.ratio(name).show()
        for percentile in ("p50", "p99", "p999"):
            yield f"{median(getattr(turn.load, percentile) for turn in turns):.2f}"
        yield f"{median(turn.cost for turn in turns):.1f}"
        yield f"{median(turn.load.client for turn in turns):.2f}"

    def ratio(self, name: str) -> Spread:
        """Our requests per second in those of another contestant, round by round."""
        pairs = zip(self.turns[OURS], self.turns[name], strict=True)
        return spread(ours.load.rate / other.load.rate for ours, other in pairs)

    def cost_ratio(self, name: str) -> Spread:
        """Another contestant's processor time for a request in ours, round by round."""
        return spread(other.cost / ours.cost for ours, other in zip(self.turns[OURS], self.turns[name], strict=True))


def run(stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report."""
    if not machine.has_peers():
        report.left_out("peers", machine.HOW_TO_GET_PEERS)
        return
    stand.hubspot.behave(0.0)
    service = stand.service(_DATABASE, CPU_AFFINITY=str(machine.server_core()))
    contestants = _contestants(stand, service)
    for one in contestants:
        pin(one.server.pid, {machine.server_core()})
    subjects = [_cached(stand, contestants, size, [number])[0] for number, size in enumerate(SIZES)]
    contest = Contest(service)
    for one in contestants:  # to warm up
        contest.measure(one, subjects[:1], 1)
    for size, subject in zip(SIZES, subjects, strict=True):
        _sixteen(report, contest, contestants, (size, subject), quick)
        if size in (SIZES[:1] if quick else SIZES[:2]):
            _other_connections(report, contest, contestants, (size, subject), quick)
    for number, size in enumerate(_VARIED_SIZES):
        _varied(stand, report, contest, contestants, (1000 * (1 + number), size), quick)
    _crowd(stand, report, contest, contestants, quick)


def _contestants(stand: Stand, service: Server) -> list[Contestant]:
    """Ours first, then the peers, all running."""
    bare = servers.bare(stand, service)
    return [
        Contestant(OURS, service, lambda reply: reply.tier == "memory", is_origin=True),
        Contestant(
            BARE,
            bare,
            target=lambda subject: f"/{len(subject.body)}",
            shows=lambda subject, body: len(body) == len(subject.body),
        ),
        Contestant("Flask with cachetools", servers.on_gthread("ttl_cache")(stand, service)),
        Contestant("Flask-Caching", servers.on_gthread("simple_cache")(stand, service)),
        Contestant(FASTAPI, servers.fastapi(stand, service)),
        Contestant(NGINX, servers.nginx(stand, service), lambda reply: reply.headers.get("x-cache-status") == "HIT"),
        Contestant(
            VARNISH, servers.varnish(stand, service), lambda reply: len(reply.headers["x-varnish"].split()) == 2
        ),
    ]


def _cached(stand: Stand, contestants: Sequence[Contestant], size: int, numbers: Iterable[int]) -> list[Subject]:
    """Store deals whose timelines have that size, and have all contestants take them up."""
    ours, *others = contestants
    targets = deals.store(stand.mongodb_uri, _DATABASE, (deal_of_size(number, size) for number in numbers))
    with Client(ours.server.base_url) as client:
        for target in targets:
            expect(client.ask(target), tier="mongodb")
        subjects = [Subject(target, expect(client.ask(target), tier="memory").body) for target in targets]
    for other in others:
        with Client(other.server.base_url) as client:
            for subject in subjects:
                expect(client.ask(other.target(subject)))
    return subjects


def _in_turns(contestants: Sequence[Contestant], measure: Callable[[Contestant], Turn], rounds: int) -> _Rounds:
    """Measure each once in each round, another one first each time."""
    results = _Rounds({one.name: [] for one in contestants})
    for number in range(rounds):
        first = number % len(contestants)
        for one in (*contestants[first:], *contestants[:first]):
            results.turns[one.name].append(measure(one))
    return results


def _other_connections(
    report: Report, contest: Contest, contestants: Sequence[Contestant], sized: tuple[int, Subject], quick: bool
) -> None:
    size, subject = sized
    for connections in _QUICK_CONNECTIONS if quick else _OTHER_CONNECTIONS:
        measure = partial(contest.measure, subjects=[subject], seconds=1, connections=connections)
        rounds = _in_turns(contestants, measure, 1 if quick else 2)
        rounds.show(report, f"{size:,} bytes, {connections} connection{'s' * (connections > 1)}")


def _sixteen(
    report: Report, contest: Contest, contestants: Sequence[Contestant], sized: tuple[int, Subject], quick: bool
) -> None:
    """The comparison that promises are made for.

    Two more take part for information: our hits as Flask's dispatch answers them, and FastAPI's with a return type.
    """
    size, subject = sized
    ours, fastapi = (next(one for one in contestants if one.name == name) for name in (OURS, FASTAPI))
    typed = replace(fastapi, name=FASTAPI_TYPED, target=lambda one: one.target.replace(origin.PATH, origin.TYPED_PATH))
    through_flask = replace(ours, name=DISPATCHED, target=lambda one: f"{one.target}&refresh=false")
    measure = partial(contest.measure, subjects=[subject], seconds=1 if quick else 2)
    rounds = _in_turns([*contestants, typed, through_flask], measure, 2 if quick else 5)
    rounds.show(report, f"{size:,} bytes, {wrk.CONNECTIONS} connections")
    for name, promised in _PROMISES.items():
        if size in promised:
            least, ratio = promised[size], rounds.ratio(name)
            wording = f"{size:,} bytes: at least {least:g} times the requests per second of {name}"
            by_cost = f"{ratio.show()}; by the servers' processor time {rounds.cost_ratio(name).show()}"
            report.promise(wording, by_cost, ratio.median >= least)


def _varied(
    stand: Stand,
    report: Report,
    contest: Contest,
    contestants: Sequence[Contestant],
    numbered: tuple[int, int],
    quick: bool,
) -> None:
    """Many deals in turns, a browser's header fields, another request id each time: no two requests are the same."""
    first_number, size = numbered
    chosen = [one for one in contestants if one.name in (OURS, NGINX, VARNISH)]
    subjects = _cached(stand, chosen, size, range(first_number, first_number + _VARIED))
    variety = Variety(_listed(stand, subjects))
    measure = partial(contest.measure, subjects=subjects, seconds=1 if quick else 2, variety=variety)
    rounds = _in_turns(chosen, measure, 2 if quick else 8)
    rounds.show(report, f"{size:,} bytes of {_VARIED} deals, varied requests, {wrk.CONNECTIONS} connections")
    wording = f"{size:,} bytes, varied requests: at least {_VARIED_PROMISE:g} times the requests per second of {NGINX}"
    ratio = rounds.ratio(NGINX)
    by_cost = f"{ratio.show()}; by the servers' processor time {rounds.cost_ratio(NGINX).show()}"
    report.promise(wording, by_cost, ratio.median >= _VARIED_PROMISE)


def _crowd(stand: Stand, report: Report, contest: Contest, contestants: Sequence[Contestant], quick: bool) -> None:
    """More different requests, ids apart, than the service remembers; beside them the same, each parsed."""
    chosen = [one for one in contestants if one.name in (OURS, NGINX)]
    subjects = _cached(stand, chosen, SIZES[0], range(5_000, 5_000 + _DEALS_OF_USERS))
    crowd = Variety(_listed(stand, subjects), _USERS)
    varieties = {PARSED: replace(crowd, parsed=True)}

    def measure(one: Contestant) -> Turn:
        return contest.measure(one, subjects, 1 if quick else 2, variety=varieties.get(one.name, crowd))

    rounds = _in_turns([*chosen, replace(chosen[0], name=PARSED)], measure, 2 if quick else 8)
    what = f"{_USERS:,} users x {_DEALS_OF_USERS} deals"
    rounds.show(report, f"{SIZES[0]:,} bytes, {what}, varied requests, {wrk.CONNECTIONS} connections")
    ratio = rounds.cost_ratio(PARSED)
    wording = f"{what}: at most {_DEARER:g} times the processor time that parsing each request takes"
    report.promise(wording, f"parsing takes {ratio.show()} times theirs", ratio.median >= 1 / _DEARER)


def _listed(stand: Stand, subjects: Sequence[Subject]) -> Path:
    """A file with the targets of the subjects."""
    listed = stand.directory / f"{len(subjects[0].body)} bytes of {len(subjects)}.targets"
    listed.write_text("".join(f"{subject.target}\n" for subject in subjects), "utf-8")
    return listed
