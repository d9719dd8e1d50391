"""Which deal a name means, and how long an unknown one stays unknown."""

from __future__ import annotations

from unicodedata import normalize

import pytest

from tests.integration.service.harness import ACME, V2, VIEWS, MakeService, Service, assert_problem, tier

ODD_NAMES = (
    "Müller & Söhne – Wartungsvertrag",
    "東京電機 – 保守契約 2026",
    "O'Brien & Sons <priority> 100% #1?",
    "Café Olé ☕ rollout / phase 2",
    'a "quoted" \\ name; with=every+sign',
    "$where",
    '{"$ne": null}',
    ".*",
    "null",
    "0",
    "👩‍👩‍👧‍👦 family",
    "العقد رقم ٧",
    "three\u3000byte " * 10,
    "長" * 512,
)


def deal_of(service: Service, name: str, path: str = "deal-info") -> str:
    """The id of the deal that a name means."""
    response = service.get(path, dealName=name)
    assert response.status_code == 200, response.text
    return response.get_json()["dealId"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_finds_its_deal_and_no_other(shared: Service, name: str) -> None:
    wanted = shared.hubspot.data.add_deal(name.strip())
    shared.hubspot.data.add_deal("another")
    assert deal_of(shared, name) == wanted
    shared.clear()
    assert tier(shared.get("deal-info", dealName=name)) == "mongodb"
    assert deal_of(shared, name, V2 + "deal-info") == wanted


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_that_nobody_has_finds_nothing(shared: Service, name: str) -> None:
    shared.get("deal-info", dealName=ACME)
    unknown = name[:500] + " unknown"
    assert_problem(shared.get("deal-info", dealName=unknown), 404)
    assert_problem(shared.get(V2 + "deal-info", dealName=unknown), 404)


@pytest.mark.parametrize("name", [f"  {ACME}", f"{ACME} \u3000", f"\u00a0{ACME}\u2003"])
def test_space_around_a_name_does_not_count(service: Service, name: str) -> None:
    first = service.get("deal-info", dealName=ACME)
    padded = service.get("deal-info", dealName=name)
    assert (tier(padded), padded.data) == ("memory", first.data)


def test_a_deal_whose_own_name_has_space_around_it_is_found(service: Service) -> None:
    deal_id = service.hubspot.data.add_deal("  Padded deal ")
    assert service.get("deal-info", dealId=deal_id).get_json()["dealId"] == deal_id
    # HubSpot's search compares the whole value, so that it is MongoDB that knows the name.
    for name in ("Padded deal", "  Padded deal ", " PADDED deal"):
        assert deal_of(service, name) == deal_id
        assert deal_of(service, name, V2 + "deal-info") == deal_id


def test_case_does_not_count_unless_it_decides(service: Service) -> None:
    data = service.hubspot.data
    lower = data.add_deal("twin deal")
    service.clock.tick(1)
    upper = data.add_deal("TWIN DEAL")
    for where in ("deal-info", V2 + "deal-info"):
        assert deal_of(service, "twin deal", where) == lower
        assert deal_of(service, "TWIN DEAL", where) == upper
        assert deal_of(service, "Twin Deal", where) == upper  # no exact match: the most recently changed
    service.clock.tick(1)
    data.update("deals", lower, {"amount": "1"})
    service.get("deal-info", refresh="true", dealName="Twin Deal")
    for where in ("deal-info", V2 + "deal-info"):
        assert deal_of(service, "Twin Deal", where) == lower
        assert deal_of(service, "TWIN DEAL", where) == upper


def test_of_several_with_one_name_the_latest_change_wins_and_the_others_are_listed(service: Service) -> None:
    data = service.hubspot.data
    ids = []
    for _ in range(3):
        ids.append(data.add_deal("Same"))
        service.clock.tick(1)
    data.update("deals", ids[1], {"amount": "1"})
    for headers in ({}, {}, {"Cache-Control": "no-cache"}):
        info = service.get("deal-info", headers, dealName="Same").get_json()
        assert (info["dealId"], info["otherDealIds"]) == (ids[1], [ids[0], ids[2]])
    by_id = service.get("deal-info", dealId=ids[0]).get_json()
    assert (by_id["dealId"], by_id["otherDealIds"]) == (ids[0], ids[1:])
    timeline = service.get("deal-timeline", dealName="Same").get_json()
    assert timeline["deal_id"] == ids[1]


def test_an_id_goes_before_a_name(service: Service) -> None:
    other = service.hubspot.data.add_deal("Other")
    assert service.get("deal-info", dealName=ACME, dealId=other).get_json()["dealName"] == "Other"


@pytest.mark.parametrize("mongodb_knows_it", [False, True])
def test_a_merged_deal_is_found_by_its_old_id(service: Service, mongodb_knows_it: bool) -> None:
    data = service.hubspot.data
    old, winner = data.add_deal("Loser"), data.add_deal("Winner")
    data.add_activity("notes", deals=[old])
    data.add_activity("notes", deals=[winner])
    if mongodb_knows_it:
        service.get("deal-info", dealId=old)
    service.clock.tick(20)
    merged = str(data.merge("deals", winner, old).id)
    info = service.get("deal-info", dealId=old, refresh="true").get_json()
    assert (info["dealId"], info["dealName"], info["activityCount"]) == (merged, "Winner", 2)
    assert deal_of(service, "Winner") == merged


@pytest.mark.parametrize("how", [{"dealName": "Nobody's deal"}, {"dealId": "123456789"}], ids=["name", "id"])
def test_an_unknown_deal_is_remembered_for_a_while(service: Service, how: dict[str, str]) -> None:
    kind = "search" if "dealName" in how else "batch_read"
    assert_problem(service.get("deal-info", **how), 404)
    searches = 2 if kind == "search" else 1  # by the whole name, and by its words
    assert service.calls(kind) == searches
    calls = service.calls()
    for view in VIEWS:
        response = service.get(view, **how)
        assert_problem(response, 404)
        assert response.headers["X-Cache-Tier"] == "memory"
    service.clock.tick(28)
    assert_problem(service.get("deal-info", **how), 404)
    assert service.calls() == calls
    service.clock.tick(2)
    assert_problem(service.get("deal-info", **how), 404)
    assert service.calls(kind) == 2 * searches


def test_a_deal_that_comes_to_be_is_found_when_its_404_is_forgotten(make_service: MakeService) -> None:
    service = make_service(NEGATIVE_TTL_SECONDS="5")
    assert_problem(service.get("deal-info", dealName="Late"), 404)
    deal_id = service.hubspot.data.add_deal("Late")
    assert_problem(service.get("deal-info", dealName="Late"), 404)
    service.clock.tick(5)
    assert deal_of(service, "Late") == deal_id


def test_a_404_is_never_served_past_its_time(service: Service) -> None:
    assert_problem(service.get("deal-info", dealName="Late"), 404)
    service.hubspot.data.add_deal("Late")
    service.clock.tick(31)
    service.hubspot.stop()
    assert_problem(service.get("deal-info", dealName="Late"), 502)


PADDED = {
    "Cold deal": "Cold deal ",
    "Tabbed deal 2026": "\tTabbed deal 2026\r\n",
    "No-break deal": "\u00a0No-break deal\u3000",
    "O'Brien & Sons": "O'Brien & Sons  ",
    "Caf\u00e9 Ol\u00e9": "Cafe\u0301 Ole\u0301",
    "M\u00fcller-\u00d6zg\u00fcr": " Mu\u0308ller-O\u0308zgu\u0308r ",
    "\uac00\ub098": normalize("NFD", "\uac00\ub098"),
    "👍": "👍 ",
    "x" * 512: "x" * 512 + " ",
}


@pytest.mark.parametrize(("name", "in_hubspot"), PADDED.items(), ids=range(len(PADDED)))
def test_a_cold_deal_is_found_whatever_is_around_its_name(service: Service, name: str, in_hubspot: str) -> None:
    deal_id = service.hubspot.data.add_deal(in_hubspot)
    asked = (name, f"\t{name}\r\n", normalize("NFD", name.upper()), f"\ufeff{name}\u00a0")
    for number, each in enumerate(asked):
        if number == 0:
            assert tier(service.get("deal-info", dealName=each)) == "hubspot"
        assert deal_of(service, each) == deal_id
        assert deal_of(service, each, V2 + "deal-info") == deal_id
    assert tier(service.get("deal-info", dealName=f"{name}\n")) == "memory"


def test_a_cold_batch_finds_them_by_one_search_more(service: Service) -> None:
    ids = {name: service.hubspot.data.add_deal(padded) for name, padded in list(PADDED.items())[:4]}
    service.hubspot.calls.clear()
    answer = service.batch(*ids, ACME, "Nobody", include=["info"]).get_json()
    assert {name: answer["deals"][name]["info"]["dealId"] for name in ids} == ids
    assert answer["errors"].keys() == {"Nobody"}
    assert service.calls("search") == 2


def test_of_two_deals_the_one_in_the_very_same_case_wins_whatever_is_around_it(service: Service) -> None:
    same = service.hubspot.data.add_deal("Cafe\u0301 ")
    service.clock.tick(5)
    service.hubspot.data.add_deal("CAF\u00c9 ")
    assert deal_of(service, "Caf\u00e9") == same


@pytest.mark.parametrize("inside", ["a\tb", "a\nb", "a\x00", "\x1fa"])
def test_control_characters_within_a_name_are_refused(service: Service, inside: str) -> None:
    assert_problem(service.get("deal-info", dealName=inside), 422)
