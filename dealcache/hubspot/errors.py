"""Everything that can go wrong with HubSpot, one class for each thing a caller may want to do about it.

No message ever holds the token, a header or a raw body: only a label of the call, the status, HubSpot's category and
its correlation id, which is what HubSpot's support asks for.
"""

# ruff: noqa: N818 - each name says what happened, and all end up behind `except HubSpotError`

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TypedDict

from dealcache.model.deals import Deal


class Details(TypedDict, total=False):
    """Details of the exchange that failed; see :class:`HubSpotError`."""

    endpoint: str | None
    status: int | None
    category: str | None
    correlation_id: str | None


@dataclass(eq=False, repr=False)
class HubSpotError(Exception):
    """The base of all failures of HubSpot.

    Args:
        reason: what happened, in one line.
        endpoint: the label of the call, such as ``deals_search``; None when no single call is to blame.
        status: HubSpot's HTTP status, None when no answer came.
        category: HubSpot's own name of the error, such as ``VALIDATION_ERROR``.
        correlation_id: HubSpot's id of the exchange.
    """

    reason: str
    _: KW_ONLY
    endpoint: str | None = None
    status: int | None = None
    category: str | None = None
    correlation_id: str | None = None

    def __str__(self) -> str:
        details = [
            f"{name} {value}"
            for name, value in (
                ("status", self.status),
                ("category", self.category),
                ("correlation id", self.correlation_id),
            )
            if value is not None
        ]
        head = f"{self.endpoint}: {self._wording()}" if self.endpoint else self._wording()
        return f"{head} ({', '.join(details)})" if details else head

    def _wording(self) -> str:
        """Return the reason, with the additions of this kind of failure."""
        return self.reason


class Unauthorised(HubSpotError):
    """HubSpot does not accept the token (401)."""


@dataclass(eq=False, repr=False, kw_only=True)
class Forbidden(HubSpotError):
    """The token lacks a right (403); ``scopes`` are those of which HubSpot wants one, empty when it does not say."""

    scopes: Sequence[str] = ()

    def __post_init__(self) -> None:
        self.scopes = tuple(self.scopes)

    def _wording(self) -> str:
        if not self.scopes:
            return self.reason
        return f"{self.reason}; one of these scopes is required: {', '.join(self.scopes)}"


@dataclass(eq=False, repr=False, kw_only=True)
class NotFound(HubSpotError):
    """HubSpot has no such record.

    If a deal was asked for, ``renamed`` holds the deals that the caller believed to have the name but that now have
    another, and ``missing_ids`` the ids that HubSpot no longer has.
    """

    renamed: tuple[Deal, ...] = ()
    missing_ids: tuple[str, ...] = ()


@dataclass(eq=False, repr=False, kw_only=True)
class RateLimited(HubSpotError):
    """A limit is reached: HubSpot's answer (429, or 477 while an account moves) or our own rate limit says so.

    ``retry_after`` is the wait in seconds after which another try makes sense; ``daily`` means that the account's daily
    limit is used up, so that a short wait does not help.
    """

    retry_after: float
    daily: bool = False

    def _wording(self) -> str:
        return f"{self.reason}; try again in {self.retry_after:.1f} s"


class Unavailable(HubSpotError):
    """HubSpot failed (5xx, 423), answered only in part, or the connection broke."""


class TimedOut(HubSpotError):
    """No answer came in time: a call's own time-out, or the deadline of the whole read."""


class MalformedAnswer(HubSpotError):
    """The answer has no documented form: not JSON, of another shape, or a redirect."""


class WrongAccount(HubSpotError):
    """The token belongs to another HubSpot account than the data that are stored.

    Args:
        own: the id of the token's account.
        bound: that of the data's account.
        database: the name of the database that holds them.
    """

    def __init__(self, own: int, bound: int, database: str) -> None:
        super().__init__(
            f"HUBSPOT_ACCESS_TOKEN belongs to HubSpot account {own}, but the database {database!r} holds the data of "
            f"account {bound}; set MONGODB_DATABASE to another name, or, if account {own} is to take the database "
            f"over, stop every other process of the service, run db.getSiblingDB({json.dumps(database)})"
            '.identity.deleteOne({_id: "account"}) in mongosh, and then a full sync'
        )


class AnswerTooLarge(MalformedAnswer):
    """The answer is larger than is accepted; fewer records at a time would fit."""


class Rejected(HubSpotError):
    """HubSpot says that our request was wrong (400 and the other 4xx): an error in dealcache."""
