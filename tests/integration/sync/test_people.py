"""The people that take part in deals and activities, and their names, kept by syncs."""

from __future__ import annotations

from datetime import timedelta
from math import ceil
from typing import Any

import pytest

from dealcache.api.deliveries import parse_events
from dealcache.model.deals import ENGAGEMENT_TYPES
from dealcache.model.jobs import JobStatus, JobType
from dealcache.sandbox.simulator import ALL_SCOPES, Dataset, Fault, demo_data, people_of
from dealcache.sandbox.simulator.webhook_events import event_of
from tests.integration.sync.harness import Account, MakeAccount, some_deals

KINDS = {"Call": "calls", "Meeting": "meetings", "Note": "notes", "Task": "tasks", "Postal Mail": "postal_mail"}
KINDS |= dict.fromkeys(("SMS", "WhatsApp", "LinkedIn Message"), "communications")


def peopled(deals: int = 12, contacts: int = 5) -> Dataset:
    """Some deals, each with an activity of each type; deal, call and note have contacts and a company."""
    data = some_deals(deals)
    old = {"created_at": 1_700_000_000.0, "already_indexed": True}
    for number in range(contacts):
        data.create("contacts", {"firstname": f"Jane {number}", "lastname": "Doe"}, record_id=51 + number, **old)
    data.create("companies", {"name": "Acme"}, record_id=7, **old)
    for number in range(1, deals + 1):
        one = str(1000 + number)
        data.associate("deals", one, "contacts", 51 + number % contacts)
        data.associate("deals", one, "companies", 7)
        for kind in ("calls", "notes"):
            data.associate(kind, number, "contacts", 51 + number % contacts)
    return data


def shown(account: Account, deal_id: str) -> dict[str, Any]:
    """Return the people in a timeline from MongoDB, in the form of the simulator's ground truth."""
    timeline = account.service.get("v2/deal-timeline", dealId=deal_id).get_json()
    events = {
        f"{KINDS.get(event['type'], 'emails')}:{event['engagement_id']}": event.get("with")
        for event in timeline["events"]
    }
    return {"with": timeline.get("with"), "events": events}


def assert_people(account: Account) -> None:
    """That all timelines name exactly those whom HubSpot has."""
    for deal_id in account.truth():
        assert shown(account, deal_id) == people_of(account.data, deal_id), deal_id


def people_calls(account: Account) -> dict[str, int]:
    """The calls about people, by what they were."""
    found: dict[str, int] = {}
    for call in account.hubspot.calls:
        if "/contacts" in call.path or "/companies" in call.path:
            found[call.kind] = found.get(call.kind, 0) + 1
    return found


@pytest.fixture
def account(make_account: MakeAccount) -> Account:
    """Twelve deals with people, all loaded, a minute ago."""
    account = make_account(peopled(), ASSOCIATED_NAMES="on")
    account.run()
    account.settle()
    return account


def test_a_full_load_names_everybody_with_the_calls_of_the_formula(make_account: MakeAccount) -> None:
    data = demo_data(40, seed=3)
    account = make_account(data, ASSOCIATED_NAMES="on")

    account.run(JobType.FULL)

    assert_people(account)
    stored = account.service.database
    by_type = (stored.deal_timeline.distinct("engagement_id", {"engagement_type": one}) for one in ENGAGEMENT_TYPES)
    associations = 2 * ceil(40 / 1000) + 2 * sum(ceil(len(ids) / 1000) for ids in by_type)
    contacts, companies = (stored[name].count_documents({}) for name in ("contacts", "companies"))
    names = ceil(contacts / 100) + ceil(companies / 100)
    assert people_calls(account) == {"associations": associations, "batch_read": names, "search": 2}


def test_off_a_sync_makes_no_call_more_and_stores_nothing_more(make_account: MakeAccount) -> None:
    account = make_account(peopled())

    account.run()
    account.settle()
    account.run()

    assert people_calls(account) == {}
    assert account.service.database.contacts.count_documents({}) == 0
    assert "people" not in account.service.database.sync_state.find_one({"_id": "account"})


def test_an_incremental_sync_names_the_people_of_what_changed(account: Account) -> None:
    data = account.data
    new = data.create("contacts", {"firstname": "New", "lastname": "Person"}).id
    note = data.add_activity("notes", deals=[account.deal(1)])
    data.associate("notes", note, "contacts", new)
    call = account.activities(account.deal(2), "calls")[0]
    data.disassociate("calls", call, "contacts", 53)
    data.update("calls", call, {"hs_call_title": "changed"})
    data.associate("deals", account.deal(3), "contacts", new)
    data.update("deals", account.deal(3), {"amount": "5"})

    account.run()

    assert_people(account)


def test_renamed_people_are_shown_by_their_new_names_at_once(account: Account) -> None:
    data, service = account.data, account.service
    assert service.get("deal-timeline", dealId=account.deal(1)).get_json()["with"][0]["name"] == "Jane 1 Doe"
    data.update("contacts", 52, {"firstname": "Joan"})
    data.update("companies", 7, {"name": "Acme Inc."})

    job = account.run(JobType.SCHEDULED)

    answer = service.get("deal-timeline", dealId=account.deal(1)).get_json()
    assert [one["name"] for one in answer["with"]] == ["Joan Doe", "Acme Inc."]
    assert job.progress.deals_changed == 12
    assert_people(account)


def test_a_search_that_is_behind_brings_back_no_old_name(make_account: MakeAccount) -> None:
    account = make_account(peopled(), ASSOCIATED_NAMES="on", index_lag=30.0)
    account.run()
    account.settle()
    account.data.update("contacts", 52, {"firstname": "Joan"})
    account.clock.tick(31)
    account.data.update("contacts", 52, {"firstname": "Joanna"})
    account.service.get("deal-timeline", dealId=account.deal(1), refresh="true")

    account.run(JobType.SCHEDULED)

    assert_people(account)


def test_people_who_were_deleted_for_good_or_archived_vanish_with_the_next_sync(account: Account) -> None:
    service = account.service
    before = service.get("deal-timeline", dealId=account.deal(1)).get_json()
    assert before["with"][0]["id"] == "52"
    account.data.erase("contacts", 52)
    account.data.archive("contacts", 53)

    account.run()

    assert_people(account)
    after = service.get("deal-timeline", dealId=account.deal(1)).get_json()
    assert [one["id"] for one in after["with"]] == ["7"]
    names = str(list(service.database.contacts.find()))
    assert "Jane 1" not in names
    assert "Jane 2" not in names
    assert "Jane 3" in names
    # One that comes out of the recycle bin is back with the sync after that.
    account.data.restore("contacts", 53)
    account.settle()
    account.run()
    assert_people(account)


def test_merged_people_are_shown_as_the_ones_they_became(account: Account) -> None:
    account.data.merge("contacts", 51, 52)

    account.run()

    assert_people(account)


def test_all_known_people_are_confirmed_once_in_a_sync(account: Account) -> None:
    account.run()

    assert people_calls(account) == {"search": 2, "batch_read": 2}


def test_turned_on_later_the_next_sync_names_everybody(make_account: MakeAccount) -> None:
    before = make_account(peopled())
    before.run()
    before.settle()
    account = make_account(beside=before, ASSOCIATED_NAMES="on")

    account.run(JobType.INCREMENTAL)

    assert_people(account)
    account.settle()
    account.run()
    assert "associations" not in people_calls(account)


def test_turned_off_and_on_again_what_changed_meanwhile_is_found(account: Account, make_account: MakeAccount) -> None:
    off = make_account(beside=account)
    note = account.data.add_activity("notes", deals=[account.deal(1)])
    account.data.associate("notes", note, "contacts", 55)
    account.data.update("contacts", 51, {"lastname": "Roe"})
    off.run()
    assert people_calls(off) == {}
    account.settle()

    account.run()

    assert_people(account)


def test_the_walk_continues_where_its_calls_ended(make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dealcache.sync.people_rounds.MOST_ASSOCIATION_INPUTS", 5)
    monkeypatch.setattr("dealcache.sync.job_executor.CALLS_WHEN_ASKED", 16)
    before = make_account(peopled())
    before.run()
    account = make_account(beside=before, ASSOCIATED_NAMES="on")
    reads = []
    for _ in range(30):
        account.settle()
        account.run()
        reads.append(people_calls(account).get("associations", 0))
        if not reads[-1]:
            break

    # Twelve deals, and twelve activities of each type, five at a time: three pages each, and no page twice. The first
    # sync reads all meetings, because HubSpot does not list archived ones, and who took part in them.
    assert reads == [8 + 2, 8, 8, 8, 8, 8, 0]
    assert_people(account)


@pytest.mark.parametrize("match", ["/associations/.*/companies/", "/objects/companies/"])
def test_a_refusal_fails_no_sync_and_is_made_up_for(make_account: MakeAccount, match: str) -> None:
    account = make_account(peopled(), ASSOCIATED_NAMES="on")
    account.hubspot.site.scopes = ALL_SCOPES - {"crm.objects.companies.read"}
    account.hubspot.faults.add(Fault(match, status=403))

    job = account.run()

    assert any("names of people" in warning for warning in job.progress.warnings)
    account.assert_true()
    account.settle()
    account.run()
    assert people_calls(account) == {}
    account.hubspot.faults.clear()
    account.hubspot.site.scopes = ALL_SCOPES
    account.sync.people.storage.pause._until = float("-inf")
    account.clock.tick(60)
    account.run()
    assert_people(account)


def test_a_record_and_a_person_that_cannot_be_read_are_two_and_no_more(make_account: MakeAccount) -> None:
    account = make_account(peopled(), ASSOCIATED_NAMES="on")
    note = account.activities(account.deal(3))[0]
    account.hubspot.faults.add(Fault("/associations/notes/contacts/", status=400, record=note))
    account.hubspot.faults.add(Fault("/objects/contacts/batch", status=400, record="52"))

    job = account.run()

    assert len([one for one in job.progress.warnings if "HubSpot cannot read" in one]) == 2
    for deal_id in account.truth():
        truth = people_of(account.data, deal_id)
        for people in (truth["with"], *truth["events"].values()):
            for one in people:
                if one["id"] == "52":
                    one["name"] = None
        if deal_id == account.deal(3):
            truth["events"][f"notes:{note}"] = None
        assert shown(account, deal_id) == truth


def test_a_failure_of_a_changed_record_is_made_up_for_by_a_walk(account: Account) -> None:
    note = account.activities(account.deal(1))[0]
    account.data.associate("notes", note, "contacts", 55)
    account.data.update("notes", note, {"hs_note_body": "changed"})
    account.hubspot.faults.add(Fault("/associations/notes/contacts/", status=503))

    job = account.run()

    assert job.status is JobStatus.COMPLETED
    account.hubspot.faults.clear()
    account.settle()
    account.run()
    assert_people(account)


def test_more_changed_people_than_are_worth_a_search_are_read_by_their_ids(
    make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dealcache.sync.people_rounds._SEARCHES", 0)
    data = peopled()
    account = make_account(data, ASSOCIATED_NAMES="on")
    account.run()
    account.settle()
    for number in range(900):
        data.create("contacts", {"firstname": f"Stranger {number}"})
    data.update("contacts", 52, {"firstname": "Joan"})

    account.run(JobType.SCHEDULED)

    assert people_calls(account)["search"] <= 4
    assert_people(account)
    assert account.service.database.contacts.count_documents({}) == 5


def test_a_selected_deal_is_named_too(make_account: MakeAccount) -> None:
    account = make_account(peopled(), ASSOCIATED_NAMES="on")

    account.run(JobType.DEAL, deal="Deal 1")

    assert shown(account, account.deal(1)) == people_of(account.data, account.deal(1))


def test_webhooks_of_people_are_worked_off(account: Account) -> None:
    data = account.data
    told: list[dict[str, Any]] = []
    data.listeners.append(lambda change: told.append(event_of(change, len(told), 1) or {}))
    data.update("contacts", 51, {"firstname": "Joan"})
    data.erase("contacts", 52)
    data.merge("contacts", 53, 54)
    data.associate("calls", account.activities(account.deal(5), "calls")[0], "companies", 7)
    data.associate("deals", account.deal(6), "contacts", 55)
    data.create("contacts", {"firstname": "Stranger"})
    account.clock.tick(1)

    events, _ = parse_events((one for one in told if one), people=True)
    account.storage.webhook_events.store(events, account.sync.now())
    account.sync.webhooks.processor.process_new()

    assert account.storage.webhook_events.backlog().pending == 0
    assert_people(account)
    assert account.service.database.contacts.count_documents({"name": "Stranger"}) == 0


def test_nothing_is_confirmed_that_was_read_a_moment_ago(account: Account) -> None:
    due = account.storage.people.due("contacts", account.sync.now() - timedelta(days=1), 100)

    assert due == []
