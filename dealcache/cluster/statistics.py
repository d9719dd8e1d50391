"""Cache statistics of one worker, their form in MongoDB, and their combination for several workers. Pure."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from itertools import compress
from typing import NamedTuple

import orjson

from dealcache.cluster.paging import Page, Place
from dealcache.model.deals import name_key
from dealcache.model.invalidation import Selection
from dealcache.tiers import Columns, Usage

#: The most keys, and about as many compressed bytes, that one worker publishes; a document may have 16 MB.
MOST_KEYS, MOST_BYTES = 100_000, 8_000_000

#: The format of :func:`encode`; another release may have another one.
_FORMAT = 1

_NEVER = (float("-inf"), float("-inf"), "")


class Listing(NamedTuple):
    """One displayed key."""

    key: str
    fetched_at: float
    expires_at: float
    size_bytes: int
    hits: int
    deal_id: str | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """The statistics of one worker.

    Args:
        by_tier: how many reads each tier of the worker has answered.
        failed: how many reads no tier could answer.
        usage: the size of its memory tier.
        generation: that of the last invalidation applied before ``columns`` were read.
        columns: its entries, in parts; the worker's own can be read only once, as they are at that time.
        omitted: the number of entries missing from ``columns``.
    """

    by_tier: Mapping[str, int]
    failed: int
    usage: Usage
    generation: int
    columns: Iterable[Columns]
    omitted: int = 0

    @property
    def counts(self) -> object:
        """A value that changes as soon as an entry is added, replaced, served or removed."""
        return self.by_tier, self.failed, self.usage, self.generation


@dataclass(frozen=True, slots=True)
class Summary:
    """The statistics of several workers together.

    Args:
        by_tier: how many reads each tier has answered.
        failed: how many reads no tier could answer.
        usage: the size of their memory tiers.
        total: how many different keys they hold.
        matching: how many of them begin with the page's prefix.
        rows: the keys of the page, each with the times of its youngest value, and the sums of sizes and hits.
        last: the place of the last one if more follow.
        workers: how many workers are included.
        missing: the workers that are not included, by host and process id.
        complete: False if workers are or may be missing, or one holds more keys than it publishes, so that ``total``
            may count a key twice.
    """

    by_tier: Mapping[str, int]
    failed: int
    usage: Usage
    total: int
    matching: int
    rows: list[Listing]
    workers: int
    missing: Sequence[str] = ()
    complete: bool = True
    last: Place | None = None


def encode(statistics: Statistics, most_keys: int = MOST_KEYS, most_bytes: int = MOST_BYTES) -> bytes:
    """Return statistics as one compressed message, with fewer keys if it would be too large.

    It is made in parts: encoding all keys at once would hold up everything else in the process.
    """
    compressor = zlib.compressobj(1)
    message, keys, omitted = bytearray(), 0, 0
    for part in statistics.columns:
        if omitted or keys + len(part.keys) > most_keys or len(message) > most_bytes:
            omitted += len(part.keys)
        else:
            keys += len(part.keys)
            message += compressor.compress(orjson.dumps(tuple(part)) + b"\n")
    head = {
        "format": _FORMAT,
        "by_tier": statistics.by_tier,
        "failed": statistics.failed,
        "usage": asdict(statistics.usage),
        "generation": statistics.generation,
        "omitted": statistics.omitted + omitted,
    }
    return bytes(message + compressor.compress(orjson.dumps(head)) + compressor.flush())


def decode(message: bytes) -> Statistics:
    """Return the statistics of a message.

    Raises:
        ValueError: it has another form, perhaps that of another release.
    """
    try:
        *parts, last = zlib.decompress(message).split(b"\n")
        head = orjson.loads(last)
        if head.pop("format") != _FORMAT:
            raise ValueError("statistics of another format")
        columns = [Columns(*orjson.loads(part)) for part in parts]
        if any(len(set(map(len, part))) > 1 for part in columns):
            raise ValueError("columns of different lengths")
        return Statistics(**head | {"usage": Usage(**head["usage"]), "columns": columns})
    except (KeyError, TypeError, AttributeError, zlib.error) as error:
        raise ValueError(f"not a message of statistics ({type(error).__name__})") from error


def without(statistics: Statistics, cleared: Selection) -> Statistics:
    """Return the statistics without the entries that ``cleared`` selects."""
    if not cleared:
        return statistics
    usage, columns = statistics.usage, list(statistics.columns)
    if cleared.everything:
        return replace(statistics, usage=replace(usage, entries=0, size_bytes=0), columns=(), omitted=0)
    # A name also selects entries under other names of its deals.
    ids = cleared.deal_ids | {
        deal_id
        for part in columns
        for deal_id, key in zip(part.deal_ids, part.keys, strict=True)
        if deal_id is not None and _named(key, cleared)
    }
    kept, entries, size_bytes = [], usage.entries, usage.size_bytes
    for part in columns:
        stays = [
            deal_id not in ids and not _named(key, cleared)
            for deal_id, key in zip(part.deal_ids, part.keys, strict=True)
        ]
        left = Columns._make(list(compress(column, stays)) for column in part)
        entries -= len(part.keys) - len(left.keys)
        size_bytes -= sum(part.size_bytes) - sum(left.size_bytes)
        kept.append(left)
    usage = replace(usage, entries=max(0, entries), size_bytes=max(0, size_bytes))
    return replace(statistics, usage=usage, columns=kept)


def _named(key: str, selection: Selection) -> bool:
    return bool(selection.name_keys) and name_key(key.partition(":")[2]) in selection.name_keys


def combine(
    workers: Iterable[Statistics], page: Page, missing: Sequence[str] = (), *, all_known: bool = True
) -> Summary:
    """Return the statistics of several workers together.

    Args:
        workers: the statistics of each.
        page: the keys to list; the others are counted nevertheless.
        missing: the workers without statistics.
        all_known: False if there may be further workers.
    """
    each = [replace(one, columns=list(one.columns)) for one in workers]
    columns = [part for one in each for part in one.columns]
    youngest = _youngest(columns)
    matching = [key for key in youngest if key.startswith(page.prefix)]
    chosen, last = page.choose(matching, _values(page.sorted_by, columns, youngest, matching))
    sizes, hits = _added("size_bytes", columns, chosen), _added("hits", columns, chosen)
    omitted = sum(one.omitted for one in each)
    by_tier: Counter[str] = Counter()
    for one in each:
        by_tier.update(one.by_tier)
    return Summary(
        dict(by_tier),
        failed=sum(one.failed for one in each),
        usage=Usage(*map(sum, zip(*(astuple(one.usage) for one in each), strict=True))),
        total=len(youngest) + omitted,
        matching=len(matching),
        rows=[Listing(key, *youngest[key][:2], sizes[key], hits[key], youngest[key][2] or None) for key in chosen],
        last=last,
        workers=len(each),
        missing=missing,
        complete=all_known and not missing and not omitted,
    )


def _youngest(columns: Iterable[Columns]) -> dict[str, tuple[float, float, str]]:
    """Return when the youngest value under each key was fetched, when it expires, and of which deal it is."""
    youngest: dict[str, tuple[float, float, str]] = {}
    for part in columns:
        deal_ids = [deal_id or "" for deal_id in part.deal_ids]
        values = zip(part.fetched_at, part.expires_at, deal_ids, strict=True)
        for key, value in zip(part.keys, values, strict=True):
            if value > youngest.get(key, _NEVER):
                youngest[key] = value
    return youngest


def _values(
    sorted_by: str, columns: Iterable[Columns], youngest: Mapping[str, tuple[float, float, str]], keys: Sequence[str]
) -> Mapping[str, float]:
    """Return the value of each key to sort by; the younger of two is the one fetched later."""
    match sorted_by:
        case "age":
            return {key: -youngest[key][0] for key in keys}
        case "remaining":
            return {key: youngest[key][1] for key in keys}
        case "size":
            return _added("size_bytes", columns, keys)
        case "hits":
            return _added("hits", columns, keys)
    return {}


def _added(column: str, columns: Iterable[Columns], keys: Sequence[str]) -> dict[str, int]:
    """Return the sums of these keys' numbers in a column."""
    sums = dict.fromkeys(keys, 0)
    for part in columns:
        for key, number in zip(part.keys, getattr(part, column), strict=True):
            if key in sums:
                sums[key] += number
    return sums
