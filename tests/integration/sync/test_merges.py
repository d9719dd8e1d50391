"""Deals that were merged: the old ids lead to the deal that they became, for readers too."""

from __future__ import annotations

import pytest

from dealcache.model.jobs import JobType
from tests.integration.service.harness import V1, V2, VIEWS, Service, assert_problem, event_ids
from tests.integration.sync.harness import Account, MakeAccount

KINDS = pytest.mark.parametrize("kind", [JobType.INCREMENTAL, JobType.FULL])


def assert_leads_to(account: Account, old: str, new: str) -> None:
    """That all views of an old id are those of the new one, and true."""
    service = account.service
    for base in (V1, V2):
        for view in VIEWS:
            response = service.get(base + view, dealId=old)
            assert response.status_code == 200, response.text
            assert response.get_json() == service.get(V2 + view, dealId=new).get_json()
        timeline = service.get(base + "deal-timeline", dealId=old)
        assert event_ids(timeline) == account.event_ids(new)
        assert timeline.get_json()["deal_id"] == new


def warm(service: Service, *deal_ids: str) -> None:
    """Have the views of some deals cached, by id and by name."""
    for deal_id in deal_ids:
        for view in VIEWS:
            name = f"Deal {int(deal_id) - 1000}"
            assert service.get(view, dealId=deal_id).status_code == 200
            assert service.get(view, dealName=name).status_code == 200


@KINDS
@pytest.mark.parametrize("keep_primary", [False, True])
def test_old_ids_lead_to_the_merged_deal(synced: Account, kind: JobType, keep_primary: bool) -> None:
    warm(synced.service, "1001", "1002")
    new = str(synced.data.merge("deals", "1001", "1002", keep_primary=keep_primary).id)
    synced.clock.tick(1)
    synced.run(kind)
    synced.assert_true()
    calls = synced.service.calls()
    for old in ("1001", "1002", new):
        assert_leads_to(synced, old, new)
    assert synced.service.calls() == calls


@pytest.mark.parametrize("order", ["one by one", "at once", "one by one, and HubSpot tells of the last merge only"])
def test_a_chain_of_merges(synced: Account, order: str) -> None:
    data, olds = synced.data, ["1001", "1002"]
    new = str(data.merge("deals", "1001", "1002").id)
    for other in ("1003", "1004", "1005"):
        if order != "at once":
            synced.clock.tick(60)
            synced.run()
            warm(synced.service, other)
        loser = new
        new = str(data.merge("deals", other, loser, keep_primary=other == "1004").id)
        olds += [loser, other]
        if "only" in order:
            data.update("deals", new, {"hs_merged_object_ids": f"{other};{loser}"})
    synced.clock.tick(60)
    synced.run()
    synced.assert_true()
    for old in {*olds} - {new}:
        assert_leads_to(synced, old, new)


def test_names_after_a_merge(synced: Account) -> None:
    warm(synced.service, "1001", "1002")
    new = str(synced.data.merge("deals", "1001", "1002").id)
    synced.clock.tick(1)
    synced.run()
    for base in (V1, V2):
        shown = synced.service.get(base + "deal-timeline", dealName="Deal 1").get_json()
        assert (shown["deal_id"], len(shown["events"])) == (new, 14)
        assert synced.service.get(base + "deal-info", dealName="Deal 1").get_json()["otherDealIds"] == []
        assert_problem(synced.service.get(base + "deal-timeline", dealName="Deal 2"), 404)


def test_a_merged_deal_that_is_archived_is_gone_under_all_its_ids(synced: Account) -> None:
    new = str(synced.data.merge("deals", "1001", "1002").id)
    synced.clock.tick(1)
    synced.run()
    warm(synced.service, "1001")
    synced.data.archive("deals", new)
    synced.clock.tick(60)
    synced.run()
    for one in ("1001", "1002", new):
        for base in (V1, V2):
            assert_problem(synced.service.get(base + "deal-info", dealId=one), 404)
    synced.data.restore("deals", new)
    synced.clock.tick(60)
    synced.run()
    for one in ("1001", "1002"):
        assert_leads_to(synced, one, new)


@pytest.mark.parametrize("omitted", [False, True])
def test_a_merge_that_the_index_shows_late(make_account: MakeAccount, omitted: bool) -> None:
    """At no time is a reader told of both, nor are events missing once the old id leads to the new deal."""
    account = make_account(index_lag=30)
    account.hubspot.behaviour.omit_merged_in_batch = omitted
    account.run()
    account.settle()
    warm(account.service, "1001", "1002")
    new = str(account.data.merge("deals", "1001", "1002").id)
    account.clock.tick(1)
    account.run()
    account.confirm()
    account.assert_true()
    for old in ("1001", "1002"):
        assert_leads_to(account, old, new)


def test_a_deal_sync_of_an_old_id_reads_the_merged_deal(synced: Account) -> None:
    new = str(synced.data.merge("deals", "1001", "1002").id)
    synced.clock.tick(1)
    synced.run(JobType.DEAL, deal="1001")
    synced.assert_true()
    for old in ("1001", "1002"):
        assert_leads_to(synced, old, new)
    synced.data.add_activity("notes", deals=[new])
    synced.clock.tick(1)
    synced.run(JobType.DEAL, deal="1002")
    synced.assert_true()
