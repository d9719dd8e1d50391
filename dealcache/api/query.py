"""Query strings, parsed strictly.

Werkzeug decodes broken escapes and UTF-8 sequences to something, and takes the first of repeated parameters. In a
look-up by name that could mean another deal, so here each of these is an error that names the parameter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

from dealcache.model.deals import DealKey
from dealcache.model.deals import deal_name as deal_name
from dealcache.reader.question_errors import QuestionError
from dealcache.tiers import View

#: The paths that show a view of a deal.
PATHS = {
    "/api/hubspot/deal-activities-count": View.ACTIVITIES_COUNT,
    "/api/hubspot/deal-timeline": View.TIMELINE,
    "/api/hubspot/deal-info": View.INFO,
}

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DEAL_ID = re.compile(r"[0-9]{1,20}")


# The check of access and the reading of parameters each parse the query of the same request.
@lru_cache(maxsize=256)
def parse_query(raw: str) -> Mapping[str, list[str]]:
    """Return the values of each parameter of a query string, in their order.

    Args:
        raw: the query string of WSGI: still percent-encoded, bytes above 127 as Latin-1.

    Raises:
        QuestionError: an escape or a UTF-8 sequence is broken.
    """
    values: dict[str, list[str]] = {}
    for pair in raw.split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        field = _decode(name, "query")
        values.setdefault(field, []).append(_decode(value, field))
    return MappingProxyType(values)


def _decode(text: str, field: str) -> str:
    if _BROKEN_ESCAPE.search(text):
        raise QuestionError(field, "Broken percent-encoding.")
    try:
        return unquote_to_bytes(text.replace("+", " ").encode("latin-1")).decode("utf-8")
    except UnicodeError:
        raise QuestionError(field, "Not valid UTF-8.") from None


def deal_id(text: str) -> str:
    """Return a deal's id; raise ValueError if it is not made of 1 to 20 digits."""
    if not _DEAL_ID.fullmatch(text):
        raise ValueError("Must be HubSpot's id of the deal: 1 to 20 digits.")
    return text


def deal_key(values: Mapping[str, str]) -> DealKey | None:
    """Return the deal that the parameters name, by ``dealId`` before ``dealName``; None if both are missing.

    Raises:
        ValueError: one of them is invalid.
    """
    name = deal_name(values["dealName"]) if "dealName" in values else None
    if "dealId" in values:
        return DealKey("id", deal_id(values["dealId"]))
    return None if name is None else DealKey("name", name)
