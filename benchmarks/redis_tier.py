"""The Redis tier: what packing timelines costs and saves, and a read of it against a bare GET of the same bytes.

In one process and thread, in turns, one of each after the other. The timelines are cut from that of a demo deal with
2,500 activities: fewer events, made to the view and its JSON as the service makes them. Their texts are drawn from a
dozen sentences, so the larger ones shrink more than real ones would, whatever packs them.
"""

from __future__ import annotations

import statistics
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import NamedTuple

import orjson
import redis
import zstandard

from benchmarks.report import Report, spread
from benchmarks.stand import Stand
from benchmarks.wired import wired
from dealcache.model.deals import Deal, DealKey, Event
from dealcache.model.labels import Labels
from dealcache.reader import views
from dealcache.reader.entries import entity_tag
from dealcache.redis_connection import RedisConnection
from dealcache.tiers import CacheKey, Entry, View
from dealcache.tiers.redis import RedisTier

_DATABASE = "redis_tier"
_DEAL = "Globex expansion"
_PACKED_SIZES = (500, 1_000, 2_000, 20_000, 200_000)
_READ_SIZES = (300, 20_000)


class _Codec(NamedTuple):
    pack: Callable[[bytes], bytes]
    unpack: Callable[[bytes], bytes]


CODECS: Mapping[str, _Codec] = {
    "none": _Codec(lambda body: body, lambda packed: packed),
    "zlib 1": _Codec(lambda body: zlib.compress(body, 1), zlib.decompress),
    "zstd 1": _Codec(zstandard.ZstdCompressor(level=1).compress, zstandard.ZstdDecompressor().decompress),
}


def run(stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report."""
    rounds = 3 if quick else 9
    timelines = _timelines(stand)
    with redis.Redis.from_url(stand.redis_url) as client:
        for size in _PACKED_SIZES:
            _compare_codecs(report, client, timelines(size), rounds)
        connection = RedisConnection(stand.redis_url, _DATABASE)
        for size in _READ_SIZES:
            _compare_reads(report, client, RedisTier(connection), bytes(timelines(size)[:size]), rounds)
        connection.close()


def _timelines(stand: Stand) -> Callable[[int], bytes]:
    """Return what makes a timeline of about so many bytes of JSON."""
    stand.hubspot.limit(False)
    with wired(stand, _DATABASE) as parts:
        parts.reader.read(View.TIMELINE, DealKey("name", _DEAL))
        (stored,) = parts.storage.deals.find(DealKey("name", _DEAL))
        events = parts.storage.timelines.events(stored.deal.deal_id)
    return lambda size: _cut(stored.deal, events, size)


def _cut(deal: Deal, events: Sequence[Event], size: int) -> bytes:
    """The timeline of the first events, as many as ``size`` bytes take, one at least."""
    per_event = len(orjson.dumps(views.timeline(deal, events, UTC, Labels()))) / len(events)
    count = max(1, round(size / per_event))
    return orjson.dumps(views.timeline(deal, events[:count], UTC, Labels()))


def _compare_codecs(report: Report, client: redis.Redis, body: bytes, rounds: int) -> None:
    """Each codec's time to pack and SET, and to GET and unpack."""
    writes: dict[str, list[float]] = {name: [] for name in CODECS}
    reads: dict[str, list[float]] = {name: [] for name in CODECS}
    for _ in range(rounds):
        written, read = _round(client, body)
        for name in CODECS:
            writes[name].append(written[name])
            reads[name].append(read[name])
    for name, codec in CODECS.items():
        share = len(codec.pack(body)) / len(body)
        write, read_again = (spread(one * 1e6 for one in times[name]) for times in (writes, reads))
        shown = f"{share:.2f} of the size, SET {write.show('.0f', ' µs')}, GET {read_again.show('.0f', ' µs')}"
        report.figure(f"{len(body):,} bytes, {name}", shown)
    if len(body) >= 10_000:
        ratio = spread(
            (writes["zstd 1"][place] + reads["zstd 1"][place]) / (writes["zlib 1"][place] + reads["zlib 1"][place])
            for place in range(rounds)
        )
        report.promise(f"{len(body):,} bytes: zstd takes no longer than zlib", ratio.show(), ratio.median <= 1.0)


def _round(client: redis.Redis, body: bytes) -> tuple[dict[str, float], dict[str, float]]:
    """The median seconds of each codec's writes and reads, the codecs in turns."""
    writes: dict[str, list[float]] = {name: [] for name in CODECS}
    reads: dict[str, list[float]] = {name: [] for name in CODECS}
    for _ in range(max(30, 2_000_000 // (len(body) + 10_000))):
        for name, codec in CODECS.items():
            writes[name].append(_seconds(_write, client, codec, body))
            reads[name].append(_seconds(_read, client, codec))
    return _medians(writes), _medians(reads)


def _write(client: redis.Redis, codec: _Codec, body: bytes) -> None:
    client.set("body", codec.pack(body), px=60_000)


def _read(client: redis.Redis, codec: _Codec) -> None:
    codec.unpack(client.get("body"))


def _medians(times: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: statistics.median(every) for name, every in times.items()}


def _compare_reads(report: Report, client: redis.Redis, tier: RedisTier, body: bytes, rounds: int) -> None:
    """A read through the tier, against a GET of the bare body by redis-py."""
    key = CacheKey.of(View.TIMELINE, DealKey("name", _DEAL))
    now = time.time()
    entry = Entry(200, body, entity_tag(body), now, now + 600, now + 86_400, "7891026", _DEAL)
    if not tier.put(key, entry, lambda: True) or tier.get(key) != entry:
        raise RuntimeError("the tier does not keep what it is given")
    client.set("bare", body, px=600_000)
    figures = []
    for _ in range(rounds):
        pairs = [(_seconds(tier.get, key), _seconds(client.get, "bare")) for _ in range(300)]
        figures.append([statistics.median(column) for column in zip(*pairs, strict=True)])
    ours, bare = (spread(one * 1e6 for one in column).show(".0f", " µs") for column in zip(*figures, strict=True))
    ratio = spread(one / other for one, other in figures)
    report.figure(f"{len(body):,} bytes", f"from the tier {ours}, bare GET {bare}")
    wording = f"{len(body):,} bytes from the Redis tier: at most 2 times a bare GET by redis-py"
    report.promise(wording, ratio.show(), ratio.median <= 2.0)


def _seconds(work: Callable[..., object], *arguments: object) -> float:
    started = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - started
