"""Owners, stages and pipelines that are renamed, archived or added while the service runs, here and in others."""

from __future__ import annotations

from typing import Any

import pytest

from dealcache.model.jobs import JobType, SyncRequest
from dealcache.sandbox.simulator import Fault
from dealcache.sandbox.simulator.label_changes import apply_label_changes
from tests.integration.service.harness import ACME, V2, MakeService, Service, tier
from tests.waiting import until

BY_NAME = {"dealName": ACME}
NEW_STAGE = {"what": "stage", "pipeline": "default", "id": "contractsent", "set": {"label": "Signed"}}


def change(service: Service, *changes: dict[str, Any]) -> None:
    apply_label_changes(service.hubspot.data, changes)
    service.clock.tick(1)


def add_deal(service: Service, name: str, **properties: str) -> str:
    given = {"pipeline": "default", "dealstage": "contractsent", "hubspot_owner_id": "910901"} | properties
    return service.hubspot.data.add_deal(name, given, already_indexed=True)


def shown(service: Service, name: str, path: str = "deal-info", **query: str) -> tuple[str, str, str]:
    info = service.get(path, dealName=name, **query).get_json()
    return info["dealOwner"], info["dealStage"], info["pipeline"]


def sync(service: Service, kind: JobType = JobType.FULL) -> None:
    parts = service.app.extensions["dealcache"]
    job, _ = parts.storage.sync_jobs.add(SyncRequest(kind), parts.runner._now())
    parts.runner.run_job(job.job_id)
    found = parts.storage.sync_jobs.get(job.job_id)
    assert found is not None
    assert found.status == "completed", found.error


def test_ids_alone_are_stored(service: Service) -> None:
    add_deal(service, "One")
    assert shown(service, "One") == ("Grace Okafor", "Contract Sent", "Sales Pipeline")
    document = service.database.deal_info.find_one({"deal_name": "One"})
    assert document is not None
    assert not {"owner", "stage", "pipeline"} & document.keys()
    service.get("deal-timeline", **BY_NAME)
    assert service.database.deal_timeline.distinct("owner") == [""]
    assert "Unknown Owner" not in str(list(service.database.deal_info.find()))


def test_a_label_that_another_worker_has_just_stored_is_shown_before_it_tells_of_it(service: Service) -> None:
    add_deal(service, "One", hubspot_owner_id="5555")
    assert shown(service, "One")[0] == "Unknown Owner"
    new = {"owner_id": "5555", "name": "Zoe Ek", "archived": False}
    service.database.owners.insert_one(new | {"synced_at": service.database.owners.find_one()["synced_at"]})  # type: ignore[index]
    service.clear()
    rows = service.get(V2 + "deal-list", owner="Zoe Ek").get_json()["deals"]
    assert [row["owner"] for row in rows] == ["Zoe Ek"]
    assert shown(service, "One")[0] == "Zoe Ek"
    assert service.get("deal-info", dealName="One").headers["X-Cache-Tier"] == "memory"


def test_a_refresh_shows_what_was_renamed_also_where_nobody_refreshed(service: Service) -> None:
    for name in ("One", "Two"):
        add_deal(service, name)
        shown(service, name)
    assert tier(service.get("deal-info", dealName="Two")) == "memory"
    change(
        service,
        NEW_STAGE,
        {"what": "owner", "id": "910901", "set": {"firstName": "Gracia"}},
        {"what": "pipeline", "id": "default", "set": {"label": "New business"}},
    )
    expected = ("Gracia Okafor", "Signed", "New business")
    assert shown(service, "One", refresh="true") == expected
    for name in ("One", "Two"):
        assert shown(service, name) == expected
        assert shown(service, name, V2 + "deal-info") == expected
    summary = service.get(V2 + "pipeline-summary").get_json()
    assert [row["count"] for row in summary if row["stage"] == "Signed"] == [2]
    assert not [row for row in summary if row["stage"] == "Contract Sent"]
    for wanted in ("signed", "contractsent"):
        found = service.get(V2 + "deals", stage=wanted).get_json()
        assert [row["Owner"] for row in found] == ["Gracia Okafor"] * 2
    assert service.get(V2 + "deals", stage="Contract Sent").get_json() == []


@pytest.mark.parametrize("kind", [JobType.FULL, JobType.INCREMENTAL])
def test_a_sync_shows_what_was_renamed_in_every_process(make_service: MakeService, kind: JobType) -> None:
    first, second = make_service(), make_service()
    for service in (first, second):
        service.app.extensions["dealcache"].start()
    add_deal(first, "One")
    first.hubspot.data.add_activity("notes", {"hubspot_owner_id": "910902"}, deals=[add_deal(first, "Two")])
    sync(first)
    # The labels come to the other process a moment after the sync, and let go what was made without them.
    for name in ("One", "Two"):
        until(lambda name=name: shown(second, name)[:2] == ("Grace Okafor", "Contract Sent"))
    until(lambda: second.get("deal-timeline", dealName="Two").get_json()["events"][0]["owner"] == "Tomáš Novák")
    second.clock.tick(1)
    until(lambda: tier(second.get("deal-info", dealName="Two")) == "memory")
    change(first, NEW_STAGE, {"what": "owner", "id": "910902", "set": {"lastName": "Nový"}})
    sync(first, kind)
    until(lambda: shown(second, "Two")[1] == "Signed" == shown(second, "One")[1])
    until(lambda: second.get("deal-timeline", dealName="Two").get_json()["events"][0]["owner"] == "Tomáš Nový")


def test_an_owner_created_after_the_labels_were_read_is_known_at_once(service: Service) -> None:
    service.get("deal-info", **BY_NAME)
    change(service, {"what": "owner", "id": "77", "set": {"firstName": "Eve", "lastName": "New"}})
    add_deal(service, "One", hubspot_owner_id="77")
    assert shown(service, "One")[0] == "Eve New"
    assert shown(service, "One", V2 + "deal-info")[0] == "Eve New"


def test_an_owner_who_becomes_known_later_is_shown_by_every_tier(service: Service) -> None:
    add_deal(service, "One", hubspot_owner_id="77")
    assert shown(service, "One")[0] == "Unknown Owner"
    entry = service.get("cache-stats", prefix="info:One").get_json()["entries"][0]
    assert entry["time_remaining_seconds"] <= 30
    change(service, {"what": "owner", "id": "77", "set": {"firstName": "Eve"}})
    sync(service, JobType.FULL)
    assert shown(service, "One")[0] == "Eve"
    assert shown(service, "One", V2 + "deal-info")[0] == "Eve"


def test_a_deal_in_an_archived_pipeline_has_its_labels_and_one_in_a_deleted_stage_keeps_them(service: Service) -> None:
    change(
        service,
        {"what": "pipeline", "id": "old", "set": {"label": "Old business"}},
        {"what": "stage", "pipeline": "old", "id": "s", "set": {"label": "Half done"}},
        {"what": "pipeline", "id": "old", "set": {"archived": True}},
    )
    add_deal(service, "Archived", pipeline="old", dealstage="s")
    add_deal(service, "Deleted")
    assert shown(service, "Archived")[1:] == ("Half done", "Old business")
    assert shown(service, "Deleted")[1] == "Contract Sent"
    change(service, {"what": "stage", "pipeline": "default", "id": "contractsent", "gone": True})
    assert shown(service, "Deleted", refresh="true")[1] == "Contract Sent"
    listed = {row["stage_id"] for row in service.get(V2 + "stages").get_json()}
    assert not {"s", "contractsent"} & listed
    assert len(service.get(V2 + "deals", stage="half done").get_json()) == 1


def test_one_stage_id_in_two_pipelines_is_two_stages(service: Service) -> None:
    lost = {"label": "Lost", "metadata": {"isClosed": "true", "probability": "0.0"}}
    won = {"label": "Won", "metadata": {"isClosed": "true", "probability": "1.0"}}
    for pipeline, stage in (("a", won), ("b", lost)):
        change(
            service,
            {"what": "pipeline", "id": pipeline},
            {"what": "stage", "pipeline": pipeline, "id": "end", "set": stage},
        )
        add_deal(service, f"In {pipeline}", pipeline=pipeline, dealstage="end")
        shown(service, f"In {pipeline}")
    (row,) = service.get(V2 + "deals", stage="won").get_json()
    assert (row["Deal_Name"], row["Closed_Won"], row["Closed_Lost"]) == ("In a", "Yes", "No")
    (row,) = service.get(V2 + "deals", stage="lost").get_json()
    assert (row["Deal_Name"], row["Closed_Won"], row["Closed_Lost"]) == ("In b", "No", "Yes")
    assert len(service.get(V2 + "deals", stage="end").get_json()) == 2


@pytest.mark.parametrize("status", [403, 500])
def test_deals_come_without_labels_where_hubspot_does_not_give_them_out(service: Service, status: int) -> None:
    service.hubspot.faults.add(Fault("owners", status=status))
    service.hubspot.faults.add(Fault("pipelines", delay=0.5))  # they come after the owners have failed
    add_deal(service, "One")
    assert shown(service, "One") == ("Unknown Owner", "Contract Sent", "Sales Pipeline")


def test_a_database_of_an_earlier_version_shows_the_right_labels(make_service: MakeService) -> None:
    earlier = make_service()
    add_deal(earlier, "One")
    add_deal(earlier, "Gone", hubspot_owner_id="88", dealstage="deleted")
    for name in ("One", "Gone"):
        earlier.get("deal-info", dealName=name)
    # As the version before wrote it.
    earlier.database.owners.drop()
    for name, owner, stage in (("One", "A former name", "A former label"), ("Gone", "Left", "Deleted stage")):
        labels = {"owner": owner, "stage": stage, "pipeline": "Sales Pipeline"}
        earlier.database.deal_info.update_one({"deal_name": name}, {"$set": labels})
    earlier.hubspot.faults.add(Fault("owners", status=503))
    service = make_service()
    # Until HubSpot answers, owners go by the names that are stored.
    assert shown(service, "One", V2 + "deal-info")[:2] == ("A former name", "Contract Sent")
    service.hubspot.faults.clear()
    service.app.extensions["dealcache"].start()
    until(lambda: shown(service, "One", V2 + "deal-info")[0] == "Grace Okafor")
    assert shown(service, "Gone", V2 + "deal-info")[:2] == ("Left", "Deleted stage")
    assert {row["stage"] for row in service.get(V2 + "pipeline-summary").get_json()} == {
        "Contract Sent",
        "Deleted stage",
    }


def test_an_owner_unknown_for_ever_costs_no_call_per_read(service: Service) -> None:
    add_deal(service, "One", hubspot_owner_id="77")
    shown(service, "One")
    service.hubspot.calls.clear()
    for _ in range(50):
        service.clock.tick(31)
        assert shown(service, "One")[0] == "Unknown Owner"
        service.get(V2 + "deal-info", dealName="One")
    assert service.calls("owners") == 0  # the directory's own clock stood nearly still
