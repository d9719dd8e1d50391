"""Applies a list of changes to a data set: how a test in another process stirs up an account."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dealcache.sandbox.simulator.account import UnknownRecord
from dealcache.sandbox.simulator.associations import Label
from dealcache.sandbox.simulator.dataset import Dataset
from dealcache.sandbox.simulator.errors import ApiError, invalid
from dealcache.sandbox.simulator.records import Record

ACTIONS: Mapping[str, Callable[..., Record | str | None]] = {
    "update": Dataset.update,
    "archive": Dataset.archive,
    "erase": Dataset.erase,
    "restore": Dataset.restore,
    "associate": Dataset.associate,
    "disassociate": Dataset.disassociate,
    "merge": Dataset.merge,
    "add_deal": Dataset.add_deal,
    "add_activity": Dataset.add_activity,
    "create": Dataset.create,
}
_SIGNATURES = {name: inspect.signature(action) for name, action in ACTIONS.items()}


def apply_changes(data: Dataset, changes: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """Makes changes one after the other, with nobody seeing the account in between.

    Args:
        data: what is changed.
        changes: each has ``do``, a key of :data:`ACTIONS`, and the arguments of that method of the data set.

    Returns:
        For each the id of the record that came out of it, None where there is none.

    Raises:
        ApiError: 400, one of them cannot be made; those before it are.
    """
    with data.lock:
        return [_apply(data, place, change) for place, change in enumerate(changes)]


def _apply(data: Dataset, place: int, change: Mapping[str, Any]) -> str | None:
    arguments = dict(change)
    name = str(arguments.pop("do", None))
    if name not in ACTIONS:
        raise _unfit(place, f"do must be one of {', '.join(ACTIONS)}, got {name!r}")
    if "labels" in arguments:
        arguments["labels"] = [Label(int(type_id), str(text)) for type_id, text in arguments["labels"]]
    try:
        _SIGNATURES[name].bind(data, **arguments)
    except TypeError as error:
        raise _unfit(place, f"{name}: {error}") from error
    try:
        outcome = ACTIONS[name](data, **arguments)
    except (UnknownRecord, ValueError) as error:
        raise _unfit(place, f"{name}: {error}") from error
    return str(outcome.id) if isinstance(outcome, Record) else outcome


def _unfit(place: int, message: str) -> ApiError:
    return invalid(f"change {place}: {message}")
