"""Old deals are read again behind: which, when, and when not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from dealcache.model.deals import DealKey
from dealcache.reader.answers import Mode
from dealcache.reader.revalidator import FIRST_REST, MOST_WAITING, PAUSE_AFTER_FAILURE, RereadOutcome, Revalidator
from dealcache.tiers import Entry, View
from tests.clocks import ManualClock
from tests.unit.reader.stands import Stand

ACME = DealKey("name", "Acme")


class Behind:
    """A revalidator whose threads are the test's own."""

    def __init__(self, max_age: float = 3600.0) -> None:
        self.clock = ManualClock(10_000.0)
        self.outcome: Callable[[str], RereadOutcome] = lambda _deal_id: RereadOutcome.REFRESHED
        self.read: list[str] = []
        self.has_calls = True
        self.counted: list[str] = []
        self.revalidator = Revalidator(
            max_age, self._reread, lambda: self.has_calls, self._count, self.clock, self.clock, at_once=0
        )

    def _count(self, outcome: str, count: int) -> None:
        self.counted += [outcome] * count

    def _reread(self, deal_id: str, _is_stopping: Callable[[], bool]) -> RereadOutcome:
        self.read.append(deal_id)
        return self.outcome(deal_id)

    def ask(self, *deal_ids: str) -> list[str]:
        """Ask for deals, work off what waits, and return what was read."""
        for deal_id in deal_ids:
            self.revalidator.request(deal_id)
        self.read.clear()
        self.revalidator.work_off()
        return list(self.read)


def entry(as_of: float | None, status: int = 200) -> Entry:
    return Entry(status, b"{}", "", 9_999.0, 10_600.0, 11_000.0, "7", "Acme", data_as_of=as_of)


@pytest.mark.parametrize(
    ("max_age", "known", "old"),
    [
        (3600.0, entry(6_401.0), False),
        (3600.0, entry(6_399.0), True),
        (3600.0, entry(None), True),
        (3600.0, entry(None, status=404), False),
        (0.0, entry(6_399.0), False),
        (0.0, entry(None), False),
    ],
)
def test_which_answers_are_too_old(max_age: float, known: Entry, old: bool):
    assert Behind(max_age).revalidator.revalidate(known) == old


def test_a_deal_is_read_once_however_often_it_is_asked_for():
    behind = Behind()
    assert behind.ask("1", "1", "2", "1") == ["1", "2"]
    assert behind.ask("1") == []
    assert behind.counted == ["refreshed", "refreshed"]


def test_after_a_failure_the_deal_has_a_minute_and_the_others_a_moment():
    behind = Behind()
    behind.outcome = lambda _deal_id: RereadOutcome.FAILED
    assert behind.ask("1", "2", "3") == ["1"]  # the others are given up with it
    assert behind.counted == ["failed", "skipped", "skipped"]
    assert behind.ask("2") == []
    behind.clock.tick(FIRST_REST)
    assert behind.ask("1", "2") == ["2"]
    behind.clock.tick(FIRST_REST)
    assert behind.ask("3") == []  # each failure in a row makes the rest longer
    behind.clock.tick(FIRST_REST)
    behind.outcome = lambda _deal_id: RereadOutcome.REFRESHED
    assert behind.ask("3", "4") == ["3", "4"]
    behind.clock.tick(PAUSE_AFTER_FAILURE)
    assert behind.ask("1", "2") == ["1", "2"]


def test_what_goes_wrong_in_a_reread_is_a_failure_like_any_other(caplog: pytest.LogCaptureFixture):
    behind = Behind()
    behind.outcome = lambda _deal_id: RereadOutcome["nonsense"]
    assert behind.ask("1") == ["1"]
    assert behind.counted == ["failed"]
    assert "could not be read again" in caplog.text


def test_the_queue_is_bounded():
    behind = Behind()
    assert len(behind.ask(*map(str, range(MOST_WAITING + 5)))) == MOST_WAITING
    assert behind.counted.count("skipped") == 5


def test_nothing_is_read_while_calls_are_few():
    behind = Behind()
    behind.has_calls = False
    assert behind.ask("1") == []
    behind.has_calls = True
    assert behind.ask("1") == ["1"]
    assert behind.counted == ["skipped", "refreshed"]


def test_its_threads_end_when_it_stops():
    begun, seen = threading.Event(), threading.Event()

    def reread(_deal_id: str, is_stopping: Callable[[], bool]) -> RereadOutcome:
        begun.set()
        while not is_stopping():
            seen.wait(0.001)
        return RereadOutcome.FAILED

    counted: list[tuple[str, int]] = []
    revalidator = Revalidator(60.0, reread, lambda: True, lambda *outcome: counted.append(outcome))
    revalidator.request("1")
    assert begun.wait(60)
    revalidator.stop()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("re-reads")]
    revalidator.request("2")
    assert counted == [("failed", 1), ("skipped", 0), ("skipped", 1)]


def test_a_reader_gets_the_old_value_at_once_and_is_told():
    stand = Stand(max_data_age=60.0)
    stand.mongodb.versions["Acme"] = 1
    stand.mongodb.sync_watermark = datetime.fromtimestamp(stand.clock() - 61.0, UTC)
    answer = stand.reader.read(View.INFO, ACME)
    assert (answer.tier, answer.revalidating, stand.hubspot.loads) == ("mongodb", True, 0)
    hit = stand.reader.read(View.INFO, ACME)
    assert (hit.tier, hit.revalidating) == ("memory", False)
    assert stand.reader.read(View.INFO, ACME, Mode.NO_CACHE).revalidating
    assert stand.reader.read_many([ACME], [View.TIMELINE]).revalidating == {ACME}
    stand.revalidator.work_off()
    assert stand.reread == ["id-Acme"]


def test_a_value_that_is_young_enough_is_not_read_again():
    stand = Stand(max_data_age=60.0)
    stand.mongodb.versions["Acme"] = 1
    stand.mongodb.sync_watermark = datetime.fromtimestamp(stand.clock() - 59.0, UTC)
    assert not stand.reader.read(View.INFO, ACME).revalidating
    stand.revalidator.work_off()
    assert stand.reread == []
