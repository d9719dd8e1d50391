"""Which types of records HubSpot refuses, and what a job says about it."""

from __future__ import annotations

import pytest

from dealcache.hubspot.errors import Forbidden, HubSpotError, RateLimited, Rejected, TimedOut, Unauthorised, Unavailable
from dealcache.sync.refused_types import RefusedTypes, TypesRefusedError, type_of
from dealcache.sync.retry_policy import retry_delay


@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [
        ("emails_search", "emails"),
        ("emails_list", "emails"),
        ("postal_mail_batch_read", "postal_mail"),
        ("deals_emails_associations", "emails"),
        ("emails_deals_associations", "emails"),
        ("deals_batch_read", "deals"),
        ("deals_search", "deals"),
        ("owners", None),
        (None, None),
    ],
)
def test_the_type_of_a_call(endpoint: str | None, kind: str | None) -> None:
    assert type_of(endpoint) == kind


def test_a_job_that_goes_on_without_a_type_says_so_at_its_end() -> None:
    refused_types = RefusedTypes(tolerant=True)
    refused_types.check()
    assert not refused_types
    scope = Forbidden("the access token lacks a right", scopes=("sales-email-read",), endpoint="emails_search")
    refused_types.note("emails", scope)
    refused_types.note("emails", Rejected("no", status=400))
    refused_types.note("notes", Unavailable("HubSpot failed", status=500, endpoint="deals_batch_read"))
    assert refused_types
    assert ["emails" in refused_types, "deals" in refused_types, "notes" in refused_types] == [True, True, False]
    with pytest.raises(TypesRefusedError) as raised:
        refused_types.check()
    text = str(raised.value)
    assert text.startswith("emails cannot be read: emails_search: the access token lacks a right; ")
    assert "sales-email-read" in text
    assert "; deals cannot be read: deals_batch_read: HubSpot failed (status 500). The next sync tries again" in text


def test_what_only_cannot_be_searched_can_still_be_read() -> None:
    refused_types = RefusedTypes(tolerant=True)
    refused_types.note_search("emails", Rejected("no", status=400, endpoint="emails_search"))
    assert refused_types
    assert "emails" not in refused_types
    refused_types.note("emails", Rejected("no", status=400, endpoint="emails_batch_read"))
    assert "emails" in refused_types


@pytest.mark.parametrize("failure", [Unauthorised("no", status=401), RateLimited("slow down", retry_after=1.0)])
def test_failures_of_the_whole_account_are_raised(failure: HubSpotError) -> None:
    with pytest.raises(type(failure)):
        RefusedTypes(tolerant=True).note("emails", failure)


def test_a_refusal_is_raised_where_nothing_is_to_be_left_out() -> None:
    with pytest.raises(Rejected):
        RefusedTypes().note("emails", Rejected("no", status=400))


@pytest.mark.parametrize(
    ("failures", "pauses"),
    [
        ([Forbidden("no", status=403)], [None]),
        ([Forbidden("no", status=403), Unavailable("no", status=500)], [2.0, 5.0, 15.0, None]),
        ([TimedOut("late")], [2.0, 5.0, 15.0, None]),
    ],
)
def test_a_job_tries_types_again_that_may_be_given_soon(failures: list[HubSpotError], pauses: list[float]) -> None:
    refused = TypesRefusedError({str(number): failure for number, failure in enumerate(failures)})
    assert [retry_delay(refused, number) for number in range(1, len(pauses) + 1)] == pauses
