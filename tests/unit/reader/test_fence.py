"""A load that was under way when an invalidation came stores nothing, whatever it and the invalidation knew."""

from __future__ import annotations

from dealcache.deals import DealKey
from dealcache.reader.fence import Fence
from dealcache.tiers import CacheKey, Entry, Selection, View

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
    mine = fence.move_for(fence.token(), selection)
    assert fence.permits(mine, BY_NAME, ENTRY)
    assert not fence.permits(older, BY_NAME, ENTRY)


def test_who_was_overtaken_by_an_invalidation_may_not_store_even_after_its_own():
    fence = Fence()
    token = fence.token()
    fence.move(Selection.deals(ids=["7"]))
    assert not fence.permits(fence.move_for(token, Selection.deals(ids=["7"], names=["Acme"])), BY_NAME, ENTRY)
