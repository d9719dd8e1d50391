"""The questions that dealcache asks HubSpot, one method for each, with checked answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dealcache.deadline import Deadline
from dealcache.hubspot.activities import ACTIVITY_TYPES, DEAL_PROPERTIES
from dealcache.hubspot.budgets import Bucket, Priority
from dealcache.hubspot.errors import MalformedAnswer, NotFound
from dealcache.hubspot.paths import Paths
from dealcache.hubspot.session import HubSpotSession
from dealcache.hubspot.shapes import Json, check_batch, id_in, next_after, object_in, objects_in, records_of

#: The most records of one batch read ("CRM objects"), and the most inputs of one association read ("Associations v4").
BATCH_SIZE = 100
MOST_ASSOCIATION_INPUTS = 1000

#: The largest page of a search, and after how many deals of one name nobody wants more.
_SEARCH_PAGE = 200
_MOST_HOMONYMS = 1000

_OWNERS_PAGE = 500


@dataclass(frozen=True, slots=True)
class AssociationPage:
    """One page of associations: for each record asked for, the ids found, and where its next page starts, if any."""

    ids: Mapping[str, tuple[str, ...]]
    after: Mapping[str, str]


class HubSpotClient:
    """Asks HubSpot. Each method raises :class:`~dealcache.hubspot.errors.HubSpotError` when there is no good answer.

    Args:
        session: makes the calls.
        paths: the paths of the API version in use.
    """

    def __init__(self, session: HubSpotSession, paths: Paths) -> None:
        self._session = session
        self._paths = paths

    def find_deals_by_name(
        self, name: str, deadline: Deadline, priority: Priority = Priority.INTERACTIVE
    ) -> list[Json]:
        """Return the deals whose name HubSpot takes for ``name``, the last modified first, 1,000 at most.

        HubSpot ignores case here, never finds archived deals, and may miss what changed in the last moments.
        """
        query: dict[str, Any] = {
            "filterGroups": [{"filters": [{"propertyName": "dealname", "operator": "EQ", "value": name}]}],
            "sorts": [{"propertyName": "hs_lastmodifieddate", "direction": "DESCENDING"}],
            "properties": list(DEAL_PROPERTIES),
            "limit": _SEARCH_PAGE,
        }
        found: list[Json] = []
        for _ in range(_MOST_HOMONYMS // _SEARCH_PAGE):
            answer = self._ask("deals_search", self._paths.search("deals"), query, Bucket.SEARCH, deadline, priority)
            found += records_of(answer)
            after = next_after(answer)
            if after is None:
                break
            query["after"] = after
        return found

    def read_deals(
        self, ids: Sequence[str], deadline: Deadline, priority: Priority = Priority.INTERACTIVE
    ) -> list[Json]:
        """Return the deals with these ids, at most 100, in any order.

        Unknown and archived ones are left out. A deal that was merged into another comes back as that other, under its
        id, which is then none of ``ids``.
        """
        return self._read_batch("deals", DEAL_PROPERTIES, ids, deadline, priority)

    def read_activities(
        self,
        engagement_type: str,
        ids: Sequence[str],
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
    ) -> list[Json]:
        """Return the activities of one type with these ids, at most 100, in any order; archived ones are left out."""
        properties = ACTIVITY_TYPES[engagement_type].properties
        return self._read_batch(engagement_type, properties, ids, deadline, priority)

    def association_page(
        self,
        deals: Mapping[str, str | None],
        engagement_type: str,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
    ) -> AssociationPage:
        """Return one page of the ids of the activities of one type that belong to each deal.

        Args:
            deals: up to 1,000 deal ids, each with the cursor of the page wanted, None for the first.
            engagement_type: HubSpot's object name of the activities.
            deadline: nothing lasts longer.
            priority: who asks.
        """
        if len(deals) > MOST_ASSOCIATION_INPUTS:
            raise ValueError(f"more than {MOST_ASSOCIATION_INPUTS} records in one association read")
        inputs = [{"id": one} if after is None else {"id": one, "after": after} for one, after in deals.items()]
        endpoint = f"deals_{engagement_type}_associations"
        path = self._paths.associations("deals", engagement_type)
        answer = self._ask_batch(endpoint, path, {"inputs": inputs}, Bucket.ASSOCIATIONS, deadline, priority)
        return _association_page(answer, list(deals))

    def list_owners(self, deadline: Deadline, priority: Priority = Priority.INTERACTIVE) -> list[Json]:
        """Return all owners, also those who have left: their old activities still name them."""
        return [
            *self._owner_pages("false", deadline, priority),
            *self._owner_pages("true", deadline, priority),
        ]

    def list_pipelines(self, deadline: Deadline, priority: Priority = Priority.INTERACTIVE) -> list[Json]:
        """Return the pipelines of deals with their stages."""
        answer = self._get("pipelines", self._paths.deal_pipelines, {}, deadline, priority)
        pipelines = objects_in(answer, "results", required=True)
        for pipeline in pipelines:
            id_in(pipeline)
        return pipelines

    def probe(self, deadline: Deadline) -> None:
        """Ask HubSpot whether it answers and knows our token; raises when not."""
        self._session.probe(self._paths.account_details, deadline)

    def _owner_pages(self, archived: str, deadline: Deadline, priority: Priority) -> list[Json]:
        params = {"limit": str(_OWNERS_PAGE), "archived": archived}
        owners: list[Json] = []
        cursors: set[str] = set()
        while True:
            answer = self._get("owners", self._paths.owners, params, deadline, priority)
            page = objects_in(answer, "results", required=True)
            for owner in page:
                id_in(owner)
            owners += page
            after = next_after(answer)
            if after is None:
                return owners
            if after in cursors:
                raise MalformedAnswer("the pages of the owners run in a circle", endpoint="owners")
            cursors.add(after)
            params = {**params, "after": after}

    def _read_batch(
        self,
        object_type: str,
        properties: Sequence[str],
        ids: Sequence[str],
        deadline: Deadline,
        priority: Priority,
    ) -> list[Json]:
        if len(ids) > BATCH_SIZE:
            raise ValueError(f"more than {BATCH_SIZE} records in one batch read")
        body = {"inputs": [{"id": one} for one in ids], "properties": list(properties)}
        path = self._paths.batch_read(object_type)
        answer = self._ask_batch(f"{object_type}_batch_read", path, body, Bucket.APP, deadline, priority)
        return list({id_in(record): record for record in records_of(answer)}.values())

    def _ask_batch(
        self, endpoint: str, path: str, body: Json, bucket: Bucket, deadline: Deadline, priority: Priority
    ) -> Json:
        """Make a batch call in which records that do not exist are no failure, also when none of them exists."""
        try:
            answer = self._session.call(
                endpoint, "POST", path, json=body, bucket=bucket, deadline=deadline, priority=priority
            )
        except NotFound as missing:
            if missing.category != "OBJECT_NOT_FOUND":
                raise _no_such_path(missing) from None
            return {"results": []}
        check_batch(answer)
        return answer

    def _ask(
        self, endpoint: str, path: str, body: Json, bucket: Bucket, deadline: Deadline, priority: Priority
    ) -> Json:
        try:
            return self._session.call(
                endpoint, "POST", path, json=body, bucket=bucket, deadline=deadline, priority=priority
            )
        except NotFound as missing:
            raise _no_such_path(missing) from None

    def _get(self, endpoint: str, path: str, params: Mapping[str, str], deadline: Deadline, priority: Priority) -> Json:
        try:
            return self._session.call(
                endpoint,
                "GET",
                path,
                params=params,
                bucket=Bucket.APP,
                deadline=deadline,
                priority=priority,
            )
        except NotFound as missing:
            raise _no_such_path(missing) from None


def _no_such_path(missing: NotFound) -> MalformedAnswer:
    """A 404 for a call that names no record: the path is wrong, and no deal may be called unknown because of it."""
    return MalformedAnswer(
        "HubSpot does not know this path; is the base URL right?",
        endpoint=missing.endpoint,
        status=missing.status,
        category=missing.category,
        correlation_id=missing.correlation_id,
    )


def _association_page(answer: Json, asked: Sequence[str]) -> AssociationPage:
    ids: dict[str, tuple[str, ...]] = dict.fromkeys(asked, ())
    after: dict[str, str] = {}
    for result in objects_in(answer, "results", required=True):
        # A merged deal answers under its new id; when only one was asked for, that is the one.
        record = asked[0] if len(asked) == 1 else id_in(object_in(result, "from"))
        found = (id_in(target, "toObjectId") for target in objects_in(result, "to", required=True))
        # One activity appears once for each label of its association.
        ids[record] = tuple(dict.fromkeys((*ids.get(record, ()), *found)))
        if cursor := next_after(result):
            after[record] = cursor
    return AssociationPage(ids, after)
