"""The order in which connections run out of time, and which has to go when there is no room."""

from __future__ import annotations

import pytest

from dealcache.server.phases import Phase, WaitingConnections

PATIENCE = {Phase.IDLE: 75.0, Phase.RECEIVING: 30.0, Phase.SENDING: 30.0, Phase.CLOSING: 2.0}


class Stub:
    """A connection as far as its phase goes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.phase: Phase | None = None
        self.timeout = 0.0
        self.has_more = False

    def __repr__(self) -> str:
        return self.name


@pytest.fixture
def waiting() -> WaitingConnections:
    return WaitingConnections(PATIENCE)


def put(waiting: WaitingConnections, **phases: Phase) -> dict[str, Stub]:
    """Connections whose phases began one second after the other, by name."""
    stubs = {name: Stub(name) for name in phases}
    for second, (name, phase) in enumerate(phases.items()):
        waiting.put(stubs[name], phase, float(second))
    return stubs


def test_time_runs_out_by_phase(waiting):
    with pytest.raises(IndexError):
        waiting[0]
    one = put(waiting, idle=Phase.IDLE, head=Phase.RECEIVING, answer=Phase.SENDING, later=Phase.SENDING)
    assert waiting[0] is one["head"]
    assert waiting.expired(30.9) == []
    assert waiting.expired(32.0) == [one["head"], one["answer"]]
    assert len(waiting.expired(75.0)) == len(waiting) == 4


def test_a_phase_that_begins_anew_takes_its_whole_time(waiting):
    one = put(waiting, first=Phase.RECEIVING, second=Phase.RECEIVING)
    waiting.put(one["first"], Phase.RECEIVING, 20.0)
    assert waiting.expired(49.0) == [one["second"]]
    waiting.put(one["first"], Phase.IDLE, 21.0)
    assert (one["first"].phase, one["first"].timeout) == (Phase.IDLE, 96.0)
    assert list(waiting.in_phase(Phase.RECEIVING)) == [one["second"]]


def test_who_is_taken_out_is_not_there(waiting):
    one = put(waiting, only=Phase.SENDING)["only"]
    waiting.remove(one)
    waiting.remove(one)
    assert (len(waiting), list(waiting), one.phase) == (0, [], None)


def test_the_longest_idle_goes_first_and_an_answer_never(waiting):
    one = put(
        waiting,
        answer=Phase.SENDING,
        head=Phase.RECEIVING,
        busy=Phase.IDLE,
        idle=Phase.IDLE,
        idle_later=Phase.IDLE,
        closing=Phase.CLOSING,
    )
    one["busy"].has_more = True
    gone = []
    while (victim := waiting.expendable(60.0)) is not None:
        gone.append(victim.name)
        waiting.remove(victim)
    assert gone == ["closing", "idle", "idle_later", "head"]
    assert set(waiting) == {one["answer"], one["busy"]}


@pytest.mark.parametrize(("now", "victim"), [(4.0, "old"), (4.5, "idle")])
def test_who_has_only_come_is_not_taken_for_idle(waiting, now, victim):
    one = put(waiting, old=Phase.RECEIVING, answer=Phase.SENDING, busy=Phase.SENDING, idle=Phase.IDLE, new=Phase.IDLE)
    assert waiting.expendable(now) is one[victim]


def test_an_answer_that_is_not_taken_may_go_after_some_seconds(waiting):
    one = put(waiting, first=Phase.SENDING, second=Phase.SENDING, third=Phase.SENDING)
    assert waiting.expendable(60.0) is None
    assert waiting.stalled(4.9) == []
    assert waiting.stalled(6.0) == [one["first"], one["second"]]


def test_all_phases_end_early_when_the_worker_stops_and_those_that_begin_then(waiting):
    one = put(waiting, idle=Phase.IDLE, busy=Phase.IDLE, head=Phase.RECEIVING, answer=Phase.SENDING)
    one["busy"].has_more = True
    waiting.hurry({Phase.IDLE: 2.0, Phase.RECEIVING: 5.0, Phase.SENDING: 6.0, Phase.CLOSING: 9.0}, 4.0)
    assert waiting[0] is one["idle"]
    assert waiting.expired(6.0) == [one["idle"]]
    assert waiting.expired(10.0) == [one["idle"], one["head"], one["answer"]]
    later = Stub("later")
    waiting.put(later, Phase.RECEIVING, 7.0)
    assert later.timeout == 12.0
