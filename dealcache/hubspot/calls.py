"""The three kinds of call that a client makes, their paths, and what a 404 means for each of them.

HubSpot has two versions of its API, whose JSON is the same. Source of the paths: HubSpot's published OpenAPI
descriptions and its page "API versioning".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from dealcache.hubspot.errors import MalformedAnswer, NotFound, Rejected
from dealcache.hubspot.json_validation import Json, listed_in
from dealcache.hubspot.limits.buckets import Bucket, Priority
from dealcache.hubspot.pages import check_batch
from dealcache.hubspot.retry import Asked
from dealcache.hubspot.search_limits import excess
from dealcache.hubspot.session import HubSpotSession
from dealcache.hubspot.transport import Request
from dealcache.model.deadline import Deadline

#: The possible values of ``HUBSPOT_API_VERSION``.
API_VERSIONS = ("v3", "2026-09")

_check_results = partial(listed_in, name="results")


class Paths:
    """The paths of one API version; each starts with a slash.

    Args:
        version: one of :data:`API_VERSIONS`.

    Raises:
        ValueError: for any other version.
    """

    def __init__(self, version: str) -> None:
        if version not in API_VERSIONS:
            raise ValueError(f"HubSpot API version {version!r} is none of {', '.join(API_VERSIONS)}")
        semantic = version == "v3"
        self.account_details = f"/account-info/{version}/details"
        self.daily_usage = f"/account-info/{version}/api-usage/daily/private-apps"
        self.owners = "/crm/v3/owners" if semantic else f"/crm/owners/{version}"
        self.deal_pipelines = "/crm/v3/pipelines/deals" if semantic else f"/crm/pipelines/{version}/deals"
        self.deal_properties = "/crm/v3/properties/deals" if semantic else f"/crm/properties/{version}/deals"
        self._objects = "/crm/v3/objects" if semantic else f"/crm/objects/{version}"
        # Associations are the one API of the older family whose current version is v4.
        self._associations = "/crm/v4/associations" if semantic else f"/crm/associations/{version}"

    def search(self, object_type: str) -> str:
        """Return where records of ``object_type`` (``deals``, ``calls``, …) are searched."""
        return f"{self._objects}/{object_type}/search"

    def batch_read(self, object_type: str) -> str:
        """Return where records of ``object_type`` are read by their ids."""
        return f"{self._objects}/{object_type}/batch/read"

    def objects(self, object_type: str) -> str:
        """Return where all records of ``object_type`` are listed."""
        return f"{self._objects}/{object_type}"

    def associations(self, from_type: str, to_type: str) -> str:
        """Return where the ids of the ``to_type`` records that belong to ``from_type`` records are read."""
        return f"{self._associations}/{from_type}/{to_type}/batch/read"


class Calls:
    """Makes calls that name no record in their path, for one caller.

    Args:
        session: makes the calls.
        paths: the paths of the API version in use.
        admit: makes sure, by a deadline, that calls may be made; raises a HubSpotError otherwise.
        deadline: bounds the calls and their retries.
        priority: the caller's.
    """

    def __init__(
        self,
        session: HubSpotSession,
        paths: Paths,
        admit: Callable[[Deadline], None],
        deadline: Deadline,
        priority: Priority,
    ) -> None:
        self.paths = paths
        self._session = session
        self._admit = admit
        self._deadline = deadline
        self._priority = priority

    def admit(self) -> None:
        """Make sure that calls may be made; raise a HubSpotError otherwise. Each call does so by itself."""
        self._admit(self._deadline)

    def get(self, endpoint: str, path: str, params: Mapping[str, str], *, refusable: bool = False) -> Json:
        """Read a list; ``refusable`` is one that HubSpot is known to refuse."""
        request = Request(endpoint, "GET", path, params)
        asked = Asked(self._priority, int(params.get("limit", 1)), refusable)
        with self._admitted():
            return self._session.call(request, Bucket.APP, self._deadline, asked, _check_results)

    def search(self, object_type: str, query: Json) -> Json:
        """Search records of one type, unless ``query`` is larger than HubSpot takes.

        Raises:
            Rejected: it is.
        """
        endpoint = f"{object_type}_search"
        if too_much := excess(query):
            raise Rejected(f"the search is larger than HubSpot takes: {too_much}", endpoint=endpoint)
        request = Request(endpoint, "POST", self.paths.search(object_type), json=query)
        asked = Asked(self._priority, query["limit"])
        with self._admitted():
            return self._session.call(request, Bucket.SEARCH, self._deadline, asked, _check_results)

    def batch(self, endpoint: str, path: str, body: Json, bucket: Bucket) -> Json:
        """Make a batch call, in which missing records are no failure, even if all are missing.

        An answer that lacks anything else is retried, like one that never arrived.
        """
        request, asked = Request(endpoint, "POST", path, json=body), Asked(self._priority, len(body["inputs"]))
        with self._admitted():
            try:
                return self._session.call(request, bucket, self._deadline, asked, check_batch)
            except NotFound as missing:
                if missing.category != "OBJECT_NOT_FOUND":
                    raise
                return {"results": []}

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        """Make sure that calls may be made; a 404 for one that names no record means that the path is wrong."""
        self.admit()
        try:
            yield
        except NotFound as missing:
            # Not a NotFound: no deal may be called unknown because of it.
            raise MalformedAnswer(
                "HubSpot does not know this path; is the base URL right?",
                endpoint=missing.endpoint,
                status=missing.status,
                category=missing.category,
                correlation_id=missing.correlation_id,
            ) from None
