"""Changes that are put together."""

from __future__ import annotations

from dealcache.model.invalidation import INFO, TIMELINE, Changes


def test_each_deal_keeps_its_own_names_when_changes_are_added():
    together, renamed, others = Changes(), Changes(), Changes({}, {"Shared"})
    renamed.note("1", (INFO, TIMELINE), ["Acme renewal", "Acme 2027"])
    together.note("2", (INFO,), ["Globex"])
    together.note("1", (INFO,))
    together.add(renamed)
    together.add(others)
    assert together.views == {"1": {INFO, TIMELINE}, "2": {INFO}}
    assert together.names_of == {"1": {"Acme renewal", "Acme 2027"}, "2": {"Globex"}}
    assert together.names == {"Acme renewal", "Acme 2027", "Globex", "Shared"}
    assert renamed == Changes({"1": {INFO, TIMELINE}}, {"Acme renewal", "Acme 2027"}, {"1": renamed.names})


def test_a_change_that_shows_no_name_leaves_no_trace_of_one():
    changes = Changes()
    changes.note("1", (TIMELINE,))
    assert changes == Changes({"1": {TIMELINE}})


def test_only_something_is_true():
    assert not Changes()
    assert Changes({}, {"Shared"})
    assert Changes({"1": {INFO}})
