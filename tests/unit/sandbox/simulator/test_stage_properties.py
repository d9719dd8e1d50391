"""The stage properties of deals: of the latest stay in each stage, as HubSpot keeps them."""

from __future__ import annotations

import pytest

from dealcache.sandbox.simulator import Dataset, demo_data, live_deals
from dealcache.sandbox.simulator.demo_account import demo_pipelines
from dealcache.sandbox.simulator.ground_truth import stages_of
from dealcache.sandbox.simulator.stage_properties import ENTERED, ENTERED_CURRENT, EXITED, LATEST_TIME, stage_suffix

FIRST, SECOND = "appointmentscheduled", "qualifiedtobuy"
T0, T1, T2 = "2026-09-21T14:13:20.000Z", "2026-09-21T15:13:20.000Z", "2026-09-22T15:13:20.000Z"


@pytest.fixture
def deal(hub):
    deal_id = hub.data.add_deal("Acme")
    hub.clock.tick(3_600)
    return deal_id


def read(hub, deal_id, *names):
    body = {"inputs": [{"id": deal_id}], "properties": list(names), "propertiesWithHistory": []}
    return hub.json("POST", "/crm/v3/objects/deals/batch/read", body)["results"][0]["properties"]


def test_a_change_of_the_stage_ends_one_stay_and_begins_another(hub, deal):
    hub.data.update("deals", deal, {"dealstage": SECOND})
    names = [f"{ENTERED}{FIRST}", f"{EXITED}{FIRST}", f"{LATEST_TIME}{FIRST}", f"{ENTERED}{SECOND}", ENTERED_CURRENT]

    shown = read(hub, deal, *names, f"{EXITED}{SECOND}")

    assert [shown[name] for name in names] == [T0, T1, "3600000", T1, T1]
    assert shown[f"{EXITED}{SECOND}"] is None
    assert stages_of(hub.data, deal) == [
        {"stage": FIRST, "entered": T0, "exited": T1},
        {"stage": SECOND, "entered": T1, "exited": None},
    ]


def test_a_stage_that_is_entered_again_has_its_latest_entry_and_its_former_exit(hub, deal):
    hub.data.update("deals", deal, {"dealstage": SECOND})
    hub.clock.tick(86_400)
    hub.data.update("deals", deal, {"dealstage": FIRST})

    shown = read(hub, deal, f"{ENTERED}{FIRST}", f"{EXITED}{FIRST}", ENTERED_CURRENT)

    assert (shown[f"{ENTERED}{FIRST}"], shown[f"{EXITED}{FIRST}"], shown[ENTERED_CURRENT]) == (T2, T1, T2)


def test_other_changes_and_merges_leave_them(hub, deal):
    hub.data.update("deals", deal, {"amount": "5", "dealstage": FIRST})
    other = hub.data.add_deal("Acme II", {"dealstage": SECOND})

    merged = hub.data.merge("deals", deal, other)

    assert merged.properties[f"{ENTERED}{FIRST}"] == merged.properties[ENTERED_CURRENT] == T0
    assert merged.properties[f"{ENTERED}{SECOND}"] == T1


@pytest.mark.parametrize(
    ("stage_id", "start"),
    [
        ("closedwon", "closedwon"),
        ("143220001", "143220001"),
        ("49b7ad85-a23e-426c-9b3b-d44607d1c3af", "49b7ad85_a23e_426c_9b3b_d44607d1c3af_"),
        ("Erst Gespräch", "erst_gespr_ch_"),
    ],
)
def test_names_hold_what_names_may_hold(stage_id, start):
    suffix = stage_suffix(stage_id)

    assert suffix.startswith(start)
    assert suffix == start or suffix.removeprefix(start).isdecimal()


def test_they_are_among_the_properties_of_deals_alone(hub):
    stage = demo_pipelines()[1]["stages"][0]
    listed = {one["name"]: one for one in hub.json("GET", "/crm/v3/properties/deals")["results"]}

    assert listed[f"{ENTERED}{stage['id']}"]["label"] == 'Date entered "Kündigungsfrist läuft (Vertragsverlängerung)"'
    assert listed[f"{ENTERED}{stage['id']}"]["type"] == listed[ENTERED_CURRENT]["type"] == "datetime"
    assert listed[f"{LATEST_TIME}{stage['id']}"]["type"] == "number"
    assert not any(ENTERED in one["name"] for one in hub.json("GET", "/crm/v3/properties/notes")["results"])


def test_no_webhook_tells_of_them(hub, deal):
    hub.webhooks.subscribe("https://ui.example.com/hook", "secret")

    hub.data.update("deals", deal, {"dealstage": SECOND})
    hub.webhooks.deliver_due()

    assert {one.get("propertyName") for post in hub.posts for one in post.events} == {
        "dealstage",
    }


def test_demo_deals_went_through_their_pipelines():
    data: Dataset = demo_data(200)
    order = {stage["id"]: place for pipeline in data.pipelines for place, stage in enumerate(pipeline["stages"])}
    lengths = set()
    for deal in live_deals(data):
        stays = stages_of(data, deal.id)
        lengths.add(len(stays))
        assert stays[0]["entered"] == deal.properties["createdate"]
        assert stays[-1]["stage"] == deal.properties["dealstage"]
        assert stays[-1]["entered"] == deal.properties[ENTERED_CURRENT] <= deal.updated_at
        assert [one["exited"] for one in stays] == [*(one["entered"] for one in stays[1:]), None]
        assert [order[one["stage"]] for one in stays] == sorted(order[one["stage"]] for one in stays)
    assert {1, 2, 3, 4, 5} <= lengths
