"""Each server has a directory of its own for its metrics, in which the dead count for what they counted alone."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from dealcache.telemetry import metric_files

#: Greater than any process id that Linux gives.
DEAD, DEAD_TOO = 2**22 + 1, 2**22 + 2
LIVING = os.getpid()


def ours(place: Path) -> list[Path]:
    return [path for path in place.iterdir() if path.name.startswith("dealcache-metrics-")]


def release() -> None:
    """Let go all locks on directories that this process holds, as its end would."""
    for descriptor in Path("/proc/self/fd").iterdir():
        if descriptor.is_symlink() and "dealcache-metrics-" in str(descriptor.readlink()):
            os.close(int(descriptor.name))


@pytest.fixture(autouse=True)
def released():
    """No test holds a directory of the one before."""
    yield
    release()


def test_each_server_has_an_empty_directory_of_its_own_where_the_operator_says(tmp_path):
    place = tmp_path / "not" / "there yet"
    first = metric_files.provide(str(place))
    second = metric_files.provide(str(place))
    assert first != second
    assert set(ours(place)) == {first, second}
    for directory in (first, second):
        assert list(directory.iterdir()) == []
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@pytest.mark.parametrize("given", [None, ""])
def test_without_an_operators_directory_it_lies_with_the_temporary_files(tmp_path, monkeypatch, given):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert metric_files.provide(given).parent == tmp_path


def test_after_a_reload_it_is_the_same_with_all_that_is_in_it(tmp_path):
    directory = metric_files.provide(str(tmp_path))
    (directory / "counter_1.db").write_bytes(b"x")
    assert metric_files.provide(str(directory)) == directory
    assert (directory / "counter_1.db").read_bytes() == b"x"
    assert ours(tmp_path) == [directory]


def test_what_a_killed_server_left_is_removed_and_what_else_lies_there_stays(tmp_path):
    killed = metric_files.provide(str(tmp_path))
    (killed / "counter_1.db").write_bytes(b"x")
    release()
    living = metric_files.provide(str(tmp_path))
    (tmp_path / "counter_1.db").write_bytes(b"another program's")
    (tmp_path / "dealcache-metrics-a file").write_bytes(b"")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "counter_1.db").write_bytes(b"another program's")
    (tmp_path / "dealcache-metrics-a link").symlink_to(elsewhere)
    fresh = metric_files.provide(str(tmp_path))
    assert not killed.exists()
    assert {path.name for path in tmp_path.iterdir()} == {
        *(living.name, fresh.name, "counter_1.db", "elsewhere"),
        *("dealcache-metrics-a file", "dealcache-metrics-a link"),
    }
    assert (elsewhere / "counter_1.db").exists()


def test_it_is_held_for_as_long_as_a_child_lives(tmp_path):
    """A worker that outlives its master still writes."""
    directory = metric_files.provide(str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False) as child:
        release()
        metric_files.provide(str(tmp_path))
        assert directory.exists()
        child.communicate(b"\n")
    metric_files.provide(str(tmp_path))
    assert not directory.exists()


def test_a_place_that_cannot_be_written_to_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        metric_files.provide(str(tmp_path / "file" / "below"))


def write(directory: Path, name: str, pid: int | str, **values: float) -> None:
    """A file as prometheus-client leaves it: one value for each label."""
    file = MmapedDict(str(directory / f"{name}_{pid}.db"))
    for label, value in values.items():
        kind = name.partition("_")[0]
        sample = {"counter": "seen_total", "histogram": "took_bucket", "gauge": "held"}[kind]
        family = {"counter": "seen", "histogram": "took", "gauge": "held"}[kind]
        labels = {"le": label.removeprefix("le_")} if kind == "histogram" else {"kind": label}
        file.write_value(mmap_key(family, sample, list(labels), list(labels.values()), "help"), value, 0.0)
    file.close()


LOST = f"{metric_files.LOST[0]}_total"


def told(directory: Path) -> dict[tuple[str, Any], float]:
    return {
        (sample.name, sample.labels.get("kind") or sample.labels.get("le")): sample.value
        for metric in metric_files.collect(directory)
        for sample in metric.samples
        if sample.name != LOST
    }


def lost(directory: Path) -> float:
    return sum(
        sample.value for metric in metric_files.collect(directory) for sample in metric.samples if sample.name == LOST
    )


def test_the_dead_count_for_what_they_counted_and_no_longer_for_what_they_held(tmp_path):
    for pid in (LIVING, DEAD):
        write(tmp_path, "counter", pid, hit=2, miss=1)
        write(tmp_path, "histogram", pid, le_1=3, le_5=1)
        write(tmp_path, "gauge_livesum", pid, bytes=100)
    write(tmp_path, "counter", DEAD_TOO, hit=10, error=1)
    before = told(tmp_path)
    assert before[("held", "bytes")] == 200
    metric_files.retire(tmp_path, DEAD)
    after = told(tmp_path)
    assert after == before | {("held", "bytes"): 100}
    assert after[("seen_total", "hit")] == 14
    assert after[("took_bucket", "5.0")] == 8
    assert {path.name for path in tmp_path.glob("*.db")} == {
        *("counter_dead.db", "histogram_dead.db"),
        *(f"{name}_{LIVING}.db" for name in ("counter", "histogram", "gauge_livesum")),
    }


def test_a_worker_that_was_killed_is_counted_as_lost_and_one_that_was_told_to_stop_is_not(tmp_path):
    metric_files.mark_stopped(tmp_path, DEAD)
    write(tmp_path, "counter", DEAD, hit=1)
    metric_files.retire(tmp_path, DEAD)
    assert (told(tmp_path), lost(tmp_path)) == ({("seen_total", "hit"): 1}, 0)
    for pid in (DEAD, DEAD_TOO):  # one has the number of a worker that had been told to stop, the other counted nothing
        metric_files.retire(tmp_path, pid)
    assert (told(tmp_path), lost(tmp_path)) == ({("seen_total", "hit"): 1}, 2)
    assert [path.name for path in tmp_path.glob("stopped_*")] == []


def test_however_many_die_there_is_one_file_of_a_kind_for_them(tmp_path):
    for pid in range(DEAD, DEAD + 20):
        write(tmp_path, "counter", pid, **{"hit": 1, f"label_{pid}": 1})
        metric_files.retire(tmp_path, pid)
    assert [path.name for path in tmp_path.glob("*.db")] == ["counter_dead.db"]
    assert told(tmp_path)[("seen_total", "hit")] == 20
    assert len(told(tmp_path)) == 21


def test_who_reads_is_not_disturbed_and_the_dead_are_put_together_later(tmp_path):
    write(tmp_path, "counter", DEAD, hit=1)
    with (tmp_path / "lock").open("w") as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        metric_files.retire(tmp_path, DEAD)
        assert [path.name for path in tmp_path.glob("*.db")] == [f"counter_{DEAD}.db"]
        assert told(tmp_path) == {("seen_total", "hit"): 1}  # readers do not wait for each other
    write(tmp_path, "counter", DEAD_TOO, hit=1)
    metric_files.retire(tmp_path, DEAD_TOO)
    assert [path.name for path in tmp_path.glob("*.db")] == ["counter_dead.db"]
    assert told(tmp_path) == {("seen_total", "hit"): 2}


def test_at_no_moment_does_a_reader_count_the_dead_twice_or_not_at_all(tmp_path):
    pids = range(DEAD, DEAD + 60)
    for pid in pids:
        write(tmp_path, "counter", pid, hit=1)
    seen: set[float] = set()
    with ThreadPoolExecutor(1) as pool:
        retiring = pool.submit(lambda: [metric_files.retire(tmp_path, pid) for pid in pids])
        while not retiring.done():
            seen.add(told(tmp_path)[("seen_total", "hit")])
        retiring.result()
    assert told(tmp_path) == {("seen_total", "hit"): len(pids)}
    assert seen <= {len(pids)}


def test_a_file_that_is_just_being_made_is_left_out(tmp_path):
    write(tmp_path, "counter", LIVING, hit=1)
    (tmp_path / f"histogram_{LIVING}.db").touch()
    assert told(tmp_path) == {("seen_total", "hit"): 1}


def test_a_process_of_somebody_else_is_alive(tmp_path, monkeypatch):
    def refuse(_pid: int, _signal: int) -> None:
        raise PermissionError

    write(tmp_path, "counter", DEAD, hit=1)
    monkeypatch.setattr("os.kill", refuse)
    metric_files.retire(tmp_path, DEAD)
    assert [path.name for path in tmp_path.glob("*.db")] == [f"counter_{DEAD}.db"]
