"""The life of a process: threads start after the fork, maintenance goes on, and everything ends in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dealcache.background import Maintenance
from dealcache.hubspot.errors import HubSpotError
from dealcache.repositories import StoreError, ensure_indexes, take_back_future_dates, update_name_keys

if TYPE_CHECKING:
    from dealcache.container.container import Container


class Lifecycle:
    """Starts and ends the threads of a process.

    Args:
        parts: the parts of the process.
    """

    def __init__(self, parts: Container) -> None:
        self._parts = parts
        self._maintenance = Maintenance(
            recurring={
                "sweeping the cache": parts.memory.sweep,
                "tending labels": parts.labels.tend,
                "publishing labels that changed": parts.label_sync.check,
                "counting the activities of deals for lists": parts.storage.summaries.settle_abandoned,
                "checking what lists show": parts.storage.summary_check.run_round,
                "adding up the deals of each stage": parts.storage.stage_totals.renew,
                "tending the indexes of own properties": parts.storage.property_indexes.tend,
                "learning which installation this is": self._learn_installation_again,
            },
            once={
                "learning the id of this installation": parts.storage.learn_installation,
                "creating MongoDB's indexes": self._prepare,
                "asking HubSpot for the account and its labels": self._ask_hubspot,
                "maintaining the sums of activities": parts.activity_summaries.maintenance.resume,
                "bringing the keys of deal names up to date": self._update_name_keys,
            },
            expected=(StoreError, HubSpotError),
        )

    def start(self) -> None:
        """Start the threads. Called after the server has forked."""
        parts = self._parts
        if parts.hit_recorder is not None:
            parts.hit_recorder.start()
        parts.live.start()
        parts.announcer.thread.start()
        parts.follower.start()
        if parts.subscriber is not None:
            parts.subscriber.thread.start()
        parts.membership.start(parts.statistics.publish, parts.state.encoded_report)
        parts.hubspot_probe.thread.start(None)
        parts.status_monitor.thread.start()
        self._maintenance.thread.start()

    def stop(self) -> None:
        """End the threads and close all connections."""
        parts = self._parts
        parts.live.say_goodbye()
        self._maintenance.stop()
        parts.status_monitor.thread.stop(0.5)
        parts.hubspot_probe.thread.stop(0.0)
        parts.reading.revalidator.stop()
        parts.activity_summaries.maintenance.stop()
        parts.webhooks.stop()
        parts.runner.stop()
        parts.announcer.thread.stop(0.0)
        parts.live.stop()
        if parts.hit_recorder is not None:
            parts.hit_recorder.stop()
        parts.hubspot.close()
        parts.reading.lease_renewer.thread.stop(0.0)
        parts.publisher.close()
        if parts.subscriber is not None:
            parts.subscriber.thread.stop()
        parts.follower.stop()
        parts.membership.stop()
        if parts.redis is not None:
            parts.redis.close()
        parts.storage.close()

    def _learn_installation_again(self) -> None:
        """Learn the id again once it is known: a restore of MongoDB from a backup changes it."""
        if self._parts.redis is not None and self._parts.storage.installation is not None:
            self._parts.storage.learn_installation()

    def _prepare(self) -> None:
        storage = self._parts.storage
        ensure_indexes(storage.connection, people=self._parts.names_people)
        take_back_future_dates(storage.connection, self._parts.now())
        storage.summaries.renew_version()
        # Not before: unique indexes keep two processes from doing the same job.
        self._parts.runner.start()
        self._parts.webhooks.start()

    def _update_name_keys(self) -> None:
        update_name_keys(self._parts.storage.connection)

    def _ask_hubspot(self) -> None:
        parts = self._parts
        try:
            parts.check_account()
        finally:
            # Both wait to learn whether they may work.
            parts.wake_sync()
            parts.wake_webhooks()
        parts.fill_labels()
