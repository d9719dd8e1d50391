"""Numbers that several of the larger parts go by."""

from __future__ import annotations

#: Calls and writes that a sync may have under way at once: enough to use up HubSpot's limits at a second per call.
SYNC_THREADS = 10

#: How long a readiness probe waits for a dependency, in seconds.
PROBE_SECONDS = 2.0
