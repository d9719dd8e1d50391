"""Single records that HubSpot gives out damaged, or refuses: what strangers and old imports leave in real accounts."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from dealcache.sandbox.simulator.object_types import find_object_type


@dataclass(frozen=True, slots=True)
class Poison:
    """A defect of one record.

    ``properties`` replace values of the properties that an answer shows, by values of any JSON type. ``members``
    replace members of the record itself (``id``, ``properties``, ``createdAt``, ``archived``, …), those in ``absent``
    are left out. ``raw`` holds JSON texts by the property's name, for what no value here can express: ``1e400``,
    ``NaN``, ``"\\ud800"``. ``category`` is that of the error with which a batch call answers for this record alone,
    ``times`` how often it does (None: always), ``named`` whether the error names the record.
    """

    properties: Mapping[str, Any] = field(default_factory=dict)
    members: Mapping[str, Any] = field(default_factory=dict)
    absent: Sequence[str] = ()
    raw: Mapping[str, str] = field(default_factory=dict)
    category: str | None = None
    times: int | None = None
    named: bool = True

    def apply(self, shown: dict[str, Any]) -> dict[str, Any]:
        """The record as it is given out; properties that an answer does not show are not added."""
        values = {**self.properties, **{name: orjson.Fragment(text) for name, text in self.raw.items()}}
        damaged = {**shown, **self.members}
        if isinstance(damaged.get("properties"), dict):
            own = damaged["properties"]
            damaged["properties"] = own | {name: value for name, value in values.items() if name in own}
        return {name: value for name, value in damaged.items() if name not in self.absent}


class Poisons:
    """The damaged records, by object type and id: deals and activities, ``owners`` and ``pipelines``. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._poisons: dict[tuple[str, str], Poison] = {}
        self._refused: dict[tuple[str, str], int] = {}

    def set(self, object_type: str, record_id: int | str, poison: Poison) -> None:
        """Damage a record, in place of what was wrong with it before."""
        key = _key(object_type, record_id)
        with self._lock:
            self._poisons[key] = poison
            self._refused[key] = 0

    def clear(self, object_type: str | None = None, record_id: int | str | None = None) -> None:
        """Mend one record, or all."""
        with self._lock:
            if object_type is None or record_id is None:
                self._poisons.clear()
            else:
                self._poisons.pop(_key(object_type, record_id), None)

    def shown(self, object_type: str, record_id: int | str, record: dict[str, Any]) -> dict[str, Any]:
        """A record as it is given out."""
        poison = self._poisons.get((object_type, str(record_id))) if self._poisons else None
        return record if poison is None else poison.apply(record)

    def refusal(self, object_type: str, record_id: int | str) -> Poison | None:
        """The poison because of which a batch call gives an error for this record now, None when it gives none."""
        key = (object_type, str(record_id))
        with self._lock:
            poison = self._poisons.get(key)
            if poison is None or poison.category is None:
                return None
            self._refused[key] += 1
            return poison if poison.times is None or self._refused[key] <= poison.times else None

    def describe(self) -> list[dict[str, Any]]:
        """Return which records are damaged, and how often each was refused."""
        with self._lock:
            return [
                {"type": key[0], "id": key[1], "category": poison.category, "refused": self._refused[key]}
                for key, poison in self._poisons.items()
            ]


def _key(object_type: str, record_id: int | str) -> tuple[str, str]:
    kind = find_object_type(object_type)
    return kind.name if kind else object_type, str(record_id)
