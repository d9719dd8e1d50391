"""Isolates the few records that fail among many that do not, in a bounded number of tries.

Records that HubSpot cannot return are found by halving, at the cost of one call for each try; records whose webhook
events fail are found by tenths, so that the others are done soon.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, MutableSequence, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from dealcache.hubspot.errors import HubSpotError, MalformedAnswer, Rejected, Unavailable
from dealcache.sync.job_progress import JobProgress
from dealcache.sync.refused_types import in_brief

T = TypeVar("T")

#: Failed calls after which single records are no longer taken for the cause: enough to find four in a thousand.
_MOST_FAILURES = 40

#: Records to read again, to learn whether any can be read at all: more than one, because one may have become
#: unreadable.
CONTROLS = 3

#: After this many things that failed alone while none succeeded, the rest is taken to fail too: the cause is their
#: kind.
ENOUGH = 10


def isolate_failures(
    things: Sequence[T],
    attempt: Callable[[Sequence[T]], Exception | None],
    failed: Callable[[Sequence[T], Exception], None],
    shuffle: Callable[[MutableSequence[Any]], None] = random.shuffle,
) -> None:
    """Try things of one kind, first all of them, then tenths of those that failed, down to those that fail alone.

    Args:
        things: what to try.
        attempt: tries some together; returns why that failed, None if it did not. An exception ends the whole search.
        failed: called with those that fail and the reason, as soon as both are known.
        shuffle: reorders a list, so that the same first items do not keep deciding about the rest.
    """
    every = list(things)
    shuffle(every)
    waiting: list[list[T]] = [every] if every else []
    succeeded, alone = False, 0
    while waiting:
        part = waiting.pop()
        failure = attempt(part)
        if failure is None:
            succeeded = True
        elif len(part) > 1:
            size = -(-len(part) // 10)
            waiting += reversed([part[start : start + size] for start in range(0, len(part), size)])
        else:
            failed(part, failure)
            alone += 1
            if alone >= ENOUGH and not succeeded:
                failed([one for rest in waiting for one in rest], failure)
                return


@dataclass(slots=True)
class Bisected(Generic[T]):
    """The result of a read, and the records that cannot be read, each with the reason."""

    results: list[T] = field(default_factory=list)
    unreadable: dict[str, HubSpotError] = field(default_factory=dict)

    def warn(self, progress: JobProgress, what: str) -> None:
        """Let the job warn of the records that cannot be read; ``what`` names what was read."""
        for one, failure in self.unreadable.items():
            progress.warn(f"HubSpot cannot read {what}, id {one}: {in_brief(failure)}")


def may_be_a_record(failure: HubSpotError) -> bool:
    """Return True if a call may have failed because of one of the records that it asked for."""
    if isinstance(failure, Unavailable):
        return failure.status is not None and failure.status >= 500
    return isinstance(failure, Rejected) or (isinstance(failure, MalformedAnswer) and failure.status != 404)


def read_by_bisection(
    ids: Sequence[str], read: Callable[[Sequence[str]], T], controls: Callable[[], Iterable[str]]
) -> Bisected[T]:
    """Read records; if that fails, read halves of them, and so on down to those that cannot be read.

    Args:
        ids: the records.
        read: reads some of them.
        controls: returns records of the same type that could be read before, if any are known.

    Raises:
        HubSpotError: as far as can be told, no single record is to blame.
    """
    found = Bisected[T]()
    try:
        found.results.append(read(ids))
    except HubSpotError as failure:
        if not may_be_a_record(failure):
            raise
        known = list(controls())
        if known and not _any_readable(known, read):
            raise
        _bisect(ids, read, failure, found, trusted=bool(known))
    return found


def _any_readable(ids: Iterable[str], read: Callable[[Sequence[str]], object]) -> bool:
    for one in ids:
        try:
            read((one,))
        except HubSpotError as failure:
            if not may_be_a_record(failure):
                raise
        else:
            return True
    return False


def _bisect(
    ids: Sequence[str], read: Callable[[Sequence[str]], T], first: HubSpotError, found: Bisected[T], *, trusted: bool
) -> None:
    """Read into ``found`` what can be read of ``ids``, which failed as a whole with ``first``.

    Unless it is ``trusted`` that records of this type can be read at all, a success has to come soon.
    """
    # This many halvings lead to a single record, and one more call to its neighbour.
    patience = _MOST_FAILURES if trusted else len(ids).bit_length() + 2
    failures = 0
    waiting = [(tuple(ids), first)]
    while waiting:
        part, failure = waiting.pop()
        if len(part) == 1:
            found.unreadable[part[0]] = failure
            continue
        middle = (len(part) + 1) // 2
        for half in (part[middle:], part[:middle]):
            try:
                found.results.append(read(half))
                patience = _MOST_FAILURES
            except HubSpotError as again:
                failures += 1
                if not may_be_a_record(again) or failures > patience:
                    raise
                waiting.append((half, again))
    if not trusted and not found.results:
        raise first
