"""Own properties of deals, from HubSpot to MongoDB: after a change of the settings all deals are read again, once."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from math import ceil
from typing import Any

import pytest

from dealcache.model.jobs import JobStatus, JobType
from dealcache.sandbox.simulator import Dataset, Fault
from dealcache.sandbox.simulator.own_properties import definition
from dealcache.sync import deal_reread
from tests.integration.sync.harness import Account, MakeAccount, some_deals


def with_sizes(count: int) -> Dataset:
    """Deals with a number, a day and several options each."""
    data = some_deals(count, kinds=("notes",))
    for one in (
        definition("size", "Size", "number", "number"),
        definition("start", "Start", "date", "date"),
        definition("modules", "Modules", "enumeration", "checkbox", [("a", "A"), ("b", "B")]),
    ):
        data.own_properties[one["name"]] = one
    for number in range(1, count + 1):
        record = data.existing("deals", 1000 + number)
        record.properties = {**record.properties, "size": str(number), "start": "2026-11-02", "modules": "a;b"}
    return data


def stored(account: Account) -> dict[str, Any]:
    found = account.service.database.deal_info.find({}, {"_id": 0, "deal_id": 1, "properties": 1})
    return {one["deal_id"]: one.get("properties") for one in found}


def sync(account: Account) -> Counter[str]:
    """Run a sync for changes, and return its calls."""
    account.settle()
    account.run(JobType.INCREMENTAL)
    return Counter(account.hubspot.calls.counts())


def whole(number: int) -> dict[str, Any]:
    return {"size": float(number), "start": datetime(2026, 11, 2, tzinfo=UTC), "modules": ["a", "b"]}


@pytest.fixture
def loaded(make_account: MakeAccount) -> Account:
    """101 deals that were loaded without own properties."""
    account = make_account(with_sizes(101))
    account.run(JobType.FULL)
    return account


def test_a_change_of_the_settings_lets_the_next_sync_read_all_deals_again_once(
    loaded: Account, make_account: MakeAccount
) -> None:
    before = sync(loaded)
    assert before["properties"] == 0
    assert set(stored(loaded).values()) == {None}
    assert loaded.storage.sync_state.load().read_with_deals is None

    after = make_account(beside=loaded, HUBSPOT_DEAL_PROPERTIES="size,start,modules,no_such")
    # A hundred deals a call, and one for the definitions.
    assert sync(after) - before == Counter({"list": 2, "properties": 1})
    assert stored(after) == {str(1000 + number): whole(number) for number in range(1, 102)}
    assert sync(after) - before == Counter({"properties": 1})

    # The former process, which is about to end, reads nothing again and spoils nothing.
    assert sync(loaded) == before
    assert stored(loaded)["1001"] == whole(1)
    assert sync(after) - before == Counter({"properties": 1})


def test_a_property_that_does_not_exist_is_not_asked_for(make_account: MakeAccount) -> None:
    account = make_account(with_sizes(1), HUBSPOT_DEAL_PROPERTIES="size,no_such")
    assert "no_such" in account.sync.hubspot.mapper.deal_properties.names()
    account.run(JobType.FULL)
    names = account.sync.hubspot.mapper.deal_properties.names()
    assert "size" in names
    assert "no_such" not in names


def test_a_full_load_needs_no_second_reading(make_account: MakeAccount) -> None:
    account = make_account(with_sizes(3), HUBSPOT_DEAL_PROPERTIES="size")
    account.run(JobType.FULL)
    assert stored(account)["1002"] == {"size": 2.0}
    first = sync(account)
    assert sync(account) == first


def test_a_changed_type_lets_them_be_read_again(make_account: MakeAccount) -> None:
    account = make_account(with_sizes(3), HUBSPOT_DEAL_PROPERTIES="size")
    account.run(JobType.FULL)
    usual = sync(account)
    account.data.own_properties["size"] = definition("size", "Size", "string", "text")
    assert sync(account) - usual == Counter({"list": 1})
    assert stored(account)["1002"] == {"size": "2"}
    del account.data.own_properties["size"]
    assert sync(account) - usual == Counter({"list": 1})
    assert stored(account)["1002"] == {}
    assert sync(account) == usual


def test_without_own_properties_again_nothing_is_read(loaded: Account, make_account: MakeAccount) -> None:
    usual = sync(loaded)
    make_account(beside=loaded, HUBSPOT_DEAL_PROPERTIES="size").run(JobType.INCREMENTAL)
    off = make_account(beside=loaded)
    assert sync(off) == usual
    again = make_account(beside=loaded, HUBSPOT_DEAL_PROPERTIES="size")
    assert sync(again) - usual == Counter({"list": 2, "properties": 1})


def test_it_goes_on_where_it_was_interrupted(make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deal_reread, "_PAGES", 1)
    plain = make_account(with_sizes(450))
    plain.run(JobType.FULL)
    usual = sync(plain)
    account = make_account(beside=plain, HUBSPOT_DEAL_PROPERTIES="size")
    account.settle()
    save = account.storage.sync_jobs.save_checkpoint

    def save_and_stop(*arguments: Any) -> bool:
        saved = save(*arguments)
        if "reread_after" in arguments[2]:
            account.sync.runner.stop()
        return saved

    monkeypatch.setattr(account.storage.sync_jobs, "save_checkpoint", save_and_stop)
    job_id = account.ask(JobType.INCREMENTAL)
    account.sync.runner.run_job(job_id)
    stopped = account.job(job_id)
    assert (stopped.status, stopped.progress.phase) == (JobStatus.QUEUED, "deals again, for other properties")
    assert account.storage.sync_state.load().read_with_deals is None

    account.hubspot.calls.clear()
    account.clock.tick(5)
    other = make_account(beside=plain, HUBSPOT_DEAL_PROPERTIES="size")
    other.sync.runner.run_job(job_id)
    assert other.job(job_id).status is JobStatus.COMPLETED
    assert set(stored(other)) == {str(1000 + number) for number in range(1, 451)}
    assert all(stored(other).values())
    # HubSpot's cursor is the id of the next deal; of five pages at least the first one was stored before.
    left = ceil((1451 - int(stopped.checkpoint["reread_after"])) / 100)
    assert left < 5
    assert Counter(other.hubspot.calls.counts())["list"] - usual["list"] == left


def test_definitions_that_are_refused_leave_texts(make_account: MakeAccount, caplog: pytest.LogCaptureFixture) -> None:
    account = make_account(with_sizes(2), HUBSPOT_DEAL_PROPERTIES="size,modules")
    account.hubspot.faults.add(Fault("properties", 403))
    job = account.run(JobType.FULL)
    assert job.progress.warnings == ()
    assert stored(account)["1002"] == {"size": "2", "modules": "a;b"}
    assert "crm.schemas.deals.read" in caplog.text
    account.hubspot.faults.clear()
    assert sync(account)["list"]
    assert stored(account)["1002"] == {"size": 2.0, "modules": ["a", "b"]}


def test_a_changed_value_arrives_with_the_next_sync(make_account: MakeAccount) -> None:
    account = make_account(with_sizes(2), HUBSPOT_DEAL_PROPERTIES="size,start")
    account.run(JobType.FULL)
    account.settle()
    account.data.update("deals", 1001, {"size": "9", "start": None})
    job = account.run(JobType.INCREMENTAL)
    assert stored(account)["1001"] == {"size": 9.0}
    assert job.progress.deals_changed == 1
