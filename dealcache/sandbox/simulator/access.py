"""Which scopes a token needs for which call.

Source: the security sections of HubSpot's OpenAPI files. Each requirement is a tuple of scopes of which one is enough;
a call may have several requirements.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Literal

from dealcache.sandbox.simulator.errors import missing_scopes
from dealcache.sandbox.simulator.object_types import COMPANIES, DEALS, EMAILS, ObjectType

Right = Literal["read", "write", "schema", "associations", "owners", "pipelines", "none"]

DEALS_READ = "crm.objects.deals.read"
DEALS_WRITE = "crm.objects.deals.write"
CONTACTS_READ = "crm.objects.contacts.read"
CONTACTS_WRITE = "crm.objects.contacts.write"
COMPANIES_READ = "crm.objects.companies.read"
COMPANIES_WRITE = "crm.objects.companies.write"
OWNERS_READ = "crm.objects.owners.read"
SCHEMAS_READ = "crm.schemas.deals.read"
EMAIL_READ = "sales-email-read"

#: Every scope that any call to the simulator can ask for.
ALL_SCOPES = frozenset(
    {
        DEALS_READ,
        DEALS_WRITE,
        CONTACTS_READ,
        CONTACTS_WRITE,
        COMPANIES_READ,
        COMPANIES_WRITE,
        OWNERS_READ,
        SCHEMAS_READ,
        EMAIL_READ,
    }
)

Requirements = tuple[tuple[str, ...], ...]


def requirements(right: Right, kind: ObjectType | None, *, dated: bool) -> Requirements:
    """Return what a call needs.

    Args:
        right: the sort of access.
        kind: the object type that the call is about, None if it is about none.
        dated: whether the path is one of a date-based version. Those ask for both scopes to read emails, v3 for either.
    """
    if right == "owners":
        return ((OWNERS_READ,),)
    if right == "pipelines":
        return ((DEALS_READ, OWNERS_READ, SCHEMAS_READ),)
    if right == "associations":
        return ((DEALS_READ, CONTACTS_READ),)
    if right == "none" or kind is None:
        return ()
    if kind is DEALS:
        return {"read": ((DEALS_READ,),), "write": ((DEALS_WRITE,),)}.get(right, ((SCHEMAS_READ, DEALS_READ),))
    if kind is COMPANIES:
        return ((COMPANIES_WRITE if right == "write" else COMPANIES_READ,),)
    if right == "write":
        return ((CONTACTS_WRITE,),)
    if kind is EMAILS and right == "read":
        return ((CONTACTS_READ,), (EMAIL_READ,)) if dated else ((CONTACTS_READ, EMAIL_READ),)
    return ((CONTACTS_READ,),)


def check_scopes(granted: Set[str], needed: Requirements) -> None:
    """Lets a call pass when the token has one scope of each requirement.

    Raises:
        ApiError: 403, it does not.
    """
    for choices in needed:
        if granted.isdisjoint(choices):
            raise missing_scopes(choices)
