"""Records as strangers, imports and old integrations leave them in an account; the soak must not notice them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

Change = dict[str, Any]

#: Bodies of activities, each of which once cost a second, a gigabyte, or every sync.
BODIES: Sequence[str] = (
    "<b>" * 10_000 + "&#" + "0" * 4_301 + ";",
    "<p>" + "".join(f"<i a{number}>" for number in range(2_000)) + "<p>x" * 2_000,
    "".join(f"<p><font size={number % 7} color=#{number:06x}>line" for number in range(1_500)),
    "<a " + " ".join(f"b{number}=c" for number in range(20_000)) + ">text</a>",
    "see <style guide> attached.\nBudget approved: 50k",
    "Dear <title> <name>,\nour offer is 20,000 EUR.",
    "\x00\x01<![CDATA[" + "<" * 20_000 + "&" * 20_000 + "<!--" * 5_000,
)

#: The property with the body of each type of activity that a test deal gets.
BODY_OF: Mapping[str, str] = {
    "calls": "hs_call_body",
    "tasks": "hs_task_body",
    "meetings": "hs_meeting_body",
    "emails": "hs_email_html",
}

#: What is wrong with single activities of the other deals, as the simulator takes it.
ACTIVITY_POISONS: Sequence[Mapping[str, Any]] = (
    {"members": {"properties": ["no", "properties"]}},
    {"properties": {"hs_timestamp": {"a": "time?"}}},
    {"raw": {"hs_timestamp": "1e400"}},
    {"properties": {"hs_timestamp": "9999-12-31T23:59:59.999Z"}},
    {"properties": {"hs_timestamp": "0001-01-01T00:00:00Z", "hubspot_owner_id": 7}},
    {"category": "VALIDATION_ERROR"},
    {"category": "INTERNAL_ERROR", "named": False},
    {"absent": ["createdAt", "updatedAt", "properties"]},
    {"members": {"archived": "perhaps", "createdAt": 17, "updatedAt": None}},
)

#: The same for single deals.
DEAL_POISONS: Sequence[Mapping[str, Any]] = (
    {"properties": {"closedate": "9999-12-31T23:59:59Z", "amount": {"x": 1}}},
    {"properties": {"closedate": "0001-01-01T00:00:00Z", "createdate": "yesterday"}},
    {"properties": {"dealname": ["a", "list"]}},
    {"raw": {"amount": "1e400"}},
    {"members": {"properties": None}},
)


def body_for(version: int) -> str:
    """Return the body of the activity that a change to ``version`` adds."""
    return BODIES[version % len(BODIES)]


def poisons(truth: Sequence[Mapping[str, Any]], spared: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Return what is to be done to an account, as bodies of the simulator's control ``poisons``.

    Args:
        truth: the live deals with their activities.
        spared: ids of the deals that stay well, with all that is theirs.
    """
    others = [deal for deal in truth if deal["id"] not in spared]
    kept = {(one["type"], one["id"]) for deal in truth if deal["id"] in spared for one in deal["activities"]}
    wrong_with_deals = cycle(DEAL_POISONS)
    wrong_with_activities = cycle(ACTIVITY_POISONS)
    for deal in others[::4]:
        yield {"type": "deals", "id": deal["id"]} | dict(next(wrong_with_deals))
    activities = {(one["type"], one["id"]) for deal in others for one in deal["activities"]}
    for kind, activity_id in sorted(activities - kept)[::9]:
        yield {"type": kind, "id": activity_id} | dict(next(wrong_with_activities))
