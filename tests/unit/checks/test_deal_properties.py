"""The finding about the own properties that are configured."""

from __future__ import annotations

import pytest

from dealcache.checks.facts import NO_ANSWER
from dealcache.checks.hubspot import judge_properties
from dealcache.hubspot.errors import Forbidden, Unavailable

NAMES = ("hs_priority", "seats")


@pytest.mark.parametrize(
    ("present", "line"),
    [
        (frozenset({"amount", *NAMES}), "ok       {}: HubSpot has all of hs_priority, seats"),
        (
            frozenset({"seats"}),
            "warning  {}: HubSpot does not have, or has archived: hs_priority;",
        ),
        (
            Forbidden("no"),
            "warning  {}: HubSpot refuses to list them; add crm.schemas.deals.read",
        ),
        (
            Unavailable("the connection failed"),
            "warning  {}: listing them failed: the connection",
        ),
        (NO_ANSWER, "warning  {}: listing them failed: no answer in time; run"),
    ],
)
def test_what_is_found(present: object, line: str) -> None:
    (finding,) = judge_properties(NAMES, present)
    assert finding.line().startswith(line.format("HubSpot properties of deals"))


def test_without_own_properties_nothing_is_found() -> None:
    assert judge_properties((), NO_ANSWER) == []
