"""Errors of a batch call for single records: the rest of the batch is answered, and the answer is a 207."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dealcache.sandbox.simulator.poisons import Poison
from dealcache.sandbox.simulator.site import Exchange


def refusals(exchange: Exchange, inputs: Iterable[Mapping[str, Any]]) -> dict[str, Poison]:
    """Those of a batch's ids that are refused at the moment, each with why."""
    ids = dict.fromkeys(str(one.get("id", "")) for one in inputs)
    found = ((one, exchange.site.poisons.refusal(exchange.kind.name, one)) for one in ids)
    return {one: poison for one, poison in found if poison is not None}


def refusal_errors(refused: Mapping[str, Poison], context: str) -> list[dict[str, Any]]:
    """One entry for each category; ``context`` is the member that names the ids."""
    by_category: dict[str, list[str]] = {}
    for one, poison in refused.items():
        by_category.setdefault(poison.category or "", []).extend([one] if poison.named else [])
    return [
        {
            "status": "error",
            "category": category,
            "message": "Some objects could not be read.",
            **({"context": {context: ids}} if ids else {}),
        }
        for category, ids in by_category.items()
    ]
