"""The watermark as readers see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dealcache.reader.sync_watermark import SyncWatermark
from dealcache.repositories.sync.state import COUNTS_AFTER_SECONDS, NotedWatermark
from tests.clocks import ManualClock

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@dataclass
class State:
    """The watermarks in MongoDB, as ``advance_watermark`` writes them and ``noted_watermarks`` reads them.

    ``way``: how many seconds a query takes to MongoDB, and how many its answer takes back.
    """

    clock: ManualClock
    noted: list[tuple[datetime, float]] = field(default_factory=list)
    way: tuple[float, float] = (0.0, 0.0)
    reads: int = 0

    def advance(self, to: datetime) -> None:
        self.noted.append((to, self._now() + COUNTS_AFTER_SECONDS))

    def read(self) -> list[NotedWatermark]:
        self.reads += 1
        self.clock.tick(self.way[0])
        now = self._now()
        counting = [one for one in self.noted if one[1] <= now][-1:]
        noted = [NotedWatermark(to, at - now) for to, at in self.noted if at > now or (to, at) in counting]
        self.clock.tick(self.way[1])
        return noted

    def _now(self) -> float:
        """Return the time as MongoDB gives it, in whole milliseconds."""
        return int(self.clock() * 1000) / 1000


def test_it_is_asked_for_once_in_a_while():
    clock = ManualClock(100.0)
    state = State(clock, [(NOON, 0.0)])
    sync_watermark = SyncWatermark(state.read, clock)
    for _ in range(100):
        assert sync_watermark() == NOON
    assert state.reads == 1
    clock.tick(1.0)
    assert sync_watermark() == NOON
    assert state.reads == 2


def test_a_new_one_counts_when_all_have_read_it():
    clock = ManualClock(100.0)
    state = State(clock)
    sync_watermark = SyncWatermark(state.read, clock)
    state.advance(NOON)
    assert sync_watermark() is None
    clock.tick(COUNTS_AFTER_SECONDS)
    assert sync_watermark() == NOON


def test_one_that_may_count_by_now_is_asked_for_again():
    clock = ManualClock(100.0)
    state = State(clock, way=(0.0, 0.015625))
    state.advance(NOON)
    clock.tick(COUNTS_AFTER_SECONDS - 0.03125)
    sync_watermark = SyncWatermark(state.read, clock)
    assert sync_watermark() is None
    assert sync_watermark() is None
    assert state.reads == 1
    clock.tick(0.017)  # it counts now, unless MongoDB answered only just before its answer arrived
    assert sync_watermark() == NOON
    assert state.reads == 2


MOMENTS = st.integers(0, 40).map(lambda steps: steps / 256)


@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 2]), MOMENTS, st.sampled_from([0.0, 0.0009, 0.02, 0.09])), max_size=60),
)
def test_the_answers_of_several_processes_never_go_back(steps):
    clock = ManualClock(1000.0)
    state = State(clock)
    processes = [SyncWatermark(state.read, clock) for _ in range(2)]
    last: datetime | None = None
    for number, (process, pause, way) in enumerate(steps):
        clock.tick(pause)
        state.way = (way, way / 2)
        if process == 2:
            state.advance(NOON + timedelta(minutes=number))
            continue
        shown = processes[process]()
        assert last is None or (shown is not None and shown >= last)
        last = shown
