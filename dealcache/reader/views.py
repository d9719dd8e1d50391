"""The three views of a deal, made from the deal and its events by pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from operator import itemgetter
from typing import Any

from dealcache.model.deals import FOREIGN_FIELDS, Deal, Event
from dealcache.model.labels import Labels, UnknownIds
from dealcache.model.people import DealPeople
from dealcache.model.timestamps import in_zone, without_zone
from dealcache.reader.people import ShownPeople
from dealcache.reader.property_views import definitions_of, shown_properties
from dealcache.repositories import Totals
from dealcache.tiers import View

#: How many characters of an event's content the preview shows, by the contract.
PREVIEW_LENGTH = 150

#: The place of an event's view on a timeline. Time stamps of UTC with four digits of the year sort like their times.
_PLACE = itemgetter("timestamp", "id", "type")


def activities_count(by_type: Mapping[str, int]) -> dict[str, Any]:
    """Return the count view; ``by_type`` maps each type of events to its number."""
    return {"count": sum(by_type.values()), "by_type": dict(sorted(by_type.items()))}


def day(moment: datetime | None, zone: tzinfo) -> str | None:
    """Return the day of ``moment`` in ``zone`` as ``YYYY-MM-DD``; None for None."""
    return None if moment is None else in_zone(moment, zone).date().isoformat()


def event_view(event: Event, zone: tzinfo, labels: Labels, people: ShownPeople | None = None) -> dict[str, Any]:
    """Return an event as the timeline shows it; ``zone`` is the zone of ``date_str`` and ``time_str``."""
    utc = without_zone(event.occurred_at).isoformat(timespec="milliseconds")
    local = utc if zone is UTC else in_zone(event.occurred_at, zone).isoformat()
    content = event.content
    view: dict[str, Any] = {
        "id": f"{event.engagement_id}_{utc[0:4]}{utc[5:7]}{utc[8:10]}{utc[11:13]}{utc[14:16]}",
        "engagement_id": event.engagement_id,
        "date_str": local[0:10],
        "time_str": local[11:16],
        "timestamp": f"{utc}Z",
        "type": event.type,
        "subject": event.subject,
        "content": content,
        "content_preview": content if len(content) <= PREVIEW_LENGTH else f"{content[:PREVIEW_LENGTH]}...",
        "owner": labels.owners.get(event.owner_id, event.owner),
    }
    if event.extra:
        view.update({name: event.extra[name] for name in FOREIGN_FIELDS if name in event.extra})
    if people is not None and event.participants is not None:
        view["with"] = people.of(event.participants)
    return view


def timeline(
    deal: Deal, events: Iterable[Event], zone: tzinfo, labels: Labels, people: DealPeople | None = None
) -> dict[str, Any]:
    """Return the timeline view: all events, oldest first by time, then by ``id`` (which may repeat between types).

    With ``people``, the deal and its events name those who take part as far as that is known.
    """
    named = None if people is None else ShownPeople(people.names)
    shown = [event_view(event, zone, labels, named) for event in events]
    shown.sort(key=_PLACE)
    view = timeline_of(deal.deal_id, deal.deal_name, shown)
    if named is not None and people is not None and people.of_deal is not None:
        view["with"] = named.of(people.of_deal)
    return view


def timeline_of(deal_id: str, deal_name: str, shown: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the timeline view of event views that are already in order."""
    return {
        "deal_id": deal_id,
        "deal_name": deal_name,
        "events": shown,
        "start_date": shown[0]["date_str"] if shown else None,
        "end_date": shown[-1]["date_str"] if shown else None,
    }


def info(
    deal: Deal,
    totals: Totals,
    other_deal_ids: Iterable[str],
    zone: tzinfo,
    labels: Labels,
    own: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the info view.

    Args:
        deal: the deal.
        totals: those of its events.
        other_deal_ids: ids of the other deals of the same name.
        zone: the zone whose days the dates are.
        labels: the names of owners, stages and pipelines.
        own: the own properties that are configured; without any, the view has no field of them.
    """
    # Accounts without currencies have the body that they had before there were any.
    currency = {} if deal.currency is None else {"currency": deal.currency}
    view: dict[str, Any] = {
        "dealId": deal.deal_id,
        "dealName": deal.deal_name,
        "dealOwner": labels.owner_label(deal.owner_id, deal.owner),
        "dealStage": labels.stage_label(deal.pipeline_id, deal.stage_id, deal.stage),
        "activityCount": totals.events,
        "startDate": day(totals.first, zone),
        "endDate": day(totals.last, zone),
        "amount": deal.amount,
        **currency,
        "pipeline": labels.pipeline_label(deal.pipeline_id, deal.pipeline),
        "closeDate": day(deal.close_date, zone),
        "createDate": day(deal.create_date, zone),
        "otherDealIds": sorted(other_deal_ids, key=lambda deal_id: (len(deal_id), deal_id)),
    }
    if own:
        view["properties"] = shown_properties(deal.properties, definitions_of(own, labels))
    return view


def view_of(
    view: View,
    deal: Deal,
    activities: Totals | Sequence[Event],
    other_deal_ids: Iterable[str],
    zone: tzinfo,
    labels: Labels,
    own: Sequence[str] = (),
    people: DealPeople | None = None,
) -> Mapping[str, Any]:
    """Return any view; ``activities`` are all events of the deal or, unless a timeline is wanted, their totals.

    For the other parameters see :func:`info`.
    """
    if isinstance(activities, Totals):
        totals = activities
    elif view is View.TIMELINE:
        return timeline(deal, activities, zone, labels, people)
    else:
        totals = Totals.of(activities)
    if view is View.ACTIVITIES_COUNT:
        return activities_count(totals.by_type)
    return info(deal, totals, other_deal_ids, zone, labels, own)


def unknown_ids(view: View, deal: Deal, activities: Totals | Sequence[Event], labels: Labels) -> UnknownIds:
    """Return the ids that a view shows, or would show, because they have no label; see :func:`view_of`."""
    match view:
        case View.TIMELINE:
            return labels.unknown_in((), () if isinstance(activities, Totals) else activities)
        case View.ACTIVITIES_COUNT:
            return UnknownIds()
        case View.INFO:
            return labels.unknown_in((deal,))
