"""Loads that name the people who take part: their round trips, their calls, and that they fail no deal."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from dealcache.hubspot.errors import Forbidden, Unavailable
from dealcache.hubspot.loader import DealLoader
from dealcache.hubspot.pages import AssociationPage, RecordBatch
from dealcache.hubspot.people_reads import PAUSE_SECONDS, PeopleSource, RefusalPause
from dealcache.model.deals import ENGAGEMENT_TYPES, DealKey, LoadedDeal
from dealcache.model.people import Person
from tests.unit.hubspot.accounts import Account, VirtualPool, refresher_of, soon, spread
from tests.unit.hubspot.records import deal, record

ACME = DealKey("name", "Acme renewal")
PEOPLE = ("contacts", "companies")


class PeopledAccount(Account):
    """Every deal and activity has the contact of its own id modulo ``contacts``, and the company 7."""

    contacts = 5

    def read_associations(self, from_type, records, to_type):
        if to_type not in PEOPLE:
            return super().read_associations(from_type, records, to_type)
        self._count(f"{from_type} {to_type}")
        assert len(records) <= 1000
        of = {one: (str(int(one) % self.contacts) if to_type == "contacts" else "7",) for one in records}
        return AssociationPage(of, {})

    def read_records(self, object_type, ids):
        if object_type not in PEOPLE:
            return super().read_records(object_type, ids)
        self._count(object_type)
        there = [one for one in ids if (object_type, one) not in self.archived]
        return RecordBatch([record(one, firstname=f"Name {one}", name=f"Company {one}") for one in there])


@pytest.fixture
def account():
    return PeopledAccount()


@pytest.fixture
def known():
    return {}


@pytest.fixture
def load(account, known, clock, monkeypatch):
    """Loads Acme when owners and pipelines are known."""
    pool = VirtualPool(clock, account)
    monkeypatch.setattr("dealcache.hubspot.worker_pool.SimpleQueue", pool.queue)
    source = PeopleSource(lambda keys: {key: known[key] for key in keys if key in known}, RefusalPause("names", clock))
    labels = refresher_of(account, pool, clock)
    loader = DealLoader(account.connect, labels, pool, lambda: datetime(2026, 11, 23, tzinfo=UTC), people=source)
    account.add(deal("1", "Warm-up"))
    loader.load([DealKey("id", "1")], soon(clock), known_ids={})
    del account.deals["1"]
    account.calls.clear()

    def run(**more) -> LoadedDeal:
        (outcome,) = loader.load([ACME], soon(clock), known_ids={}, **more).values()
        assert isinstance(outcome, LoadedDeal), outcome
        return outcome

    return run


def named(account) -> Counter[str]:
    return Counter({call: count for call, count in account.calls.items() if any(call.endswith(one) for one in PEOPLE)})


def test_names_come_one_round_trip_after_the_activities(load, account, clock):
    account.add(deal(), **spread(60))
    started = clock.now

    loaded = load()

    assert clock.now - started == pytest.approx(4 * 0.2)
    ends = [f"{kind} {people}" for kind in ("deals", *ENGAGEMENT_TYPES) for people in PEOPLE]
    assert named(account) == dict.fromkeys([*ends, *PEOPLE], 1)
    assert loaded.people.of_deal == ("contact:3", "company:7")
    assert {event.participants for event in loaded.events} == {(f"contact:{one}", "company:7") for one in range(5)}
    assert loaded.people.names["contact:3"] == Person("contact:3", "Name 3")
    assert loaded.people.names["company:7"] == Person("company:7", "Company 7")
    assert loaded.people.read == loaded.people.names.keys()


def test_a_thousand_activities_share_a_call_and_a_hundred_people_do(load, account):
    account.contacts = 250
    account.add(deal(), notes=[str(number) for number in range(2_500)])

    load()

    assert named(account)["notes contacts"] == named(account)["notes companies"] == 3
    assert named(account)["contacts"] == 3


def test_names_that_are_known_are_not_read_but_by_a_refresh(load, account, known):
    known |= {"contact:3": Person("contact:3", "Known"), "company:7": None}
    account.add(deal())

    loaded = load()
    assert loaded.people.names == known
    assert loaded.people.read == frozenset()
    assert "contacts" not in account.calls

    fresh = load(fresh_labels=True)
    assert fresh.people.names["contact:3"] == Person("contact:3", "Name 3")
    assert fresh.people.read == known.keys()


def test_who_is_gone_is_known_to_be_gone(load, account):
    account.archived.add(("contacts", "3"))
    account.add(deal())

    assert load().people.names["contact:3"] is None


@pytest.mark.parametrize("call", ["notes contacts", "deals companies", "contacts"])
def test_a_failure_is_nobody_elses(load, account, call):
    account.failures[call] = Unavailable("HubSpot failed")
    account.add(deal(), notes=["301"], calls=["302"])

    loaded = load()

    by_type = {event.engagement_type: event.participants for event in loaded.events}
    assert by_type["calls"] == ("contact:2", "company:7")
    assert by_type["notes"] == (None if call == "notes contacts" else ("contact:1", "company:7"))
    assert (loaded.people.of_deal is None) == (call == "deals companies")
    assert loaded.people.names["company:7"] == Person("company:7", "Company 7")
    assert ("contact:2" in loaded.people.names) == (call != "contacts")


def test_a_refusal_keeps_the_calls_back_for_a_while(load, account, clock, caplog):
    account.failures["deals contacts"] = Forbidden("no", scopes=("crm.objects.contacts.read",))
    account.add(deal())
    load()
    account.calls.clear()

    assert load().people.of_deal is None
    assert not named(account)
    assert sum("needs crm.objects.contacts.read" in line for line in caplog.messages) == 1
    clock.now += PAUSE_SECONDS
    account.failures.clear()
    assert load().people.of_deal == ("contact:3", "company:7")
