"""Which version of a test deal an answer shows."""

from __future__ import annotations

from typing import Any

import pytest

from dealcache.sandbox.simulator import Dataset
from dealcache.sandbox.simulator.change_list import apply_changes
from tests.soak.versions import (
    VIEWS,
    MisshapenError,
    Shown,
    Specimen,
    annotation_in,
    events_of,
    first_version,
    marker_of,
    next_version,
    shown_by,
)

DEAL = Specimen("7", "Acme", "8")


def timeline(*subjects: str, **marker: Any) -> dict[str, Any]:
    return {"events": [{"subject": subject} | (marker if "marker" in subject else {}) for subject in subjects]}


@pytest.mark.parametrize(
    ("view", "body", "shown"),
    [
        ("info", {"amount": 0.0, "activityCount": 1}, Shown(0, 0)),
        ("info", {"amount": 7.0, "activityCount": 8}, Shown(7, 7)),
        ("info", {"amount": 8.0, "activityCount": 8}, Shown(7, 8)),
        ("info", {"amount": 7.0, "activityCount": 9}, Shown(7, 8)),
        ("activities_count", {"count": 8, "by_type": {"Call": 5, "Meeting": 3}}, Shown(7, 7)),
        ("timeline", timeline("marker 0"), Shown(0, 0)),
        ("timeline", timeline("added 1", "marker 2", "added 2"), Shown(2, 2)),
        ("timeline", timeline("added 1", "marker 1", "added 2"), Shown(1, 2)),
        ("timeline", timeline("added 1", "marker 2"), Shown(1, 2)),
        ("timeline", timeline("added 1", "added 3", "marker 3"), Shown(1, 3)),
    ],
)
def test_a_view_shows_the_oldest_and_the_newest_version_that_it_is_made_of(
    view: str, body: dict[str, Any], shown: Shown
) -> None:
    assert shown_by(view, body) == shown


@pytest.mark.parametrize(
    ("view", "body"),
    [
        ("info", {"amount": None, "activityCount": 1}),
        ("info", {"amount": 1.0}),
        ("info", "an error page"),
        ("activities_count", {"count": 8, "by_type": {"Call": 5}}),
        ("timeline", timeline("added 1")),
        ("timeline", timeline("marker 1", "marker 1", "added 1")),
        ("timeline", timeline("marker 1", "added 1", "added 1")),
        ("timeline", timeline("marker 1", "something else")),
        ("timeline", {"events": None}),
        ("timeline", None),
    ],
)
def test_what_is_no_view_of_a_test_deal_is_refused(view: str, body: Any) -> None:
    with pytest.raises(MisshapenError, match=view):
        shown_by(view, body)


def test_an_annotation_stands_beside_the_marker() -> None:
    assert annotation_in(timeline("marker 1", "added 1", sentiment="17")) == 17
    assert annotation_in(timeline("marker 1", "added 1")) is None


def test_a_change_takes_a_deal_in_hubspot_to_the_next_version() -> None:
    data = Dataset()
    (deal_id,) = apply_changes(data, [first_version("Acme")])
    (marker_id,) = apply_changes(data, [marker_of(str(deal_id))])
    deal = Specimen(str(deal_id), "Acme", str(marker_id))
    for version in range(1, 9):
        *_, added_id = apply_changes(data, next_version(deal, version))
        assert data.existing("deals", deal.deal_id).properties["amount"] == str(version)
        assert data.existing("meetings", deal.marker_id).properties["hs_meeting_title"] == f"marker {version}"
        told = events_of(deal, version, str(added_id), at=1_800_000_000.5)
        (added,) = [event for event in told if event["subscriptionType"] == "object.creation"]
        record = data.existing(added["objectTypeId"], str(added["objectId"]))
        assert f"added {version}" in record.properties.values()
        assert {event["occurredAt"] for event in told} == {1_800_000_000_500}


def test_the_views_are_those_of_the_contract() -> None:
    assert set(VIEWS) == {"info", "timeline", "activities_count"}
