"""The rows of the list of deals, made from stored deals by pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from math import isfinite
from typing import Any

from dealcache.model.deal_filter import is_open
from dealcache.model.deal_question import PROPERTY
from dealcache.model.freshness import as_of_text
from dealcache.model.labels import Labels
from dealcache.model.stage_history import days_between
from dealcache.model.timestamps import utc_text, with_zone, without_zone
from dealcache.model.unreadable import UnreadableRecords
from dealcache.reader.property_views import ListedProperties, cell_of, definitions_of
from dealcache.reader.views import day
from dealcache.repositories import FoundDeal

#: The fields of a row, in order.
COLUMNS = (
    *(
        "deal_id",
        "deal_name",
        "stage",
        "stage_id",
        "pipeline",
        "pipeline_id",
        "owner",
        "owner_id",
        "amount",
        "currency",
    ),
    *("create_date", "close_date", "open", "activities", "first_activity", "last_activity", "next_activity"),
    *("updated_at", "as_of"),
)

#: The further field of a row with stage history: for how many days the deal has been in its stage.
DAYS_IN_STAGE = "days_in_stage"


def row_columns(*, stage_history: bool) -> tuple[str, ...]:
    """Return the fields of a row, in order."""
    return (*COLUMNS, DAYS_IN_STAGE) if stage_history else COLUMNS


class RowMaker:
    """Makes the rows of one answer.

    Args:
        labels: the present ones.
        watermark: the moment up to which syncs have found every change, read before the deals.
        zone: the zone of the days.
        now: the present.
        unreadable: counts the deals that cannot be shown.
        stage_history: True if rows show for how long deals have been in their stages.
        properties: the own properties that are configured; without any, rows have no field of them.
    """

    def __init__(
        self,
        labels: Labels,
        watermark: datetime | None,
        zone: tzinfo,
        now: datetime,
        unreadable: UnreadableRecords,
        *,
        stage_history: bool = False,
        properties: Sequence[str] = (),
    ) -> None:
        self._stage_history = stage_history
        self._has_properties = bool(properties)
        self._properties = ListedProperties(definitions_of(properties, labels))
        self._labels = labels
        self._watermark = None if watermark is None else without_zone(watermark)
        self._zone = zone
        self._now = now
        self._naive_now = without_zone(now)
        self._unreadable = unreadable
        self._texts: dict[datetime, str] = {}
        #: Most deals of an answer are in few stages: label of the stage and of the pipeline, and whether it is open.
        self._places: dict[tuple[str | None, ...], tuple[str, str, bool]] = {}

    def row(self, listed: FoundDeal) -> dict[str, Any]:
        """Return a deal's row; one with nulls if the deal cannot be shown."""
        try:
            return self._row(listed)
        except Exception as error:  # noqa: BLE001 - the boundary around a record
            deal_id = listed.values["deal_id"]
            self._unreadable.note("deals", deal_id, f"a list cannot show it ({type(error).__name__})")
            own = ("properties",) if self._has_properties else ()
            nothing = dict.fromkeys((*row_columns(stage_history=self._stage_history), *own))
            return nothing | {"deal_id": deal_id}

    def _row(self, listed: FoundDeal) -> dict[str, Any]:
        get = listed.values.get
        stage_id, pipeline_id, owner_id = get("stage_id"), get("pipeline_id"), get("owner_id")
        stage, pipeline, still_open = self._place_of(pipeline_id, stage_id, get("pipeline"), get("stage"))
        was_read, currency = get("timeline_synced_at") is not None, get("currency")
        done = (get("activities") if was_read else None) or {}
        row: dict[str, Any] = {
            "deal_id": get("deal_id"),
            "deal_name": get("deal_name"),
            "stage": stage,
            "stage_id": stage_id,
            "pipeline": pipeline,
            "pipeline_id": pipeline_id,
            "owner": self._labels.owner_label(owner_id, get("owner")),
            "owner_id": owner_id,
            "amount": _finite(get("amount")),
            "currency": currency,
            "create_date": self._day(get("create_date")),
            "close_date": self._day(get("close_date")),
            "open": still_open,
            "activities": done.get("count"),
            "first_activity": self._day(done.get("first")),
            "last_activity": self._day(done.get("last")),
            "next_activity": self._day(done.get("next")),
            "updated_at": utc_text(listed.values["hubspot_updated_at"]),
            "as_of": self._text_of(listed.as_of(self._watermark, self._naive_now)),
        }
        if self._stage_history:
            row[DAYS_IN_STAGE] = days_between(listed.stage_entered_at, self._now)
        if currency is not None:
            row["amount_in_home_currency"] = _finite(get("amount_in_home_currency"))
        if self._has_properties:
            row["properties"] = self._properties.of(listed.document.get("properties"))
        return row

    def _day(self, moment: datetime | None) -> str | None:
        """Return the day of a naive time of UTC; None for None."""
        if moment is None:
            return None
        return moment.date().isoformat() if self._zone is UTC else day(with_zone(moment), self._zone)

    def _place_of(self, *key: str | None) -> tuple[str, str, bool]:
        """Return the labels of a deal's stage and pipeline, and True if it is open.

        Args:
            key: the ids of its pipeline and stage, and their labels that an earlier version has stored.
        """
        place = self._places.get(key)
        if place is None:
            pipeline_id, stage_id, pipeline, stage = key
            labels = self._labels
            place = self._places[key] = (
                labels.stage_label(pipeline_id, stage_id, stage),
                labels.pipeline_label(pipeline_id, pipeline),
                is_open(labels, pipeline_id, stage_id),
            )
        return place

    def _text_of(self, as_of: datetime | None) -> str | None:
        """Return a moment as text; cached, because most deals of an answer share it."""
        if as_of is not None and as_of not in self._texts:
            self._texts[as_of] = as_of_text(with_zone(as_of))
        return None if as_of is None else self._texts[as_of]


def _finite(number: float | None) -> float | None:
    return number if number is not None and isfinite(number) else None


def cells(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with a cell for each own property, named like its parameter."""
    return [
        {**row, **{PROPERTY + name: cell_of(one) for name, one in (row.get("properties") or {}).items()}}
        for row in rows
    ]
