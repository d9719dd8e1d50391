"""The cost of further properties of deals to a sync: the calls, by a formula, and the processor time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from benchmarks.hubspot import PAGE
from benchmarks.report import Report
from benchmarks.stand import Stand
from benchmarks.sync.command import Run, sync
from benchmarks.sync.least import Account
from benchmarks.sync.table import Row

_CONCERNED = ("list", "search", "properties")


@dataclass(frozen=True, slots=True)
class Feature:
    """A setting with which more is read with deals.

    Args:
        name: what it is called.
        short: the same in a table, and the name of a database.
        environ: what turns it on.
        first: the calls that the first sync of a process makes for it.
        each: those that each further one makes.
    """

    name: str
    short: str
    environ: Mapping[str, str]
    first: Mapping[str, int]
    each: Mapping[str, int]


#: Those of the simulated account, which have a value of each type. Definitions are read when the process starts, unless
#: another one has read them within the hour, and by each sync.
OWN_PROPERTIES = Feature(
    "own properties",
    "own",
    {"HUBSPOT_DEAL_PROPERTIES": "hs_priority,deal_source,seats,contract_start,modules"},
    {"properties": 2},
    {"properties": 1},
)

#: The names of the stages' properties follow from the pipelines, which are read anyhow.
STAGE_HISTORY = Feature("stage history", "stages", {"STAGE_HISTORY": "on"}, {}, {})


def with_feature(
    feature: Feature, stand: Stand, report: Report, account: Account, plain: Run, *, with_load: bool
) -> list[Row]:
    """Sync with a feature: a full load of its own, and the sync that follows when it is turned on later.

    Args:
        feature: what to turn on.
        stand: with the database ``unlimited``, in which everything is stored without the feature.
        report: takes the figures.
        account: its size.
        plain: a full load without the feature.
        with_load: whether to load everything with it too.
    """
    rows = []
    if with_load:
        full = sync(stand, feature.short, "--full", **feature.environ)
        rows.append(Row(account, f"{feature.short}: full", full))
        _judge(report, f"a full load with {feature.name}", full, plain, feature.first)
        ratio = f"{full.cpu_seconds / plain.cpu_seconds:.2f} ({full.cpu_seconds:.1f} of {plain.cpu_seconds:.1f} s)"
        report.figure("  its processor time over that without", ratio)
    quiet = sync(stand, "unlimited")
    pages = ceil(stand.mongodb["unlimited"]["deal_info"].count_documents({"archived": False}) / PAGE)
    reread = sync(stand, "unlimited", **feature.environ)
    rows.append(Row(account, f"{feature.short}: new", reread))
    _judge(report, f"the sync after {feature.name} came", reread, quiet, {"list": pages, **feature.first})
    again = sync(stand, "unlimited", **feature.environ)
    _judge(report, "the syncs after that", again, quiet, feature.each)
    return rows


def _judge(report: Report, what: str, run: Run, without: Run, more: Mapping[str, int]) -> None:
    further = _kinds(run)
    further.subtract(_kinds(without))
    found = {kind: count for kind, count in further.items() if count}
    wording = f"{what}: {_formula(more)} more than without"
    report.promise(wording, f"{sum(more.values()):,} expected, {sum(found.values()):,} found", found == dict(more))


def _formula(more: Mapping[str, int]) -> str:
    terms = {"list": "D/100 calls for the deals", "properties": f"{more.get('properties')} for the definitions"}
    return " and ".join(terms[kind] for kind in more) or "no call"


def _kinds(run: Run) -> Counter[str]:
    """Return the calls of each kind that further properties may concern: those of others also vary by themselves."""
    return Counter(call["kind"] for call in run.calls if call["kind"] in _CONCERNED)
