"""The progress of a running job, counted by all its threads."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from dealcache.model.invalidation import Changes
from dealcache.model.jobs import Progress

log = logging.getLogger(__name__)

#: How many warnings a job keeps, how long each may be, and what replaces further ones.
_MOST_WARNINGS = 20
_LONGEST_WARNING = 300
_MORE_WARNINGS = "and more; the log has them all"


class JobProgress:
    """Counts what one job has done, and publishes the deals that it changed. Thread-safe.

    Args:
        progress: the progress so far, if the job was begun before.
        on_changes: called with changed deals as soon as they are stored, to evict their cached views.
        clock: the monotonic clock, in seconds.
    """

    def __init__(
        self,
        progress: Progress,
        on_changes: Callable[[Changes], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = threading.Lock()
        self._progress = replace(progress)
        self._on_changes = on_changes
        self._clock = clock
        self._changed: set[str] = set()
        self._changed_before = progress.deals_changed
        self._of: int | None = None
        self._counted = False
        self._warned = set(progress.warnings)
        self._part_done = 0.0
        self._began_at = clock()
        self._began_with = progress.deals_read
        self._highest = progress.percent or 0.0
        self._to_write_again = 0

    def snapshot(self) -> Progress:
        """Return the progress as of now."""
        with self._lock:
            shown = replace(self._progress)
            of, part_done = self._of, self._part_done
            shown.percent = shown.seconds_left = None
            if of and (self._counted or shown.deals_written <= of):
                done = min(float(of), shown.deals_read + part_done)
                self._highest = shown.percent = max(self._highest, round(100 * done / of, 1))
                shown.seconds_left = self._seconds_left(of, done)
        return shown

    def _seconds_left(self, of: int, deals_done: float) -> float | None:
        """Return the estimated seconds left, at the speed since this process took over the job."""
        done = deals_done - self._began_with
        if done <= 0:
            return None
        return round((of - deals_done) * (self._clock() - self._began_at) / done, 1)

    def phase(self, name: str, deals: int | None = None) -> None:
        """Note what the job is doing, and for how many deals, if that is known.

        When more than these turn out to be stored, the percentage is unknown until :meth:`expect` is called.
        """
        with self._lock:
            self._progress.phase = name
            self._of, self._counted = deals, False
            self._part_done = 0.0

    def expect(self, deals: int) -> None:
        """Note the actual number of deals of the phase."""
        with self._lock:
            self._of, self._counted = deals, True

    def warn(self, warning: str, *, logged: bool = False) -> None:
        """Note what the job does without; the same warning counts once. Log it unless it is already ``logged``."""
        text = warning if len(warning) <= _LONGEST_WARNING else warning[: _LONGEST_WARNING - 3] + "..."
        with self._lock:
            if text in self._warned:
                return
            self._warned.add(text)
            known = self._progress.warnings
            if len(known) < _MOST_WARNINGS:
                self._progress.warnings = (*known, text if len(known) < _MOST_WARNINGS - 1 else _MORE_WARNINGS)
        if not logged:
            log.warning("a sync continues, but: %s", warning)

    def deals_read(self, count: int) -> None:
        """Note that so many deals were read from HubSpot, with what belongs to them."""
        with self._lock:
            self._progress.deals_read += count

    def part_done(self, deals: float) -> None:
        """Note what is stored of deals that are not completely read, as a number of deals."""
        with self._lock:
            self._part_done = deals

    def deals_written(self, count: int) -> None:
        """Note that so many deals were stored."""
        with self._lock:
            again = min(count, self._to_write_again)
            self._to_write_again -= again
            self._progress.deals_written += count - again

    def resume(self) -> None:
        """Note that deals will be stored again, from the first one that was not completely read; each counts once."""
        with self._lock:
            self._to_write_again = max(0, self._progress.deals_written - self._progress.deals_read)

    def activities_read(self, count: int) -> None:
        """Note that so many activities were read from HubSpot."""
        with self._lock:
            self._progress.activities_read += count

    def activities_written(self, count: int) -> None:
        """Note that so many events were stored."""
        with self._lock:
            self._progress.activities_written += count

    def called(self, seconds: float) -> None:
        """Note a call to HubSpot, and the seconds for which it waited for rate limits."""
        with self._lock:
            self._progress.calls += 1
            self._progress.waited_seconds = round(self._progress.waited_seconds + seconds, 3)

    def changed(self, changes: Changes) -> None:
        """Note which deals changed, and publish them."""
        if not changes:
            return
        with self._lock:
            # Not "|=", which copies the whole set when given the keys of a dict.
            self._changed.update(changes.views)
            self._progress.deals_changed = self._changed_before + len(self._changed)
        self._on_changes(changes)
