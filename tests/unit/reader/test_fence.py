"""A load that was under way when an invalidation came stores nothing, whatever it and the invalidation knew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dealcache.model.deals import DealKey
from dealcache.model.invalidation import Selection
from dealcache.reader.fence import Fence, Token
from dealcache.tiers import CacheKey, Entry, View

ENTRY = Entry(200, b"{}", '"t"', 0.0, 1.0, 2.0, "7", "Acme")
BY_NAME = CacheKey.of(View.INFO, DealKey("name", "ACME"))
BY_ID = CacheKey.of(View.INFO, DealKey("id", "7"))


def test_permits_what_nobody_invalidated():
    fence = Fence()
    token = fence.token()
    fence.move(Selection.deals(ids=["8"], names=["Other"]))
    assert fence.permits(token, BY_NAME, ENTRY)
    assert fence.permits(token, BY_ID, ENTRY)


def test_refuses_a_load_by_name_after_a_clear_by_id_and_the_other_way_round():
    for selection in (Selection.deals(ids=["7"]), Selection.deals(names=["acme"]), Selection.all()):
        fence = Fence()
        token = fence.token()
        fence.move(selection)
        assert not fence.permits(token, BY_NAME, ENTRY)
        assert not fence.permits(token, BY_ID, ENTRY)
        assert fence.permits(fence.token(), BY_NAME, ENTRY)


def test_a_remembered_404_is_refused_after_its_name_was_invalidated():
    fence = Fence()
    token = fence.token()
    unknown = Entry(404, b"", "", 0.0, 1.0, 1.0, None, None)
    fence.move(Selection.deals(ids=["9"], names=["Acme"]))
    assert not fence.permits(token, BY_NAME, unknown)


def test_forgetting_marks_refuses_rather_than_permits():
    fence = Fence(remember=2)
    token = fence.token()
    fence.move(Selection.deals(ids=["7"]))
    for number in range(100, 110):
        fence.move(Selection.deals(ids=[str(number)]))
    assert not fence.permits(token, BY_NAME, ENTRY)
    assert fence.permits(fence.token(), BY_NAME, ENTRY)


def test_who_moves_the_fence_for_itself_may_still_store():
    fence = Fence()
    selection = Selection.deals(ids=["7"], names=["Acme"])
    older = fence.token()
    mine = fence.move(selection, claim=fence.token())
    assert mine is not None
    assert fence.permits(mine, BY_NAME, ENTRY)
    assert not fence.permits(older, BY_NAME, ENTRY)


def test_who_was_overtaken_by_an_invalidation_may_not_store_even_after_its_own():
    fence = Fence()
    token = fence.token()
    fence.move(Selection.deals(ids=["7"]))
    assert fence.move(Selection.deals(ids=["7"], names=["Acme"]), claim=token) is None
    assert not fence.permits(token, BY_NAME, ENTRY)


def of_generation(number: int, entry: Entry = ENTRY) -> Entry:
    return replace(entry, generation=number)


def test_trusts_nothing_that_others_kept_before_the_record_is_known():
    fence = Fence()
    assert not fence.trusts(BY_NAME, of_generation(5))
    fence.begin(0)
    assert fence.trusts(BY_NAME, of_generation(0))


def test_trusts_nothing_older_than_what_is_known_of_the_record():
    fence = Fence()
    fence.begin(100)
    assert not fence.trusts(BY_NAME, of_generation(99))
    assert fence.trusts(BY_NAME, of_generation(100))


@pytest.mark.parametrize("selection", [Selection.deals(ids=["7"]), Selection.deals(names=["acme"]), Selection.all()])
@pytest.mark.parametrize("key", [BY_NAME, BY_ID])
def test_trusts_what_began_when_the_last_invalidation_of_its_deal_was_known(selection, key):
    fence = Fence()
    fence.begin(0)
    fence.move(selection, 3)
    fence.move(Selection.deals(ids=["8"]), 4)
    assert not fence.trusts(key, of_generation(2))
    assert fence.trusts(key, of_generation(3))


def test_a_token_tells_how_far_the_record_is_known():
    fence = Fence()
    fence.move(Selection.deals(ids=["7"]), 3)
    fence.move(Selection.deals(ids=["8"]))
    assert fence.token() == Token(2, 3)


def test_an_invalidation_without_a_place_in_the_record_refuses_loads_but_judges_nothing_of_others():
    fence = Fence()
    fence.begin(0)
    fence.move(Selection.deals(ids=["7"]), 3)
    token = fence.token()
    fence.move(Selection.deals(ids=["7"]))
    assert not fence.permits(token, BY_NAME, ENTRY)
    assert fence.trusts(BY_NAME, of_generation(3))
    assert not fence.trusts(BY_NAME, of_generation(2))


def test_an_invalidation_of_everything_without_a_place_in_the_record_forgets_no_other():
    """Clearing the fence's memory must not make older values good again."""
    fence = Fence()
    fence.begin(0)
    fence.move(Selection.deals(ids=["7"]), 237)
    fence.move(Selection.all())
    assert not fence.trusts(BY_NAME, of_generation(232))
    assert fence.trusts(BY_NAME, of_generation(237))


def test_forgetting_marks_mistrusts_rather_than_trusts():
    fence = Fence(remember=2)
    fence.begin(0)
    for number in range(1, 6):
        fence.move(Selection.deals(ids=[str(number)]), number)
    other = replace(ENTRY, deal_id="99", deal_name="Other")
    key = CacheKey.of(View.INFO, DealKey("name", "Other"))
    assert not fence.trusts(key, of_generation(2, other))
    assert fence.trusts(key, of_generation(3, other))


def test_refuses_what_is_of_a_generation_that_is_not_known_here():
    fence = Fence()
    fence.begin(3)
    assert not fence.trusts(BY_NAME, of_generation(5))
    assert fence.unheard == 5
    fence.move(Selection.deals(ids=["8"]), 5)
    assert fence.trusts(BY_NAME, of_generation(5))


def test_another_record_makes_everything_older_worthless():
    fence = Fence()
    fence.begin(0)
    fence.move(Selection.deals(ids=["7"]), 500)
    token = fence.token()
    fence.restart(20)
    assert not fence.permits(token, BY_NAME, ENTRY)
    assert fence.token().generation == 20
    assert not fence.trusts(BY_NAME, of_generation(19))
    assert fence.trusts(BY_NAME, of_generation(20))


ACME, SEVEN = DealKey("name", "ACME "), DealKey("id", "7")


@pytest.mark.parametrize(
    ("selection", "by_name", "by_id"),
    [
        (Selection.deals(ids=["7"], names=["acme"]), 5, 5),
        (Selection.deals(ids=["8"], names=["Other"]), 0, 0),
        (Selection.deals(names=["acme"]), 5, 5),
        (Selection.deals(ids=["8"]), 5, 0),
        (Selection.deals(names=["Other"]), 0, 5),
        (Selection.all(), 5, 5),
    ],
    ids=["both", "another deal", "its name", "an id without a name", "a name without an id", "everything"],
)
def test_tells_the_last_invalidation_that_may_concern_a_deal(selection, by_name, by_id):
    fence = Fence()
    fence.move(selection, 5)
    assert (fence.last_of(ACME), fence.last_of(SEVEN)) == (by_name, by_id)
    fence.move(selection)
    assert (fence.last_of(ACME), fence.last_of(SEVEN)) == (by_name, by_id)
    fence.restart(2)
    assert (fence.last_of(ACME), fence.last_of(SEVEN)) == (2, 2)


def test_it_tells_what_was_invalidated_since_a_generation():
    fence = Fence(remember=3)
    fence.move(Selection.deals(ids=["1"], names=["Acme"]), 1)
    fence.move(Selection.deals(ids=["2"]), 2)
    fence.move(Selection.deals(ids=["1"]), None)
    assert fence.moved_since(0) == Selection.deals(ids=["1", "2"], names=["acme"])
    assert fence.moved_since(1) == Selection.deals(ids=["2"])
    assert not fence.moved_since(2)
    fence.move(Selection.deals(ids=["3"]), 3)  # drops the oldest mark, of generation 1
    assert fence.moved_since(0) == Selection.all()
    assert fence.moved_since(1) == Selection.deals(ids=["2", "3"])
    fence.move(Selection.all(), 4)
    assert fence.moved_since(3) == Selection.all()
    assert not fence.moved_since(4)
