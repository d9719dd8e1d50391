"""The deals as a client without any fault would report them, for tests to compare with."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from dealcache.sandbox.simulator.account import end_of
from dealcache.sandbox.simulator.associations import End
from dealcache.sandbox.simulator.currencies import CURRENCY_CODE
from dealcache.sandbox.simulator.dataset import Dataset
from dealcache.sandbox.simulator.object_types import ACTIVITY_TYPES, COMPANIES, CONTACTS, DEALS
from dealcache.sandbox.simulator.own_properties import kinds_of
from dealcache.sandbox.simulator.records import Record
from dealcache.sandbox.simulator.stage_properties import ENTERED, EXITED, stage_suffix


class Activity(NamedTuple):
    """One activity of a deal; ``timestamp`` is its ``hs_timestamp`` (ISO 8601), None or empty when it has none."""

    type: str
    id: str
    timestamp: str | None


def live_deals(data: Dataset) -> list[Record]:
    """All deals that are not archived, by ascending id."""
    with data.lock:
        store = data.store(DEALS)
        return store.page(0, store.live_count(), archived=False)[0]


def activities_of(data: Dataset, deal_id: int | str) -> list[Activity]:
    """The distinct activities of a deal that exist and are not archived, by type and id.

    Raises:
        UnknownRecord: there is no such deal.
    """
    with data.lock:
        deal = end_of(data.existing(DEALS.name, deal_id))
        found = []
        for kind in ACTIVITY_TYPES:
            for target in data.graph.targets(deal, kind.name):
                record = data.store(kind).get(target)
                if record is not None and record.state == "live":
                    found.append(Activity(kind.name, str(record.id), record.properties.get("hs_timestamp")))
        return found


def participants_of(data: Dataset, source: End) -> list[dict[str, str | None]]:
    """The contacts, then the companies, that a deal or an activity is associated with and that are not archived.

    Returns:
        For each ``type``, ``id`` and ``name``, by ascending id: a contact's first and last name, else its e-mail
        address; a company's name, else its domain; None if it has neither.
    """
    found = []
    with data.lock:
        for kind in (CONTACTS, COMPANIES):
            for target in data.graph.targets(source, kind.name):
                record = data.store(kind).get(target)
                if record is not None and record.state == "live":
                    found.append({"type": kind.singular, "id": str(record.id), "name": _name_of(record)})
    return found


def people_of(data: Dataset, deal_id: int | str) -> dict[str, Any]:
    """The participants of a deal (``with``) and of each of its activities (``events``, by ``type:id``).

    Raises:
        UnknownRecord: there is no such deal.
    """
    with data.lock:
        deal = end_of(data.existing(DEALS.name, deal_id))
        events = {
            f"{one.type}:{one.id}": participants_of(data, End(one.type, int(one.id)))
            for one in activities_of(data, deal_id)
        }
        return {"with": participants_of(data, deal), "events": events}


def _name_of(record: Record) -> str | None:
    values = {name: (value or "").strip() for name, value in record.properties.items()}
    if record.type is COMPANIES:
        return values.get("name") or values.get("domain") or None
    parts = [values.get("firstname"), values.get("lastname")]
    return " ".join(part for part in parts if part) or values.get("email") or None


def stages_of(data: Dataset, deal_id: int | str) -> list[dict[str, str | None]]:
    """The latest stay of a deal in each stage of the account that it has been in, in the order in which they began.

    Raises:
        UnknownRecord: there is no such deal.
    """
    with data.lock:
        values = data.existing(DEALS.name, deal_id).properties
        suffixes = {one["id"]: stage_suffix(one["id"]) for pipeline in data.pipelines for one in pipeline["stages"]}
    stays: list[dict[str, str | None]] = [
        {"stage": stage_id, "entered": entered, "exited": values.get(f"{EXITED}{suffix}")}
        for stage_id, suffix in suffixes.items()
        if (entered := values.get(f"{ENTERED}{suffix}"))
    ]
    return sorted(stays, key=lambda stay: stay["entered"] or "")


def amounts_by_currency(data: Dataset) -> dict[str | None, Decimal]:
    """The sums of the amounts of all live deals by their currencies; None for deals without a proper code."""
    sums: dict[str | None, Decimal] = {}
    for deal in live_deals(data):
        code = deal.properties.get(CURRENCY_CODE) or ""
        key = code if len(code) == 3 and code.isascii() and code.isupper() else None
        sums[key] = sums.get(key, Decimal(0)) + Decimal(deal.properties.get("amount") or 0)
    return sums


def own_properties_of(data: Dataset, deal_id: int | str) -> dict[str, str]:
    """The own properties of a deal that have a value, as they are.

    Raises:
        UnknownRecord: there is no such deal.
    """
    with data.lock:
        values = data.existing(DEALS.name, deal_id).properties
        return {name: value for name in kinds_of(data.own_properties) if (value := values.get(name))}


def whole_truth(data: Dataset) -> dict[str, Any]:
    """All live deals with their activities, and which merged-away id leads to which deal, as of one moment.

    Returns:
        For JSON: ``deals`` (``id``, ``name``, ``activities``) and ``merged``. Each deal is encoded already, so that a
        million activities do not stand around as objects.
    """
    with data.lock:
        deals = [
            orjson.Fragment(
                orjson.dumps(
                    {
                        "id": str(deal.id),
                        "name": deal.properties.get("dealname"),
                        "activities": [one._asdict() for one in activities_of(data, deal.id)],
                    }
                )
            )
            for deal in live_deals(data)
        ]
        merged = {str(old): str(new) for old, new in data.store(DEALS).merged_ids().items()}
    return {"deals": deals, "merged": merged}
