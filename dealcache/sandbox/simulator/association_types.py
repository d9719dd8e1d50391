"""The ids of the associations that HubSpot defines itself, from one object type to another.

Source: HubSpot's associations guide.
"""

from __future__ import annotations

from dealcache.sandbox.simulator.object_types import (
    CALLS,
    COMMUNICATIONS,
    COMPANIES,
    CONTACTS,
    DEALS,
    EMAILS,
    MEETINGS,
    NOTES,
    POSTAL_MAIL,
    TASKS,
)

HUBSPOT_DEFINED = "HUBSPOT_DEFINED"
USER_DEFINED = "USER_DEFINED"

# By the type at the near end and that at the far end: the id in this direction, and back.
_PAIRS = {
    DEALS.name: {
        CALLS.name: (205, 206),
        EMAILS.name: (209, 210),
        MEETINGS.name: (211, 212),
        NOTES.name: (213, 214),
        TASKS.name: (215, 216),
        COMMUNICATIONS.name: (86, 85),
        POSTAL_MAIL.name: (458, 457),
        DEALS.name: (451, 451),
        CONTACTS.name: (3, 4),
        COMPANIES.name: (341, 342),
    },
    CONTACTS.name: {
        CALLS.name: (193, 194),
        EMAILS.name: (197, 198),
        MEETINGS.name: (199, 200),
        NOTES.name: (201, 202),
        TASKS.name: (203, 204),
        COMMUNICATIONS.name: (82, 81),
        POSTAL_MAIL.name: (454, 453),
        COMPANIES.name: (279, 280),
    },
    COMPANIES.name: {
        CALLS.name: (181, 182),
        EMAILS.name: (185, 186),
        MEETINGS.name: (187, 188),
        NOTES.name: (189, 190),
        TASKS.name: (191, 192),
        COMMUNICATIONS.name: (88, 87),
        POSTAL_MAIL.name: (460, 459),
    },
}


def default_association(from_type: str, to_type: str) -> int | None:
    """HubSpot's own association type id from one type name to another, None when the two cannot be associated."""
    if there := _PAIRS.get(from_type, {}).get(to_type):
        return there[0]
    back = _PAIRS.get(to_type, {}).get(from_type)
    return back[1] if back else None
