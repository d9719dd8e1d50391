"""The form of log lines."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import orjson
import pytest

from dealcache.telemetry import log_lines, logs


@pytest.fixture
def stream(tmp_path, monkeypatch):
    """Yield where the lines go: standard error; the root logger is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with (tmp_path / "log").open("w+", encoding="utf-8") as file:
        # pytest itself replaces sys.stderr before the test.
        monkeypatch.setattr(logs, "sys", SimpleNamespace(stderr=file))
        yield file
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("dealcache").setLevel(logging.NOTSET)


def text_of(stream: IO[str]) -> str:
    return Path(stream.name).read_text("utf-8", errors="surrogatepass")


def lines(stream: IO[str]) -> list[dict]:
    return [orjson.loads(line) for line in text_of(stream).splitlines()]


def test_a_read_is_one_json_line_with_the_request_id(stream):
    logs.configure("json", "INFO")
    token = logs.request_id_var.set("abc-123")
    log_lines.log_read("timeline", "Müller", "memory", 0.123456, 200)
    logs.request_id_var.reset(token)
    (line,) = lines(stream)
    assert (line["request_id"], line["level"], line["logger"]) == ("abc-123", "INFO", "dealcache.read")
    assert (line["deal"], line["view"], line["tier"], line["ms"]) == ("Müller", "timeline", "memory", 0.123)
    assert line["time"].endswith("+00:00")


def test_an_exception_stays_within_its_line(stream):
    logs.configure("json", "INFO")
    try:
        int("broken\nin two")
    except ValueError:
        logging.getLogger("dealcache.x").exception("oh")
    (line,) = lines(stream)
    assert "ValueError: invalid literal" in line["exception"]


@pytest.mark.parametrize("value", ["\ud800", 2**70], ids=["surrogate", "large"])
def test_what_json_cannot_hold_stays_in_the_line(stream, value):
    logs.configure("json", "INFO")
    logs.write(logging.getLogger("dealcache.x"), logging.INFO, f"odd {value}", {"value": value})
    (line,) = [json.loads(line) for line in text_of(stream).splitlines()]
    assert (line["message"], line["value"]) == (f"odd {value}", value)


def test_a_line_that_cannot_be_shown_says_so_in_its_place(stream):
    logs.configure("json", "INFO")
    logging.getLogger("dealcache.x").error("%d", "no number")
    logging.getLogger("dealcache.x").info("fine")
    assert [(line["level"], line["message"]) for line in lines(stream)] == [
        ("ERROR", "a line cannot be shown: TypeError"),
        ("INFO", "fine"),
    ]


def test_without_a_standard_error_nothing_is_written(stream, monkeypatch):
    monkeypatch.setattr(logs.sys, "stderr", None)
    assert logs.is_console(None) is False
    logs.configure(None, "INFO")
    logging.getLogger("dealcache.x").error("heard by nobody")


@pytest.mark.parametrize(
    ("tier", "colour"), [("memory", "32"), ("mongodb", "36"), ("hubspot", "33"), (None, "31")], ids=str
)
def test_at_a_terminal_the_colour_tells_the_tier(stream, tier, colour):
    logs.configure("console", "INFO")
    log_lines.log_read("info", "Acme", tier, 12.5, 200 if tier else 502)
    (line,) = text_of(stream).splitlines()
    assert f"\x1b[{colour}m{tier or 'error'} info Acme 12.50 ms" in line


def test_a_terminal_obeys_nothing_that_a_request_says(stream):
    logs.configure("console", "INFO")
    logs.write(logging.getLogger("dealcache.x"), logging.INFO, "GET /\x1b[2Jgone\r", {})
    assert "\x1b[2J" not in text_of(stream)
    assert "\r" not in text_of(stream)


def test_libraries_are_quiet_and_the_level_is_ours(stream):
    logs.configure("json", "WARNING")
    logging.getLogger("pymongo").info("chatter")
    log_lines.log_read("info", "Acme", "memory", 1.0, 200)
    logging.getLogger("dealcache.x").warning("heard")
    assert [line["message"] for line in lines(stream)] == ["heard"]


def test_the_format_follows_the_terminal_unless_told(stream):
    assert not logs.is_console(None)
    assert logs.is_console("console")
    assert not logs.is_console("json")
