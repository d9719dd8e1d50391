"""Changes of an account of :func:`.harness.some_deals`, each in a way of its own."""

from __future__ import annotations

from collections.abc import Callable

from dealcache.model.deals import ENGAGEMENT_TYPES
from tests.integration.sync.harness import Account

Change = Callable[[Account], None]


def update_deal(account: Account) -> None:
    account.data.update("deals", account.deal(1), {"dealname": "Renamed", "dealstage": "closedwon"})


def update_activity(account: Account) -> None:
    note = account.activities(account.deal(2))[-1]
    account.data.update("notes", note, {"hs_note_body": "new", "hs_timestamp": "2026-01-02T03:04:05.000Z"})


def add_deal(account: Account) -> None:
    deal_id = account.data.add_deal("New")
    for kind in ENGAGEMENT_TYPES:
        account.data.add_activity(kind, deals=[deal_id, account.deal(3)])


def add_old_activities_to_a_new_deal(account: Account) -> None:
    """Their modified dates are long past: they can only be found from the deal."""
    deal_id = account.data.add_deal("Newer")
    for kind in ENGAGEMENT_TYPES:
        account.data.associate("deals", deal_id, kind, account.activities(account.deal(3), kind)[0])


def add_activity(account: Account) -> None:
    account.data.add_activity("postal_mail", deals=[account.deal(4), account.deal(5)])


def add_activity_without_deal(account: Account) -> None:
    account.data.add_activity("calls")


def archive_deal(account: Account) -> None:
    account.data.archive("deals", account.deal(6))


def archive_activities(account: Account) -> None:
    for kind in ENGAGEMENT_TYPES:
        account.data.archive(kind, account.activities(account.deal(7), kind)[0])


def associate(account: Account) -> None:
    account.data.associate("deals", account.deal(8), "emails", account.activities(account.deal(9), "emails")[0])


def disassociate(account: Account) -> None:
    for kind in ENGAGEMENT_TYPES:
        (one,) = account.activities(account.deal(9), kind)
        account.data.disassociate("deals", account.deal(9), kind, one)


def move_activity(account: Account) -> None:
    (task,) = account.activities(account.deal(10), "tasks")
    account.data.disassociate("deals", account.deal(10), "tasks", task)
    account.data.associate("deals", account.deal(11), "tasks", task)
    account.data.update("tasks", task, {"hs_task_subject": "moved"})


def merge_into_a_new_deal(account: Account) -> None:
    account.data.merge("deals", account.deal(1), account.deal(2))


def merge_into_the_primary(account: Account) -> None:
    account.data.merge("deals", account.deal(1), account.deal(2), keep_primary=True)


def archive_what_has_just_changed(account: Account) -> None:
    account.data.update("deals", account.deal(1), {"dealname": "Gone"})
    account.data.archive("deals", account.deal(1))


#: Changes that need nothing that an earlier one has taken away.
CHANGES_AFTER_EACH_OTHER = (
    update_deal,
    update_activity,
    add_deal,
    add_old_activities_to_a_new_deal,
    add_activity,
    add_activity_without_deal,
    archive_deal,
    archive_activities,
    associate,
    disassociate,
    move_activity,
    merge_into_a_new_deal,
)

CHANGES = (*CHANGES_AFTER_EACH_OTHER, merge_into_the_primary, archive_what_has_just_changed)
