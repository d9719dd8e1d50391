"""Which core a worker gets."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from dealcache.server.affinity import assign, check, choose_core, pinned_processes
from dealcache.settings import SettingsError


@pytest.mark.parametrize(
    ("wanted", "usable", "taken", "others", "core"),
    [
        ("off", {0, 1}, [], [], None),
        ("auto", {0}, [], [], None),
        ("auto", set(), [], [], None),
        ("auto", {0, 1}, [], [], 0),
        ("auto", {0, 1}, [0], [], 1),
        ("auto", {2, 3}, [2, 3], [], 2),
        ("auto", {0, 1}, [], [0], 1),
        ("auto", {0, 1}, [1, 1], [0, 0, 0], 0),
        ((3, 1), {0, 1, 2, 3}, [], [], 3),
        ((3, 1), {0, 1, 2, 3}, [3], [1, 1], 1),
        ((1,), {0, 1}, [1, 1], [], 1),
    ],
)
def test_the_least_used_core(wanted, usable, taken, others, core):
    assert choose_core(wanted, usable, taken, others) == core


def test_cores_that_are_not_there():
    for wanted in ("auto", "off", (0,), (1, 0)):
        check(wanted, frozenset({0, 1}))
    with pytest.raises(SettingsError, match="CPU_AFFINITY names core 2; the service may use 0,1"):
        check((0, 2), frozenset({0, 1}))


def process(proc: Path, pid: int, status: str) -> None:
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "status").write_text(status)


def test_processes_that_are_pinned_to_one_core(tmp_path: Path):
    process(tmp_path, 10, "Name:\tworker\nVmSize:\t 100 kB\nCpus_allowed_list:\t1\n")
    process(tmp_path, 11, "Name:\tfree\nVmSize:\t 100 kB\nCpus_allowed_list:\t0-1\n")
    process(tmp_path, 12, "Name:\tkworker/1:0\nCpus_allowed_list:\t1\n")
    process(tmp_path, 13, "Name:\tmine\nVmSize:\t 100 kB\nCpus_allowed_list:\t0\n")
    (tmp_path / "14").mkdir()  # it has ended
    assert pinned_processes(tmp_path, leave_out=[13]) == [1]


def test_workers_of_one_server_are_told_apart_before_they_have_pinned_themselves():
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core is no choice")
    first, second = SimpleNamespace(), SimpleNamespace()
    assign(SimpleNamespace(WORKERS={}), first, "auto")
    assign(SimpleNamespace(WORKERS={os.getpid(): first}), second, "auto")
    assert first.core != second.core
