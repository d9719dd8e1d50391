"""When webhook events are delivered, how often, and in what company."""

import pytest

from dealcache.sandbox.simulator.webhook_outbox import DUPLICATE_IDS, MOST_ATTEMPTS, RETRY_DELAYS, SHUFFLED
from dealcache.sandbox.simulator.webhook_signatures import signature_headers

URL = "https://service.test/api/hubspot/webhooks?x=%2F"
LONGEST_RETRY = RETRY_DELAYS[1] * MOST_ATTEMPTS


def subscribe(hub, **options):
    hub.webhooks.subscribe(URL, "s3cret", **options)


def delivered(hub):
    """Makes all attempts that are due, and gives the events of each."""
    before = len(hub.posts)
    while hub.webhooks.deliver_due():
        pass
    return [one.events for one in hub.posts[before:]]


def names(batches):
    return [one["objectId"] for events in batches for one in events]


def test_nothing_is_told_without_a_subscription(hub):
    hub.data.add_deal("before")
    subscribe(hub)

    assert delivered(hub) == []
    hub.data.add_deal("after")
    assert len(delivered(hub)) == 1


def test_deliveries_are_signed(hub, clock):
    subscribe(hub, version="both")
    hub.data.add_deal("x")
    delivered(hub)

    (post,) = hub.posts
    assert post.url == URL
    assert post.headers == signature_headers("both", "s3cret", URL, post.body, int(clock.now * 1000))


def test_events_travel_by_the_hundred(hub):
    subscribe(hub)
    made = [int(hub.data.add_deal("x")) for _ in range(250)]

    batches = delivered(hub)

    assert [len(one) for one in batches] == [100, 100, 50]
    assert names(batches) == made
    assert len({one["eventId"] for events in batches for one in events}) == 250


def test_batches_may_be_smaller(hub):
    subscribe(hub, batch=2)
    for _ in range(3):
        hub.data.add_deal("x")

    assert [len(one) for one in delivered(hub)] == [2, 1]


def test_delay(hub, clock):
    subscribe(hub, delay=10)
    hub.data.add_deal("x")
    clock.tick(9.9)
    assert delivered(hub) == []
    clock.tick(0.2)

    ((event,),) = delivered(hub)

    assert event["occurredAt"] == int((clock.now - 10.1) * 1000)


@pytest.mark.parametrize("status", [0, 302, 400, 401, 404, 500, 503])
def test_a_failure_is_tried_again(hub, clock, status):
    subscribe(hub)
    hub.data.add_deal("x")
    hub.statuses = [status]

    ((first,),) = delivered(hub)
    assert hub.webhooks.pending == 1
    clock.tick(LONGEST_RETRY)
    ((second,),) = delivered(hub)

    assert (first["attemptNumber"], second["attemptNumber"]) == (0, 1)
    assert {**first, "attemptNumber": 1} == second
    assert [one.status for one in hub.webhooks.deliveries] == [status, 204]
    assert hub.webhooks.pending == 0


def test_a_retry_waits(hub, clock):
    subscribe(hub)
    hub.data.add_deal("x")
    hub.statuses = [500]

    assert len(delivered(hub)) == 1
    clock.tick(RETRY_DELAYS[0] * 0.9)
    assert delivered(hub) == []


def test_the_tenth_failure_is_the_last(hub, clock):
    subscribe(hub)
    hub.data.add_deal("x")
    hub.statuses = [500] * 20
    attempts = []
    for _ in range(20):
        attempts += delivered(hub)
        clock.tick(LONGEST_RETRY)

    assert [one["attemptNumber"] for (one,) in attempts] == list(range(10))
    (told,) = hub.webhooks.describe()
    assert (told["pending"], told["delivered"], told["abandoned"]) == (0, 0, 1)


def test_a_failed_batch_does_not_hold_up_others(hub):
    subscribe(hub, batch=1)
    made = [int(hub.data.add_deal("x")) for _ in range(2)]
    hub.statuses = [500]

    assert names(delivered(hub)) == made


def test_duplicates_have_another_event_id(hub):
    subscribe(hub, duplicate=1.0)
    hub.data.add_deal("x")

    ((one, two),) = delivered(hub)

    assert two == {**one, "eventId": one["eventId"] + DUPLICATE_IDS}


def test_some_duplicates(hub):
    subscribe(hub, duplicate=0.3)
    for _ in range(500):
        hub.data.add_deal("x")

    assert 600 < len(names(delivered(hub))) < 700


def test_shuffled_events_all_arrive(hub, clock):
    subscribe(hub, shuffle=True)
    made = [int(hub.data.add_deal("x")) for _ in range(200)]
    clock.tick(SHUFFLED)

    told = names(delivered(hub))

    assert told != made
    assert sorted(told) == made


def test_every_subscription_is_told(hub):
    subscribe(hub)
    hub.webhooks.subscribe("https://other.test/", "other", version="v1")
    hub.data.add_deal("x")
    delivered(hub)

    assert {one.url for one in hub.posts} == {URL, "https://other.test/"}
    assert len({one.body for one in hub.posts}) == 1


@pytest.mark.parametrize("wrong", [{"version": "v2"}, {"batch": 0}, {"batch": 101}, {"duplicate": 2}, {"delay": -1}])
def test_subscriptions_that_make_no_sense(hub, wrong):
    with pytest.raises(ValueError, match=r"version|batch"):
        subscribe(hub, **wrong)


def test_steering_over_http(hub, clock):
    told = hub.json("POST", "/_simulator/webhooks", {"url": URL, "secret": "x", "version": "both"}, status=201)
    assert told["subscriptions"] == [{"url": URL, "version": "both", "pending": 0, "delivered": 0, "abandoned": 0}]
    hub.data.add_deal("x")
    assert hub.json("GET", "/_simulator/webhooks")["pending"] == 1
    hub.statuses = [503]
    delivered(hub)
    clock.tick(LONGEST_RETRY)
    delivered(hub)

    shown = hub.json("GET", "/_simulator/webhooks")
    assert (shown["pending"], shown["subscriptions"][0]["delivered"]) == (0, 1)
    assert [(one["attempt"], one["status"], one["events"]) for one in shown["deliveries"]] == [(0, 503, 1), (1, 204, 1)]
    assert len(hub.json("GET", "/_simulator/webhooks?limit=1")["deliveries"]) == 1

    hub.data.add_deal("y")
    assert hub.ask("DELETE", "/_simulator/webhooks").status == 204
    shown = hub.json("GET", "/_simulator/webhooks")
    assert (shown["subscriptions"], shown["pending"]) == ([], 0)
    assert delivered(hub) == []


@pytest.mark.parametrize(
    "body", [{}, {"url": URL, "secret": "x", "nonsense": 1}, {"url": URL, "secret": "x", "batch": 0}]
)
def test_subscribing_wrongly_over_http(hub, body):
    assert hub.ask("POST", "/_simulator/webhooks", body).status == 400
