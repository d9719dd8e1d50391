"""Slots by a value that several of them may share."""

from __future__ import annotations

from collections.abc import Collection
from typing import Generic, TypeVar

from dealcache.tiers.slot import Slot

Value = TypeVar("Value")


class SlotIndex(Generic[Value]):
    """The slots of each value: a set, or the slot itself while there is but one, because a set takes 216 bytes."""

    def __init__(self) -> None:
        self._slots: dict[Value, Slot | set[Slot]] = {}

    def __len__(self) -> int:
        return len(self._slots)

    def add(self, value: Value, slot: Slot) -> None:
        """Add a slot to those of ``value``."""
        others = self._slots.setdefault(value, slot)
        if isinstance(others, set):
            others.add(slot)
        elif others is not slot:
            self._slots[value] = {others, slot}

    def remove(self, value: Value, slot: Slot) -> None:
        """Remove a slot from those of ``value``."""
        others = self._slots[value]
        if not isinstance(others, set):
            del self._slots[value]
            return
        others.remove(slot)
        if len(others) == 1:
            self._slots[value] = others.pop()

    def get(self, value: Value) -> Collection[Slot]:
        """Return the slots of ``value``, not to be changed."""
        slots = self._slots.get(value, ())
        return (slots,) if isinstance(slots, Slot) else slots
