"""The findings about HubSpot."""

from __future__ import annotations

import pytest

from dealcache.checks.facts import NO_ANSWER
from dealcache.checks.findings import Finding, Level
from dealcache.checks.hubspot import SCOPES, judge_hubspot, judge_people
from dealcache.checks.token_probe import READABLE, DailyUsage
from dealcache.hubspot.errors import Forbidden, MalformedAnswer, RateLimited, TimedOut, Unauthorised, Unavailable
from dealcache.hubspot.limits.buckets import LIMITS

LEFT = DailyUsage(900, 1000)
WELL = {
    **dict.fromkeys(READABLE, True),
    "account": "62515",
    "bound account": 62515,
    "scopes": frozenset(SCOPES),
    "usage": LEFT,
}
FORBIDDEN = Forbidden("HubSpot refuses")


def findings(noted: DailyUsage | None = None, **facts: object) -> dict[str, Finding]:
    changed = {name.replace("_account", " account"): fact for name, fact in facts.items()}
    return {one.subject: one for one in judge_hubspot(WELL | changed, "deals", lambda bucket: LIMITS[bucket][0], noted)}


def bad(**facts: object) -> list[str]:
    return [one.line() for one in findings(**facts).values() if one.level is not Level.OK]


def test_all_is_well():
    assert bad() == []
    lines = [one.line() for one in findings().values()]
    assert "ok       HubSpot account: 62515, whose data the database 'deals' holds" in lines
    assert "ok       HubSpot calls today: 900 of 1,000 are left" in lines
    assert any(line.startswith("ok       HubSpot limits: ") and "searches a second" in line for line in lines)
    assert len(lines) == 5 + len(SCOPES) - 1


def test_every_list_that_is_read_belongs_to_one_scope():
    assert sorted(what for read in SCOPES.values() for what in read) == sorted(READABLE)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Unauthorised("HubSpot refuses the token"), "set HUBSPOT_ACCESS_TOKEN"),
        (NO_ANSWER, "no answer in time; see whether HUBSPOT_BASE_URL is right"),
        (TimedOut("HubSpot did not answer in time"), "see whether HUBSPOT_BASE_URL is right"),
        (Unavailable("the connection failed"), "see whether HUBSPOT_BASE_URL is right"),
        (RateLimited("limit", retry_after=1), "try again in a minute"),
        (RateLimited("limit", retry_after=1, daily=True), "wait until midnight"),
    ],
)
def test_a_hubspot_that_cannot_be_used_is_one_finding(error, said):
    (finding,) = findings(**dict.fromkeys((*READABLE, "account", "scopes", "usage"), error)).values()
    assert finding.level is Level.FAILED
    assert said in finding.line()


def test_an_account_that_is_withheld_is_no_reason_not_to_look_further():
    (line,) = bad(account=MalformedAnswer("no account"))
    assert line.startswith("warning  HubSpot account: no account;")
    (line,) = bad(account=NO_ANSWER)
    assert line.startswith("warning  HubSpot account: no answer in time;")


@pytest.mark.parametrize(
    ("bound", "said"),
    [
        (7, "failed   HubSpot account: HUBSPOT_ACCESS_TOKEN belongs to HubSpot account 62515"),
        (None, "ok       HubSpot account: 62515; no data of any account are stored yet"),
        (NO_ANSWER, "ok       HubSpot account: 62515; it is not known whose data MongoDB holds"),
    ],
)
def test_the_tokens_account_is_compared_with_that_of_the_data(bound, said):
    assert findings(bound_account=bound)["HubSpot account"].line().startswith(said)


@pytest.mark.parametrize(
    ("facts", "scope", "said"),
    [
        ({"deals": FORBIDDEN}, "crm.objects.deals.read", "refuses to list deals"),
        ({"notes": FORBIDDEN, "calls": FORBIDDEN}, "crm.objects.contacts.read", "refuses to list calls, notes"),
        ({"owners": FORBIDDEN}, "crm.objects.owners.read", "refuses to list owners"),
        ({"emails": FORBIDDEN}, "sales-email-read", "refuses to list emails"),
        ({"emails": False, "scopes": FORBIDDEN}, "sales-email-read", "withholds what they say"),
        ({"scopes": frozenset({"crm.objects.deals.read"})}, "sales-email-read", "withholds what they say"),
    ],
)
def test_a_missing_scope_is_named_with_what_it_costs(facts, scope, said):
    (line,) = bad(**facts)
    assert line.startswith(f"failed   HubSpot scope {scope}: ")
    assert said in line
    assert line.endswith(f"; add {scope} to the scopes of the private app")


def test_other_scopes_may_open_the_same_records():
    assert bad(scopes=frozenset({"crm.objects.calls.read", "sales-email-read"})) == []


def test_a_scope_that_could_not_be_tried_is_not_called_missing():
    (line,) = bad(tasks=TimedOut("HubSpot did not answer in time"))
    assert line.startswith("failed   HubSpot scope crm.objects.contacts.read: listing tasks failed: HubSpot did not")
    (line,) = bad(owners=RateLimited("limit", retry_after=1))
    assert line.startswith("warning  HubSpot scope crm.objects.owners.read: not checked")


@pytest.mark.parametrize(
    ("noted", "usage", "said"),
    [
        (
            DailyUsage(19, 1000),
            LEFT,
            "warning  HubSpot calls today: 19 of 1,000 are left, so that scheduled syncs wait",
        ),
        (DailyUsage(0, 1000), LEFT, "failed   HubSpot calls today: 0 of 1,000 are left, so that nothing can be read"),
        (None, DailyUsage(20, 1000), "ok       HubSpot calls today: 20 of 1,000 are left"),
        (None, FORBIDDEN, "warning  HubSpot calls today: HubSpot does not tell how many are left"),
    ],
)
def test_calls_of_the_day_by_headers_or_else_by_hubspots_count(noted, usage, said):
    assert findings(noted, usage=usage)["HubSpot calls today"].line().startswith(said)


def people(**facts: object) -> list[str]:
    return [one.line() for one in judge_people(WELL | {"contacts": True, "companies": True} | facts)]


def test_rights_for_names_of_people():
    assert [line.split()[0] for line in people()] == ["ok", "ok"]
    refused = people(companies=FORBIDDEN)
    assert [line.split()[0] for line in refused] == ["ok", "failed"]
    assert "or set ASSOCIATED_NAMES=off" in refused[1]
    assert people(contacts=NO_ANSWER, companies=NO_ANSWER) == []
