"""What lines look like, and that none is lost."""

from __future__ import annotations

import io
import logging
import sys
import threading

import orjson
import pytest

from dealcache import log_lines, logs
from dealcache.log_batches import BatchingHandler


@pytest.fixture
def stream():
    """Where the lines go; the root logger is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("dealcache").setLevel(logging.NOTSET)


def lines(stream: io.StringIO) -> list[dict]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_a_read_is_one_json_line_with_the_request_id(stream):
    logs.configure("json", "INFO", stream)
    token = logs.request_id_var.set("abc-123")
    log_lines.log_read("timeline", "Müller", "memory", 0.123456, 200)
    logs.request_id_var.reset(token)
    (line,) = lines(stream)
    assert (line["request_id"], line["level"], line["logger"]) == ("abc-123", "INFO", "dealcache.read")
    assert (line["deal"], line["view"], line["tier"], line["ms"]) == ("Müller", "timeline", "memory", 0.123)
    assert line["time"].endswith("+00:00")


def test_an_exception_stays_within_its_line(stream):
    logs.configure("json", "INFO", stream)
    try:
        int("broken\nin two")
    except ValueError:
        logging.getLogger("dealcache.x").exception("oh")
    (line,) = lines(stream)
    assert "ValueError: invalid literal" in line["exception"]


@pytest.mark.parametrize(
    ("tier", "colour"), [("memory", "32"), ("mongodb", "36"), ("hubspot", "33"), (None, "31")], ids=str
)
def test_at_a_terminal_the_colour_tells_the_tier(stream, tier, colour):
    logs.configure("console", "INFO", stream)
    log_lines.log_read("info", "Acme", tier, 12.5, 200 if tier else 502)
    (line,) = stream.getvalue().splitlines()
    assert f"\x1b[{colour}m{tier or 'error'} info Acme 12.50 ms" in line


def test_a_terminal_obeys_nothing_that_a_request_says(stream):
    logs.configure("console", "INFO", stream)
    logs.write(logging.getLogger("dealcache.x"), logging.INFO, "GET /\x1b[2Jgone\r", {})
    assert "\x1b[2J" not in stream.getvalue()
    assert "\r" not in stream.getvalue()


def test_libraries_are_quiet_and_the_level_is_ours(stream):
    logs.configure("json", "WARNING", stream)
    logging.getLogger("pymongo").info("chatter")
    log_lines.log_read("info", "Acme", "memory", 1.0, 200)
    logging.getLogger("dealcache.x").warning("heard")
    assert [line["message"] for line in lines(stream)] == ["heard"]


def test_the_format_follows_the_terminal_unless_told(stream):
    assert logs.choose_format(None, stream) == "json"
    assert logs.choose_format("console", stream) == "console"


class SlowStream(io.StringIO):
    """Lets writes through one at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()

    def write(self, text: str) -> int:
        assert self.let.wait(10)
        return super().write(text)


def record(text: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("x", level, "", 0, text, (), None)


def test_batches_lose_no_line_and_keep_the_order_of_each_thread():
    stream = io.StringIO()
    handler = BatchingHandler(stream, interval=0.001)
    handler.start_batching()

    def work(number: int) -> None:
        for count in range(200):
            handler.handle(record(f"{number} {count}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handler.stop_batching()
    seen = [line.split() for line in stream.getvalue().splitlines()]
    assert len(seen) == 1600
    for number in range(8):
        assert [int(count) for who, count in seen if who == str(number)] == list(range(200))


def test_lines_wait_for_their_batch_but_an_error_does_not():
    stream = io.StringIO()
    handler = BatchingHandler(stream, interval=3600)
    handler.start_batching()
    handler.handle(record("calm"))
    assert stream.getvalue() == ""
    written = threading.Event()
    handler.flush = written.set  # type: ignore[method-assign]
    handler.handle(record("bad", logging.ERROR))
    assert written.wait(10)
    assert stream.getvalue() == "calm\nbad\n"
    handler.stop_batching()


def test_before_and_after_batching_lines_are_written_at_once():
    stream = io.StringIO()
    handler = BatchingHandler(stream, interval=3600)
    handler.handle(record("one"))
    assert stream.getvalue() == "one\n"
    handler.start_batching()
    handler.handle(record("two"))
    handler.stop_batching()
    handler.handle(record("three"))
    assert stream.getvalue() == "one\ntwo\nthree\n"


def test_a_stream_that_does_not_keep_up_holds_the_loggers_rather_than_memory():
    stream = SlowStream()
    handler = BatchingHandler(stream, interval=3600, most_waiting=3)
    handler.start_batching()
    writer = threading.Thread(target=lambda: [handler.handle(record(str(number))) for number in range(10)])
    writer.start()
    stream.let.set()
    writer.join(10)
    handler.stop_batching()
    assert stream.getvalue().split() == [str(number) for number in range(10)]


def test_a_line_that_cannot_be_formatted_is_reported_and_does_no_harm(capsys):
    handler = BatchingHandler(io.StringIO())
    handler.handle(logging.LogRecord("x", logging.INFO, "", 0, "%d", ("no number",), None))
    handler.handle(record("fine"))
    assert handler.stream.getvalue() == "fine\n"
    assert "Logging error" in capsys.readouterr().err
    assert sys.stderr is not None
