"""The pages and batches of HubSpot's answers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from dealcache.hubspot.errors import MalformedAnswer, Unavailable
from dealcache.hubspot.json_validation import Json, id_in, listed_in, next_after, object_in, usable_id, whole_in
from dealcache.model.batches import batches_of

T = TypeVar("T")


class BatchPlan:
    """Plans the batches of ids of one type while pages of them come in.

    Each distinct id is planned once, in batches that are all full but for the last, so that ``n`` records take
    ``ceil(n / batch_size)`` reads however they are spread over deals and pages.
    """

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._seen: set[str] = set()
        self._waiting: list[str] = []

    def add(self, ids: Iterable[str], *, last: bool = False) -> list[list[str]]:
        """Add the ids of a page, which may be the last one; return the batches that can be read now."""
        for one in ids:
            if one not in self._seen:
                self._seen.add(one)
                self._waiting.append(one)
        full = len(self._waiting) if last else len(self._waiting) - len(self._waiting) % self._batch_size
        ready, self._waiting = self._waiting[:full], self._waiting[full:]
        return list(batches_of(ready, self._batch_size))

    def rest(self) -> list[list[str]]:
        """Return everything that still waits for a full batch, because nothing more comes."""
        return self.add((), last=True)


class CursorGuard:
    """Detects lists whose pages would never end, because a cursor repeats."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()

    def repeated(self, after: Mapping[str, str]) -> set[str]:
        """Return those lists whose next page was asked for before, and remember the cursors of all.

        Args:
            after: the cursor of the next page of each list.
        """
        repeated = {one for one, cursor in after.items() if (one, cursor) in self._seen}
        self._seen.update(after.items())
        return repeated

    def check(self, after: str | None, what: str) -> None:
        """Remember the cursor of the only list that this guards.

        Raises:
            MalformedAnswer: it repeats.
        """
        if after is not None and self.repeated({what: after}):
            raise MalformedAnswer(f"the cursor of the {what} repeats", endpoint=what)


@dataclass(frozen=True, slots=True)
class RecordPage:
    """One page of records, and where the next one starts, None on the last."""

    records: list[Json]
    after: str | None


@dataclass(frozen=True, slots=True)
class RecordBatch(Generic[T]):
    """The records of a batch read, and the ids of those that HubSpot has, or may have, and that cannot be read."""

    records: list[T]
    refused: frozenset[str] = frozenset()

    def without(self: RecordBatch[Json], understood: Iterable[str]) -> set[str]:
        """Return the ids of the records that HubSpot has and that are refused, or not among those ``understood``."""
        return {*self.refused, *(id_in(record) for record in self.records)} - {*understood}


@dataclass(frozen=True, slots=True)
class AssociationPage:
    """One page of associations: for each record asked for, the ids found, and where its next page starts, if any.

    It may hold records that were not asked for: HubSpot answers for a merged record under its new id. The associations
    of records in ``refused`` are unknown; each is there with the category of HubSpot's error.
    """

    ids: Mapping[str, tuple[str, ...]]
    after: Mapping[str, str]
    refused: Mapping[str, str] = field(default_factory=dict)


def association_page_of(answer: Json, asked: Sequence[str]) -> AssociationPage:
    """Return the page that ``answer`` holds for the records ``asked``.

    Raises:
        MalformedAnswer: another shape.
    """
    ids: dict[str, tuple[str, ...]] = dict.fromkeys(asked, ())
    after: dict[str, str] = {}
    damaged: set[str] = set()
    answered: set[str] = set()
    for result in listed_in(answer, "results"):
        # A merged deal is returned under its new id; if only one was asked for, it is that one. Of several it is
        # unknown which, so it stays under the new id.
        record = asked[0] if len(asked) == 1 else _from(result)
        if record is None:
            # This may be the answer for any record without one.
            damaged |= set(asked)
            continue
        answered.add(record)
        try:
            found = (usable_id(target.get("toObjectId")) for target in listed_in(result, "to"))
            # One activity appears once for each label of its association.
            ids[record] = tuple(dict.fromkeys((*ids.get(record, ()), *(one for one in found if one is not None))))
            if cursor := next_after(result):
                after[record] = cursor
        except (MalformedAnswer, AttributeError):
            damaged.add(record)
            answered.discard(record)
    refused = dict.fromkeys(damaged - answered, "unknown") | refused_ids(answer, asked, answered, "fromObjectId")
    return AssociationPage(ids, after, {one: refused[one] for one in asked if one in refused})


def all_associations(
    read: Callable[[Mapping[str, str | None]], AssociationPage], ids: Iterable[str], most_pages: int | None = None
) -> tuple[dict[str, set[str]], set[str]]:
    """Read all pages of the associations of some records, at most 1,000.

    Args:
        read: reads one page of each record that it is given, from the cursor on that is given with it.
        ids: the records.
        most_pages: pages of each record after which the rest is left out; None for no bound.

    Returns:
        The associated ids by record, and the records whose associations are not all known.
    """
    found: dict[str, set[str]] = {one: set() for one in ids}
    pending: Mapping[str, str | None] = dict.fromkeys(found)
    cursors = CursorGuard()
    unknown: set[str] = set()
    pages = 0
    while pending and pages != most_pages:
        pages += 1
        page = read(pending)
        for one in page.ids.keys() & found.keys():
            found[one].update(page.ids[one])
        repeated = cursors.repeated(page.after)
        unknown |= repeated | page.refused.keys()
        pending = {one: after for one, after in page.after.items() if one not in repeated}
    return found, unknown


def _from(result: object) -> str | None:
    try:
        return id_in(object_in(result, "from")) if isinstance(result, dict) else None
    except MalformedAnswer:
        return None


def check_batch(answer: Json) -> None:
    """Check that a batch answer is complete, whatever it says about single records; see :func:`refused_ids`.

    Raises:
        Unavailable: it is not complete.
        MalformedAnswer: it has no list of results.
    """
    status = answer.get("status")
    if status not in (None, "", "COMPLETE"):
        raise Unavailable(f"a batch was left in the state {_named(status)}")
    listed_in(answer, "results")


def refused_ids(answer: Json, asked: Iterable[str], answered: Iterable[str], context: str) -> dict[str, str]:
    """Return the ids that HubSpot neither answers for nor calls unknown, each with the category of the error.

    HubSpot answers 207 when parts of a batch failed, and names the reasons in ``errors``. A record that is gone, or one
    without associations, is an answer (``OBJECT_NOT_FOUND``); of any other we do not know what it is now. An error
    that names no record may be about each one that is missing.

    Args:
        answer: that of a batch.
        asked: the ids asked for.
        answered: those answered for.
        context: the name of the ids within an error.
    """
    missing = dict.fromkeys(asked)
    for one in answered:
        missing.pop(one, None)
    if not missing:
        return {}
    errors = answer.get("errors")
    listed = errors if isinstance(errors, list) else []
    unnamed = "unknown" if not listed and (errors or whole_in(answer, "numErrors")) else None
    refused: dict[str, str] = {}
    unknown: set[str] = set()
    for error in listed:
        found = error if isinstance(error, dict) else {}
        category, named = _named(found.get("category")), _named_ids(found.get("context"), context)
        if category == "OBJECT_NOT_FOUND":
            unknown |= named
        elif named:
            refused |= {one: category for one in named if one in missing}
        else:
            unnamed = category
    if unnamed is not None:
        refused = {one: unnamed for one in missing if one not in unknown} | refused
    return refused


def _named_ids(context: object, name: str) -> set[str]:
    """Return the ids that an error's ``context`` names; documented as a list of texts."""
    if not isinstance(context, dict):
        return set()
    values = [context.get(one) for one in (name, "ids", "id")]
    flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return {found for one in flat if (found := usable_id(one)) is not None}


def _named(value: object) -> str:
    fits = isinstance(value, str) and value.isascii() and value.isidentifier() and value.isupper() and len(value) < 64
    return str(value) if fits else "unknown"
