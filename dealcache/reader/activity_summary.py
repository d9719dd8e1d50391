"""The summary of activities: how many there are by week, month, owner or type."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from dealcache.model.deal_filter import DealFilter, is_in
from dealcache.model.deal_question import DealQuestion
from dealcache.model.freshness import as_of_text
from dealcache.model.labels import Labels, UnknownIds
from dealcache.reader.activity_maintenance import ActivityMaintenance
from dealcache.reader.activity_rows import Table, rows_of, table_of
from dealcache.reader.deal_resolution import resolve
from dealcache.reader.label_directory import LabelDirectory
from dealcache.reader.question_errors import UnknownLabelError
from dealcache.repositories import ActivitySums, SumsMissingError, SumsVersion, stage_ids

#: The groupings by which activities may be counted.
GROUPINGS = ("week", "month", "owner", "type")

#: Seconds that a question waits while the sums are made, and how often it reads them again if they change meanwhile.
_WAIT_SECONDS, _READINGS = 10.0, 5


@dataclass(frozen=True, slots=True)
class ActivityQuestion:
    """The activities to count, and by what; None or empty for no condition.

    Args:
        by: one of :data:`GROUPINGS`.
        since: the first day; ``until`` the last one.
        stages: labels or ids of stages of their deals, any of which may match.
        owners: names or ids of the activities' owners, likewise.
    """

    by: str = "week"
    since: date | None = None
    until: date | None = None
    stages: Sequence[str] = ()
    owners: Sequence[str] = ()


class ActivitySummaries:
    """Answers questions for the number of activities. Thread-safe.

    Args:
        sums: the sums of activities.
        maintenance: makes them.
        labels: the labels of this process.
        prepare: brings the counts of deals' activities up to date.
        watermark: returns the moment up to which syncs have found every change.
        zone: the zone of all days.
        now: returns the present.
    """

    def __init__(
        self,
        sums: ActivitySums,
        maintenance: ActivityMaintenance,
        labels: LabelDirectory,
        prepare: Callable[[], object],
        watermark: Callable[[], datetime | None],
        zone: tzinfo,
        now: Callable[[], datetime],
    ) -> None:
        self._sums = sums
        #: Makes the sums, and looks after them.
        self.maintenance = maintenance
        self._labels = labels
        self._prepare = prepare
        self._watermark = watermark
        self._zone = zone
        self._now = now

    def summary(self, question: ActivityQuestion) -> dict[str, Any]:
        """Return the answer to a question.

        Raises:
            UnknownLabelError: there is no such stage or owner.
            SumsMissingError: the sums are still being made; StoreError: MongoDB failed.
        """
        # First: activities that are counted after it include all changes up to it.
        watermark = self._watermark()
        labels, table = self._counted(question)
        rows = rows_of(question.by, table, labels)
        return {
            "by": question.by,
            "since": question.since,
            "until": question.until,
            "time_zone": str(self._zone),
            "total": sum(row["count"] for row in rows),
            "rows": rows,
            "as_of": None if watermark is None else as_of_text(watermark),
        }

    def _counted(self, question: ActivityQuestion) -> tuple[Labels, Table]:
        """Return the numbers, read again if another process changed the sums in between."""
        for _ in range(_READINGS):
            version = self._version()
            labels, table = self._read(question, version)
            if self._sums.is_at(version):
                break
        return labels, table

    def _version(self) -> SumsVersion:
        self._prepare()
        try:
            version = self._sums.prepare()
        except SumsMissingError:
            self.maintenance.make(_WAIT_SECONDS)
            return self._sums.prepare()
        self.maintenance.look_after()
        return version

    def _read(self, question: ActivityQuestion, version: SumsVersion) -> tuple[Labels, Table]:
        owners, stages = self._sums.owners(version), self._sums.stages(version)
        labels = self._labels.current()
        if labels.still_unknown(UnknownIds(frozenset(owners) - {""})):
            labels = self._labels.completed(labels)
        wanted = self._resolved(question, labels, stages, owners)
        series = self._sums.series(
            version,
            _wanted_stages(wanted, stages),
            _wanted_owners(wanted, owners),
            (_ordinal(question.since), _ordinal(question.until)),
            by_owner=question.by == "owner",
        )
        return labels, table_of(question.by, series)

    def _resolved(
        self, question: ActivityQuestion, labels: Labels, stages: Collection[str], owners: Collection[str]
    ) -> DealFilter:
        borne: dict[str, set[str | None]] = {
            "stage_id": {stage_ids(one)[1] for one in stages},
            "owner_id": set(owners),
        }

        def bears(field: str, value: str) -> bool:
            return value in borne[field]

        asked = DealQuestion(stages=question.stages, owners=question.owners)
        try:
            return resolve(asked, labels, bears, self._zone, self._now())
        except UnknownLabelError:
            return resolve(asked, self._labels.completed(labels), bears, self._zone, self._now())


def _ordinal(day: date | None) -> int | None:
    return None if day is None else day.toordinal()


def _wanted_stages(wanted: DealFilter, stages: Collection[str]) -> list[str] | None:
    """Return those of ``stages`` that match; None if all do."""
    return None if wanted.stages is None else [one for one in stages if is_in(wanted, *stage_ids(one))]


def _wanted_owners(wanted: DealFilter, owners: Collection[str]) -> list[str] | None:
    """Return those of ``owners`` that match; None if all do."""
    if wanted.owner_ids is None:
        return None
    named = wanted.known_owner_ids
    return [one for one in owners if one in wanted.owner_ids or (named is not None and one not in named)]
