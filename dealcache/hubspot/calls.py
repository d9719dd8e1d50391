"""The three kinds of call that the client makes, and what a 404 means for each of them."""

from __future__ import annotations

from collections.abc import Mapping

from dealcache.deadline import Deadline
from dealcache.hubspot.budgets import Bucket, Priority
from dealcache.hubspot.errors import MalformedAnswer, NotFound
from dealcache.hubspot.session import HubSpotSession
from dealcache.hubspot.shapes import Json, check_batch


class Calls:
    """Makes calls that name no record in their path.

    Args:
        session: makes the calls.
    """

    def __init__(self, session: HubSpotSession) -> None:
        self._session = session

    def get(self, endpoint: str, path: str, params: Mapping[str, str], deadline: Deadline, priority: Priority) -> Json:
        """Read a list."""
        try:
            return self._session.call(
                endpoint, "GET", path, params=params, bucket=Bucket.APP, deadline=deadline, priority=priority
            )
        except NotFound as missing:
            raise _no_such_path(missing) from None

    def search(self, endpoint: str, path: str, query: Json, deadline: Deadline, priority: Priority) -> Json:
        """Search."""
        try:
            return self._session.call(
                endpoint, "POST", path, json=query, bucket=Bucket.SEARCH, deadline=deadline, priority=priority
            )
        except NotFound as missing:
            raise _no_such_path(missing) from None

    def batch(
        self, endpoint: str, path: str, body: Json, bucket: Bucket, deadline: Deadline, priority: Priority
    ) -> Json:
        """Make a batch call, in which records that do not exist are no failure, also when none of them exists.

        An answer that lacks anything else is asked for again, like one that did not come at all.
        """
        try:
            return self._session.call(
                endpoint,
                "POST",
                path,
                json=body,
                bucket=bucket,
                deadline=deadline,
                priority=priority,
                check=check_batch,
            )
        except NotFound as missing:
            if missing.category != "OBJECT_NOT_FOUND":
                raise _no_such_path(missing) from None
            return {"results": []}


def _no_such_path(missing: NotFound) -> MalformedAnswer:
    """A 404 for a call that names no record: the path is wrong, and no deal may be called unknown because of it."""
    return MalformedAnswer(
        "HubSpot does not know this path; is the base URL right?",
        endpoint=missing.endpoint,
        status=missing.status,
        category=missing.category,
        correlation_id=missing.correlation_id,
    )
