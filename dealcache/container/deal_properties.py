"""The properties that are read with deals beside the fixed ones, by the settings and by those that HubSpot has."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from dealcache.hubspot.deal_properties import DealProperties, stage_property_names
from dealcache.model.currencies import CompanyCurrencies
from dealcache.model.labels import Labels
from dealcache.model.read_with_deals import ReadWithDeals, read_with_deals
from dealcache.reader.label_directory import LabelDirectory
from dealcache.settings import Settings


class FurtherProperties:
    """Tells what is read with deals. Thread-safe.

    Args:
        settings: the environment's settings.
        directory: the labels that this process knows.
        stored: returns those that MongoDB has; raises StoreError if it fails.
        started_at: when this process started.
        currencies: returns those of the account's company; None while they are not known.
    """

    def __init__(
        self,
        settings: Settings,
        directory: LabelDirectory,
        stored: Callable[[], Labels],
        started_at: datetime,
        currencies: Callable[[], CompanyCurrencies | None],
    ) -> None:
        self._currencies = currencies
        self._own = settings.hubspot_deal_properties
        self._has_history = settings.stage_history == "on"
        self._directory = directory
        self._stored = stored
        self._started_at = started_at

    def asked_for(self) -> DealProperties:
        """Return what names the properties to ask for; while nothing is configured, only the fixed ones."""
        labels = self._directory.current if self._has_history else None
        return DealProperties(*([self._present] if self._own else []), labels=labels)

    def reading(self) -> ReadWithDeals:
        """Return what this process reads with deals from now on.

        Raises:
            StoreError: MongoDB cannot tell which properties there are.
        """
        features = ["stage history"] if self._has_history else []
        if (currencies := self._currencies()) and currencies.has_others:
            features.append("currencies")  # which earlier versions did not read
        labels = self._up_to_date() if self._own or self._has_history else Labels()
        stages = stage_property_names(labels) if self._has_history else ()
        return read_with_deals(self._own, features, labels, self._started_at, stages)

    def _up_to_date(self) -> Labels:
        """Return the labels that MongoDB has, which this process asks HubSpot by from now on."""
        labels = self._stored()
        known = self._directory.current()
        if (labels.properties, labels.pipelines) != (known.properties, known.pipelines):
            # Another process has just stored definitions, or stages.
            self._directory.renew()
        return labels

    def _present(self) -> list[str]:
        """Return the own properties that HubSpot has, as far as that is known."""
        absent = self._directory.current().absent_properties
        return [name for name in self._own if name not in absent]
