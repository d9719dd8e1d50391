"""A full load that names people, and the calls that this takes beside those of the other loads."""

from __future__ import annotations

from collections import Counter
from math import ceil
from typing import Any

from pymongo.database import Database

from benchmarks.hubspot import BATCH
from benchmarks.report import Report
from benchmarks.stand import Stand
from benchmarks.sync.command import Run, sync
from benchmarks.sync.least import CHUNK, Account
from dealcache.model.deals import ENGAGEMENT_TYPES
from dealcache.model.people import PEOPLE_TYPES

#: The searches that a full load ends with, so that later ones know since when.
_SEARCHES = 2


def named(stand: Stand, report: Report, account: Account, plain: Run) -> None:
    """Measure a full load with ``ASSOCIATED_NAMES=on``, which must take the calls of the formula and no more.

    Args:
        stand: HubSpot, whose account has people, and MongoDB.
        report: gets the figures.
        account: the account.
        plain: the same load without names.
    """
    run = sync(stand, "named", "--full", ASSOCIATED_NAMES="on")
    database = stand.mongodb["named"]
    people = {kind: database[kind].count_documents({}) for kind in PEOPLE_TYPES.values()}
    made = Counter(_is_of_people(call) for call in run.calls)[True]
    expected = _calls(database, account, people)
    report.figure(
        "full load that names people",
        f"{run.seconds:.1f} s, without names {plain.seconds:.1f} s; processor {run.cpu_seconds:.1f} s, without "
        f"{plain.cpu_seconds:.1f} s; {run.resident.peak / 2**20:.0f} MB at most; {people['contacts']:,} contacts, "
        f"{people['companies']:,} companies",
    )
    wording = "calls for people: 2 for 1,000 deals and for 1,000 activities of a type, 1 for 100 people, 2 searches"
    report.promise(wording, f"{made:,} of {expected:,}", made == expected)
    nameless = sum(database[kind].count_documents({"name": {"$exists": False}}) for kind in people)
    report.promise("all people were read", f"{nameless:,} were not", nameless == 0)


def _calls(database: Database[dict[str, Any]], account: Account, people: dict[str, int]) -> int:
    """Return the calls of the formula; no record of these accounts has people for a second page."""
    activities = (
        len(database.deal_timeline.distinct("engagement_id", {"engagement_type": kind})) for kind in ENGAGEMENT_TYPES
    )
    associations = sum(2 * ceil(count / CHUNK) for count in (account.deals, *activities))
    return associations + sum(ceil(count / BATCH) for count in people.values()) + _SEARCHES


def _is_of_people(call: dict[str, Any]) -> bool:
    return any(f"/{kind}/" in call["path"] for kind in PEOPLE_TYPES.values())
