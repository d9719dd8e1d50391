"""The request limits: which calls use which bucket, when places come back, and what refusals look like."""

import orjson

from dealcache.sandbox.simulator import Limits

LIST = ("GET", "/crm/v3/objects/deals")
SEARCH = ("POST", "/crm/v3/objects/deals/search", {})
ASSOCIATIONS = ("POST", "/crm/v4/associations/deals/notes/batch/read", {"inputs": []})


def statuses(hub, call, count):
    return [hub.ask(*call).status for _ in range(count)]


def test_ten_seconds_roll(hub, clock):
    hub.limit(Limits(ten_secondly=3))
    assert statuses(hub, LIST, 2) == [200, 200]
    clock.tick(6)
    assert statuses(hub, LIST, 2) == [200, 429]

    clock.tick(3.9)
    assert statuses(hub, LIST, 1) == [429]
    clock.tick(0.1)
    assert statuses(hub, LIST, 3) == [200, 200, 429]


def test_search_has_five_a_second_of_its_own(hub, clock):
    hub.limit(Limits(ten_secondly=1))

    assert statuses(hub, SEARCH, 6) == [200] * 5 + [429]
    assert statuses(hub, LIST, 2) == [200, 429]
    clock.tick(1)
    assert statuses(hub, SEARCH, 1) == [200]


def test_association_batches_have_a_bucket_of_their_own_but_single_reads_do_not(hub, clock):
    hub.data.add_deal("x", record_id=1)
    hub.limit(Limits(ten_secondly=1, associations_ten_secondly=2))

    assert statuses(hub, ASSOCIATIONS, 3) == [200, 200, 429]
    assert statuses(hub, ("GET", "/crm/v4/objects/deals/1/associations/notes"), 2) == [200, 429]
    clock.tick(10)
    assert statuses(hub, ASSOCIATIONS, 1) == [200]


def test_the_day_counts_all_and_begins_at_the_accounts_midnight(hub, clock):
    # 2026-11-02 04:59:50 UTC: ten seconds before midnight at -05:00.
    clock.now = 1_793_595_590.0
    hub.limit(Limits(daily=2, retry_after=True))
    assert statuses(hub, LIST, 1) + statuses(hub, SEARCH, 2) == [200, 200, 429]

    answer = hub.ask(*LIST)
    assert orjson.loads(answer.body)["policyName"] == "DAILY"
    assert answer.headers["Retry-After"] == "10"

    clock.tick(10)
    assert statuses(hub, LIST, 1) == [200]


def test_a_day_may_have_begun_before(hub, clock):
    hub.limit(Limits(daily=100, daily_used=98))

    first, second, third = (hub.ask("GET", "/crm/v3/owners") for _ in range(3))
    assert [one.headers["X-HubSpot-RateLimit-Daily-Remaining"] for one in (first, second, third)] == ["1", "0", "0"]
    assert (second.status, third.status) == (200, 429)

    clock.tick(86_400)
    assert hub.ask("GET", "/crm/v3/owners").headers["X-HubSpot-RateLimit-Daily-Remaining"] == "99"


def test_headers_of_an_ordinary_call(hub):
    hub.limit(Limits(ten_secondly=190, daily=1000))
    hub.ask(*SEARCH)

    headers = hub.ask(*LIST).headers

    assert headers["X-HubSpot-RateLimit-Max"] == "190"
    assert headers["X-HubSpot-RateLimit-Remaining"] == "189"
    assert headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    assert headers["X-HubSpot-RateLimit-Daily"] == "1000"
    assert headers["X-HubSpot-RateLimit-Daily-Remaining"] == "998"


def test_search_tells_about_the_day_only(hub):
    hub.limit(Limits(search_per_second=1))
    for answer in (hub.ask(*SEARCH), hub.ask(*SEARCH)):
        told = {name for name in answer.headers if "RateLimit" in name}
        assert told == {"X-HubSpot-RateLimit-Daily", "X-HubSpot-RateLimit-Daily-Remaining"}


def test_refusals_by_bucket(hub):
    hub.limit(Limits(ten_secondly=0, search_per_second=0, associations_ten_secondly=0))
    app, search, associations = (orjson.loads(hub.ask(*call).body) for call in (LIST, SEARCH, ASSOCIATIONS))

    assert app["policyName"] == associations["policyName"] == "TEN_SECONDLY_ROLLING"
    assert app["errorType"] == "RATE_LIMIT"
    assert search["message"] == "You have reached your secondly limit."
    assert search["category"] == "RATE_LIMITS"
    assert "policyName" not in search
    assert "Retry-After" not in hub.ask(*SEARCH).headers


def test_a_wrong_token_uses_nothing_up(hub):
    hub.limit(Limits(ten_secondly=1))
    assert hub.ask(*LIST, token="wrong").status == 401
    assert hub.ask(*LIST).status == 200


def test_usage_is_told(hub):
    hub.limit(Limits(daily=10))
    hub.ask(*SEARCH)

    (usage,) = hub.json("GET", "/account-info/v3/api-usage/daily/private-apps")["results"]

    assert (usage["usageLimit"], usage["currentUsage"]) == (10, 2)
