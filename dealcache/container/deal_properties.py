"""What is read with deals beyond their fixed properties: by the settings, and by what HubSpot is known to have."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from dealcache.hubspot.deal_properties import DealProperties
from dealcache.hubspot.stage_properties import StageProperties
from dealcache.model.currencies import CompanyCurrencies
from dealcache.model.labels import Labels
from dealcache.model.read_with_deals import ReadWithDeals, read_with_deals
from dealcache.settings import Settings


class FurtherProperties:
    """Tells what is read with deals. Thread-safe.

    Args:
        settings: the environment's settings.
        labels: returns the labels that are known now.
        started_at: when this process started.
        currencies: returns those of the account's company; None while they are not known.
    """

    def __init__(
        self,
        settings: Settings,
        labels: Callable[[], Labels],
        started_at: datetime,
        currencies: Callable[[], CompanyCurrencies | None],
    ) -> None:
        self._currencies = currencies
        self._own = settings.hubspot_deal_properties
        self._has_history = settings.stage_history == "on"
        self._labels = labels
        self._started_at = started_at

    def asked_for(self) -> DealProperties:
        """Return what names the properties to ask for; while nothing is configured, only the fixed ones."""
        stages = StageProperties(self._labels) if self._has_history else None
        return DealProperties(*([self._present] if self._own else []), stages=stages)

    def reading(self) -> ReadWithDeals:
        """Return what this process reads with deals now."""
        features = ["stage history"] if self._has_history else []
        if (currencies := self._currencies()) and currencies.has_others:
            features.append("currencies")  # which earlier versions did not read
        return read_with_deals(self._own, features, self._labels(), self._started_at)

    def _present(self) -> list[str]:
        """Return the own properties that HubSpot has, as far as that is known."""
        absent = self._labels().absent_properties
        return [name for name in self._own if name not in absent]
