"""The service's worker with deadlines that a test can wait for: ``GUNICORN_CMD_ARGS="--worker-class ..."``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from dealcache.server.lane_worker import LaneWorker
from dealcache.server.phases import Phase

#: Seconds of each phase but idleness.
SECONDS = 3.0

OPTIONS = f"--worker-class {__name__}.ImpatientWorker"


class ImpatientWorker(LaneWorker):
    """Waits three seconds where the real one waits thirty."""

    patience: ClassVar[Mapping[Phase, float]] = {Phase.RECEIVING: SECONDS, Phase.SENDING: SECONDS, Phase.CLOSING: 0.5}
