"""The syncs that are measured, and what is promised of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.report import Report
from benchmarks.stand import Stand
from benchmarks.sync.command import Run, sync
from benchmarks.sync.least import Account, account_of, at_best, at_full_rate
from benchmarks.sync.table import Row

#: The service keeps HubSpot's smallest limits until an answer tells it others, so "no limits" are some that it never
#: reaches; more than this it would not believe.
UNREACHED = {
    "ten_secondly": 10_000,
    "search_per_second": 1_000_000,
    "associations_ten_secondly": 1_000_000,
    "daily": 1_000_000_000,
}
#: Deals that a few changes touch: each another one, far apart.
_CHANGED = 20
_FLAT_BYTES = 400 * 1024 * 1024
_MOST_CALLS = 1.05
_LEAST_OF_LIMITS = 0.9
_MOST_REFUSED = 0.01
_GROWTH = 1.15
#: The least number of deals for which ratios are judged: in a smaller account the beginning, the owners, the pipelines
#: and the last batch of each type count for as much as the deals.
_JUDGED_FROM = 5_000


def unlimited(stand: Stand, report: Report) -> list[Row]:
    """A full load, another one with nothing changed, and an incremental sync, as fast as the machine can.

    Returns:
        One row for each.
    """
    stand.hubspot.limit(UNREACHED)
    database = "unlimited"
    first = sync(stand, database, "--full")
    account = account_of(stand, database)
    report.figure(
        "account", f"{account.deals:,} deals, {account.activities:,} activities in {account.associations:,} places"
    )
    _show(report, "full load", first)
    _judge_calls(report, first, account)
    again = sync(stand, database, "--full")
    _show(report, "full load with nothing changed", again)
    changed = again.job.progress.deals_changed
    report.promise("a full load with nothing changed finds no deal changed", f"{changed:,}", changed == 0)
    expected = _change_a_few(stand)
    few = sync(stand, database)
    _show(report, f"incremental sync after changes of {expected} deals", few)
    found = few.job.progress.deals_changed
    report.promise("an incremental sync finds the deals that changed, and no others", f"{found:,}", found == expected)
    return [Row(account, what, run) for what, run in (("full", first), ("unchanged", again), ("incremental", few))]


def limited(stand: Stand, report: Report, account: Account) -> Row:
    """A full load within HubSpot's limits."""
    limits = stand.hubspot.limit(True)
    run = sync(stand, "limited", "--full")
    _show(report, "full load within HubSpot's limits", run)
    served = [call for call in run.calls if call["status"] != 429]
    _judge_limits(report, account, run.seconds, at_full_rate(served, limits), at_best(served, limits))
    refused = 1 - len(served) / len(run.calls)
    report.promise("fewer than 1 % of the calls refused with 429", f"{refused:.2%}", refused < _MOST_REFUSED)
    return Row(account, "limited", run)


def judge_growth(report: Report, rows: Sequence[Row]) -> None:
    """Compare the full loads of accounts of different size."""
    full = {row.account.deals: row for row in rows if row.what == "full"}
    smaller, largest = sorted(full)[-2:]
    few, many = full[smaller].run, full[largest].run
    growth = (many.seconds / largest) / (few.seconds / smaller)
    processor = (many.cpu_seconds / largest) / (few.cpu_seconds / smaller)
    wording = f"time per deal at {largest:,} deals at most {_GROWTH} times that at {smaller:,}"
    said = f"{growth:.2f}; processor time, the start of the program included, {processor:.2f}"
    _judge(report, full[smaller].account, wording, said, growth <= _GROWTH)
    peak = many.resident.peak
    report.promise(f"{largest:,} deals within 400 MB of resident memory", f"{peak / 2**20:.0f} MB", peak < _FLAT_BYTES)


def _show(report: Report, what: str, run: Run) -> None:
    progress, kinds = run.job.progress, Counter(call["kind"] for call in run.calls)
    calls = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
    report.figure(
        what,
        f"{run.seconds:.1f} s; {progress.deals_read / run.seconds:,.0f} deals/s, "
        f"{progress.activities_read / run.seconds:,.0f} activities/s; {len(run.calls):,} calls ({calls}); "
        f"{progress.waited_seconds / run.seconds:.1f} threads waited for limits on average",
    )
    report.figure("  its process", f"{run.resident.show()}; processor {run.cpu_seconds:.1f} s")


def _judge(report: Report, account: Account, wording: str, said: str, kept: bool) -> None:
    if account.deals < _JUDGED_FROM:
        report.figure(f"{wording} (not judged for so few deals)", said)
    else:
        report.promise(wording, said, kept)


def _judge_calls(report: Report, run: Run, account: Account) -> None:
    report.figure("the fewest calls of a full load", account.formula)
    ratio = len(run.calls) / account.fewest_calls
    said = f"{ratio:.3f} ({len(run.calls):,} of {account.fewest_calls:,})"
    _judge(report, account, f"calls at most {_MOST_CALLS} times the fewest possible", said, ratio <= _MOST_CALLS)


def _judge_limits(report: Report, account: Account, seconds: float, at_rate: float, best: float) -> None:
    share = at_rate / seconds
    wording = f"at least {_LEAST_OF_LIMITS} of the calls per second that the limits allow"
    _judge(report, account, wording, f"{share:.2f} ({at_rate:.1f} of {seconds:.1f} s)", share >= _LEAST_OF_LIMITS)
    burst = f"{best / seconds:.2f} ({best:.1f} s, if all calls of the first period went out at once)"
    report.figure("the shortest time possible over the time it took", burst)


def _change_a_few(stand: Stand) -> int:
    """Change deals all over the account, each in one of four ways; how many."""
    deals = stand.hubspot.deals()
    chosen = [deals[place * len(deals) // _CHANGED]["id"] for place in range(_CHANGED)]
    stand.hubspot.change([_one_change(place, deal_id) for place, deal_id in enumerate(chosen)])
    return len(chosen)


def _one_change(place: int, deal_id: str) -> Mapping[str, Any]:
    if place % 4 == 0:
        return {"do": "archive", "object_type": "deals", "record_id": deal_id}
    if place % 4 == 1:
        return {"do": "update", "object_type": "deals", "record_id": deal_id, "properties": {"amount": "1234.56"}}
    kind, text = ("notes", "hs_note_body") if place % 4 == 2 else ("calls", "hs_call_body")
    return {"do": "add_activity", "object_type": kind, "properties": {text: "Agreed on all."}, "deals": [deal_id]}
