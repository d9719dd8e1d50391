"""The names of owners, stages and pipelines, for many records read one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor

from dealcache.deals import Deal, Event, Pipeline
from dealcache.hubspot import Directory, Labels


class Names:
    """Labels deals and events; asks HubSpot again when a record names somebody unknown.

    Args:
        directory: knows owners and pipelines.
        executor: makes the directory's calls. None of the threads that wait for names may belong to it.
    """

    def __init__(self, directory: Directory, executor: Executor) -> None:
        self._directory = directory
        self._executor = executor

    def pipelines(self) -> tuple[Pipeline, ...]:
        """All pipelines of deals."""
        return self._directory.pipelines.get(self._executor).result()

    def deals(self, deals: Iterable[Deal]) -> list[Deal]:
        """``deals`` with the names of their owners, stages and pipelines."""
        unnamed = list(deals)
        owner_ids = {deal.owner_id for deal in unnamed}
        labels = self._labels(lambda known: known.lacks_an_owner(owner_ids), lambda known: known.lacks_a_stage(unnamed))
        return [labels.deal(deal) for deal in unnamed]

    def events(self, events: Iterable[Event]) -> list[Event]:
        """``events`` with the names of their owners."""
        unnamed = list(events)
        owner_ids = {event.owner_id for event in unnamed}
        labels = self._labels(lambda known: known.lacks_an_owner(owner_ids), lambda _known: False)
        return [labels.event(event) for event in unnamed]

    def _labels(self, lacks_an_owner: Callable[[Labels], bool], lacks_a_stage: Callable[[Labels], bool]) -> Labels:
        directory, executor = self._directory, self._executor
        owners, pipelines = directory.owners.get(executor), directory.pipelines.get(executor)
        labels = Labels(owners.result(), pipelines.result())
        # Each is read again at most once a minute: somebody whom HubSpot itself has forgotten costs no call per record.
        if lacks_an_owner(labels) and (newer_owners := directory.owners.refreshed(executor)):
            labels = Labels(newer_owners.result(), labels.pipelines)
        if lacks_a_stage(labels) and (newer_pipelines := directory.pipelines.refreshed(executor)):
            labels = Labels(labels.owners, newer_pipelines.result())
        return labels
