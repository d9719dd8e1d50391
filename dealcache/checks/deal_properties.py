"""Own properties of deals: does HubSpot have those that are configured?"""

from __future__ import annotations

from collections.abc import Collection

from dealcache.checks.findings import Finding, ok, warning
from dealcache.hubspot import Forbidden
from dealcache.hubspot.property_reads import SCHEMA_SCOPE

SUBJECT = "HubSpot properties of deals"


def judge_properties(names: Collection[str], present: object) -> list[Finding]:
    """Return the finding about the configured properties; none without any.

    Args:
        names: those of HUBSPOT_DEAL_PROPERTIES.
        present: the names that HubSpot has, or the error when it was asked.
    """
    if not names:
        return []
    if isinstance(present, Forbidden):
        remedy = f"add {SCHEMA_SCOPE} to the scopes of the private app; until then values are shown as texts"
        return [warning(SUBJECT, "HubSpot refuses to list them", remedy)]
    if not isinstance(present, frozenset):
        return [warning(SUBJECT, f"listing them failed: {present}", "run this check again later")]
    if absent := [name for name in names if name not in present]:
        remedy = "correct HUBSPOT_DEAL_PROPERTIES, which takes the internal names of properties; these are left out"
        return [warning(SUBJECT, f"HubSpot does not have, or has archived: {', '.join(absent)}", remedy)]
    return [ok(SUBJECT, f"HubSpot has all of {', '.join(names)}")]
