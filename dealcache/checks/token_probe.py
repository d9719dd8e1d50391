"""Asks HubSpot about the token itself: its account, its rights, and the calls that are left today.

Each call is made for one question and asks for one record at most. None of them is needed to serve deals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dealcache.hubspot.activities import ACTIVITY_TYPES, properties_of
from dealcache.hubspot.calls import Paths
from dealcache.hubspot.daily_calls import DailyCalls
from dealcache.hubspot.json_validation import Json, listed_in
from dealcache.hubspot.limits.buckets import Bucket, Priority
from dealcache.hubspot.limits.rate_limiter import local_rate_limits
from dealcache.hubspot.retry import Asked
from dealcache.hubspot.session import HubSpotSession
from dealcache.hubspot.transport import Request
from dealcache.model.deadline import Deadline

#: HubSpot's guide "Private apps". It is the same for all versions of the API.
_TOKEN_INFO = "/oauth/v2/private-apps/get/access-token-info"  # noqa: S105 - a path

#: The text that HubSpot returns instead of an e-mail's own if the token lacks the right to read it (engagements guide).
_REDACTED = "The content of this email has been redacted"

#: A refusal is an answer here.
_ASKED = Asked(Priority.INTERACTIVE, refusable=True)

#: Lists of one record each, by the name that :meth:`TokenProbe.read_one` takes.
READABLE = ("deals", *ACTIVITY_TYPES, "owners", "pipelines")


@dataclass(frozen=True, slots=True)
class DailyUsage:
    """The calls of the day that are left, and how many there are in all."""

    left: int
    limit: int


class TokenProbe:
    """Asks about one token. Every method raises HubSpotError if there is no valid answer. Thread-safe.

    Args:
        base_url: HubSpot's URL.
        token: the access token.
        api_version: ``v3`` or a dated version.
    """

    def __init__(self, base_url: str, token: str, api_version: str) -> None:
        self._token = token
        self._paths = Paths(api_version)
        self._daily = DailyCalls()
        self._rate_limits = local_rate_limits()
        self._session = HubSpotSession(
            base_url, token, pool_size=len(READABLE) + 4, rate_limits=self._rate_limits, daily=self._daily
        )

    def portal_id(self, deadline: Deadline) -> str | None:
        """Return the id of the token's account; None if HubSpot does not name it."""
        portal_id = self._session.probe(self._paths.account_details, deadline).get("portalId")
        return None if portal_id is None else str(portal_id)

    def scopes(self, deadline: Deadline) -> frozenset[str]:
        """Return the names of the scopes that the token was granted; HubSpot tells them of private apps alone."""
        request = Request("token_info", "POST", _TOKEN_INFO, json={"tokenKey": self._token})
        answer = self._session.call(request, Bucket.APP, deadline, _ASKED)
        return frozenset(str(scope) for scope in listed_in(answer, "scopes"))

    def read_one(self, what: str, deadline: Deadline) -> bool:
        """Read one of :data:`READABLE`; return False if HubSpot has withheld its content."""
        if what == "pipelines":
            self._get("pipelines", self._paths.deal_pipelines, deadline)
            return True
        if what == "owners":
            self._get("owners", self._paths.owners, deadline, {"limit": "1"})
            return True
        params = {"limit": "1", "properties": ",".join(properties_of(what))}
        answer = self._get(f"{what}_list", self._paths.objects(what), deadline, params)
        return _REDACTED not in str(listed_in(answer, "results"))

    def property_names(self, deadline: Deadline) -> frozenset[str]:
        """Return the names of all properties of deals, without archived ones."""
        answer = self._get("properties", self._paths.deal_properties, deadline)
        return frozenset(str(one.get("name")) for one in listed_in(answer, "results") if isinstance(one, dict))

    def daily_usage(self, deadline: Deadline) -> DailyUsage | None:
        """Return the calls of the day as HubSpot counts them, those of the account's other apps included."""
        answer = self._get("daily_usage", self._paths.daily_usage, deadline)
        usages = [one for one in listed_in(answer, "results") if isinstance(one, dict)]
        known = [_usage_of(one) for one in usages]
        return min((one for one in known if one is not None), key=lambda one: one.left, default=None)

    def limit(self, bucket: Bucket) -> int:
        """Return how many calls of a bucket HubSpot allows per period, by its last answer."""
        return self._rate_limits[bucket].limit

    @property
    def noted_usage(self) -> DailyUsage | None:
        """The calls of the day as the headers of the last answer told; None without such headers."""
        left, limit = self._daily.left, self._daily.limit
        return None if left is None or limit is None else DailyUsage(left, limit)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def _get(self, endpoint: str, path: str, deadline: Deadline, params: Mapping[str, str] | None = None) -> Json:
        return self._session.call(Request(endpoint, "GET", path, params), Bucket.APP, deadline, _ASKED)


def _usage_of(result: Json) -> DailyUsage | None:
    limit, used = result.get("usageLimit"), result.get("currentUsage")
    if not isinstance(limit, int) or not isinstance(used, int):
        return None
    return DailyUsage(max(0, limit - used), limit)
