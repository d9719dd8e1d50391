"""Makes cache entries: a view's wire-ready bytes with their entity tag and their times."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Any

import orjson

from dealcache.deals import Deal, DealKey, LoadedDeal
from dealcache.reader import views
from dealcache.reader.policy import Policy
from dealcache.tiers import Entry, View


def entity_tag(body: bytes) -> str:
    """The strong entity tag of a body, quoted (RFC 9110, 8.8.3): equal bodies, and only they, have equal tags."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


class EntryMaker:
    """Turns views into entries.

    Args:
        policy: how long values live.
        zone: the zone whose days and hours the views show.
        chance: a random number of [0, 1) for each load, which places its end of life within the policy's jitter.
    """

    def __init__(self, policy: Policy, zone: tzinfo, chance: Callable[[], float]) -> None:
        self._policy = policy
        self.zone = zone
        self._chance = chance

    def found(self, view: Mapping[str, Any], deal: Deal, fetched_at: float, chance: float | None = None) -> Entry:
        """An entry that holds ``view`` of ``deal``, read from MongoDB or HubSpot at ``fetched_at``, epoch seconds."""
        # An exact copy: orjson shrinks a large buffer in place, and about 4 KB of it stay with each body that is kept.
        body = bytes(memoryview(orjson.dumps(view)))
        expires_at = self._policy.expires_at(200, fetched_at, self._chance() if chance is None else chance)
        return Entry(
            status=200,
            body=body,
            etag=entity_tag(body),
            fetched_at=fetched_at,
            expires_at=expires_at,
            keep_until=self._policy.keep_until(200, expires_at),
            deal_id=deal.deal_id,
            deal_name=deal.deal_name,
        )

    def unknown(self, key: DealKey, fetched_at: float) -> Entry:
        """An entry that says: at ``fetched_at`` nobody knew the deal that ``key`` names."""
        expires_at = self._policy.expires_at(404, fetched_at, self._chance())
        deal_id = key.value if key.by == "id" else None
        return Entry(404, b"", "", fetched_at, expires_at, self._policy.keep_until(404, expires_at), deal_id, None)

    def all_views(self, loaded: LoadedDeal) -> dict[View, Entry]:
        """The three views of a deal that was loaded from HubSpot, which live and expire together."""
        fetched_at = loaded.read_started_at.timestamp()
        chance = self._chance()
        deal, others = loaded.deal, [other.deal_id for other in loaded.homonyms]
        return {
            view: self.found(views.from_events(view, deal, loaded.events, others, self.zone), deal, fetched_at, chance)
            for view in View
        }
