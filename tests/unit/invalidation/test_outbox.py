"""Invalidations that could not be recorded stay few, however long that lasts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dealcache.invalidation.outbox import Outbox, PendingInvalidation, invalidations_of
from dealcache.model.invalidation import INFO, TIMELINE, Changes, Invalidation, Selection

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def change(deal_id: str, view: str = INFO) -> list[Invalidation]:
    changes = Changes()
    changes.note(deal_id, [view], [f"Deal {deal_id}"])
    return invalidations_of(Selection.changed(changes), changes, NOW)


def kept_of(*failed: list[Invalidation]) -> list[Invalidation]:
    """Return what is kept if each of these cannot be recorded, together with all before it."""
    outbox = Outbox()
    for entries in failed:
        outbox.add(PendingInvalidation(entries))
        for pending in outbox.take():
            outbox.put_back(pending)
    return [entry for pending in outbox.take() for entry in pending.entries]


def changes_of(entries: list[Invalidation]) -> Changes:
    changes = Changes()
    for entry in entries:
        changes.add(entry.changes)
    return changes


def test_a_few_are_kept_as_they_are() -> None:
    failed = [change("7"), change("8"), invalidations_of(Selection.all(), None, NOW, doubt=True)]
    assert kept_of(*failed) == [entry for entries in failed for entry in entries]


@pytest.mark.parametrize("rounds", [1, 6])
def test_many_become_few_that_say_the_same(rounds: int) -> None:
    failed = [change(str(number), view) for _ in range(rounds) for number in range(500) for view in (INFO, TIMELINE)]
    kept = kept_of(*failed)
    assert len(kept) <= 100
    assert all(len(entry.selection) <= 500 for entry in kept)
    assert len({entry.nonce for entry in kept}) == len(kept)
    assert changes_of(kept) == changes_of([entry for entries in failed for entry in entries])
    assert {deal_id for entry in kept for deal_id in entry.selection.deal_ids} == set(map(str, range(500)))
    assert {name for entry in kept for name in entry.selection.name_keys} == {f"deal {number}" for number in range(500)}


def test_different_deals_become_everything_when_they_are_too_many() -> None:
    kept = kept_of(*(change(str(number)) for number in range(2_600)))
    assert kept[0].selection.everything
    assert (kept[0].doubt, kept[0].views) == (False, {})


@pytest.mark.parametrize("more", [[], change("7")])
def test_many_doubts_become_one_which_stays_a_doubt_only_if_nothing_else_is_known(more: list[Invalidation]) -> None:
    doubts = [invalidations_of(Selection.all(), None, NOW, doubt=True) for _ in range(100)]
    kept = kept_of(*doubts, more or doubts[0])
    assert [(entry.selection.everything, entry.doubt) for entry in kept] == [(True, not more)]


def test_that_labels_changed_is_told_however_many_are_merged() -> None:
    labels = invalidations_of(Selection(), None, NOW, labels=True)
    kept = kept_of(*(change(str(number)) for number in range(60)), labels, *(change(str(n)) for n in range(60)))
    assert [entry.labels for entry in kept].count(True) == 1
