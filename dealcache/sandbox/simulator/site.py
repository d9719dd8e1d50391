"""The context of the simulator's endpoints: the account's data, the simulator's settings, and the current call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import orjson

from dealcache.sandbox.simulator.associations import End
from dealcache.sandbox.simulator.dataset import Dataset
from dealcache.sandbox.simulator.errors import invalid, unknown_object_type
from dealcache.sandbox.simulator.limits import Limits, RateLimiter
from dealcache.sandbox.simulator.messages import Request
from dealcache.sandbox.simulator.object_types import ObjectType, find_object_type
from dealcache.sandbox.simulator.poisons import Poisons
from dealcache.sandbox.simulator.recent_searches import RecentSearches


@dataclass(slots=True)
class Behaviour:
    """Behaviour of HubSpot that is not known for sure, or differs between accounts: each can be had either way.

    ``association_page_size`` is the number of associations per record in a batch read (100 was observed),
    ``index_lag`` the seconds that search is behind, ``partial_status`` the status of a batch answer with errors (the
    2026-09 files list no 207), ``omit_merged_in_batch`` leaves merged-away ids out of batch reads without an error
    instead of resolving them, ``search_body_limit`` the characters a search's body may have (None: any number),
    ``search_total_capped`` keeps a search's ``total`` at the 10,000 that can be paged to, ``merge_keeps_primary`` gives
    the merged record the primary's id instead of a new one, ``archived_keep_associations`` lists archived records
    among the associations of live ones, ``archived_not_listed`` names the types whose archived records no list shows,
    ``gateway_seconds`` is how long HubSpot's gateway waits for an answer before it answers 524 itself.
    """

    association_page_size: int = 100
    index_lag: float = 0.0
    partial_status: int = 207
    omit_merged_in_batch: bool = False
    search_body_limit: int | None = 3_000
    search_total_capped: bool = False
    merge_keeps_primary: bool = False
    archived_keep_associations: bool = True
    archived_not_listed: tuple[str, ...] = ("meetings",)
    gateway_seconds: float = 100.0


#: The id of the account, unless another one is given.
PORTAL_ID = 6_748_263


@dataclass(slots=True)
class Site:
    """One simulated account with the app that calls it."""

    data: Dataset
    clock: Callable[[], float]
    token: str
    scopes: Set[str]
    behaviour: Behaviour = field(default_factory=Behaviour)
    limiter: RateLimiter | None = None
    portal_id: int = PORTAL_ID
    searches: RecentSearches = field(default_factory=RecentSearches)
    poisons: Poisons = field(default_factory=Poisons)

    def set_limits(self, limits: Limits | None) -> None:
        """Starts counting afresh against these limits; None lifts them."""
        self.limiter = RateLimiter(limits, self.clock) if limits else None

    def associated(self, source: End, to_kind: ObjectType) -> Sequence[int]:
        """Ids of the records of one type that a record is shown to be associated with, ascending."""
        ids = self.data.graph.targets(source, to_kind.name)
        if self.behaviour.archived_keep_associations:
            return ids
        store = self.data.store(to_kind)
        return [one for one in ids if (record := store.get(one)) is not None and record.state == "live"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call on its way through an endpoint, with the parts of its path that the endpoint takes as parameters."""

    site: Site
    request: Request
    params: Mapping[str, str]

    @property
    def kind(self) -> ObjectType:
        """The object type in the path, or the first of two.

        Raises:
            ApiError: 400, the account has no such object type.
        """
        return _object_type(self.params["type"])

    @property
    def to_kind(self) -> ObjectType:
        """The second object type in the path of an association call.

        Raises:
            ApiError: 400, the account has no such object type.
        """
        return _object_type(self.params["to_type"])

    def body(self) -> dict[str, Any]:
        """The request's JSON object.

        Raises:
            ApiError: 400, the body is something else.
        """
        return parse_object(self.request.body)


def parse_object(body: bytes) -> dict[str, Any]:
    """A request body as a JSON object; an empty one counts as ``{}``.

    Raises:
        ApiError: 400, it is something else.
    """
    content = parse_json(body or b"{}")
    if not isinstance(content, dict):
        raise invalid("Invalid input JSON on line 1, column 1: an object is expected")
    return content


def parse_json(body: bytes) -> Any:
    """A request body as whatever JSON value it is.

    Raises:
        ApiError: 400, it is no JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid(f"Invalid input JSON on line {error.lineno}, column {error.colno}: {error.msg}") from error


def parse_objects(value: Any, name: str) -> list[dict[str, Any]]:
    """A member of a request body that must be a list of objects; absent or null counts as empty.

    Raises:
        ApiError: 400, it is something else.
    """
    items = value or []
    if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
        raise invalid(f"Invalid input JSON: {name} must be a list of objects")
    return items


def read_inputs(body: Mapping[str, Any], most: int) -> list[dict[str, Any]]:
    """The ``inputs`` of a batch request.

    Raises:
        ApiError: 400, they are not a list of objects, or more than ``most``.
    """
    if "inputs" not in body:
        raise invalid("Invalid input JSON: inputs is missing")
    inputs = parse_objects(body["inputs"], "inputs")
    if len(inputs) > most:
        raise invalid(f"The maximum number of inputs supported in a batch request is {most}, got {len(inputs)}")
    return inputs


def read_limit(text: str | None, default: int, most: int) -> int:
    """The ``limit`` of a paged request.

    Raises:
        ApiError: 400, it is no number from 1 to ``most``.
    """
    if text is None:
        return default
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise invalid(f"limit must be a number from 1 to {most}, got {text!r}")
    return int(text)


def _object_type(alias: str) -> ObjectType:
    kind = find_object_type(alias)
    if kind is None:
        raise unknown_object_type(alias)
    return kind
