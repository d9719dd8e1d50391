"""Syncs when HubSpot's clock is not ours, and after a clock that was wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dealcache.repositories import take_back_future_dates
from tests.integration.sync.changes import add_deal, update_deal
from tests.integration.sync.harness import MakeAccount


def utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize("ahead", [-7_200.0, 600.0])
def test_no_change_is_lost_while_hubspots_clock_differs(make_account: MakeAccount, ahead: float) -> None:
    account = make_account(ahead=ahead)
    account.run()
    for _ in range(3):
        account.clock.tick(400)
        add_deal(account)
        update_deal(account)
        account.clock.tick(1)
        account.run()
        account.assert_true()
        state = account.storage.sync_state.load()
        assert state.watermark is not None
        assert state.watermark <= utc(account.clock() + min(0.0, ahead) - 299)


def test_a_watermark_from_the_future_means_that_nobody_knows(make_account: MakeAccount) -> None:
    account = make_account()
    account.run()
    account.clock.tick(60)
    add_deal(account)
    future = utc(account.clock() + 86_400)
    marks = {"watermark": future, "reread_at": future}
    account.service.database.sync_state.update_one({"_id": "account"}, {"$set": marks})
    account.clock.tick(3_600)
    job = account.run()
    account.assert_true()
    assert job.progress.deals_read == 13
    assert account.storage.sync_state.load().watermark == utc(account.clock() - 300)
    account.clock.tick(60)
    account.run()
    state = account.storage.sync_state.load()
    assert state.watermark == utc(account.clock() - 300)
    assert state.reread_at == utc(account.clock())


def test_what_was_read_in_the_future_gives_way_again(make_account: MakeAccount) -> None:
    account = make_account()
    account.run()
    future = {"$set": {"synced_at": utc(account.clock() + 86_400)}}
    database = account.service.database
    database.deal_timeline.update_many({"deal_id": account.deal(1)}, future)
    future["$set"] |= dict.fromkeys(("timeline_synced_at", "associations_read_at"), future["$set"]["synced_at"])
    database.deal_info.update_many({"deal_id": account.deal(1)}, future)
    account.clock.tick(60)
    (note,) = account.activities(account.deal(1))
    account.data.disassociate("deals", account.deal(1), "notes", note)
    account.service.get("deal-info", dealId=account.deal(1), refresh="true")
    assert not account.is_true()
    account.clock.tick(11)
    assert take_back_future_dates(account.storage.connection, utc(account.clock())) == 1
    account.clock.tick(1)
    account.service.get("deal-info", dealId=account.deal(1), refresh="true")
    account.assert_true()
    assert take_back_future_dates(account.storage.connection, utc(account.clock())) == 0
    assert database.deal_info.count_documents({"synced_at": {"$gt": utc(account.clock()) + timedelta(seconds=1)}}) == 0
