"""Makes cache entries: a view's wire-ready bytes with their entity tag and their times."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from random import random
from typing import Any

import orjson

from dealcache.model.deals import Deal, DealKey, LoadedDeal
from dealcache.model.labels import Labels, UnknownIds
from dealcache.model.unreadable import UnreadableRecords
from dealcache.reader import views
from dealcache.reader.label_directory import LabelDirectory
from dealcache.reader.policy import StalenessPolicy
from dealcache.tiers import Entry, View


def entity_tag(body: bytes) -> str:
    """Return the strong entity tag of a body, quoted (RFC 9110, 8.8.3): only equal bodies have equal tags."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def plain(value: Any) -> Any:
    """Return ``value`` in a form that JSON can hold: other types as text, broken characters replaced."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {plain(str(name)): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if value is None or isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    return plain(str(value))


class EntryMaker:
    """Turns views into entries.

    Args:
        policy: how long values live.
        zone: the zone whose days and hours the views show.
        unreadable: counts the deals that cannot be shown as they are.
        labels: the labels to make views with.
        on_unknown: called with ids that have no label; it must neither raise nor take long.
        own_properties: the own properties that are configured.
    """

    def __init__(
        self,
        policy: StalenessPolicy,
        zone: tzinfo,
        unreadable: UnreadableRecords,
        labels: LabelDirectory,
        on_unknown: Callable[[UnknownIds], None],
        own_properties: Sequence[str],
    ) -> None:
        self.own_properties = own_properties
        self.unreadable = unreadable
        self._policy = policy
        self.zone = zone
        self.labels = labels
        self._on_unknown = on_unknown

    def found(
        self,
        view: Mapping[str, Any],
        deal: Deal,
        fetched_at: float,
        labels: Labels,
        unknown: UnknownIds,
        as_of: datetime | None = None,
        *,
        complete: bool = True,
    ) -> Entry:
        """Return the entry of a view.

        Args:
            view: the view.
            deal: its deal.
            fetched_at: when the deal was read from MongoDB or HubSpot, epoch seconds.
            labels: the labels that the view was made with.
            unknown: the ids that it shows for lack of labels; with any, the entry lives only briefly.
            as_of: the moment up to which HubSpot's changes are known to be in it; None if unknown.
            complete: False if it lacks people who could not be read: MongoDB may know them, so it lives only briefly.
        """
        if unknown:
            self._on_unknown(unknown)
        # An exact copy: orjson shrinks a large buffer in place, which leaves about 4 KB with each body that is kept.
        body = bytes(memoryview(self._json(view, deal)))
        labelled = complete and labels.is_current and not unknown
        expires_at = self._policy.expires_at(200, fetched_at, random(), labelled=labelled)  # noqa: S311 - no secret
        return Entry(
            status=200,
            body=body,
            etag=entity_tag(body),
            fetched_at=fetched_at,
            expires_at=expires_at,
            keep_until=self._policy.keep_until(200, expires_at),
            deal_id=deal.deal_id,
            deal_name=deal.deal_name,
            labels_version=labels.version,
            data_as_of=None if as_of is None else as_of.timestamp(),
        )

    def _json(self, view: Mapping[str, Any], deal: Deal) -> bytes:
        try:
            return orjson.dumps(view)
        except TypeError as error:
            self.unreadable.note("deals", deal.deal_id, f"not all of it can be shown ({type(error).__name__})")
            return orjson.dumps(plain(view))

    def unknown(self, key: DealKey, fetched_at: float) -> Entry:
        """Return the entry for a deal, that of ``key``, that no tier knew at ``fetched_at``."""
        expires_at = self._policy.expires_at(404, fetched_at, random())  # noqa: S311 - no secret
        deal_id = key.value if key.by == "id" else None
        return Entry(404, b"", "", fetched_at, expires_at, self._policy.keep_until(404, expires_at), deal_id, None)

    def all_views(self, loaded: LoadedDeal) -> dict[View, Entry]:
        """Return the three views of a deal that was loaded from HubSpot."""
        fetched_at = loaded.read_started_at.timestamp()
        deal, others, labels = loaded.deal, [other.deal_id for other in loaded.homonyms], self.labels.current()
        return {
            view: self.found(
                views.view_of(view, deal, loaded.events, others, self.zone, labels, self.own_properties, loaded.people),
                deal,
                fetched_at,
                labels,
                views.unknown_ids(view, deal, loaded.events, labels),
                loaded.as_of or loaded.read_started_at,
                complete=view is not View.TIMELINE or not loaded.lacks_people,
            )
            for view in View
        }
