"""The questions that dealcache asks HubSpot, one method for each, with checked answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dealcache.deadline import Deadline
from dealcache.hubspot.activities import identity_of, properties_of
from dealcache.hubspot.budgets import Bucket, Priority
from dealcache.hubspot.calls import Calls
from dealcache.hubspot.errors import MalformedAnswer
from dealcache.hubspot.name_search import SEARCH_PAGE, NameSearch
from dealcache.hubspot.pages import AssociationPage, RecordPage, association_page_of
from dealcache.hubspot.paths import Paths
from dealcache.hubspot.session import HubSpotSession
from dealcache.hubspot.shapes import Json, archived_records_of, id_in, next_after, objects_in, records_of, whole_in

#: The most records of one batch read ("CRM objects"), and the most inputs of one association read ("Associations v4").
BATCH_SIZE = 100
MOST_ASSOCIATION_INPUTS = 1000

#: The largest page of a list, and after how many deals of one name nobody wants more.
_LIST_PAGE = 100
_MOST_HOMONYMS = 1000

_OWNERS_PAGE = 500


class HubSpotClient:
    """Asks HubSpot. Each method raises :class:`~dealcache.hubspot.errors.HubSpotError` when there is no good answer.

    An ``object_type`` is HubSpot's name of it: ``deals``, or that of an activity (``calls``, …).

    Args:
        session: makes the calls.
        paths: the paths of the API version in use.
    """

    def __init__(self, session: HubSpotSession, paths: Paths) -> None:
        self._session = session
        self._calls = Calls(session)
        self._paths = paths

    def find_deals_by_name(
        self, name: str, deadline: Deadline, priority: Priority = Priority.INTERACTIVE
    ) -> list[Json]:
        """Return the deals whose name HubSpot takes for ``name``, the last modified first, 1,000 at most."""
        return self.find_deals(NameSearch(single=(name,)), deadline, priority).records

    def find_deals(
        self, search: NameSearch, deadline: Deadline, priority: Priority = Priority.INTERACTIVE
    ) -> RecordPage:
        """Return the deals whose names HubSpot takes for those searched, the last modified first, 1,000 at most.

        HubSpot ignores case here, never finds archived deals, and may miss what changed in the last moments. ``after``
        of the page tells that there are more; when several names are searched, all that is known then may be that.
        """
        query, found = search.body(), list[Json]()
        for _ in range(_MOST_HOMONYMS // SEARCH_PAGE):
            answer = self._calls.search("deals_search", self._paths.search("deals"), query, deadline, priority)
            found += records_of(answer)
            after = next_after(answer)
            if after is None or (len(search.names) > 1 and whole_in(answer, "total") > _MOST_HOMONYMS):
                break
            query["after"] = after
        return RecordPage(found, after)

    def search_page(
        self,
        object_type: str,
        filter_groups: Sequence[Sequence[Json]],
        deadline: Deadline,
        priority: Priority = Priority.SYNC,
        properties: Sequence[str] | None = None,
    ) -> RecordPage:
        """Return the first 200 records that match, in the order of their ids.

        HubSpot finds no archived records, shows changes late, and pages no further than 10,000 records. So this never
        asks for a next page: ``after`` only tells that more records match, and who wants them asks anew for ids
        (``hs_object_id``) greater than the last one.

        Args:
            object_type: what to search.
            filter_groups: groups of HubSpot's filters: a record matches all filters of one group at least.
            deadline: nothing lasts longer.
            priority: who asks.
            properties: the properties wanted; all that the mapping reads when None.
        """
        query = {
            "filterGroups": [{"filters": list(filters)} for filters in filter_groups],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": list(properties_of(object_type) if properties is None else properties),
            "limit": SEARCH_PAGE,
        }
        path = self._paths.search(object_type)
        answer = self._calls.search(f"{object_type}_search", path, query, deadline, priority)
        return RecordPage(records_of(answer), next_after(answer))

    def list_page(
        self, object_type: str, after: str | None, deadline: Deadline, priority: Priority = Priority.SYNC
    ) -> RecordPage:
        """Return one page of all records that are not archived, up to 100; ``after`` is the cursor, None to begin."""
        answer = self._list(object_type, properties_of(object_type), "false", after, deadline, priority)
        return RecordPage(records_of(answer), next_after(answer))

    def archived_page(
        self, object_type: str, after: str | None, deadline: Deadline, priority: Priority = Priority.SYNC
    ) -> RecordPage:
        """Return one page of all archived records, up to 100, with little more than their ids.

        HubSpot forgets them 90 days after they were archived. ``after`` is the cursor, None to begin.
        """
        answer = self._list(object_type, identity_of(object_type), "true", after, deadline, priority)
        return RecordPage(archived_records_of(answer), next_after(answer))

    def read_deals(
        self, ids: Sequence[str], deadline: Deadline, priority: Priority = Priority.INTERACTIVE
    ) -> list[Json]:
        """Return the deals with these ids, at most 100, in any order.

        Unknown and archived ones are left out. A deal that was merged into another comes back as that other, under its
        id, which is then none of ``ids``; HubSpot sometimes leaves it out.
        """
        return self._read_batch("deals", ids, deadline, priority)

    def read_activities(
        self,
        engagement_type: str,
        ids: Sequence[str],
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
    ) -> list[Json]:
        """Return the activities of one type with these ids, at most 100, in any order; archived ones are left out."""
        return self._read_batch(engagement_type, ids, deadline, priority)

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
        return self._associated("deals", deals, engagement_type, deadline, priority)

    def deals_page(
        self,
        engagement_type: str,
        activities: Mapping[str, str | None],
        deadline: Deadline,
        priority: Priority = Priority.SYNC,
    ) -> AssociationPage:
        """Return one page of the ids of the deals that each activity belongs to.

        Args:
            engagement_type: HubSpot's object name of the activities.
            activities: up to 1,000 of their ids, each with the cursor of the page wanted, None for the first.
            deadline: nothing lasts longer.
            priority: who asks.
        """
        return self._associated(engagement_type, activities, "deals", deadline, priority)

    def list_owners(self, deadline: Deadline, priority: Priority = Priority.INTERACTIVE) -> list[Json]:
        """Return all owners, also those who have left: their old activities still name them."""
        return [
            *self._owner_pages("false", deadline, priority),
            *self._owner_pages("true", deadline, priority),
        ]

    def list_pipelines(self, deadline: Deadline, priority: Priority = Priority.INTERACTIVE) -> list[Json]:
        """Return the pipelines of deals with their stages."""
        answer = self._calls.get("pipelines", self._paths.deal_pipelines, {}, deadline, priority)
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
            answer = self._calls.get("owners", self._paths.owners, params, deadline, priority)
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

    def _list(
        self,
        object_type: str,
        properties: Sequence[str],
        archived: str,
        after: str | None,
        deadline: Deadline,
        priority: Priority,
    ) -> Json:
        params = {"limit": str(_LIST_PAGE), "archived": archived, "properties": ",".join(properties)}
        if after is not None:
            params["after"] = after
        return self._calls.get(f"{object_type}_list", self._paths.objects(object_type), params, deadline, priority)

    def _read_batch(self, object_type: str, ids: Sequence[str], deadline: Deadline, priority: Priority) -> list[Json]:
        if len(ids) > BATCH_SIZE:
            raise ValueError(f"more than {BATCH_SIZE} records in one batch read")
        body = {"inputs": [{"id": one} for one in ids], "properties": list(properties_of(object_type))}
        path = self._paths.batch_read(object_type)
        answer = self._calls.batch(f"{object_type}_batch_read", path, body, Bucket.APP, deadline, priority)
        return list({id_in(record): record for record in records_of(answer)}.values())

    def _associated(
        self,
        from_type: str,
        records: Mapping[str, str | None],
        to_type: str,
        deadline: Deadline,
        priority: Priority,
    ) -> AssociationPage:
        if len(records) > MOST_ASSOCIATION_INPUTS:
            raise ValueError(f"more than {MOST_ASSOCIATION_INPUTS} records in one association read")
        inputs = [{"id": one} if after is None else {"id": one, "after": after} for one, after in records.items()]
        endpoint = f"{from_type}_{to_type}_associations"
        path = self._paths.associations(from_type, to_type)
        answer = self._calls.batch(endpoint, path, {"inputs": inputs}, Bucket.ASSOCIATIONS, deadline, priority)
        return association_page_of(answer, list(records))
