"""The cached views of a deal go when the deal changes; those of other deals stay."""

from __future__ import annotations

import pytest
from werkzeug.test import TestResponse

from dealcache.model.jobs import JobType
from tests.integration.service.harness import V2, VIEWS, assert_problem, tier
from tests.integration.sync.changes import (
    Change,
    add_activity,
    add_activity_without_deal,
    archive_deal,
    associate,
    disassociate,
    update_activity,
    update_deal,
)
from tests.integration.sync.harness import Account

#: Which deals a change touches; of all others everything stays cached. The one that is archived is so at the end.
TOUCHED = {
    update_activity: {2},
    add_activity: {4, 5},
    add_activity_without_deal: set(),
    associate: {8},
    disassociate: {9},
    update_deal: {1},
    archive_deal: {6},
}


def views(account: Account, number: int) -> dict[tuple[str, str], TestResponse]:
    """All views of a deal of :func:`some_deals`, by its id and by the name that it has in HubSpot."""
    deal_id = account.deal(number)
    queries = {"dealId": deal_id, "dealName": account.data.existing("deals", deal_id).properties["dealname"]}
    return {(view, by): account.service.get(view, **{by: value}) for view in VIEWS for by, value in queries.items()}


def warm(account: Account) -> None:
    """Have everything of all deals in memory."""
    for number in range(1, 13):
        views(account, number)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [(JobType.INCREMENTAL, tuple(TOUCHED)), (JobType.FULL, (update_activity, update_deal, archive_deal))],
)
def test_only_the_deals_that_changed_are_let_go(synced: Account, kind: JobType, changes: tuple[Change, ...]) -> None:
    warm(synced)
    for change in changes:
        synced.clock.tick(60)
        change(synced)
        synced.clock.tick(1)
        synced.run(kind)
        for number in range(1, 13):
            for (view, by), response in views(synced, number).items():
                if number not in TOUCHED[change]:
                    assert tier(response) == "memory", (change, number, view, by)
                elif response.status_code == 200:
                    assert tier(response) != "memory", (change, number, view, by)


@pytest.mark.parametrize("kind", [JobType.INCREMENTAL, JobType.FULL])
def test_a_renamed_deal_leaves_its_old_name_and_has_its_new_one(synced: Account, kind: JobType) -> None:
    warm(synced)
    for view in VIEWS:
        assert_problem(synced.service.get(view, dealName="Renamed"), 404)
    synced.data.update("deals", "1001", {"dealname": "Renamed"})
    synced.clock.tick(1)
    synced.run(kind)
    for view in VIEWS:
        assert_problem(synced.service.get(view, dealName="Deal 1"), 404)
        assert tier(synced.service.get(view, dealName="Renamed")) in ("mongodb", "memory")
        assert tier(synced.service.get(view, dealName="Deal 2")) == "memory"
    assert synced.service.get("deal-timeline", dealId="1001").get_json()["deal_name"] == "Renamed"


@pytest.mark.parametrize("parameters", [{}, {"kind": JobType.FULL}, {"kind": JobType.DEAL, "deal": "New"}])
def test_a_new_deal_is_not_called_unknown_any_longer(synced: Account, parameters: dict[str, str]) -> None:
    for view in VIEWS:
        assert_problem(synced.service.get(view, dealName="New"), 404)
    deal_id = synced.data.add_deal("New")
    synced.clock.tick(1)
    assert_problem(synced.service.get("deal-info", dealName="New"), 404)
    synced.run(**parameters)
    for view in VIEWS:
        assert tier(synced.service.get(view, dealName="New")) in ("mongodb", "memory")
        assert synced.service.get(view, dealId=deal_id).status_code == 200


def others(account: Account, number: int) -> list[list[str]]:
    """Return what the deals of one name are told of each other, by id and by name."""
    queries = ({"dealId": account.deal(number)}, {"dealName": f"Deal {number}"})
    return [account.service.get("deal-info", **query).get_json()["otherDealIds"] for query in queries]


def test_deals_of_one_name_are_told_of_each_other(synced: Account) -> None:
    warm(synced)
    assert others(synced, 3) == [[], []]
    twin = synced.data.add_deal("DEAL 3")
    synced.clock.tick(1)
    synced.run()
    assert others(synced, 3) == [[twin], [twin]]
    synced.data.update("deals", "1004", {"dealname": "deal 3"})
    synced.clock.tick(60)
    synced.run()
    assert others(synced, 3) == [["1004", twin], ["1004", twin]]
    synced.data.archive("deals", twin)
    synced.clock.tick(60)
    synced.run()
    assert others(synced, 3) == [["1004"], ["1004"]]
    synced.data.update("deals", "1004", {"dealname": "Deal 4"})
    synced.clock.tick(60)
    synced.run()
    assert others(synced, 3) == [[], []]


def test_of_two_deals_the_one_that_was_modified_last_is_meant_by_their_name(synced: Account) -> None:
    """Also when nothing of it changed that any view shows."""
    for number in (3, 4):
        synced.data.update("deals", synced.deal(number), {"dealname": "Twin" if number == 3 else "TWIN"})
        synced.clock.tick(60)
    synced.run()
    meant = "deal-timeline"
    assert synced.service.get(meant, dealName="twin").get_json()["deal_id"] == "1004"
    synced.data.update("deals", "1003", {"description": "seen by nobody"})
    synced.clock.tick(60)
    synced.run()
    assert synced.service.get(V2 + meant, dealName="twin").get_json()["deal_id"] == "1003"
    assert synced.service.get(meant, dealName="twin").get_json()["deal_id"] == "1003"


def test_a_page_is_let_go_as_soon_as_it_is_stored(synced: Account) -> None:
    """Not only at the end of the job, which may be hours away."""
    warm(synced)
    update_deal(synced)
    update_activity(synced)
    synced.clock.tick(1)
    seen: list[list[str]] = []
    finish = synced.storage.sync_jobs.finish
    synced.storage.sync_jobs.finish = lambda *arguments: (  # type: ignore[method-assign]
        seen.append([response.headers.get("X-Cache-Tier", "") for response in views(synced, 2).values()])
        or finish(*arguments)
    )
    synced.run(JobType.FULL)
    assert seen[0][0] == "mongodb"
