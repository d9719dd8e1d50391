"""The command that compares lists with what counting gives."""

from __future__ import annotations

from typing import Any

import pytest
from bson import DatetimeMS

from tests.integration.service.harness import ACME, Service


@pytest.fixture
def stored(service: Service) -> Service:
    assert service.get("deal-info", dealName=ACME).status_code == 200
    return service


def check(service: Service, *options: str) -> tuple[int, str]:
    with service.app.app_context():
        done = service.app.test_cli_runner().invoke(args=["lists", "check", *options])
    return done.exit_code, done.output


def test_a_difference_is_named_and_mended(stored: Service) -> None:
    right = "deals compared: 1\nnot shown as counted: 0\n"
    assert check(stored) == (0, right)
    (deal,) = stored.get("v2/all-deals").get_json()
    stored.database.deal_timeline.delete_one({})  # by a program that knows nothing of lists
    wrong = "deals compared: 1\nnot shown as counted: 1"
    assert check(stored) == (1, f"{wrong}\n  {deal['deal_id']}\n")
    assert check(stored, "--mend") == (0, f"{wrong}, counted again\n  {deal['deal_id']}\n")
    assert check(stored) == (0, right)
    assert stored.get("v2/all-deals").get_json()[0]["activities"] == deal["activities"] - 1


@pytest.mark.parametrize(
    "odd", ["none", [{"count": 3}], {"count": 1, "next": "tomorrow"}, {"count": 1, "next": DatetimeMS(2**62)}]
)
def test_what_another_system_has_put_in_place_of_a_summary_is_mended(stored: Service, odd: Any) -> None:
    shown = stored.get("v2/all-deals").get_json()
    stored.database.deal_info.update_one({}, {"$set": {"activities": odd}})
    assert check(stored, "--mend")[0] in (0, 1)
    assert check(stored)[1] == "deals compared: 1\nnot shown as counted: 0\n"
    assert stored.get("v2/all-deals").get_json() == shown


def test_a_failing_mongodb_is_named(stored: Service) -> None:
    stored.app.extensions["dealcache"].storage.close()
    code, output = check(stored)
    assert code == 1
    assert output.startswith("Error: MongoDB: ")
