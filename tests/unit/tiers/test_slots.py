"""Slots in the order of use and of their end, and those of one value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.tiers.slots import Slot, SlotIndex, SlotStore
from tests.clocks import ManualClock
from tests.tier_contract import entry, key


def slot(name: str = "Acme", ends: float = 1.0) -> Slot:
    return Slot(key(name), entry(ManualClock(ends - 1_000)))


def test_a_slot_hides_one_of_its_key_until_that_is_removed():
    store, old, new = SlotStore(), slot(), slot()
    store.add(old)
    store.add(new)
    assert (store.peek(key()), len(store)) == (new, 1)
    store.remove(old)
    assert (store.peek(key()), len(store), list(store)) == (new, 1, [new])
    assert store.size_bytes == new.size


def test_a_removed_slot_keeps_no_other_alive():
    store, removed, left = SlotStore(), slot("A"), slot("B")
    store.add(removed)
    store.add(left)
    store.remove(removed)
    for neighbour in ("older", "newer"):
        with pytest.raises(AttributeError):
            getattr(removed, neighbour)


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["add", "use", "remove"])), max_size=60))
def test_the_order_is_that_of_the_last_use(steps):
    store, expected = SlotStore(), dict[int, Slot]()
    for number, action in steps:
        known = expected.pop(number, None)
        if action == "add" and known is None:
            known = slot(str(number))
            store.add(known)
        elif known is not None and action == "remove":
            store.remove(known)
            continue
        elif known is not None:
            store.use(known)
        if known is not None:
            expected[number] = known
    assert list(store) == list(expected.values())[::-1]
    assert not expected or store.oldest() is next(iter(expected.values()))
    assert len(store) == len(expected)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 30)), max_size=40), st.integers(0, 31))
def test_what_expires_comes_in_the_order_of_its_end(ends, now):
    store, kept = SlotStore(), dict[int, Slot]()
    for number, end in ends:
        new = slot(str(number), end)
        store.add(new)
        if number in kept:
            store.remove(kept[number])
            kept[number].clear()
        kept[number] = new
    gone = []
    for one in store.expired(now):
        gone.append(one.keep_until)
        store.remove(one)
        one.clear()
    assert gone == sorted(one.keep_until for one in kept.values() if one.keep_until <= now)


def test_slots_that_were_replaced_do_not_pile_up():
    store = SlotStore()
    kept = {number: slot(str(number)) for number in range(100)}
    for one in kept.values():
        store.add(one)
    for number in [*range(100)] * 10:
        new = slot(str(number))
        store.add(new)
        store.remove(kept[number])
        kept[number].clear()
        kept[number] = new
        assert list(store.expired(0.0)) == []
        assert len(store._by_end) <= 111


def test_the_slots_of_a_value_are_found_until_the_last_is_removed():
    index, slots = SlotIndex[str](), [slot(name) for name in "ABC"]
    assert list(index.get("7")) == []
    for one in slots:
        index.add("7", one)
        index.add("7", one)
    assert set(index.get("7")) == set(slots)
    for gone in (1, 2, 3):
        index.remove("7", slots[gone - 1])
        assert set(index.get("7")) == set(slots[gone:])
    assert len(index) == 0
