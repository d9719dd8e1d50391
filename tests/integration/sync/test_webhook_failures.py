"""Webhook events whose records fail: each fails alone, waits, and holds up nothing else."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from dealcache.hubspot.errors import HubSpotError
from dealcache.model.jobs import WebhookEvent
from dealcache.repositories import Backlog, DealInfoRepository, StoreUnavailable
from dealcache.sandbox.simulator import Fault
from tests.integration.sync.first_load import FirstLoad
from tests.integration.sync.harness import Account, MakeAccount, some_deals
from tests.waiting import until


def now(account: Account) -> datetime:
    return datetime.fromtimestamp(account.clock(), UTC)


def tell(account: Account, *records: tuple[str, str], again: str = "") -> None:
    """Have it stored that something happened to these records; ``again`` makes it another event."""
    received = [
        WebhookEvent(f"{kind}-{one}{again}", "propertyChange", kind, one, now(account)) for kind, one in records
    ]
    assert account.storage.webhook_events.store(received, now(account)) == len(records)


def rename(account: Account, ids: Iterable[str], name: str = "Renamed") -> list[tuple[str, str]]:
    account.clock.tick(1)
    for one in ids:
        account.data.update("deals", one, {"dealname": f"{name} {one}"})
    return [("deals", one) for one in ids]


def names(account: Account) -> dict[str, str]:
    return {one["deal_id"]: one["deal_name"] for one in account.service.database.deal_info.find()}


def backlog(account: Account) -> tuple[int, int]:
    found = account.storage.webhook_events.backlog()
    return found.pending, found.set_aside


def work(account: Account) -> None:
    """Do what both threads do, once."""
    account.sync.webhooks.processor.process_new()
    account.sync.webhooks.processor.process_suspected()


def document(account: Account, key: str) -> dict[str, Any]:
    return account.service.database.webhook_events.find_one({"_id": key}) or {}


@pytest.fixture(scope="module")
def wide_load() -> FirstLoad:
    """Return the result of the load of a thousand deals."""
    return FirstLoad()


@pytest.fixture
def wide(make_account: MakeAccount, wide_load: FirstLoad) -> Account:
    """A thousand deals without activities, loaded."""
    account = make_account(some_deals(1000, kinds=()), SYNC_CONFIRM_SECONDS="0")
    wide_load.give(account)
    account.hubspot.calls.clear()
    return account


@pytest.fixture
def loaded(make_account: MakeAccount) -> Account:
    """Twelve deals with an activity of each type, loaded."""
    account = make_account(SYNC_CONFIRM_SECONDS="0")
    account.run()
    account.hubspot.calls.clear()
    return account


def test_a_thousand_events_take_few_calls(wide: Account) -> None:
    ids = [wide.deal(number) for number in range(1, 1001)]
    tell(wide, *rename(wide, ids))
    work(wide)
    wide.assert_true()
    assert backlog(wide) == (0, 0)
    assert wide.hubspot.calls.count() <= 10 + 7 + 2  # batch reads, associations, owners and pipelines


@pytest.mark.parametrize("status", [400, pytest.param(500, marks=pytest.mark.long)])
def test_one_of_a_thousand_that_hubspot_refuses_fails_alone(wide: Account, status: int) -> None:
    ids = [wide.deal(number) for number in range(1, 1001)]
    wide.hubspot.faults.add(Fault(".*", status, record=ids[400]))
    tell(wide, *rename(wide, ids))
    work(wide)
    found = names(wide)
    assert [one for one in ids if found[one] != f"Renamed {one}"] == [ids[400]]
    assert backlog(wide) == (1, 0)
    stored = document(wide, f"deals-{ids[400]}")
    assert (stored["attempts"], stored["record"]) == (1, f"deals:{ids[400]}")
    assert str(status) in stored["reason"]
    assert wide.hubspot.calls.count() < 450
    wide.hubspot.faults.clear()
    wide.clock.tick(3)
    work(wide)
    wide.assert_true()
    assert backlog(wide) == (0, 0)


def test_what_a_batch_refuses_waits_and_the_rest_of_it_is_done(loaded: Account) -> None:
    note, other_note = (loaded.activities(loaded.deal(number), "notes")[0] for number in (1, 2))
    for kind, one in (("deals", "1003"), ("notes", note)):
        loaded.hubspot.poison(kind, one, category="VALIDATION_ERROR")
    deals = rename(loaded, ["1003", "1004"])
    for one in (note, other_note):
        loaded.data.update("notes", one, {"hs_note_body": "new"})
    tell(loaded, *deals, ("notes", note), ("notes", other_note))
    loaded.hubspot.calls.clear()
    work(loaded)
    assert (names(loaded)["1003"], names(loaded)["1004"]) == ("Deal 3", "Renamed 1004")
    stored = {one["engagement_id"] for one in loaded.service.database.deal_timeline.find({"content": "new"})}
    assert stored == {other_note}
    assert backlog(loaded) == (2, 0)
    assert document(loaded, "deals-1003")["attempts"] == document(loaded, f"notes-{note}")["attempts"] == 1
    assert loaded.hubspot.calls.count() < 20
    loaded.hubspot.cure()
    loaded.clock.tick(3)
    work(loaded)
    assert backlog(loaded) == (0, 0)
    loaded.assert_true()


def test_one_that_cannot_be_stored_fails_alone(loaded: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    store = DealInfoRepository.store

    def fail(self: DealInfoRepository, deals: Sequence[Any], *more: Any) -> Any:
        if any(deal.deal_id == "1003" for deal in deals):
            raise RecursionError("what the stranger wrote")
        return store(self, deals, *more)

    monkeypatch.setattr(DealInfoRepository, "store", fail)
    ids = [loaded.deal(number) for number in range(1, 13)]
    tell(loaded, *rename(loaded, ids))
    work(loaded)
    assert [one for one, name in names(loaded).items() if not name.startswith("Renamed")] == ["1003"]
    assert re.fullmatch(r"RecursionError in test_\w+\.py, line \d+", document(loaded, "deals-1003")["reason"])


def test_a_type_that_is_refused_holds_up_no_other(loaded: Account, caplog: pytest.LogCaptureFixture) -> None:
    loaded.hubspot.faults.add(Fault(r"/objects/emails/", 403))
    emails = [loaded.activities(loaded.deal(number), "emails")[0] for number in range(1, 13)]
    notes = [loaded.activities(loaded.deal(number), "notes")[0] for number in range(1, 13)]
    loaded.clock.tick(1)
    for one in notes:
        loaded.data.update("notes", one, {"hs_note_body": "new"})
    for one in emails:
        loaded.data.update("emails", one, {"hs_email_subject": "new"})
    deals = rename(loaded, [loaded.deal(number) for number in range(1, 13)])
    tell(loaded, *deals, *(("notes", one) for one in notes), *(("emails", one) for one in emails))
    with caplog.at_level(logging.WARNING, "dealcache"):
        work(loaded)
    assert all(name.startswith("Renamed") for name in names(loaded).values())
    assert loaded.service.database.deal_timeline.count_documents({"content": "new"}) == 12
    assert backlog(loaded) == (12, 0)
    assert {document(loaded, f"emails-{one}")["attempts"] for one in emails} == {1}
    loaded.hubspot.faults.clear()
    loaded.clock.tick(3)
    work(loaded)
    assert loaded.service.database.deal_timeline.count_documents({"subject": "new"}) == 12
    assert backlog(loaded) == (0, 0)


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 429}, {"status": 401}, {"reset": True}], ids=str)
def test_when_nothing_works_no_record_is_to_blame(loaded: Account, fault: dict[str, Any]) -> None:
    tell(loaded, *rename(loaded, [loaded.deal(1), loaded.deal(2)]))
    loaded.hubspot.faults.add(Fault(".*", **fault))
    for _ in range(3):
        with pytest.raises(HubSpotError):
            work(loaded)
        loaded.clock.tick(86_400)
    assert backlog(loaded) == (2, 0)
    assert "attempts" not in document(loaded, "deals-1001")
    loaded.hubspot.faults.clear()
    work(loaded)
    loaded.assert_true()
    assert backlog(loaded) == (0, 0)


def test_while_mongodb_is_away_no_record_is_to_blame(loaded: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise StoreUnavailable("MongoDB does not answer")

    tell(loaded, *rename(loaded, [loaded.deal(1)]))
    with monkeypatch.context() as patched:
        patched.setattr(DealInfoRepository, "store", fail)
        with pytest.raises(StoreUnavailable):
            work(loaded)
    work(loaded)
    loaded.assert_true()
    assert backlog(loaded) == (0, 0)


def test_after_a_day_of_failures_it_is_set_aside_and_shown(loaded: Account, caplog: pytest.LogCaptureFixture) -> None:
    loaded.hubspot.faults.add(Fault(".*", 400, record="1001"))
    came_at = now(loaded)
    tell(loaded, *rename(loaded, ["1001"]))
    tries, attempts = [], 0
    with caplog.at_level(logging.WARNING, "dealcache.sync.event_processor"):
        while backlog(loaded) == (1, 0):
            work(loaded)
            if (count := document(loaded, "deals-1001")["attempts"]) > attempts:
                attempts = count
                tries.append(now(loaded))
            loaded.clock.tick(1 if attempts < 5 else 300)
    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(tries)]
    # A fifth more or less, and up to the next second.
    assert all(0.8 * pause <= wait <= 1.2 * pause + 1 for pause, wait in zip([2, 4, 8, 16], waits, strict=False))
    assert max(waits) <= 900 * 1.2 + 300
    assert timedelta(days=1) <= tries[-1] - came_at < timedelta(days=1, minutes=25)
    assert 75 < attempts < 130
    assert backlog(loaded) == (0, 1)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert "deals:1001 have failed for a day and are set aside: Rejected" in messages[1]
    loaded.sync.webhooks.processor.show_backlog()
    metrics = loaded.service.get("/metrics").text
    assert "dealcache_webhook_events_pending 0.0" in metrics
    assert "dealcache_webhook_events_set_aside 1.0" in metrics
    # Somebody mends the record: HubSpot tells of that, and nothing is amiss any more.
    loaded.hubspot.faults.clear()
    tell(loaded, *rename(loaded, ["1001"], "Mended"), again="-again")
    work(loaded)
    assert backlog(loaded) == (0, 0)
    loaded.assert_true()


def test_the_backlog_and_its_age_are_shown(loaded: Account) -> None:
    loaded.hubspot.faults.add(Fault(".*", 403, record="1001"))
    tell(loaded, *rename(loaded, ["1001"]))
    work(loaded)
    loaded.clock.tick(100)
    loaded.sync.webhooks.processor.show_backlog()
    metrics = loaded.service.get("/metrics").text
    assert "dealcache_webhook_events_pending 1.0" in metrics
    assert "dealcache_webhook_oldest_pending_seconds 100.0" in metrics
    assert "dealcache_webhook_events_set_aside 0.0" in metrics


def test_a_pause_survives_the_process_and_ends_early_once(loaded: Account, make_account: MakeAccount) -> None:
    loaded.hubspot.faults.add(Fault(".*", 400, record="1001"))
    tell(loaded, *rename(loaded, ["1001"]))
    for _ in range(7):
        work(loaded)
        loaded.clock.tick(80)
    stored = document(loaded, "deals-1001")
    assert stored["attempts"] == 7
    other = make_account(beside=loaded)
    work(other)
    assert document(loaded, "deals-1001")["leased_until"] == stored["leased_until"]
    for number in range(5):
        tell(loaded, ("deals", "1001"), again=f"-{number}")
        work(other)
    assert document(loaded, "deals-1001")["attempts"] == 8
    loaded.clock.tick(900)
    work(other)
    assert document(loaded, "deals-1001")["attempts"] == 9
    assert other.storage.webhook_events.backlog() == Backlog(1, stored["received_at"], 0)


def test_a_document_that_cannot_be_read_waits_alone(loaded: Account) -> None:
    tell(loaded, *rename(loaded, ["1001", "1002"]))
    loaded.service.database.webhook_events.update_one({"_id": "deals-1001"}, {"$set": {"merged_ids": 7}})
    work(loaded)
    assert names(loaded)["1002"] == "Renamed 1002"
    stored = document(loaded, "deals-1001")
    assert (stored["attempts"], stored["reason"][:20]) == (1, "UnreadableEventError")
    assert backlog(loaded) == (1, 0)


def test_with_threads_of_its_own_it_does_the_same(start: MakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dealcache.sync.webhook_worker._RETRY_POLL_SECONDS", 0.1)
    account = start(SYNC_CONFIRM_SECONDS="0")
    account.run()
    account.hubspot.faults.add(Fault(".*", 400, record="1001"))
    tell(account, *rename(account, [account.deal(number) for number in range(1, 13)]))
    account.sync.webhooks.wake()
    until(lambda: len([name for name in names(account).values() if name.startswith("Renamed")]) == 11)
    until(lambda: document(account, "deals-1001").get("attempts") == 1)
    account.hubspot.faults.clear()
    account.clock.tick(3)
    until(account.is_true)
    until(lambda: backlog(account) == (0, 0))
