"""What a running job has done so far, told by all its threads, and shown to whoever asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from dealcache.changes import Changes
from dealcache.jobs import Progress


class Ledger:
    """Keeps one job's progress, and passes on what really changed.

    Args:
        progress: where the job stands, if it was begun before.
        on_changes: is told of changed deals as soon as they are stored, to let go what is cached of them.
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
        self._part_done = 0.0
        self._began_at = clock()
        self._began_with = progress.deals_read

    def progress(self) -> Progress:
        """The progress as of now."""
        with self._lock:
            shown = replace(self._progress)
        if self._of:
            done = min(float(self._of), shown.deals_read + self._part_done)
            shown.percent = round(100 * done / self._of, 1)
            shown.seconds_left = self._seconds_left(done)
        return shown

    def _seconds_left(self, deals_done: float) -> float | None:
        """At the speed since this process took the job up."""
        done = deals_done - self._began_with
        if self._of is None or done <= 0:
            return None
        return round(max(0.0, self._of - deals_done) * (self._clock() - self._began_at) / done, 1)

    def phase(self, name: str, deals: int | None = None) -> None:
        """Note what the job does now, and of how many deals, if that is known."""
        with self._lock:
            self._progress.phase = name
            self._of = deals
            self._part_done = 0.0

    def deals_read(self, count: int) -> None:
        """Note that HubSpot told us of so many deals, with what belongs to them."""
        with self._lock:
            self._progress.deals_read += count

    def part_done(self, deals: float) -> None:
        """Show that so many deals' worth is stored of deals that are not read to their end yet."""
        with self._lock:
            self._part_done = deals

    def deals_written(self, count: int) -> None:
        """Note that so many deals were stored."""
        with self._lock:
            self._progress.deals_written += count

    def activities_read(self, count: int) -> None:
        """Note that HubSpot gave us so many activities."""
        with self._lock:
            self._progress.activities_read += count

    def activities_written(self, count: int) -> None:
        """Note that so many events were stored."""
        with self._lock:
            self._progress.activities_written += count

    def called(self) -> None:
        """Note one call to HubSpot, successful or not."""
        with self._lock:
            self._progress.calls += 1

    def waited(self, seconds: float) -> None:
        """Note that a call waited so long for HubSpot's limits."""
        with self._lock:
            self._progress.waited_seconds = round(self._progress.waited_seconds + seconds, 3)

    def changed(self, changes: Changes) -> None:
        """Note which deals changed, and have it passed on."""
        if not changes:
            return
        with self._lock:
            # Not "|=": with the keys of a dict that copies the whole set.
            self._changed.update(changes.views)
            self._progress.deals_changed = self._changed_before + len(self._changed)
        self._on_changes(changes)
