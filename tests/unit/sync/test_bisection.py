"""Finding the few records that cannot be read, in a bounded number of calls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from random import Random

import pytest

from dealcache.hubspot.errors import (
    Forbidden,
    HubSpotError,
    MalformedAnswer,
    NotFound,
    RateLimited,
    Rejected,
    Unavailable,
)
from dealcache.sync.bisection import ENOUGH, isolate_failures, may_be_a_record, read_by_bisection


class Records:
    """Gives the ids asked for, unless one of them is out of order."""

    def __init__(self, *bad: int, failure: HubSpotError | None = None) -> None:
        self._bad = {str(one) for one in bad}
        self._failure = failure or Unavailable("HubSpot failed", status=500)
        self.calls = 0

    def __call__(self, ids: Sequence[str]) -> list[str]:
        self.calls += 1
        if self._bad.intersection(ids):
            raise self._failure
        return list(ids)


def ids(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def known(*records: str) -> Callable[[], Sequence[str]]:
    return lambda: records


@pytest.mark.parametrize("bad", [0, 1, 49, 50, 99])
@pytest.mark.parametrize("controls", [(), ("1000",)])
def test_one_bad_record_is_found_wherever_it_is(bad: int, controls: tuple[str, ...]) -> None:
    records = Records(bad)
    found = read_by_bisection(ids(100), records, known(*controls))
    assert sorted(one for part in found.results for one in part if one != "1000") == sorted(set(ids(100)) - {str(bad)})
    assert list(found.unreadable) == [str(bad)]
    assert records.calls <= 1 + 2 * 7 + len(controls)


def test_several_bad_records_of_a_thousand_are_found() -> None:
    records = Records(3, 4, 700, 999)
    found = read_by_bisection(ids(1000), records, known())
    assert set(found.unreadable) == {"3", "4", "700", "999"}
    assert sum(map(len, found.results)) == 996
    assert records.calls < 80


@pytest.mark.parametrize("count", [1, 2, 100, 1000])
def test_where_nothing_can_be_read_no_record_is_to_blame(count: int) -> None:
    records = Records(*range(count))
    with pytest.raises(Unavailable):
        read_by_bisection(ids(count), records, known())
    assert records.calls <= count.bit_length() + 4


def test_records_that_could_be_read_tell_at_once_that_nothing_can_be_read() -> None:
    records = Records(*range(100), 1000, 1001)
    with pytest.raises(Unavailable):
        read_by_bisection(ids(100), records, known("1000", "1001"))
    assert records.calls == 3


def test_a_single_bad_record_is_to_blame_when_another_can_be_read() -> None:
    found = read_by_bisection(["7"], Records(7), known("1000"))
    assert list(found.unreadable) == ["7"]


def test_too_many_bad_records_are_a_failure() -> None:
    records = Records(*range(0, 1000, 2))
    with pytest.raises(Unavailable):
        read_by_bisection(ids(1000), records, known("1001"))
    assert records.calls < 100


@pytest.mark.parametrize(
    ("failure", "worth_it"),
    [
        (Rejected("no", status=400), True),
        (Unavailable("no", status=500), True),
        (Unavailable("no", status=524), True),
        (MalformedAnswer("no", status=200), True),
        (MalformedAnswer("no such path", status=404), False),
        (Unavailable("the connection failed"), False),
        (Forbidden("no", status=403), False),
        (NotFound("no", status=404), False),
        (RateLimited("no", retry_after=1.0, status=429), False),
    ],
)
def test_only_some_failures_may_be_because_of_a_record(failure: HubSpotError, worth_it: bool) -> None:
    assert may_be_a_record(failure) is worth_it
    records = Records(1, failure=failure)
    if worth_it:
        assert list(read_by_bisection(ids(10), records, known()).unreadable) == ["1"]
    else:
        with pytest.raises(type(failure)):
            read_by_bisection(ids(10), records, known())
        assert records.calls == 1


class World:
    """Numbers, some of which make every try fail that they are part of."""

    def __init__(self, bad: Collection[int] = ()) -> None:
        self.bad = frozenset(bad)
        self.tries: list[int] = []
        self.done: list[int] = []
        self.failed: list[int] = []

    def attempt(self, numbers: Sequence[int]) -> Exception | None:
        self.tries.append(len(numbers))
        if self.bad.intersection(numbers):
            return ValueError("bad")
        self.done += numbers
        return None

    def run(self, count: int, seed: int = 1) -> None:
        def fail(numbers: Sequence[int], failure: Exception) -> None:
            assert isinstance(failure, ValueError)
            self.failed += numbers

        isolate_failures(range(count), self.attempt, fail, Random(seed).shuffle)


@pytest.mark.parametrize("count", [1, 7, 1000])
def test_what_does_not_fail_takes_one_try(count: int) -> None:
    world = World()
    world.run(count)
    assert (world.tries, sorted(world.done), world.failed) == ([count], list(range(count)), [])


def test_nothing_takes_no_try() -> None:
    world = World()
    world.run(0)
    assert world.tries == []


@pytest.mark.parametrize("seed", range(5))
def test_one_of_a_thousand_is_found_in_31_tries(seed: int) -> None:
    world = World({Random(seed).randrange(1000)})
    world.run(1000, seed)
    assert world.failed == list(world.bad)
    assert sorted(world.done) == [number for number in range(1000) if number not in world.bad]
    assert len(world.tries) == 31
    assert len([size for size in world.tries if size == 1]) == 10


@pytest.mark.parametrize("seed", range(5))
def test_many_are_found_and_the_others_done(seed: int) -> None:
    world = World(Random(seed).sample(range(1000), 60))
    world.run(1000, seed)
    assert set(world.failed) == world.bad
    assert len(world.done) == 940


@pytest.mark.parametrize("count", [11, 1000])
def test_when_all_of_a_kind_fail_few_are_tried(count: int) -> None:
    world = World(range(count))
    world.run(count)
    assert sorted(world.failed) == list(range(count))
    assert world.done == []
    assert len([size for size in world.tries if size == 1]) == ENOUGH
    assert len(world.tries) <= ENOUGH + 6


def test_a_few_that_fail_are_each_tried() -> None:
    world = World(range(5))
    world.run(5)
    assert (sorted(world.failed), world.tries) == (list(range(5)), [5, 1, 1, 1, 1, 1])
