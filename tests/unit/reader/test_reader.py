"""The read path, tier by tier, with stand-ins below and a clock ticked by hand."""

from __future__ import annotations

import pytest

from dealcache.hubspot.errors import Forbidden, HubSpotError, RateLimited, TimedOut, Unauthorised, Unavailable
from dealcache.model.deals import DealKey
from dealcache.model.invalidation import Selection
from dealcache.reader.answers import Mode, TierOutcome
from dealcache.repositories import StoreUnavailable
from dealcache.tiers import CacheKey, View
from tests.listings import rows_of
from tests.unit.reader.stands import Stand, named, version_of


def outcomes(answer) -> list[tuple[str, TierOutcome]]:
    return [(step.tier, step.outcome) for step in answer.steps]


def test_a_cold_deal_comes_from_hubspot_and_fills_all_three_views():
    stand = Stand()
    stand.hubspot.versions["Acme"] = 1
    answer = stand.reader.read(View.TIMELINE, named())
    assert answer.tier == "hubspot"
    assert outcomes(answer) == [
        ("memory", TierOutcome.MISS),
        ("mongodb", TierOutcome.MISS),
        ("hubspot", TierOutcome.HIT),
    ]
    for view in View:
        assert stand.reader.read(view, named()).tier == "memory"
    assert stand.hubspot.loads == 1


def test_what_mongodb_knows_is_not_asked_of_hubspot():
    stand = Stand()
    stand.mongodb.versions["Acme"] = 1
    assert stand.reader.read(View.INFO, named()).tier == "mongodb"
    assert stand.reader.read(View.INFO, named()).tier == "memory"
    assert stand.hubspot.loads == 0


def test_a_deal_whose_activities_were_never_fetched_is_fetched():
    stand = Stand()
    stand.mongodb.unsynced.add("Acme")
    stand.hubspot.versions["Acme"] = 1
    assert stand.reader.read(View.INFO, named()).tier == "hubspot"


def test_a_value_lives_for_its_time_and_is_then_read_again():
    stand = Stand()
    stand.mongodb.versions["Acme"] = 1
    stand.reader.read(View.INFO, named())
    stand.mongodb.versions["Acme"] = 2
    stand.clock.tick(599)
    assert version_of(stand.reader.read(View.INFO, named())) == 1
    stand.clock.tick(1)
    answer = stand.reader.read(View.INFO, named())
    assert (version_of(answer), answer.tier, answer.steps[0].outcome) == (2, "mongodb", TierOutcome.STALE)


def test_no_cache_skips_memory_and_refills_it():
    stand = Stand()
    stand.mongodb.versions["Acme"] = 1
    stand.reader.read(View.INFO, named())
    stand.mongodb.versions["Acme"] = 2
    stand.clock.tick(1)
    answer = stand.reader.read(View.INFO, named(), Mode.NO_CACHE)
    assert (version_of(answer), outcomes(answer)[0]) == (2, ("memory", TierOutcome.BYPASS))
    assert version_of(stand.reader.read(View.INFO, named())) == 2


def test_an_unknown_deal_is_remembered_for_a_short_while_only():
    stand = Stand()
    assert stand.reader.read(View.INFO, named()).entry.status == 404
    assert stand.reader.read(View.TIMELINE, named()).entry.status == 404
    assert stand.hubspot.loads == 1
    stand.clock.tick(30)
    stand.hubspot.versions["Acme"] = 1
    assert stand.reader.read(View.INFO, named()).entry.status == 200


def test_a_hit_is_a_fresh_view_only():
    stand = Stand()
    stand.reader.read(View.INFO, named("nobody"))
    assert stand.cache.hit(CacheKey.of(View.INFO, named("nobody"))) is None
    stand.mongodb.versions["Acme"] = 1
    assert stand.cache.hit(CacheKey.of(View.INFO, named())) is None
    stand.reader.read(View.INFO, named())
    assert stand.cache.hit(CacheKey.of(View.INFO, named())) is not None
    assert {row.key: row.hits for row in rows_of(stand.memory)}["info:Acme"] == 1
    stand.clock.tick(600)
    assert stand.cache.hit(CacheKey.of(View.INFO, named())) is None


@pytest.mark.parametrize(
    "failure",
    [
        Unauthorised("no"),
        Forbidden("no"),
        RateLimited("no", retry_after=3),
        Unavailable("no"),
        TimedOut("no"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_no_failure_of_hubspot_is_remembered(failure: HubSpotError):
    stand = Stand()
    stand.hubspot.failure = failure
    with pytest.raises(type(failure)):
        stand.reader.read(View.INFO, named())
    assert stand.memory.usage().entries == 0
    stand.hubspot.failure = None
    stand.hubspot.versions["Acme"] = 1
    assert stand.reader.read(View.INFO, named()).entry.status == 200


def test_hubspot_answers_when_mongodb_is_down_and_memory_keeps_it():
    stand = Stand()
    stand.mongodb.failure = StoreUnavailable("down")
    stand.hubspot.versions["Acme"] = 1
    answer = stand.reader.read(View.INFO, named())
    assert outcomes(answer)[1:] == [("mongodb", TierOutcome.ERROR), ("hubspot", TierOutcome.HIT)]
    assert stand.reader.read(View.INFO, named()).tier == "memory"


def expired(stand: Stand) -> None:
    """Let a value of Acme expire, and everything below break."""
    stand.mongodb.versions["Acme"] = 1
    stand.reader.read(View.INFO, named())
    stand.clock.tick(601)
    stand.break_everything()


def test_the_expired_value_serves_marked_when_everything_below_is_down():
    stand = Stand()
    expired(stand)
    answer = stand.reader.read(View.INFO, named())
    assert (answer.tier, answer.stale, version_of(answer)) == ("memory", True, 1)
    assert outcomes(answer) == [
        ("memory", TierOutcome.STALE),
        ("mongodb", TierOutcome.ERROR),
        ("hubspot", TierOutcome.ERROR),
    ]


def test_failing_tiers_are_left_alone_for_a_pause_and_then_tried_once():
    stand = Stand()
    expired(stand)
    for _ in range(5):
        assert stand.reader.read(View.INFO, named()).stale
    assert stand.hubspot.loads == 1
    stand.clock.tick(10)
    for _ in range(5):
        assert stand.reader.read(View.INFO, named()).stale
    assert stand.hubspot.loads == 2


def test_the_first_success_after_a_failure_ends_the_pause():
    stand = Stand()
    expired(stand)
    stand.reader.read(View.INFO, named())
    stand.mongodb.failure = None
    stand.mongodb.versions["Acme"] = 2
    stand.clock.tick(10)
    assert version_of(stand.reader.read(View.INFO, named())) == 2
    stand.clock.tick(601)
    assert not stand.reader.read(View.INFO, named()).stale


def test_a_value_that_is_too_old_does_not_serve():
    stand = Stand()
    expired(stand)
    stand.clock.tick(3600)
    with pytest.raises(Unavailable):
        stand.reader.read(View.INFO, named())


def test_no_cache_gets_the_kept_value_rather_than_nothing():
    stand = Stand()
    stand.mongodb.versions["Acme"] = 1
    stand.reader.read(View.INFO, named())
    stand.break_everything()
    answer = stand.reader.read(View.INFO, named(), Mode.NO_CACHE)
    assert (answer.tier, answer.stale) == ("memory", False)


def test_refresh_asks_hubspot_and_writes_through():
    stand = Stand()
    stand.hubspot.versions["Acme"] = 1
    stand.reader.read(View.INFO, named())
    stand.hubspot.versions["Acme"] = 2
    stand.clock.tick(1)
    answer = stand.reader.read(View.INFO, named(), Mode.REFRESH)
    assert (answer.tier, version_of(answer)) == ("hubspot", 2)
    assert version_of(stand.reader.read(View.TIMELINE, named())) == 2
    assert stand.mongodb.versions["Acme"] == 2


def test_a_deal_refreshed_a_moment_ago_is_not_fetched_again():
    stand = Stand()
    stand.hubspot.versions["Acme"] = 1
    stand.reader.read(View.INFO, named(), Mode.REFRESH)
    stand.clock.tick(9)
    assert stand.reader.read(View.INFO, named(), Mode.REFRESH).tier == "memory"
    stand.clock.tick(1)
    assert stand.reader.read(View.INFO, named(), Mode.REFRESH).tier == "hubspot"
    assert stand.hubspot.loads == 2


def test_a_deal_refreshed_by_name_is_not_fetched_again_by_its_id():
    stand = Stand()
    stand.hubspot.versions["Acme"] = 1
    stand.reader.read(View.INFO, named(), Mode.REFRESH)
    stand.mongodb.versions["id-Acme"] = 1
    assert stand.reader.read(View.INFO, DealKey("id", "id-Acme"), Mode.REFRESH).tier == "mongodb"
    assert stand.hubspot.loads == 1


def test_refresh_lets_go_what_is_cached_of_the_deal_under_other_keys():
    stand = Stand()
    for spelling in ("Acme", "ACME"):
        stand.mongodb.versions[spelling] = 1
        stand.reader.read(View.INFO, named(spelling))
    stand.hubspot.versions["Acme"] = 2
    stand.mongodb.versions["ACME"] = 2
    stand.clock.tick(1)
    stand.reader.read(View.INFO, named("Acme"), Mode.REFRESH)
    assert version_of(stand.reader.read(View.INFO, named("ACME"))) == 2


def test_a_refresh_that_finds_nothing_makes_the_deal_unknown():
    stand = Stand()
    stand.mongodb.versions["Acme"] = 1
    stand.reader.read(View.INFO, named())
    stand.clock.tick(1)
    assert stand.reader.read(View.INFO, named(), Mode.REFRESH).entry.status == 404
    assert stand.hubspot.known_ids == [("id-Acme",)]
    assert stand.reader.read(View.INFO, named()).entry.status == 404


def test_a_failed_refresh_is_an_error_and_destroys_nothing():
    stand = Stand()
    stand.mongodb.versions["Acme"] = 1
    stand.reader.read(View.INFO, named())
    stand.hubspot.failure = Unavailable("down")
    with pytest.raises(Unavailable):
        stand.reader.read(View.INFO, named(), Mode.REFRESH)
    assert stand.reader.read(View.INFO, named()).tier == "memory"


def test_a_clear_tells_the_keys_that_left_and_mongodb_answers_next():
    stand = Stand()
    stand.hubspot.versions["Acme"] = 1
    stand.reader.read(View.INFO, named())
    cleared = stand.reader.invalidate(Selection.all())
    assert cleared.cleared == {"info:Acme", "timeline:Acme", "activities_count:Acme"}
    assert cleared.everywhere
    assert stand.reader.read(View.INFO, named()).tier == "mongodb"
