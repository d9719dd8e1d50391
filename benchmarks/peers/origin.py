"""The origin of the compared Python programs: the service that they are compared with."""

from __future__ import annotations

import os
from typing import Any

import requests

PATH = "/api/hubspot/deal-timeline"
#: Where a program shows the same in another way: encoded by what FastAPI does with a return type.
TYPED_PATH = "/api/hubspot/deal-timeline-typed"
#: Longer than any benchmark: what is measured must not turn into misses under way.
KEPT_SECONDS = 86_400
_TIMEOUT_SECONDS = 30.0


def url() -> str:
    """The service's address for timelines."""
    return os.environ["ORIGIN"] + PATH


def fetch_timeline(deal_name: str) -> dict[str, Any]:
    """The timeline of a deal, as the service tells it."""
    answer = requests.get(url(), params={"dealName": deal_name}, timeout=_TIMEOUT_SECONDS)
    answer.raise_for_status()
    timeline: dict[str, Any] = answer.json()
    return timeline
