"""Stage history, from HubSpot by a sync to MongoDB: without calls of its own, and read again when there is more."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from dealcache.model.jobs import JobType
from dealcache.sandbox.simulator import demo_data
from dealcache.sandbox.simulator.ground_truth import live_deals, stages_of
from dealcache.sandbox.simulator.label_changes import apply_label_changes
from tests.integration.sync.harness import Account, MakeAccount

ON = {"STAGE_HISTORY": "on"}


def histories(account: Account) -> dict[str, Any]:
    """The stages of each deal in MongoDB, each with the two times, in the order of the stages' ids."""
    return {
        document["deal_id"]: document.get("stage_times")
        and [
            (one["stage_id"], *(_text(one[name]) for name in ("entered_at", "exited_at")))
            for one in document["stage_times"]
        ]
        for document in account.service.database.deal_info.find({"archived": {"$ne": True}})
    }


def truth(account: Account) -> dict[str, Any]:
    return {
        str(deal.id): sorted((one["stage"], one["entered"], one["exited"]) for one in stages_of(account.data, deal.id))
        for deal in live_deals(account.data)
    }


def _text(moment: Any) -> str | None:
    return moment and f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def calls(account: Account, kind: JobType = JobType.INCREMENTAL) -> Counter[str]:
    """Run a sync, and return its calls."""
    account.settle()
    account.run(kind)
    return Counter(account.hubspot.calls.counts())


@pytest.fixture
def plain(make_account: MakeAccount) -> Account:
    """120 demo deals that were loaded without stage history."""
    account = make_account(demo_data(120, activities_per_deal=1))
    account.run(JobType.FULL)
    return account


def test_a_full_load_has_all_histories_for_as_many_calls(plain: Account, make_account: MakeAccount) -> None:
    without = calls(plain, JobType.FULL)
    assert set(histories(plain).values()) == {None}

    account = make_account(beside=plain, **ON)

    assert calls(account, JobType.FULL) == without
    assert histories(account) == truth(account)
    first = calls(account)
    assert calls(account) == first


def test_turned_on_later_all_deals_are_read_again_once(plain: Account, make_account: MakeAccount) -> None:
    usual = calls(plain)
    account = make_account(beside=plain, **ON)

    assert calls(account) - usual == Counter({"list": 2})
    assert histories(account) == truth(account)
    assert calls(account) == usual


def test_a_changed_stage_comes_with_the_next_sync(make_account: MakeAccount) -> None:
    account = make_account(demo_data(3, activities_per_deal=1), **ON)
    account.run(JobType.FULL)
    deal_id = live_deals(account.data)[0].id
    account.clock.tick(60)
    account.data.update("deals", deal_id, {"dealstage": "closedwon"})
    account.settle()
    account.run(JobType.INCREMENTAL)

    assert histories(account) == truth(account)


def test_a_new_stage_lets_deals_be_read_again(make_account: MakeAccount) -> None:
    account = make_account(demo_data(3, activities_per_deal=1), **ON)
    account.run(JobType.FULL)
    usual = calls(account)
    new = {"what": "stage", "pipeline": "default", "id": "f26b487d-e715-49c8-add3-9fa86aef79da"}
    apply_label_changes(account.data, [new])

    # The list of properties is asked for the altered name.
    assert calls(account) - usual == Counter({"list": 1, "properties": 1})
    assert calls(account) - usual == Counter({"properties": 1})
    apply_label_changes(account.data, [new | {"set": {"label": "Legal review"}}])
    assert calls(account)["list"] == usual["list"]


def test_with_too_many_stages_for_a_list_s_address_its_deals_are_read_once_more(make_account: MakeAccount) -> None:
    data = demo_data(120, activities_per_deal=1)
    more = [{"what": "stage", "pipeline": "default", "id": f"{1_000_000_000 + number}"} for number in range(90)]
    apply_label_changes(data, more)
    data.update("deals", live_deals(data)[0].id, {"dealstage": more[-1]["id"]})
    plain = make_account(data)
    without = calls(plain, JobType.FULL)

    account = make_account(beside=plain, **ON)

    # A list's page and its deals: twice D/100 calls, as many as histories of properties would take.
    assert calls(account, JobType.FULL) - without == Counter({"batch_read": 2})
    assert histories(account) == truth(account)
