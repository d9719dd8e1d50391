"""Texts as they come from HubSpot: whole, and cut ones of an older version are healed by the next full load."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dealcache.model.jobs import JobType
from tests.integration.service.harness import V2
from tests.integration.sync.harness import Account, MakeAccount, some_deals

TEXT = "Dear <title> <name>,\nsee <style guide> attached & if a<b and c>d then lose.\nBudget approved: 50k"


@pytest.fixture
def cut(make_account: MakeAccount) -> Account:
    """One deal with one e-mail, which was stored by a version that took plain text for HTML."""
    data = some_deals(1, kinds=())
    data.add_activity("emails", {"hs_email_text": TEXT, "hs_email_subject": "a <b> c"}, deals=["1001"])
    account = make_account(data)
    account.run()
    account.settle()
    stored = account.service.database.deal_timeline
    assert stored.update_one({}, {"$set": {"content": "Dear", "sentiment": "calm"}}).modified_count == 1
    account.clock.tick(3600)
    assert shown(account)["content"] == "Dear"
    return account


def shown(account: Account, path: str = V2 + "deal-timeline", **query: str) -> dict[str, Any]:
    """The only event of the deal, as a reader gets it."""
    (event,) = account.service.get(path, dealId="1001", **query).get_json()["events"]
    return event


@pytest.mark.parametrize(
    "heal",
    [
        lambda account: account.run(JobType.FULL),
        lambda account: shown(account, "deal-timeline", refresh="true"),
        lambda account: account.run(JobType.DEAL, deal="Deal 1"),
    ],
    ids=["full", "refresh", "deal"],
)
def test_cut_texts_are_healed(cut: Account, heal: Callable[[Account], object]) -> None:
    assert shown(cut, "deal-timeline")["content"] == "Dear"
    heal(cut)
    for path in ("deal-timeline", V2 + "deal-timeline"):
        event = shown(cut, path)
        assert (event["content"], event["subject"], event["sentiment"]) == (TEXT, "a <b> c", "calm")


def test_an_incremental_sync_heals_what_it_reads(cut: Account) -> None:
    cut.run()
    assert shown(cut)["content"] == "Dear"
    (email,) = cut.activities("1001", "emails")
    cut.data.update("emails", email, {"hs_email_status": "SENT"})
    cut.clock.tick(60)
    cut.run()
    assert shown(cut)["content"] == TEXT


def test_one_poisoned_mail_ends_no_sync(make_account: MakeAccount) -> None:
    data = some_deals(2, kinds=("notes",))
    digits = "<b>" * 10_000 + "&#" + "0" * 4301 + "65; end"
    data.add_activity("emails", {"hs_email_html": digits}, deals=["1001"])
    open_elements = "<p>" + "".join(f"<i a{number}>" for number in range(2000)) + "<p>x" * 2000
    data.add_activity("notes", {"hs_note_body": open_elements}, deals=["1001"])
    account = make_account(data)
    account.run(JobType.FULL)
    account.assert_true()
    events = account.service.get(V2 + "deal-timeline", dealId="1001").get_json()["events"]
    contents = {event["content"] for event in events}
    assert {"A end", "\n".join("x" * 2000)} <= contents
