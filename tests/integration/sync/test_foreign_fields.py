"""Fields that other systems write into MongoDB survive every kind of sync, and are kept when deals are merged."""

from __future__ import annotations

from typing import Any

import pytest

from dealcache.model.deals import ENGAGEMENT_TYPES
from dealcache.model.jobs import JobType
from tests.integration.service.harness import V2
from tests.integration.sync.changes import (
    CHANGES,
    CHANGES_AFTER_EACH_OTHER,
    Change,
    add_activity,
    add_activity_without_deal,
    add_deal,
    archive_activities,
    disassociate,
    merge_into_a_new_deal,
    move_activity,
    update_activity,
    update_deal,
)
from tests.integration.sync.harness import Account, MakeAccount

#: Changes after which no event or deal that was there is written again.
NO_WRITE_TO_OLD_DEALS = (add_activity, add_activity_without_deal, add_deal, archive_activities, disassociate)

NAMES = ("sentiment", "buyer_intent", "buyer_intent_explanation", "internal")

#: What others wrote to the event of a deal, by deal, type and id.
Written = dict[tuple[str, str, str], dict[str, Any]]


def mark_all(account: Account) -> Written:
    """Write to every stored event and deal as another system would."""
    written: Written = {}
    for event in account.service.database.deal_timeline.find({}):
        key = (event["deal_id"], event["engagement_type"], event["engagement_id"])
        written[key] = {name: {"of": "/".join(key), "n": [name, None]} for name in NAMES}
        account.service.database.deal_timeline.update_one({"_id": event["_id"]}, {"$set": written[key]})
    for deal in account.service.database.deal_info.find({}):
        mark = {"score": {"of": deal["deal_id"]}, "sentiment": 0.5}
        account.service.database.deal_info.update_one({"_id": deal["_id"]}, {"$set": mark})
    return written


def assert_kept(account: Account, written: Written) -> None:
    """That each event which is still there, be it with a deal that its own one was merged into, has its fields."""
    expected: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for (deal_id, *engagement), fields in written.items():
        successor = str(account.data.existing("deals", deal_id).id)
        expected.setdefault((successor, engagement[0], engagement[1]), []).append(fields)
    found = 0
    for event in account.service.database.deal_timeline.find({}):
        fields = {name: event[name] for name in NAMES if name in event}
        key = (event["deal_id"], event["engagement_type"], event["engagement_id"])
        if key in expected:
            found += 1
            assert fields in expected[key], key
        else:
            assert not fields, key
    still_there = {
        (deal_id, kind, one) for deal_id, rows in account.truth().items() for _, one, kind in rows
    } & expected.keys()
    assert found >= len(still_there) > 0
    for deal in account.service.database.deal_info.find({"score": {"$exists": True}}):
        assert (deal["score"], deal["sentiment"]) == ({"of": deal["deal_id"]}, 0.5)


@pytest.fixture
def shared(make_account: MakeAccount) -> Account:
    """A loaded account whose first two deals share an activity of each type, marked differently for each."""
    account = make_account()
    for kind in ENGAGEMENT_TYPES:
        account.data.associate("deals", "1002", kind, account.activities("1001", kind)[0])
    account.run()
    account.settle()
    return account


#: Those that leave the deals of the others be are made one after the other, the others on deals just loaded.
IN_A_ROW = tuple(change for change in CHANGES_AFTER_EACH_OTHER if change not in NO_WRITE_TO_OLD_DEALS)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (JobType.INCREMENTAL, IN_A_ROW),
        *((JobType.INCREMENTAL, (change,)) for change in CHANGES if change not in CHANGES_AFTER_EACH_OTHER),
        (JobType.FULL, (update_activity, update_deal, move_activity, merge_into_a_new_deal)),
    ],
)
def test_they_survive_a_sync_of_a_change(shared: Account, kind: JobType, changes: tuple[Change, ...]) -> None:
    deals = shared.service.database.deal_info
    for change in changes:
        written, marked = mark_all(shared), deals.count_documents({})
        change(shared)
        for _ in range(2):
            shared.clock.tick(60)
            shared.run(kind)
            shared.assert_true()
            assert_kept(shared, written)
        assert deals.count_documents({"score": {"$exists": True}}) == marked >= 12


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        (JobType.DEAL, {"deal": "1002"}),
        (JobType.STAGE, {"stage": "appointmentscheduled"}),
        (JobType.SINCE, {"epoch_days": 2}),
        (JobType.SCHEDULED, {}),
    ],
    ids=["deal", "stage", "since", "scheduled"],
)
def test_they_survive_the_other_kinds_of_sync(shared: Account, kind: JobType, parameters: dict[str, Any]) -> None:
    written = mark_all(shared)
    data = shared.data
    data.update("deals", "1002", {"amount": "9"})
    data.update("notes", shared.activities("1002")[-1], {"hs_note_body": "another"})
    data.add_activity("calls", deals=["1002"])
    shared.clock.tick(60)
    shared.run(kind, **parameters)
    shared.assert_true()
    assert_kept(shared, written)
    shown = shared.service.get(V2 + "deal-timeline", dealId="1002").get_json()["events"]
    for event in shown:
        key = next((one for one in written if one[0] == "1002" and one[2] == event["engagement_id"]), None)
        assert ("sentiment" in event) == (key is not None)
        assert "internal" not in event


@pytest.mark.parametrize("keep_primary", [False, True])
@pytest.mark.parametrize("omitted", [False, True])
def test_a_merge_takes_them_along_while_the_index_lags(
    make_account: MakeAccount, keep_primary: bool, omitted: bool
) -> None:
    account = make_account(index_lag=30)
    account.hubspot.behaviour.omit_merged_in_batch = omitted
    account.run()
    account.settle()
    written = mark_all(account)
    merged = account.data.merge("deals", "1001", "1002", keep_primary=keep_primary)
    account.clock.tick(1)
    account.run()
    account.confirm()
    account.assert_true()
    assert_kept(account, written)
    events = account.service.get(V2 + "deal-timeline", dealId=str(merged.id)).get_json()["events"]
    assert len(events) == 14
    assert all("buyer_intent" in event for event in events)


def test_deals_merged_again_take_them_along(synced: Account) -> None:
    written = mark_all(synced)
    first = synced.data.merge("deals", "1001", "1002")
    second = synced.data.merge("deals", "1003", str(first.id))
    synced.clock.tick(1)
    synced.run()
    synced.assert_true()
    assert_kept(synced, written)
    third = synced.data.merge("deals", "1004", str(second.id))
    synced.clock.tick(60)
    synced.run(JobType.FULL)
    synced.assert_true()
    assert_kept(synced, written)
    events = synced.service.get(V2 + "deal-timeline", dealId=str(third.id)).get_json()["events"]
    assert len(events) == 28
    assert all("sentiment" in event for event in events)


def test_they_are_there_again_when_an_archived_deal_is_restored(synced: Account) -> None:
    written = mark_all(synced)
    synced.data.archive("deals", "1001")
    for kind in (JobType.INCREMENTAL, JobType.FULL):
        synced.clock.tick(60)
        synced.run(kind)
    synced.data.restore("deals", "1001")
    synced.clock.tick(60)
    synced.run()
    synced.assert_true()
    assert_kept(synced, written)
