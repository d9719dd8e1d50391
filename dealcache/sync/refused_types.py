"""The types of records that HubSpot refuses to a job: everything else is done, and the job fails at its end.

A token may lack the scope for emails; HubSpot may fail with one type for hours. Work that does not need that type must
not wait for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from dealcache.hubspot.errors import Forbidden, HubSpotError, RateLimited, TimedOut, Unauthorised, Unavailable
from dealcache.model.deals import ENGAGEMENT_TYPES

log = logging.getLogger(__name__)

#: Failures that concern the whole account, not a single type, and so end the job.
OF_THE_ACCOUNT = (Unauthorised, RateLimited)

#: Failures that may pass by themselves.
_PASSING = (Unavailable, TimedOut)


class TypesRefusedError(Exception):
    """A job has done everything except for some types of records.

    Args:
        failures: why, by type.
    """

    def __init__(self, failures: Mapping[str, HubSpotError]) -> None:
        self.failures = dict(failures)
        super().__init__("; ".join(f"{kind} cannot be read: {_advised(one)}" for kind, one in failures.items()))

    @property
    def may_pass(self) -> bool:
        """Return True if one of the types may be readable again soon."""
        return any(isinstance(failure, _PASSING) for failure in self.failures.values())


class RefusedTypes:
    """The types that HubSpot has refused to a job. Thread-safe.

    Args:
        tolerant: whether the job continues without them; otherwise a refusal is raised like any other failure.
    """

    def __init__(self, *, tolerant: bool = False) -> None:
        self.tolerant = tolerant
        self._lock = threading.Lock()
        self._failures: dict[str, HubSpotError] = {}
        self._unreadable: set[str] = set()

    def __contains__(self, kind: object) -> bool:
        """Return True if records of this type cannot be read by their ids, or cannot be found from their deals."""
        return kind in self._unreadable

    def __bool__(self) -> bool:
        """Return True if anything has been refused."""
        return bool(self._failures)

    def note_search(self, kind: str, failure: HubSpotError) -> None:
        """Note that records of a type cannot be searched for; they may be found from their deals. See :meth:`note`."""
        self.note(kind, failure, readable=True)

    def note(self, kind: str, failure: HubSpotError, *, readable: bool = False) -> None:
        """Note that a type is refused: the type of the call, or ``kind`` if that is unknown.

        Args:
            kind: the type.
            failure: how it was refused.
            readable: whether its records may be readable nevertheless.

        Raises:
            HubSpotError: the failure, if it concerns more than one type or the job is not tolerant.
        """
        if not self.tolerant or isinstance(failure, OF_THE_ACCOUNT):
            raise failure
        kind = type_of(failure.endpoint) or kind
        with self._lock:
            known = kind in self._failures
            self._failures.setdefault(kind, failure)
            if not readable:
                self._unreadable.add(kind)
        if not known:
            log.warning("a sync continues without %s: %s", kind, failure)

    def failure(self, kind: str) -> HubSpotError:
        """Return why a type has been refused."""
        return self._failures[kind]

    def check(self) -> None:
        """Raise TypesRefusedError if any type has been refused."""
        if self._failures:
            raise TypesRefusedError(self._failures)


def type_of(endpoint: str | None) -> str | None:
    """Return the type of records that a call is about: of associations with deals, the other type.

    Args:
        endpoint: the label of the call, such as ``deals_emails_associations``.
    """
    if endpoint is None:
        return None
    named = (kind for kind in (*ENGAGEMENT_TYPES, "deals") if f"{kind}_" in endpoint)
    return next(named, None)


def in_brief(failure: HubSpotError) -> str:
    """Return the failure without the parts that differ from one time to the next."""
    return failure.reason if failure.status is None else f"{failure.reason}, status {failure.status}"


def _advised(failure: HubSpotError) -> str:
    """Return the failure, and what an operator can do about it."""
    if isinstance(failure, Forbidden):
        return f"{failure}. Give the token this right; the next sync reads what is missing"
    if isinstance(failure, _PASSING):
        return f"{failure}. The next sync tries again"
    return f"{failure}. The next sync tries again; if it goes on, ask HubSpot's support"
