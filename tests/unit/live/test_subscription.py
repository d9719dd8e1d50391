"""The updates that each client has asked for."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from dealcache.live.messages import DealUpdate
from dealcache.live.subscription import Audience, Subscription
from dealcache.model.invalidation import INFO


def update(name: str, *others: str) -> DealUpdate:
    return DealUpdate("1", name, frozenset({INFO}), datetime(2026, 11, 25, tzinfo=UTC), frozenset(others))


def audience(**names: list[str] | None) -> Audience[str]:
    made: Audience[str] = Audience()
    for client, wanted in names.items():
        made.put(client, Subscription() if wanted is None else Subscription.to(wanted))
    return made


def test_without_names_all_deals_are_wanted():
    made = audience(a=None, b=["Acme"])
    assert made.of_all == {"a"}
    assert made.narrowed([update("Globex"), update("Acme")]) == {"b": [1]}


def test_names_are_compared_without_case_and_space():
    assert audience(a=["  STRASSE 1 "]).narrowed([update("Straße 1")]) == {"a": [0]}


def test_who_names_no_deal_hears_of_none():
    made = audience(a=[])
    assert (made.of_all, made.narrowed([update("Acme"), update("")])) == (set(), {})


def test_a_deal_is_told_of_once_to_who_knows_several_of_its_names():
    made = audience(a=["Acme renewal", "Acme 2027"], b=["Acme renewal"], c=["Acme"])
    assert made.narrowed([update("Acme 2027", "Acme renewal", "Acme 2027")]) == {"a": [0], "b": [0]}


def test_the_order_is_kept():
    updates = [update("Acme"), update("Globex"), update("Acme")]
    assert audience(a=["Acme", "globex"]).narrowed(updates) == {"a": [0, 1, 2]}


def test_what_is_wanted_now_counts_and_not_what_was():
    made = audience(a=None, b=["Acme"])
    made.put("a", Subscription.to(["Acme"]))
    made.put("b", Subscription())
    assert (made.of_all, made.narrowed([update("Acme")])) == ({"b"}, {"a": [0]})
    made.remove("a")
    made.remove("b")
    made.remove("nobody")
    assert (made.of_all, made.narrowed([update("Acme")])) == (set(), {})


NAMES = st.sampled_from(["Acme", "acme ", "Globex", "Initech", "Straße", "STRASSE"])
WISHES = st.none() | st.lists(NAMES, max_size=3)


@given(st.lists(st.tuples(st.integers(0, 3), WISHES | st.just("leave"))), st.lists(NAMES, max_size=4))
def test_the_index_says_what_asking_everybody_would(steps, names):
    made: Audience[int] = Audience()
    plain: dict[int, Subscription] = {}
    for client, wish in steps:
        if wish == "leave":
            made.remove(client)
            plain.pop(client, None)
        else:
            plain[client] = Subscription() if wish is None else Subscription.to(wish)
            made.put(client, plain[client])
    updates = [update(name) for name in names]
    expected = {
        client: places
        for client, one in plain.items()
        if one.name_keys is not None
        and (places := [place for place, each in enumerate(updates) if each.name_keys & one.name_keys])
    }
    assert made.narrowed(updates) == expected
    assert made.of_all == {client for client, one in plain.items() if one.name_keys is None}


def test_the_names_of_all_are_bounded_in_number_and_size(monkeypatch):
    monkeypatch.setattr("dealcache.live.subscription.MOST_NAMES_OF_ALL", 5)
    monkeypatch.setattr("dealcache.live.subscription.MOST_BYTES_OF_ALL", 2000)
    audience = Audience()
    three, large = Subscription.to("abc"), Subscription.to(["x" * 1900])
    assert audience.has_room("ada", three)
    audience.put("ada", three)
    assert audience.has_room("ada", Subscription.to("abcde"))  # in place of the three
    assert not audience.has_room("bob", Subscription.to("def"))
    assert audience.has_room("bob", Subscription.to("de"))
    assert audience.has_room("bob", Subscription())
    assert not audience.has_room("bob", large)
    audience.remove("ada")
    audience.remove("ada")
    assert audience.has_room("bob", large)
    audience.put("bob", large)
    audience.put("bob", Subscription())
    assert audience.has_room("ada", large)
