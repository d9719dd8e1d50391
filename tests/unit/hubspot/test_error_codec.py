"""A failure that another process tells is the failure that it met."""

from __future__ import annotations

import bson
import pytest

from dealcache.hubspot.error_codec import decode_error, encode_error
from dealcache.hubspot.errors import (
    AnswerTooLarge,
    Forbidden,
    HubSpotError,
    MalformedAnswer,
    NotFound,
    RateLimited,
    Rejected,
    TimedOut,
    Unauthorised,
    Unavailable,
    WrongAccount,
)

DETAILS = {"endpoint": "deals_search", "status": 403, "category": "MISSING_SCOPES", "correlation_id": "3f0c"}
FAILURES = [
    Forbidden("no", scopes=("crm.objects.deals.read", "sales-email-read"), **DETAILS),
    Forbidden("no"),
    RateLimited("slowly", retry_after=3.25, daily=True, **DETAILS),
    RateLimited("slowly", retry_after=1),
    *(kind("why", **DETAILS) for kind in (Unauthorised, NotFound, Unavailable, TimedOut, MalformedAnswer, Rejected)),
    TimedOut("nobody is to blame"),
    AnswerTooLarge("too much", **DETAILS),
    HubSpotError("some failure"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_it_is_told_again_as_it_was(failure: HubSpotError) -> None:
    again = decode_error(bson.decode(bson.encode(encode_error(failure))))
    assert type(again) is type(failure)
    assert str(again) == str(failure)
    assert {name: value for name, value in vars(again).items() if name not in ("renamed", "missing_ids")} == {
        name: value for name, value in vars(failure).items() if name not in ("renamed", "missing_ids")
    }


def test_a_wrong_token_is_that_of_the_process_that_has_it() -> None:
    assert decode_error(encode_error(WrongAccount(1, 2, "dealcache"))) is None


def test_every_kind_is_known() -> None:
    kinds = {type(failure) for failure in FAILURES} | {WrongAccount}
    assert set(HubSpotError.__subclasses__()) <= kinds


def test_a_kind_of_another_release_is_still_a_failure_of_hubspot() -> None:
    again = decode_error(encode_error(Unavailable("why", **DETAILS)) | {"kind": "OnHoliday"})
    assert type(again) is HubSpotError
    assert again.status == 403


@pytest.mark.parametrize(
    "told", [{}, {"kind": "Unavailable"}, {"kind": "RateLimited", "reason": "slowly"} | dict.fromkeys(DETAILS)]
)
def test_what_lacks_something_is_none(told: dict[str, object]) -> None:
    assert decode_error(told) is None
