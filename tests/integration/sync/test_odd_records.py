"""Single records that cannot be read, in syncs and webhooks: the rest goes on, and they keep what they had."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from bson import Code, DatetimeMS, Regex

from dealcache.model.jobs import JobType
from tests.integration.service.harness import V2
from tests.integration.sync.harness import Account, MakeAccount, some_deals
from tests.integration.sync.test_webhooks import PATH, SECRET, served
from tests.waiting import until

ODD: list[dict[str, Any]] = [
    {"properties": {"hs_note_body": {"a": 1}, "hs_timestamp": []}},
    {"members": {"properties": []}},
    {"members": {"properties": None, "createdAt": {}, "updatedAt": None}},
    {"raw": {"hs_note_body": "1e400", "hubspot_owner_id": "[" * 2000 + "]" * 2000}},
    {"properties": {"hs_timestamp": "9999-12-31T23:59:59Z"}},
    {"category": "VALIDATION_ERROR"},
    {"category": "INTERNAL_ERROR", "named": False},
]


def contents(account: Account, deal_id: str) -> dict[str, str]:
    """The stored text of each note of a deal."""
    found = account.service.database.deal_timeline.find({"deal_id": deal_id, "engagement_type": "notes"})
    return {event["engagement_id"]: event["content"] for event in found}


@pytest.mark.parametrize(
    ("poison", "kind"),
    [(poison, (JobType.FULL, JobType.INCREMENTAL)[place % 2]) for place, poison in enumerate(ODD)],
    ids=str,
)
def test_a_sync_ends_and_all_others_are_true(synced: Account, poison: dict[str, Any], kind: JobType) -> None:
    deal_id = synced.deal(5)
    (odd,) = synced.activities(deal_id)
    synced.data.update("notes", odd, {"hs_note_body": "changed"})
    other = synced.activities(synced.deal(6))[0]
    synced.data.update("notes", other, {"hs_note_body": "changed too"})
    before = synced.stored()
    synced.hubspot.poison("notes", odd, **poison)
    synced.clock.tick(60)

    synced.run(kind)

    after = synced.stored()
    assert {one: after[one] for one in after if one != deal_id} == {
        one: before[one] for one in before if one != deal_id
    }
    assert {row[1] for row in after[deal_id]} == {row[1] for row in before[deal_id]}
    assert contents(synced, synced.deal(6)) == {other: "changed too"}
    assert synced.service.get(V2 + "deal-timeline", dealName="Deal 5").status_code == 200

    synced.hubspot.cure()
    synced.clock.tick(60)
    synced.data.update("notes", odd, {"hs_note_body": "mended"})
    synced.run(kind)
    synced.assert_true()
    assert contents(synced, deal_id) == {odd: "mended"}


def test_a_refused_id_costs_one_call_more_and_no_chunk(make_account: MakeAccount) -> None:
    account = make_account(some_deals(250, ["emails"]))
    refused = account.activities(account.deal(7), "emails")[0]
    account.hubspot.poison("emails", refused, category="VALIDATION_ERROR")

    job = account.run(JobType.FULL)

    assert job.progress.deals_read == 250
    stored = account.stored()
    assert [one for one in stored if not stored[one]] == [account.deal(7)]
    assert account.hubspot.calls.count("batch_read") == 3 + 1
    # The next sync looks again, first of all.
    account.hubspot.cure()
    account.settle()
    account.run()
    account.assert_true()


def test_a_deal_that_is_refused_stays_as_it_is(synced: Account) -> None:
    refused = synced.deal(3)
    synced.data.update("deals", refused, {"dealname": "New name"})
    synced.data.update("deals", synced.deal(4), {"dealname": "Other name"})
    synced.hubspot.poison("deals", refused, category="INTERNAL_ERROR")
    synced.clock.tick(60)
    synced.run()
    stored = {one["deal_id"]: one for one in synced.service.database.deal_info.find()}
    assert (stored[refused]["deal_name"], stored[refused]["archived"]) == ("Deal 3", False)
    assert stored[synced.deal(4)]["deal_name"] == "Other name"
    assert len(synced.stored()[refused]) == 7


@pytest.mark.parametrize(
    ("poison", "kind"),
    [
        (
            {"properties": {"dealname": ["x"], "amount": "abc", "closedate": "10000-01-01", "dealstage": {}}},
            JobType.INCREMENTAL,
        ),
        ({"members": {"properties": 7}}, JobType.FULL),
        ({"members": {"id": None}}, JobType.INCREMENTAL),
        ({"members": {"id": None}}, JobType.FULL),
        ({"members": {"archived": "yes", "updatedAt": -1}}, JobType.INCREMENTAL),
    ],
    ids=str,
)
def test_a_deal_that_cannot_be_read_holds_up_no_other(synced: Account, poison: dict[str, Any], kind: JobType) -> None:
    odd = synced.deal(3)
    synced.data.update("deals", odd, {"dealname": "Changed"})
    new = synced.data.add_deal("New")
    synced.hubspot.poison("deals", odd, **poison)
    synced.clock.tick(60)
    synced.run(kind)
    assert new in synced.stored()
    assert len(synced.stored()[odd]) == 7
    assert len(synced.service.get(V2 + "all-deals").get_json()) == 13


def test_a_day_at_the_end_of_the_calendar_can_be_synced(synced: Account) -> None:
    for day in (date(9999, 12, 31), date(1, 1, 1)):
        synced.run(JobType.ALL_STAGES_DATE, first_day=day, last_day=day)


def test_webhooks_of_odd_records_hold_up_no_other(start: MakeAccount) -> None:
    account = start(HUBSPOT_CLIENT_SECRET=SECRET, SYNC_CONFIRM_SECONDS="0")
    account.run()
    odd, refused = account.activities(account.deal(1))[0], account.activities(account.deal(2))[0]
    other = account.activities(account.deal(3))[0]
    account.hubspot.poison("notes", odd, properties={"hs_note_body": ["x"], "hubspot_owner_id": {}})
    account.hubspot.poison("notes", refused, category="VALIDATION_ERROR")
    with served(account) as url:
        account.hubspot.webhooks.subscribe(url + PATH, SECRET)
        for one in (odd, refused, other):
            account.data.update("notes", one, {"hs_note_body": "changed"})
        until(lambda: contents(account, account.deal(3)) == {other: "changed"})
        until(lambda: contents(account, account.deal(1)) == {odd: ""})
        assert set(contents(account, account.deal(2))) == {refused}
        waiting = account.service.database.webhook_events
        until(lambda: waiting.distinct("record", {"pending": True}) == [f"notes:{refused}"])


@pytest.mark.parametrize("kind", [JobType.FULL, JobType.INCREMENTAL])
def test_documents_that_others_have_damaged_hold_up_no_sync(synced: Account, kind: JobType) -> None:
    documents = synced.service.database.deal_info
    beyond, damaged = DatetimeMS(10**17), Regex("x")
    for number, (name, value) in enumerate(
        [
            ("timeline_synced_at", beyond),
            ("timeline_synced_at", damaged),
            ("partly_synced_at", damaged),
            ("partly_synced_at", datetime.fromtimestamp(synced.clock.now, UTC)),
            ("associations_read_at", beyond),
            ("unread_types", "notes"),
            ("deal_name", Code("x")),
            ("merged_ids", [Code("x")]),
        ],
        1,
    ):
        documents.update_one({"deal_id": synced.deal(number)}, {"$set": {name: value}})
        synced.data.update("deals", synced.deal(number), {"amount": "5"})
    stranger = documents.insert_one(
        {"synced_at": damaged, "partly_synced_at": datetime.fromtimestamp(synced.clock.now, UTC)}
    ).inserted_id
    synced.clock.tick(60)

    synced.run(kind)

    documents.delete_one({"_id": stranger})
    # The driver of the tests cannot read it.
    for name in ("timeline_synced_at", "associations_read_at"):
        documents.update_many({name: beyond}, {"$unset": {name: ""}})
    synced.assert_true()
