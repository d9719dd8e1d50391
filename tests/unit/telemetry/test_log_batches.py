"""That no line is lost while somebody reads, and that nobody who logs waits when nobody does."""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from dealcache.telemetry import log_batches
from dealcache.telemetry.log_batches import LONGEST_LINE, BatchingHandler
from dealcache.telemetry.log_outputs import MOST_BYTES, LogOutput, output_of


class Output:
    """Takes so many bytes at a time as the test gives room for; raises what the test wants."""

    def __init__(self, room: int = 0) -> None:
        self.taken = bytearray()
        self.failure: OSError | None = None
        self._room = room
        self._more = threading.Condition()
        self.asked: SimpleQueue[int] = SimpleQueue()

    def give(self, room: int) -> None:
        with self._more:
            self._room += room
            self._more.notify_all()

    def write(self, data: bytes, seconds: float) -> int:
        self.asked.put(len(data))
        if self.failure is not None:
            raise self.failure
        with self._more:
            self._more.wait_for(lambda: self._room, seconds)
            count = min(self._room, len(data))
            self._room -= count
            self.taken += data[:count]
            return count

    def close(self) -> None:
        pass

    def lines(self) -> list[str]:
        return self.taken.decode().splitlines()


def record(text: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("x", level, "", 0, text, (), None)


@pytest.fixture
def dropped() -> list[int]:
    return []


ENDLESS = 10**9

MakeHandler = Callable[..., BatchingHandler]


@pytest.fixture
def make_handler(monkeypatch: pytest.MonkeyPatch) -> MakeHandler:
    def make(
        output: Output, interval: float, most_bytes: int = log_batches.MOST_WAITING, **more: bool
    ) -> BatchingHandler:
        monkeypatch.setattr(log_batches, "INTERVAL", interval)
        monkeypatch.setattr(log_batches, "MOST_WAITING", most_bytes)
        return BatchingHandler(output, **more)  # type: ignore[arg-type]

    return make


def test_batches_lose_no_line_and_keep_the_order_of_each_thread(make_handler: MakeHandler) -> None:
    output = Output(ENDLESS)
    handler = make_handler(output, interval=0.001)
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
    seen = [line.split() for line in output.lines()]
    assert len(seen) == 1600
    for number in range(8):
        assert [int(count) for who, count in seen if who == str(number)] == list(range(200))


@pytest.mark.parametrize(("hurried", "level"), [(False, logging.ERROR), (True, logging.INFO)])
def test_lines_wait_for_their_batch_but_an_error_and_a_person_do_not(
    make_handler: MakeHandler, hurried: bool, level: int
) -> None:
    output = Output(ENDLESS)
    handler = make_handler(output, interval=3600, hurried=hurried)
    handler.start_batching()
    if not hurried:
        handler.handle(record("calm"))
        assert output.lines() == []
    handler.handle(record("now", level))
    assert output.asked.get(timeout=60)
    handler.stop_batching()
    assert output.lines() == (["now"] if hurried else ["calm", "now"])


def test_before_and_after_batching_lines_are_written_at_once(make_handler: MakeHandler) -> None:
    output = Output(ENDLESS)
    handler = make_handler(output, interval=3600)
    handler.handle(record("one"))
    assert output.lines() == ["one"]
    handler.start_batching()
    handler.handle(record("two"))
    assert output.lines() == ["one"]
    handler.stop_batching()
    handler.handle(record("three"))
    assert output.lines() == ["one", "two", "three"]


def test_who_logs_never_waits_and_what_is_dropped_is_counted_where_it_is_missing(
    make_handler: MakeHandler, dropped: list[int]
) -> None:
    output = Output()
    handler = make_handler(output, interval=0.001, most_bytes=100)
    handler.start_batching(dropped.append)
    for number in range(25):  # returns, though nothing is taken
        handler.handle(record(f"before {number:2}"))
    assert sum(dropped) == 15
    output.give(ENDLESS)
    while not any("dropped" in line for line in output.lines()):
        output.asked.get(timeout=60)
    handler.handle(record("after"))
    handler.stop_batching()
    *first, notice, last = output.lines()
    assert first == [f"before {number:2}" for number in range(10)]
    assert notice == "15 log lines were dropped here: the log was not read fast enough"
    assert last == "after"
    assert sum(dropped) == 15


def test_bytes_under_way_count_too(make_handler: MakeHandler, dropped: list[int]) -> None:
    output = Output()
    handler = make_handler(output, interval=0.001, most_bytes=1000)
    handler.start_batching(dropped.append)
    handler.handle(record("x" * 599))
    output.asked.get(timeout=60)  # it is under way
    handler.handle(record("y" * 399))
    handler.handle(record("z"))
    assert dropped == [1]
    output.give(ENDLESS)
    handler.stop_batching()
    assert [line[0] for line in output.lines()] == ["x", "y", "1"]


def test_a_line_that_was_cut_goes_on_where_it_was_cut(make_handler: MakeHandler) -> None:
    output = Output(3)
    handler = make_handler(output, interval=0.001)
    handler.start_batching()
    handler.handle(record("abcdef"))
    while len(output.taken) < 3:
        output.asked.get(timeout=60)
    output.failure = OSError(errno.ENOSPC, "the disk is full")
    handler.handle(record("ghi"))
    output.failure = None
    output.give(ENDLESS)
    handler.stop_batching()
    assert output.lines() == ["abcdef", "ghi"]


@pytest.mark.parametrize("code", [errno.EPIPE, errno.ENOSPC, errno.EBADF, errno.EIO])
def test_an_output_that_refuses_holds_nobody_and_is_tried_again(
    make_handler: MakeHandler, code: int, dropped: list[int]
) -> None:
    output = Output(ENDLESS)
    output.failure = OSError(code, "no")
    handler = make_handler(output, interval=0.001, most_bytes=len("from the master\n0\n1\n2\n3\n"))
    handler.handle(record("from the master"))
    handler.start_batching(dropped.append)
    for number in range(9):
        handler.handle(record(str(number)))
    assert sum(dropped) == 5
    output.failure = None
    while not any("dropped" in line for line in output.lines()):
        output.asked.get(timeout=60)
    handler.stop_batching()
    assert output.lines()[:5] == ["from the master", "0", "1", "2", "3"]


def test_the_end_comes_though_nobody_reads(
    make_handler: MakeHandler, monkeypatch: pytest.MonkeyPatch, dropped: list[int]
) -> None:
    monkeypatch.setattr("dealcache.telemetry.log_batches._STOP_SECONDS", 0.05)
    handler = make_handler(Output(), interval=0.001)
    handler.start_batching(dropped.append)
    handler.handle(record("one"))
    handler.handle(record("two"))
    handler.stop_batching()
    assert dropped == [2]
    for _ in range(1000):  # each would wait a second, did the first not tell
        handler.handle(record("late"))
    handler.close()


def test_a_line_beyond_all_measure_is_replaced() -> None:
    output = Output(ENDLESS)
    handler = BatchingHandler(output)
    handler.handle(record("x" * 10_000_000))
    handler.handle(record("y" * (LONGEST_LINE - 1)))
    first, second = output.lines()
    assert first == "a line of 10000001 bytes is not shown"
    assert len(second) == LONGEST_LINE - 1


def test_lines_are_written_whole_however_long_they_are(make_handler: MakeHandler) -> None:
    """Several processes append to one file."""
    output = Output(ENDLESS)
    handler = make_handler(output, interval=3600)
    handler.start_batching()
    lengths = (100, MOST_BYTES // 2, MOST_BYTES // 2, 3 * MOST_BYTES, MOST_BYTES, 100, MOST_BYTES - 1)
    for length in lengths:
        handler.handle(record("x" * (length - 1)))
    handler.stop_batching()
    pieces = [output.asked.get_nowait() for _ in range(output.asked.qsize())]
    assert pieces == [100 + MOST_BYTES // 2, MOST_BYTES // 2, 3 * MOST_BYTES, MOST_BYTES, 100, MOST_BYTES - 1]


def test_a_child_writes_nothing_of_its_parent(make_handler: MakeHandler) -> None:
    output = Output()
    handler = make_handler(output, interval=3600)
    handler.start_batching()
    handler.handle(record("the parent's"))
    pid = os.fork()
    if pid == 0:
        output.give(ENDLESS)
        handler.handle(record("the child's"))
        os._exit(0 if output.lines() == ["the child's"] else 1)
    assert os.waitpid(pid, 0)[1] == 0
    output.give(ENDLESS)
    handler.stop_batching()
    assert output.lines() == ["the parent's"]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def test_a_full_pipe_takes_nothing_and_stays_blocking_for_others(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    output = LogOutput(writing)
    taken = 0
    while count := output.write(b"x" * 100_000, 0.0):
        taken += count
    assert taken >= 4096
    assert output.write(b"more", 0.001) == 0
    assert os.get_blocking(writing)
    assert len(os.read(reading, taken)) == taken
    assert output.write(b"more", 0.0) == 4
    output.close()


def test_lines_go_into_a_pipe_whole(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    output = LogOutput(writing)
    lines = (b"x" * 699 + b"\n") * 80
    assert output.write(lines, 0.0) == len(lines)  # it was empty: all of it in one go
    assert output.write(lines, 0.0) == 5 * 700
    assert os.read(reading, 100_000) == lines + lines[:3500]
    assert output.write(b"y" * 5000, 0.0) == 5000
    assert output.write(b"y" * 5000, 0.0) == 4096
    output.close()


def test_a_pipe_that_nobody_reads_any_more_refuses() -> None:
    reading, writing = os.pipe()
    output = LogOutput(writing)
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        output.write(b"x", 0.0)
    output.close()
    os.close(writing)


def test_a_full_disk_refuses() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        output = LogOutput(full.fileno())
        with pytest.raises(OSError, match="No space"):
            output.write(b"x", 0.0)
        output.close()


def test_a_stopped_terminal_takes_nothing() -> None:
    master, slave = os.openpty()
    output = LogOutput(slave)
    assert output.write(b"x", 0.0) == 1
    while output.write(b"x" * 4096, 0.0):
        pass
    assert os.get_blocking(slave)
    output.close()
    os.close(master)
    os.close(slave)


def test_lines_of_a_standard_error_that_was_closed_before_the_program_began_are_lost() -> None:
    output = output_of(None)
    assert output.write(b"lost", 0.0) == 4
    output.close()
