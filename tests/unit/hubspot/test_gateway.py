"""The priorities of the calls of readers, syncs and labels, and the account that a token belongs to."""

from __future__ import annotations

import time

import pytest

from dealcache.hubspot.errors import MalformedAnswer
from dealcache.hubspot.gateway import Account, HubSpotGateway
from dealcache.hubspot.limits.buckets import Bucket, Priority
from dealcache.hubspot.limits.rate_limiter import RateLimiter
from dealcache.hubspot.limits.sliding_window import SlidingWindow
from dealcache.hubspot.session import NullObserver
from dealcache.model.currencies import CompanyCurrencies
from dealcache.model.deadline import Deadline
from dealcache.model.unreadable import UnreadableRecords
from tests.unit.hubspot.conftest import BASE_URL, TOKEN


class Noted(RateLimiter):
    """A limiter that keeps the priorities of the calls."""

    def __init__(self):
        super().__init__(SlidingWindow(100, 10.0))
        self.priorities = []

    def acquire(self, deadline, priority):
        self.priorities.append(priority)
        return super().acquire(deadline, priority)


@pytest.fixture
def limiter():
    return Noted()


@pytest.fixture
def gateway(limiter):
    made = HubSpotGateway(
        BASE_URL,
        TOKEN,
        "v3",
        dict.fromkeys(Bucket, limiter),
        NullObserver(),
        lambda _deadline: None,
        UnreadableRecords(),
        time.time,
        time.monotonic,
    )
    yield made
    made.close()


@pytest.fixture
def notes(hubspot):
    hubspot.post(f"{BASE_URL}/crm/v3/objects/notes/batch/read", json={"results": []})


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize("priority", [Priority.INTERACTIVE, Priority.REREAD])
def test_a_reader_has_the_priority_that_it_asks_for(gateway, limiter, priority):
    gateway.client(Deadline(10), priority).read_records("notes", ["1"])
    assert limiter.priorities == [priority]


@pytest.mark.usefixtures("notes")
def test_the_calls_of_a_sync_come_last_and_tell_how_long_they_waited(gateway, limiter):
    waits = []
    with gateway.connect(1, waits.append) as client:
        client(Deadline(10)).read_records("notes", ["1"])
    assert limiter.priorities == [Priority.SYNC]
    assert len(waits) == 1


def test_lists_of_labels_do_not_wait_for_a_sync(gateway, limiter, hubspot):
    hubspot.get(f"{BASE_URL}/crm/v3/properties/deals", json={"results": [{"name": "amount"}]})
    gateway.label_lists(Deadline(10)).list_properties()
    assert limiter.priorities == [Priority.SHARED]


@pytest.mark.parametrize(
    ("details", "currencies"),
    [
        ({}, None),
        ({"companyCurrency": "euro", "additionalCurrencies": ["USD"]}, None),
        ({"companyCurrency": "EUR"}, CompanyCurrencies("EUR", has_others=False)),
        ({"companyCurrency": "EUR", "additionalCurrencies": "USD"}, CompanyCurrencies("EUR", has_others=False)),
        ({"companyCurrency": "EUR", "additionalCurrencies": ["EUR", None]}, CompanyCurrencies("EUR", has_others=False)),
        ({"companyCurrency": "EUR", "additionalCurrencies": ["EUR", "USD"]}, CompanyCurrencies("EUR", has_others=True)),
    ],
)
def test_an_account_has_an_id_and_the_currencies_that_hubspot_tells(gateway, hubspot, details, currencies):
    hubspot.get(f"{BASE_URL}/account-info/v3/details", json={"portalId": 4711} | details)
    assert gateway.account(Deadline(10)) == Account(4711, currencies)


@pytest.mark.parametrize("portal_id", [None, "", "x1", -1, 1.5, "٤٧", 10**18])
def test_without_an_id_it_is_no_account(gateway, hubspot, portal_id):
    hubspot.get(f"{BASE_URL}/account-info/v3/details", json={"portalId": portal_id})
    with pytest.raises(MalformedAnswer, match="no id"):
        gateway.account(Deadline(10))


def test_the_greatest_id_that_is_taken(gateway, hubspot):
    hubspot.get(f"{BASE_URL}/account-info/v3/details", json={"portalId": str(10**18 - 1)})
    assert gateway.account(Deadline(10)).portal_id == 10**18 - 1
