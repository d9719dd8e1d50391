"""The labels with which this process makes views: kept in memory, so that no read of a deal asks MongoDB for them."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from dealcache.model.labels import Labels, Owner, Pipeline
from dealcache.repositories import StoreError

log = logging.getLogger(__name__)

#: Seconds until MongoDB is asked again after it did not answer.
_RETRY_SECONDS = 1.0

#: How often MongoDB is asked for labels that a view lacks: so many times in so many seconds. Most are gone for good.
_LOOKUPS, _LOOKUP_SECONDS = 10, 10.0


class LabelDirectory:
    """The labels of owners, stages and pipelines as MongoDB has them. Thread-safe.

    A change of labels has them read again before the next view is made. A view tells by its labels'
    ``version`` whether it was made before, so that it can be kept out of the caches.

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
        """Return the labels to make a view with; the last ones that are known, and marked so, if MongoDB fails."""
        labels = self._labels
        return labels if labels.version == self._version else self._read_again()

    def completed(self, known: Labels) -> Labels:
        """Return the labels for a view that lacks some of ``known``: another process may have stored them just now.

        That process tells of it within a second, but a view that it has shown must not lose its labels here meanwhile.
        """
        if known.is_current and known.version == self._version and self._may_look_up():
            self._look_up(known)
        return self.current()

    def renew(self) -> None:
        """Have the labels read again before the next view is made: they changed in MongoDB."""
        with self._lock:
            self._version += 1

    def learn(self, owners: Sequence[Owner] = (), pipelines: Sequence[Pipeline] = ()) -> None:
        """Take over what was read from HubSpot while MongoDB cannot keep it; what it lacks stays known."""
        with self._lock:
            known = self._labels
            self._version += 1
            self._labels = replace(
                known,
                known_owners=tuple({one.owner_id: one for one in (*known.known_owners, *owners)}.values()),
                pipelines=tuple({one.pipeline_id: one for one in (*known.pipelines, *pipelines)}.values()),
                version=self._version,
                is_current=False,
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
            changed = (found.known_owners, found.pipelines) != (known.known_owners, known.pipelines)
            if changed and self._version == known.version:
                self._version += 1
                self._labels = replace(found, version=self._version)

    def _read_again(self) -> Labels:
        # Not under the lock: readers must not queue up behind a MongoDB that hangs.
        if self._clock() < self._retry_at:
            return self._labels
        version = self._version
        try:
            labels = replace(self._read(), version=version)
        except StoreError as failure:
            log.warning("views are made with the labels of before: %s", failure)
            with self._lock:
                self._retry_at = self._clock() + _RETRY_SECONDS
                if self._labels.version != self._version:
                    self._labels = replace(self._labels, is_current=False)
                return self._labels
        with self._lock:
            if self._labels.version < version:
                self._labels = labels
        return labels
