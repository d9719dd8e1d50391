"""Logging: coloured lines for a person at a terminal, JSON lines for a collector, the request id in each.

Nothing is configured at import; :func:`configure` is called once per process, by the server's logger.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import orjson

from dealcache.telemetry.log_batches import BatchingHandler
from dealcache.telemetry.log_outputs import output_of

#: The id of the request that this thread is answering, "-" outside of requests.
request_id_var: ContextVar[str] = ContextVar("request_id", default="-")

#: The attributes of a record of nothing.
_BLANK = vars(logging.LogRecord("", logging.NOTSET, "", 0, "", (), None))

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_RESET = "\x1b[0m"
_DIM = "\x1b[2m"
_RED = "\x1b[31m"
#: The colour of a read's line: the tier that answered.
TIER_COLOURS = {"memory": "\x1b[32m", "redis": "\x1b[34m", "mongodb": "\x1b[36m", "hubspot": "\x1b[33m"}
_LEVEL_COLOURS = {logging.WARNING: "\x1b[35m", logging.ERROR: _RED, logging.CRITICAL: _RED}


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, request id, and the fields given to :func:`write`.

    Our own, because every cached read passes here twice: the usual library takes 10 microseconds per line, this one 3.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id_var.get(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        try:
            return orjson.dumps(line, default=str).decode()
        except TypeError:  # a lone surrogate, or a number of more than 64 bits
            return json.dumps(line, default=str)


class ConsoleFormatter(logging.Formatter):
    """One line for a person; a read is coloured by the tier that answered, a failed read is red."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        fields = getattr(record, "fields", {})
        tier = fields.get("tier")
        if tier is not None and record.levelno < logging.WARNING:
            colour = TIER_COLOURS.get(tier, "")
        else:
            colour = _LEVEL_COLOURS.get(record.levelno, "")
        # A request's target may contain a terminal's control sequences.
        message = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", record.getMessage())
        line = f"{_DIM}{clock}{_RESET} {colour}{message}{_RESET if colour else ''}"
        request_id = fields.get("request_id") or request_id_var.get()
        if request_id != "-":
            line = f"{line} {_DIM}{request_id}{_RESET}"
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return line


def is_console(wanted: str | None) -> bool:
    """Return True if lines are for a person: the operator wants ``console``, or nothing at a terminal."""
    return wanted == "console" if wanted else sys.stderr is not None and sys.stderr.isatty()


def configure(log_format: str | None, level: str) -> None:
    """Send every logger of the process to one handler, which writes to standard error.

    Args:
        log_format: ``console``, ``json``, or None to decide by whether standard error is a terminal.
        level: the lowest level to write; libraries stay at WARNING unless it is DEBUG.
    """
    # Values that no formatter of ours shows need not be looked up for each record (logging's documentation,
    # "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    replaced = _batching_handlers()
    for_a_person = is_console(log_format)
    handler = BatchingHandler(output_of(sys.stderr), hurried=for_a_person)
    handler.setFormatter(ConsoleFormatter() if for_a_person else JsonFormatter())
    root.handlers[:] = [handler]
    for one in replaced:  # a reload of gunicorn's configuration calls this again
        one.close()
    root.setLevel("DEBUG" if level == "DEBUG" else "WARNING")
    logging.getLogger("dealcache").setLevel(level)


def start_batching(on_dropped: Callable[[int], None] | None = None) -> None:
    """Let a thread of this process write its log, so that no other thread waits for a reader.

    Args:
        on_dropped: called with the number of lines that were dropped because the log was not read.
    """
    for handler in _batching_handlers():
        handler.start_batching(on_dropped)


def stop_batching() -> None:
    """Write what waits, as far as the reader takes it; called before the process ends."""
    for handler in _batching_handlers():
        handler.stop_batching()


def _batching_handlers() -> list[BatchingHandler]:
    return [one for one in logging.getLogger().handlers if isinstance(one, BatchingHandler)]


def write(logger: logging.Logger, level: int, message: str, fields: Mapping[str, Any], at: float | None = None) -> None:
    """Log a finished message with fields of its own, without looking up the calling line, which is not shown.

    Args:
        logger: the logger.
        level: how severe it is.
        message: the text.
        fields: named values for a collector; ``request_id`` overrides that of the running request.
        at: when it happened, epoch seconds; now unless given.
    """
    if logger.isEnabledFor(level):
        # LogRecord's constructor looks for the file, the thread and the process, in a third of the time of a line.
        record = logging.LogRecord.__new__(logging.LogRecord)
        vars(record).update(
            _BLANK,
            name=logger.name,
            levelno=level,
            levelname=logging.getLevelName(level),
            msg=message,
            created=time.time() if at is None else at,
            fields=fields,
        )
        logger.handle(record)
