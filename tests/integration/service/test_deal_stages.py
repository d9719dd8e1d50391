"""The history of a deal's stages, with stage history on, and the service without it."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dealcache.reader.deal_rows import COLUMNS
from dealcache.repositories import StoreUnavailable
from dealcache.sandbox.simulator import Simulator, demo_deal_id
from dealcache.sandbox.simulator.ground_truth import stages_of
from dealcache.sandbox.simulator.label_changes import apply_label_changes
from tests.clocks import ManualClock
from tests.integration.service.harness import ACME, V1, V2, MakeService, Service, assert_problem, cache_status, tier

FIRST, SECOND, WON = "appointmentscheduled", "qualifiedtobuy", "closedwon"


@pytest.fixture
def service(make_service: MakeService) -> Service:
    return make_service(STAGE_HISTORY="on")


@pytest.fixture
def deal(hubspot: Simulator, clock: ManualClock) -> str:
    """A deal that went from its first stage to the second after a day, and half a day ago."""
    deal_id = hubspot.data.add_deal("Wayne renewal")
    clock.tick(86_400)
    hubspot.data.update("deals", deal_id, {"dealstage": SECOND})
    clock.tick(43_200)
    return deal_id


def moment(seconds: float) -> str:
    return (datetime(1970, 1, 1) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds") + "Z"


def stages(service: Service, path: str = "deal-stages", **query: Any) -> dict[str, Any]:
    response = service.get(path, **query)
    assert response.status_code == 200, response.text
    return response.get_json()


def test_a_deal_that_nobody_has_read_is_loaded_with_its_stages(service: Service, deal: str, clock: ManualClock) -> None:
    response = service.get("deal-stages", dealName=" WAYNE renewal ")

    assert tier(response) == "hubspot"
    now = clock()
    first = {
        **{"stage": "Appointment Scheduled", "stage_id": FIRST, "pipeline": "Sales Pipeline", "pipeline_id": "default"},
        **{"entered_at": moment(now - 129_600), "left_at": moment(now - 43_200), "days": 1.0},
    }
    second = {
        **{"stage": "Qualified To Buy", "stage_id": SECOND, "pipeline": "Sales Pipeline", "pipeline_id": "default"},
        **{"entered_at": moment(now - 43_200), "left_at": None, "days": 0.5},
    }
    assert response.get_json() == {
        "deal_id": deal,
        "deal_name": "Wayne renewal",
        "stages": [first, second],
        "current": second,
    }
    assert response.headers["X-Data-As-Of"] == datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_histories_are_those_of_hubspot(service: Service, hubspot: Simulator) -> None:
    acme = demo_deal_id(ACME)

    shown = stages(service, dealId=acme)["stages"]

    truth = stages_of(hubspot.data, acme)
    assert [(one["stage_id"], one["entered_at"], one["left_at"]) for one in shown] == [
        (one["stage"], one["entered"], one["exited"]) for one in truth
    ]


def test_then_mongodb_answers_and_the_same_answer_is_a_304(service: Service, deal: str, clock: ManualClock) -> None:
    service.get("deal-stages", dealId=deal)
    calls = service.calls()
    first = service.get("deal-stages", dealId=deal)

    again = service.get("deal-stages", dealId=deal, headers={"If-None-Match": first.headers["ETag"]})

    assert tier(first) == "mongodb"
    assert cache_status(first) == {"mongodb": "hit"}
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["X-Data-As-Of"] == first.headers["X-Data-As-Of"]
    assert service.calls() == calls
    clock.tick(86_400)
    later = service.get("deal-stages", dealId=deal, headers={"If-None-Match": first.headers["ETag"]})
    assert later.get_json()["current"]["days"] == 1.5


def test_a_refresh_brings_a_new_stage_at_once(
    service: Service, hubspot: Simulator, deal: str, clock: ManualClock
) -> None:
    stages(service, dealId=deal)
    hubspot.data.update("deals", deal, {"dealstage": WON})
    clock.tick(60)

    assert stages(service, dealId=deal)["current"]["stage_id"] == SECOND
    response = service.get("deal-stages", dealId=deal, refresh="true")

    assert tier(response) == "hubspot"
    assert [one["stage_id"] for one in response.get_json()["stages"]] == [FIRST, SECOND, WON]
    assert stages(service, f"{V2}deal-stages", dealName="Wayne renewal") == response.get_json()


def test_a_deal_stored_before_stage_history_was_turned_on_is_read_again_once(
    make_service: MakeService, deal: str
) -> None:
    before = make_service()
    before.get("deal-info", dealId=deal)
    service = make_service(STAGE_HISTORY="on")

    assert [one["days"] for one in stages(service, f"{V2}deal-stages", dealId=deal)["stages"]] == [None]
    assert tier(service.get("deal-stages", dealId=deal)) == "hubspot"
    assert tier(service.get("deal-stages", dealId=deal)) == "mongodb"
    assert len(stages(service, f"{V2}deal-stages", dealId=deal)["stages"]) == 2


def test_a_stage_that_is_gone_is_shown_by_its_id(service: Service, hubspot: Simulator, deal: str) -> None:
    stages(service, dealId=deal)
    service.database.pipelines.update_one({"pipeline_id": "default"}, {"$pull": {"stages": {"stage_id": FIRST}}})
    service.parts.label_directory.renew()

    first = stages(service, dealId=deal)["stages"][0]

    assert (first["stage"], first["pipeline"], first["pipeline_id"]) == (FIRST, "", None)
    assert first["days"] == 1.0


def test_what_is_asked_wrongly_or_is_not_there(service: Service, deal: str) -> None:
    assert set(assert_problem(service.get("deal-stages"), 422)["errors"]) == {"dealName"}
    assert set(assert_problem(service.get("deal-stages", dealId="Wayne"), 422)["errors"]) == {"dealId"}
    assert_problem(service.get("deal-stages", dealName="Nobody's deal"), 404)
    assert_problem(service.get(f"{V2}deal-stages", dealId=deal), 404)
    assert service.get("deal-stages", dealName="Nobody's deal").headers["X-Cache-Tier"] == "memory"


def test_when_hubspot_fails(service: Service, hubspot: Simulator, deal: str) -> None:
    hubspot.site.token = "another"

    assert_problem(service.get("deal-stages", dealId=deal), 502)


def test_without_mongodb_there_is_no_history(service: Service, deal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> None:
        raise StoreUnavailable("MongoDB does not answer")

    monkeypatch.setattr(service.parts.storage.deals, "find", down)

    for path in (f"{V1}deal-stages", f"{V2}deal-stages"):
        assert_problem(service.get(path, dealId=deal), 503)


def test_old_data_is_shown_at_once_and_read_again_behind(
    make_service: MakeService, deal: str, clock: ManualClock
) -> None:
    service = make_service(STAGE_HISTORY="on", MAX_DATA_AGE_SECONDS="60")
    stages(service, dealId=deal)
    clock.tick(120)

    assert cache_status(service.get("deal-stages", dealId=deal)) == {"mongodb": "hit; detail=revalidating"}


def test_while_it_is_off_the_answer_says_how_to_turn_it_on(make_service: MakeService, deal: str) -> None:
    service = make_service()

    for path in (f"{V1}deal-stages", f"{V2}deal-stages"):
        assert "STAGE_HISTORY=on" in assert_problem(service.get(path, dealId=deal), 404)["detail"]
    assert service.calls() == 0
    service.get("deal-info", dealId=deal)
    assert "stage_times" not in (service.database.deal_info.find_one({"deal_id": deal}) or {})


@pytest.mark.parametrize("environ", [{}, {"STAGE_HISTORY": "on"}])
def test_stage_history_takes_no_call(make_service: MakeService, environ: dict[str, str]) -> None:
    service = make_service(**environ)

    service.get("deal-info", dealName=ACME)

    assert service.calls("list") == 0
    assert service.calls("batch_read") == 7
    assert service.calls("search") == 1


def test_lists_show_the_days_in_the_present_stage(
    service: Service, hubspot: Simulator, deal: str, clock: ManualClock
) -> None:
    stages(service, dealId=deal)
    stages(service, dealName=ACME)
    unknown = hubspot.data.add_deal("Bruce's own", {"dealstage": None})
    stages(service, dealId=unknown)
    clock.tick(8_640)

    rows = {row["deal_id"]: row for row in stages(service, f"{V2}deal-list")["deals"]}

    assert (rows[deal]["days_in_stage"], rows[unknown]["days_in_stage"]) == (0.6, None)
    acme = demo_deal_id(ACME)
    assert rows[acme]["days_in_stage"] == stages(service, dealId=acme)["current"]["days"] > 0
    assert all(tuple(row) == (*COLUMNS, "days_in_stage") for row in rows.values())
    header, *lines = csv.reader(io.StringIO(service.get(f"{V2}deal-list", format="csv").text, newline=""))
    assert tuple(header) == (*COLUMNS, "days_in_stage")
    assert {line[0]: line[-1] for line in lines} == {deal: "0.6", unknown: "", acme: str(rows[acme]["days_in_stage"])}
    for line in service.get(f"{V2}deal-list", format="ndjson").text.splitlines():
        assert json.loads(line) == rows[json.loads(line)["deal_id"]]


def test_a_list_shows_a_changed_stage_with_its_new_days(
    service: Service, hubspot: Simulator, deal: str, clock: ManualClock
) -> None:
    stages(service, dealId=deal)
    stages(service, f"{V2}deal-list")
    hubspot.data.update("deals", deal, {"dealstage": WON})
    clock.tick(86_400)

    stages(service, dealId=deal, refresh="true")

    (row,) = stages(service, f"{V2}deal-list")["deals"]
    assert (row["stage_id"], row["days_in_stage"]) == (WON, 1.0)


def test_a_stage_whose_id_hubspot_alters_in_names_of_properties(
    service: Service, hubspot: Simulator, clock: ManualClock
) -> None:
    odd = {"what": "stage", "pipeline": "default", "id": "49b7ad85-a23e-426c-9b3b", "set": {"label": "Legal"}}
    apply_label_changes(hubspot.data, [odd])
    deal_id = hubspot.data.add_deal("Kent lease", {"dealstage": odd["id"]})
    clock.tick(86_400)
    hubspot.data.update("deals", deal_id, {"dealstage": WON})

    shown = stages(service, dealId=deal_id)["stages"]

    assert [(one["stage"], one["stage_id"], one["days"]) for one in shown] == [
        ("Legal", odd["id"], 1.0),
        ("Closed Won", WON, 0.0),
    ]
    # One call each time that the pipelines are read, which are the live and the archived ones.
    assert service.calls("properties") == service.calls("pipelines") // 2 > 0
