"""One page of what HubSpot lists, finds or associates, taken out of its answer. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dealcache.hubspot.shapes import Json, id_in, next_after, object_in, objects_in


@dataclass(frozen=True, slots=True)
class RecordPage:
    """One page of records, and where the next one starts, None on the last."""

    records: list[Json]
    after: str | None


@dataclass(frozen=True, slots=True)
class AssociationPage:
    """One page of associations: for each record asked for, the ids found, and where its next page starts, if any.

    It may hold records that were not asked for: HubSpot answers for a merged record under its new id.
    """

    ids: Mapping[str, tuple[str, ...]]
    after: Mapping[str, str]


def association_page_of(answer: Json, asked: Sequence[str]) -> AssociationPage:
    """Return the page that ``answer`` holds for the records ``asked``.

    Raises:
        MalformedAnswer: another shape.
    """
    ids: dict[str, tuple[str, ...]] = dict.fromkeys(asked, ())
    after: dict[str, str] = {}
    for result in objects_in(answer, "results", required=True):
        # A merged deal answers under its new id; when only one was asked for, that is the one. Of several nobody can
        # tell which it was, so it stays under its own.
        record = asked[0] if len(asked) == 1 else id_in(object_in(result, "from"))
        found = (id_in(target, "toObjectId") for target in objects_in(result, "to", required=True))
        # One activity appears once for each label of its association.
        ids[record] = tuple(dict.fromkeys((*ids.get(record, ()), *found)))
        if cursor := next_after(result):
            after[record] = cursor
    return AssociationPage(ids, after)
