"""The labels with which this process makes views, kept in memory so that reads of deals do not ask MongoDB for them."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from dealcache.model.deal_properties import PropertyDefinition
from dealcache.model.labels import Labels, Owner
from dealcache.model.pipelines import Pipeline
from dealcache.repositories import StoreError

log = logging.getLogger(__name__)

#: Seconds until MongoDB is asked again after it has not answered.
_RETRY_SECONDS = 1.0

#: MongoDB is asked this many times in this many seconds for labels that a view lacks. Most are gone for good.
_LOOKUPS, _LOOKUP_SECONDS = 10, 10.0


class LabelDirectory:
    """The labels of owners, stages and pipelines as MongoDB has them. Thread-safe.

    After a change the labels are read again before the next view is made. The ``version`` of its labels tells whether a
    view was made before a change, and must be kept out of the caches.

    Args:
        read: reads all labels from MongoDB.
        clock: the monotonic clock, in seconds.
    """

    def __init__(self, read: Callable[[], Labels], clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._labels = Labels(is_current=False)
        self._version = 1
        self._retry_at = float("-inf")
        self._lookups: deque[float] = deque(maxlen=_LOOKUPS)

    @property
    def version(self) -> int:
        """The number of changes that this process knows of; views made with labels of another version are not kept."""
        return self._version

    def current(self) -> Labels:
        """Return the labels to make a view with; if MongoDB fails, the last known ones, marked as such."""
        labels = self._labels
        return labels if labels.version == self._version else self._read_again()

    def completed(self, known: Labels) -> Labels:
        """Return the labels for a view to which ``known`` are not enough: another process may have just stored more.

        The change is announced within a second, but a view that the other process has shown must not lack its labels
        here meanwhile.
        """
        if known.is_current and known.version == self._version and self._may_look_up():
            self._look_up(known)
        return self.current()

    def renew(self) -> None:
        """Read the labels again before the next view is made: they changed in MongoDB."""
        with self._lock:
            self._version += 1

    def learn(
        self,
        owners: Sequence[Owner] = (),
        pipelines: Sequence[Pipeline] = (),
        properties: Sequence[PropertyDefinition] = (),
    ) -> None:
        """Take over labels read from HubSpot while MongoDB cannot store them; labels missing from them stay known."""
        with self._lock:
            known = self._labels
            self._version += 1
            self._labels = replace(
                known,
                known_owners=tuple({one.owner_id: one for one in (*known.known_owners, *owners)}.values()),
                pipelines=tuple({one.pipeline_id: one for one in (*known.pipelines, *pipelines)}.values()),
                version=self._version,
                is_current=False,
                properties={**known.properties, **{one.name: one for one in properties}},
            )

    def _may_look_up(self) -> bool:
        with self._lock:
            now = self._clock()
            if len(self._lookups) == _LOOKUPS and now - self._lookups[0] < _LOOKUP_SECONDS:
                return False
            self._lookups.append(now)
            return True

    def _look_up(self, known: Labels) -> None:
        try:
            found = self._read()
        except StoreError as failure:
            log.debug("labels were not looked up in MongoDB: %s", failure)
            return
        with self._lock:
            if replace(found, version=known.version) != known and self._version == known.version:
                self._version += 1
                self._labels = replace(found, version=self._version)

    def _read_again(self) -> Labels:
        # Not under the lock: readers must not queue behind a hanging MongoDB.
        if self._clock() < self._retry_at:
            return self._labels
        version = self._version
        try:
            labels = replace(self._read(), version=version)
        except StoreError as failure:
            log.warning("views are made with the last known labels: %s", failure)
            with self._lock:
                self._retry_at = self._clock() + _RETRY_SECONDS
                if self._labels.version != self._version:
                    self._labels = replace(self._labels, is_current=False)
                return self._labels
        with self._lock:
            if self._labels.version < version:
                self._labels = labels
        return labels
