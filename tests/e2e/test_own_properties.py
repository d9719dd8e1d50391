"""Own properties of deals, from the environment to the API: configured, synced, changed, restarted, synced again."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Any

import pytest

from tests.e2e.jobs import ask_for_sync, completed
from tests.e2e.programs import Gunicorn, HubSpot, StartService
from tests.e2e.truth import V2

#: How the values of each property are shown, by the text that HubSpot has.
SHOWN = {
    "seats": float,
    "hs_priority": str,
    "contract_start": str,
    "modules": lambda text: text.split(";"),
}


@pytest.fixture
def quick_hubspot(hubspot: HubSpot) -> Iterator[HubSpot]:
    """A HubSpot whose limit is one that nobody reaches, and which says so."""
    hubspot.steer("PATCH", "settings", limits={"ten_secondly": 5_000})
    yield hubspot
    hubspot.steer("PATCH", "settings", limits=False)


def sync(service: Gunicorn, hubspot: HubSpot, **parameters: str) -> int:
    """Sync, and return how many pages of lists that took."""
    before = hubspot.calls()["list"]
    completed(service, ask_for_sync(service, **parameters))
    return hubspot.calls()["list"] - before


def values(service: Gunicorn, deal_id: str) -> dict[str, Any]:
    info = service.get(f"{V2}/deal-info", dealId=deal_id).json()
    return {name: one["value"] for name, one in info["properties"].items()}


def assert_true_values(service: Gunicorn, hubspot: HubSpot, *names: str) -> int:
    """That deals are shown with what HubSpot has; returns the number of deals."""
    deals = hubspot.steer("GET", "deals")["deals"]
    for deal in deals[:20]:
        truth = hubspot.steer("GET", f"deals/{deal['id']}")["properties"]
        expected = {name: SHOWN[name](truth[name]) if name in truth else None for name in names}
        assert {name: one for name, one in values(service, deal["id"]).items() if name in names} == expected
    return len(deals)


@pytest.mark.long
def test_a_longer_list_of_properties_is_there_after_a_restart_and_a_sync(
    start_service: StartService, quick_hubspot: HubSpot
) -> None:
    hubspot = quick_hubspot
    first = start_service(HUBSPOT_DEAL_PROPERTIES="seats", SYNC_CONFIRM_SECONDS="0")
    sync(first, hubspot, full="true")
    deals = assert_true_values(first, hubspot, "seats")
    usual = sync(first, hubspot)
    first.stop()

    second = start_service(
        HUBSPOT_DEAL_PROPERTIES="seats,hs_priority,contract_start,modules,no_such",
        SYNC_CONFIRM_SECONDS="0",
        MONGODB_DATABASE=first.database,
    )
    assert sync(second, hubspot) == usual + ceil(deals / 100)
    assert_true_values(second, hubspot, "seats", "hs_priority", "contract_start", "modules")
    assert sync(second, hubspot) == usual
    (line,) = [one["message"] for one in second.log() if "HUBSPOT_DEAL_PROPERTIES" in one["message"]]
    assert line.endswith(": no_such")

    deal_id = hubspot.steer("GET", "deals")["deals"][0]["id"]
    changed = {"seats": "77", "modules": "api;sso", "hs_priority": None}
    hubspot.change({"do": "update", "object_type": "deals", "record_id": deal_id, "properties": changed})
    sync(second, hubspot)
    assert_true_values(second, hubspot, "seats", "hs_priority", "contract_start", "modules")
    assert values(second, deal_id)["seats"] == 77
