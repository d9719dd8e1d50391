"""gunicorn's log in the service's own format."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger

from dealcache.settings import load_log_settings
from dealcache.telemetry import logs
from dealcache.telemetry.log_lines import log_request

log = logging.getLogger(__name__)


class ServerLogger(Logger):
    """Sends gunicorn's error log and access log to the same handler as everything else.

    At a terminal, where each read has its own coloured line, the access log leaves reads out.
    """

    def setup(self, cfg: Any) -> None:
        """Configure logging for the master and, through the fork, for the workers."""
        super().setup(cfg)
        wanted, level = load_log_settings()
        logs.configure(wanted, level)
        self._for_a_person = logs.is_console(wanted)
        # Python itself would write these to standard error, and block there without a reader.
        logging.captureWarnings(True)
        threading.excepthook = _log_end_of_thread
        for logger in (self.error_log, self.access_log):
            logger.handlers[:] = []
            logger.propagate = True
            logger.setLevel(level)

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Write the line of one request."""
        headers = dict(resp.headers)
        if self._for_a_person and "X-Cache-Tier" in headers:
            return
        log_request(
            environ["REQUEST_METHOD"],
            environ["RAW_URI"],
            resp.status_code,
            request_time.total_seconds() * 1000.0,
            resp.sent,
            request_id=headers.get("X-Request-ID", "-"),
            remote=environ.get("REMOTE_ADDR", "-"),
            user_agent=environ.get("HTTP_USER_AGENT", "-"),
        )


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    name = ended.thread.name if ended.thread is not None else "-"
    log.error("the thread %s ended", name, exc_info=ended.exc_value)
