"""The ways of demo deals through the stages of their pipelines."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from dealcache.sandbox.simulator.demo_account import DEFAULT_STAGES, NUMERIC_STAGES
from dealcache.sandbox.simulator.stage_properties import ENTERED, EXITED, LATEST_TIME, stage_suffix
from dealcache.sandbox.simulator.timestamps import to_iso

#: Each stage with the open stages that come before it; a deal may be won or lost after any of them.
_BEFORE = {
    stage_id: [before for before, _, chance in stages[:place] if chance not in ("0.0", "1.0")]
    for stages in (DEFAULT_STAGES, NUMERIC_STAGES)
    for place, (stage_id, _, _) in enumerate(stages)
}
_LOST = frozenset(
    stage_id for stages in (DEFAULT_STAGES, NUMERIC_STAGES) for stage_id, _, chance in stages if chance == "0.0"
)

#: The share of stages that a deal does not skip.
_TAKEN = 0.85


def plan_stages(random: Random, stage: str, created: int, changed: int) -> dict[str, str | None]:
    """Return the stage properties of a deal: it enters its first stage when it is created.

    Args:
        random: decides which stages it has been in, and how long.
        stage: the id of the stage that it is in.
        created: when it was created, milliseconds since 1970.
        changed: when it was changed last, the same: it has been in its stage since then or longer.
    """
    before = _BEFORE[stage]
    if stage in _LOST:
        before = before[: random.randint(1, len(before))]
    path = [*(one for one in before if random.random() < _TAKEN), stage]
    times = [created, *sorted(random.randint(created, changed) for _ in path[1:])]
    entries = [(stage_suffix(one), at) for one, at in zip(path, times, strict=True)]
    values: dict[str, str | None] = {f"{ENTERED}{suffix}": to_iso(at) for suffix, at in entries}
    for (suffix, entered), (_, left) in pairwise(entries):
        values[f"{EXITED}{suffix}"] = to_iso(left)
        values[f"{LATEST_TIME}{suffix}"] = str(left - entered)
    return values
