"""Follows the invalidation log in MongoDB: by change stream on a replica set, else by a cheap poll."""

from __future__ import annotations

from contextlib import suppress

from dealcache.background import BackgroundThread
from dealcache.invalidation.publisher import InvalidationPublisher
from dealcache.reader.invalidation_watermark import InvalidationWatermark
from dealcache.repositories import InvalidationFeed, StoreError

#: Seconds between two polls, and after a failure: four times in the second within which a clear must be known.
_POLL_SECONDS = 0.25


class LogFollower:
    """Keeps one process up to date, in a background thread.

    Args:
        publisher: applies recorded entries.
        feed: new entries of the log as they are written, if MongoDB has change streams.
        watermark: notified each time that everything recorded so far is known.
    """

    def __init__(
        self, publisher: InvalidationPublisher, feed: InvalidationFeed, watermark: InvalidationWatermark
    ) -> None:
        self._publisher = publisher
        self._feed = feed
        self._watermark = watermark
        #: True if there is a change stream, False if the log has to be polled, None while it is not followed.
        self._has_stream: bool | None = None
        self._thread = BackgroundThread("invalidation follower", self.follow, _POLL_SECONDS, expected=(StoreError,))

    def start(self) -> None:
        """Begin. Called after the fork."""
        self._watermark.begin()
        self._thread.start()

    def stop(self) -> None:
        """End."""
        if self._thread.stop():
            with suppress(StoreError):
                self._feed.close()

    def follow(self) -> float | None:
        """Apply new entries; return 0 if the next call waits for more on the change stream.

        Raises:
            StoreError: MongoDB failed.
        """
        moment = self._watermark.moment()
        try:
            if self._has_stream:
                self._publisher.apply(self._feed.read())
            else:
                if self._has_stream is None:
                    self._has_stream = self._feed.open()
                self._publisher.catch_up()
            self._publisher.check_history()
        except Exception:
            self._has_stream = None
            self._feed.close()
            raise
        self._watermark.note(moment)
        self._publisher.retry()
        return 0.0 if self._has_stream else None
