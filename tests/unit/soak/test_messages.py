"""Which messages subscribers must get."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.soak.messages import PATIENCE, Expected, Lost, Messages

DEAL, OTHER = "7", "8"
#: A change that began at 10 and was promised at 12.
CHANGE = Expected(DEAL, 10.0, 12.0)
DUE = CHANGE.promised_at + PATIENCE


@dataclass
class Trouble:
    """Tells whether a process was ended."""

    there: bool = False

    def __call__(self, since: float, until: float) -> bool:
        assert (since, until) == (CHANGE.begun_at, DUE)
        return self.there


@pytest.fixture
def trouble() -> Trouble:
    return Trouble()


@pytest.fixture
def messages(trouble: Trouble) -> Messages:
    messages = Messages(trouble)
    messages.expect(DEAL, 1, CHANGE.begun_at, CHANGE.promised_at)
    return messages


@pytest.mark.parametrize("deal_ids", [None, [DEAL], [OTHER, DEAL]])
def test_a_subscriber_who_gets_nothing_has_lost_a_message(messages: Messages, deal_ids: list[str] | None) -> None:
    messages.subscribe("me", deal_ids, 5.0)
    assert messages.settle(DUE) == [Lost("me", CHANGE, None)]
    assert messages.settle(DUE + 100) == []
    assert messages.came == 0


@pytest.mark.parametrize(("at", "delay"), [(10.5, 0.0), (12.0, 0.0), (13.5, 1.5), (DUE, PATIENCE)])
def test_one_message_after_the_change_began_is_enough(messages: Messages, at: float, delay: float) -> None:
    session = messages.subscribe("me", None, 5.0)
    messages.receive(session, DEAL, 9.0)
    messages.receive(session, DEAL, at)
    assert messages.settle(DUE) == []
    assert messages.came == 1
    assert messages.delays == [pytest.approx(delay)]


@pytest.mark.parametrize(("deal_id", "at"), [(DEAL, 9.9), (OTHER, 11.0), (DEAL, DUE + 0.1)])
def test_another_message_does_not_count(messages: Messages, deal_id: str, at: float) -> None:
    session = messages.subscribe("me", None, 5.0)
    messages.receive(session, deal_id, at)
    too_late = at if at > DUE else None
    assert messages.settle(DUE + 1) == [Lost("me", CHANGE, too_late)]


def test_nothing_is_judged_before_it_is_due(messages: Messages) -> None:
    session = messages.subscribe("me", None, 5.0)
    assert messages.settle(DUE - 0.1) == []
    messages.receive(session, DEAL, DUE - 0.05)
    assert messages.settle(DUE) == []
    assert messages.came == 1


def test_who_was_not_subscribed_all_the_time_is_owed_nothing(messages: Messages) -> None:
    messages.subscribe("too late", None, 10.1)
    messages.subscribe("others", [OTHER], 5.0)
    gone = messages.subscribe("gone", None, 5.0)
    messages.leave(gone, DUE - 0.1)
    assert messages.settle(DUE) == []


def test_who_left_later_is_owed_it(messages: Messages) -> None:
    messages.leave(messages.subscribe("me", None, 5.0), DUE + 0.1)
    assert messages.settle(DUE + 1) == [Lost("me", CHANGE, None)]


def test_a_message_may_be_lost_with_the_process_that_was_to_send_it(messages: Messages, trouble: Trouble) -> None:
    messages.subscribe("me", None, 5.0)
    trouble.there = True
    assert messages.settle(DUE) == []
    assert (messages.came, messages.excused) == (0, 1)


def test_a_version_is_expected_once_and_version_0_never(messages: Messages) -> None:
    messages.subscribe("me", None, 0.0)
    messages.expect(DEAL, 1, CHANGE.begun_at, CHANGE.promised_at + 1)
    messages.expect(OTHER, 0, float("-inf"), CHANGE.promised_at)
    assert messages.settle(DUE + 1) == [Lost("me", CHANGE, None)]
