"""Properties of deals that an account has made for itself, or has from HubSpot and fills in: definitions and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from dealcache.sandbox.simulator.object_types import PropertyKind
from dealcache.sandbox.simulator.timestamps import to_iso

#: By name, in the form of HubSpot's JSON.
OwnProperties = dict[str, dict[str, Any]]

_PRIORITIES = (("low", "Low"), ("medium", "Medium"), ("high", "High"))
_SOURCES = (("referral", "Referral"), ("website", "Website"), ("trade_fair", "Trade fair"), ("cold_call", "Cold call"))
_MODULES = (("core", "Core"), ("reports", "Reports"), ("sso", "Single sign-on"), ("api", "API access"))

DAY = 86_400_000


def definition(
    name: str, label: str, kind: str, field_type: str, options: Sequence[tuple[str, str]] = ()
) -> dict[str, Any]:
    """A definition as HubSpot lists it.

    Args:
        name: the internal name.
        label: the name for people.
        kind: HubSpot's ``type``.
        field_type: how people fill it in.
        options: values and labels, in display order.
    """
    return {
        "name": name,
        "label": label,
        "type": kind,
        "fieldType": field_type,
        "groupName": "dealinformation",
        "description": "",
        "options": [
            {"value": value, "label": text, "displayOrder": place, "hidden": False, "description": ""}
            for place, (value, text) in enumerate(options)
        ],
        "displayOrder": -1,
        "calculated": False,
        "externalOptions": False,
        "hasUniqueValue": False,
        "hidden": False,
        "hubspotDefined": name.startswith("hs_"),
        "formField": True,
        "archived": False,
        "modificationMetadata": {"archivable": True, "readOnlyDefinition": False, "readOnlyValue": False},
    }


def demo_own_properties() -> OwnProperties:
    """Five that sales teams have: one option, another, a number, a day, and several options."""
    listed = (
        definition("hs_priority", "Priority", "enumeration", "select", _PRIORITIES),
        definition("deal_source", "Deal source", "enumeration", "radio", _SOURCES),
        definition("seats", "Seats", "number", "number"),
        definition("contract_start", "Contract start", "date", "date"),
        definition("modules", "Modules", "enumeration", "checkbox", _MODULES),
    )
    return {one["name"]: one for one in listed}


def plan_own_properties(random: Random, created: int) -> dict[str, str | None]:
    """Return the values of a demo deal, of which some are empty.

    Args:
        random: decides them.
        created: when the deal was created, milliseconds since 1970.
    """
    start = created + random.randint(10, 200) * DAY
    modules = [value for value, _ in _MODULES if random.random() < 0.4]
    chance = random.random()
    return {
        "hs_priority": random.choices((None, "low", "medium", "high"), (2, 3, 4, 2))[0],
        "deal_source": random.choice((None, *(value for value, _ in _SOURCES))),
        "seats": None if chance < 0.2 else str(random.randint(1, 400)) if chance < 0.95 else "12.5",
        "contract_start": to_iso(start)[:10] if random.random() < 0.7 else None,
        "modules": ";".join(modules) or None,
    }


def kinds_of(properties: Mapping[str, Mapping[str, Any]]) -> dict[str, PropertyKind]:
    """The kinds of values of properties that are not archived, by name."""
    return {name: one["type"] for name, one in properties.items() if not one.get("archived")}
