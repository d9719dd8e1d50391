"""Deterministic demo data: the same numbers of deals and the same seed give the same account, seen from one moment."""

from __future__ import annotations

from random import Random

from dealcache.sandbox.simulator.associations import End
from dealcache.sandbox.simulator.dataset import Dataset
from dealcache.sandbox.simulator.demo_account import KICK_OFF, demo_owners, demo_pipelines
from dealcache.sandbox.simulator.demo_builder import DAY, REFERENCE, DemoBuilder
from dealcache.sandbox.simulator.demo_currencies import DEMO_CURRENCIES, DemoCurrencies
from dealcache.sandbox.simulator.demo_deals import FIXED_DEALS, plan_deals, plan_spread_deals
from dealcache.sandbox.simulator.demo_people import add_people
from dealcache.sandbox.simulator.object_types import DEALS, MEETINGS, NOTES
from dealcache.sandbox.simulator.own_properties import demo_own_properties
from dealcache.sandbox.simulator.records import SINCE_EVER
from dealcache.sandbox.simulator.timestamps import to_iso

#: The id of the first demo deal, "Acme renewal".
FIRST_DEAL_ID = 7_891_023
#: The share of activities that are on two deals, in big accounts.
SHARED = 0.05


def demo_data(
    deals: int = 200,
    seed: int = 7,
    *,
    activities_per_deal: float | None = None,
    shared: float | None = None,
    unassociated: float = 0.0,
    people: bool | None = None,
    currencies: bool = False,
    seen_from: int = REFERENCE,
) -> Dataset:
    """Makes an account with believable deals.

    Args:
        deals: how many. The first ones are those of ``FIXED_DEALS``; the second
            of them alone has 2,500 activities.
        seed: decides everything else.
        activities_per_deal: how many a deal that is not fixed has on average, from none to several hundred. Left out,
            it has mostly 2 to 40, 10 in the mean.
        shared: the share of activities (0 to 1) that are on another deal of the same company too. Left out, it is 5 %
            when ``activities_per_deal`` is given, else none.
        unassociated: the share of activities (0 to less than 1) that are on no deal.
        people: adds companies and contacts to deals and activities. Left out, big accounts (``activities_per_deal``
            given) have none. Nothing else depends on it.
        currencies: gives the account several currencies, and each deal but those of ``ODD_CODES`` one of them.
        seen_from: the moment that the data is seen from, in milliseconds since 1970; all of it moves with that.

    Returns:
        The account. Search finds all of it however far its index is behind.
    """
    data = Dataset()
    data.owners = demo_owners()
    data.pipelines = demo_pipelines()
    data.own_properties = demo_own_properties()
    data.labels[frozenset({DEALS.name, "calls"})] = [KICK_OFF]
    if shared is None:
        shared = 0.0 if activities_per_deal is None else SHARED
    if currencies:
        data.currencies = DEMO_CURRENCIES
    builder = DemoBuilder(data, seed, shared, DemoCurrencies(seed) if currencies else None, seen_from)
    planner = Random(seed + 1)
    if activities_per_deal is None:
        plans = plan_deals(planner, deals)
    else:
        plans = plan_spread_deals(planner, deals, activities_per_deal)
    for number, plan in enumerate(plans):
        builder.add_deal(_deal_id(number), plan, fixed=number < len(FIXED_DEALS))
    if deals >= len(FIXED_DEALS):
        _share_a_meeting(data)
        _archive_a_note(data, seen_from)
    builder.add_unassociated(unassociated)
    if activities_per_deal is None if people is None else people:
        add_people(data, seed + 3, seen_from)
    return data


def demo_deal_id(name: str) -> str:
    """The id of the first fixed demo deal of this name.

    Raises:
        ValueError: there is none.
    """
    return str(_deal_id([plan.name for plan in FIXED_DEALS].index(name)))


def _deal_id(number: int) -> int:
    # Steps of more than one: ids of deals have gaps in HubSpot too.
    return FIRST_DEAL_ID + number * 3


def _share_a_meeting(data: Dataset) -> None:
    """Puts the first meeting of "Acme renewal" on "ACME RENEWAL" too."""
    acme, shouted = (End(DEALS.name, int(demo_deal_id(name))) for name in ("Acme renewal", "ACME RENEWAL"))
    first = data.graph.targets(acme, MEETINGS.name)[0]
    data.graph.link(shouted, End(MEETINGS.name, first))


def _archive_a_note(data: Dataset, seen_from: int) -> None:
    """Associates a 61st activity with "Acme renewal" that is in the recycle bin, so it does not count."""
    store = data.store(NOTES)
    record = data.create(
        NOTES.name,
        {"hs_note_body": "<p>Wrong deal, sorry.</p>", "hs_timestamp": to_iso(seen_from - 9 * DAY)},
        created_at=(seen_from - 9 * DAY) / 1000,
        already_indexed=True,
    )
    data.graph.link(End(DEALS.name, int(demo_deal_id("Acme renewal"))), End(NOTES.name, record.id))
    store.set_archived(record, to_iso(seen_from - 8 * DAY), SINCE_EVER)
