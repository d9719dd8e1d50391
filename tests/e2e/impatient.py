"""The service's worker with deadlines that a test can wait for: ``GUNICORN_CMD_ARGS="--worker-class ..."``."""

from __future__ import annotations

from dealcache.server import event_loop, lane_worker
from dealcache.server.phases import Phase

#: Seconds of each phase but idleness.
SECONDS = 3.0

OPTIONS = f"--worker-class {__name__}.ImpatientWorker"


class ImpatientWorker(lane_worker.LaneWorker):
    """Waits three seconds where the real one waits thirty."""

    def run(self) -> None:
        event_loop.PATIENCE = {Phase.RECEIVING: SECONDS, Phase.SENDING: SECONDS, Phase.CLOSING: 0.5}
        super().run()
