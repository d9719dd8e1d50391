"""The properties that HubSpot keeps for each stage of a deal: when it was entered, when it was left, how long it took.

Source: HubSpot's knowledge base ("stage-calculated properties": of the latest stay in a stage alone), and lists of
accounts' properties in public repositories. In a name, a stage's id is in lower case with an underscore in place of
whatever is neither letter nor digit; an id that was altered is followed by a number, which nobody explains. Here it is
a checksum of the id.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from dealcache.sandbox.simulator.records import Properties
from dealcache.sandbox.simulator.timestamps import to_milliseconds

ENTERED = "hs_v2_date_entered_"
EXITED = "hs_v2_date_exited_"
LATEST_TIME = "hs_v2_latest_time_in_"

#: When the deal entered the stage that it is in.
ENTERED_CURRENT = f"{ENTERED}current_stage"

#: The labels of the properties in the account's list, by prefix.
_LABELS = {ENTERED: "Date entered", EXITED: "Date exited", LATEST_TIME: "Latest time in"}
_FIT = re.compile(r"[a-z0-9_]+")


def is_stage_property(name: str) -> bool:
    """Return True for a property of this family, whether there is such a stage or not."""
    return name.startswith((ENTERED, EXITED, LATEST_TIME))


def stage_suffix(stage_id: str) -> str:
    """Return the end of the names of a stage's properties."""
    if _FIT.fullmatch(stage_id):
        return stage_id
    plain = re.sub(r"[^a-z0-9_]", "_", stage_id.lower())
    return f"{plain}_{zlib.crc32(stage_id.encode()) & 0x7FFF_FFFF}"


def stage_definitions(pipelines: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the labels of the properties of all stages, by name."""
    return {
        f"{prefix}{stage_suffix(stage['id'])}": f'{label} "{stage["label"]} ({pipeline["label"]})"'
        for pipeline in pipelines
        for stage in pipeline["stages"]
        for prefix, label in _LABELS.items()
    } | {ENTERED_CURRENT: "Date entered current stage"}


def stage_times(before: Properties, after: Properties, at: str) -> dict[str, str | None]:
    """Return the stage properties that follow from a change.

    Args:
        before: the deal's properties; none for a new deal.
        after: the same with what changes, which may bring stage properties of its own, as demo data and merges do.
        at: when it changes, ISO 8601.
    """
    stage, former = after.get("dealstage"), before.get("dealstage")
    if stage == former or not stage:
        return {}
    times: dict[str, str | None] = {}
    entered = f"{ENTERED}{stage_suffix(stage)}"
    if before or not after.get(entered):
        times[entered] = at
    times[ENTERED_CURRENT] = times.get(entered) or after[entered]
    if former:
        left = stage_suffix(former)
        times[f"{EXITED}{left}"] = at
        since = before.get(f"{ENTERED}{left}")
        if since:
            times[f"{LATEST_TIME}{left}"] = str(max(0, to_milliseconds(at) - to_milliseconds(since)))
    return times
