"""What own properties of deals cost a sync: the calls, by a formula, and the processor time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import ceil

from benchmarks.hubspot import PAGE
from benchmarks.report import Report
from benchmarks.stand import Stand
from benchmarks.sync.command import Run, sync
from benchmarks.sync.least import Account
from benchmarks.sync.table import Row

#: Those of the simulated account, which have a value of each type.
_NAMES = "hs_priority,deal_source,seats,contract_start,modules"
_CONCERNED = ("list", "search", "properties")

#: Definitions are read when the process starts, unless another one has read them within the hour, and by each sync.
_FIRST = {"properties": 2}

_ON = {"HUBSPOT_DEAL_PROPERTIES": _NAMES}


def own_properties(stand: Stand, report: Report, account: Account, plain: Run, *, with_load: bool) -> list[Row]:
    """Sync with own properties: a full load of its own, and the sync that follows when they are configured later.

    Args:
        stand: with the database ``unlimited``, in which everything is stored without own properties.
        report: takes the figures.
        account: its size.
        plain: a full load without own properties.
        with_load: whether to load everything with them too.
    """
    rows = []
    if with_load:
        full = sync(stand, "own", "--full", **_ON)
        rows.append(Row(account, "own: full", full))
        _judge(report, "a full load with own properties", full, plain, _FIRST)
        ratio = f"{full.cpu_seconds / plain.cpu_seconds:.2f} ({full.cpu_seconds:.1f} of {plain.cpu_seconds:.1f} s)"
        report.figure("  its processor time over that without them", ratio)
    quiet = sync(stand, "unlimited")
    pages = ceil(stand.mongodb["unlimited"]["deal_info"].count_documents({"archived": False}) / PAGE)
    reread = sync(stand, "unlimited", **_ON)
    rows.append(Row(account, "own: new", reread))
    _judge(report, "the sync after they are configured", reread, quiet, {"list": pages, **_FIRST})
    again = sync(stand, "unlimited", **_ON)
    _judge(report, "the syncs after that", again, quiet, {"properties": 1})
    return rows


def _judge(report: Report, what: str, run: Run, without: Run, more: Mapping[str, int]) -> None:
    further = _kinds(run)
    further.subtract(_kinds(without))
    found = {kind: count for kind, count in further.items() if count}
    wording = f"{what}: {_formula(more)} more than without"
    report.promise(wording, f"{sum(more.values()):,} expected, {sum(found.values()):,} found", found == dict(more))


def _formula(more: Mapping[str, int]) -> str:
    terms = {"list": "D/100 calls for the deals", "properties": f"{more['properties']} for the definitions"}
    return " and ".join(terms[kind] for kind in more)


def _kinds(run: Run) -> Counter[str]:
    """Return the calls of each kind that own properties may concern: those of others also vary by themselves."""
    return Counter(call["kind"] for call in run.calls if call["kind"] in _CONCERNED)
