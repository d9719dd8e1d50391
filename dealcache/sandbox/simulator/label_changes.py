"""Owners, pipelines, stages and properties that change while the account is in use, as in HubSpot's settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dealcache.sandbox.simulator.account import Account, UnknownRecord
from dealcache.sandbox.simulator.own_properties import OwnProperties, definition
from dealcache.sandbox.simulator.timestamps import to_iso


def apply_label_changes(account: Account, changes: Iterable[Mapping[str, Any]]) -> None:
    """Make changes such as ``{"what": "stage", "pipeline": "default", "id": "closedwon", "set": {"label": "Won"}}``.

    ``what`` is ``owner``, ``pipeline``, ``stage``, or ``property``, which is one of deals with its name as the ``id``.
    ``set`` replaces members; what is not there yet is added. ``"set": {"archived": true}`` archives all but stages;
    ``"gone": true`` removes, as it happens to stages.

    Raises:
        UnknownRecord: a stage's pipeline is not there.
        ValueError: another ``what``.
    """
    with account.lock:
        for change in changes:
            _apply(account, change)


def _apply(account: Account, change: Mapping[str, Any]) -> None:
    what, wanted = change.get("what"), str(change.get("id"))
    if what == "property":
        _apply_to_property(account.own_properties, wanted, change)
        return
    if what == "owner":
        items, fresh = account.owners, _owner(wanted)
    elif what == "pipeline":
        items, fresh = account.pipelines, {"label": wanted, "displayOrder": len(account.pipelines), "stages": []}
    elif what == "stage":
        items = _stages_of(account, str(change.get("pipeline")))
        metadata = {"isClosed": "false", "probability": "0.5"}
        fresh = {"label": wanted, "displayOrder": len(items), "metadata": metadata}
    else:
        raise ValueError(f"unknown kind of label {what!r}")
    now = to_iso(int(account.clock() * 1000))
    found = next((item for item in items if item["id"] == wanted), None)
    if change.get("gone"):
        items[:] = [item for item in items if item is not found]
    elif found is None:
        dated = {"archived": False, "createdAt": now, "updatedAt": now}
        items.append({"id": wanted, **fresh, **dated, **change.get("set", {})})
    else:
        # A new one in its place: an answer that is just being written shows the one before.
        items[items.index(found)] = {**found, "updatedAt": now, **change.get("set", {})}


def _apply_to_property(properties: OwnProperties, name: str, change: Mapping[str, Any]) -> None:
    if change.get("gone"):
        properties.pop(name, None)
        return
    properties[name] = {**properties.get(name, definition(name, name, "string", "text")), **change.get("set", {})}


def _stages_of(account: Account, pipeline_id: str) -> list[dict[str, Any]]:
    for pipeline in account.pipelines:
        if pipeline["id"] == pipeline_id:
            stages: list[dict[str, Any]] = pipeline["stages"]
            return stages
    raise UnknownRecord(f"no pipeline {pipeline_id}")


def _owner(owner_id: str) -> dict[str, Any]:
    names = {"email": f"owner{owner_id}@example.com", "type": "PERSON", "firstName": "", "lastName": ""}
    user_id = int(owner_id) + 8_000_000
    return {**names, "userId": user_id, "userIdIncludingInactive": user_id, "teams": []}
