"""The part of the server that gunicorn calls, as far as it can be tested without gunicorn."""

from __future__ import annotations

import gc
import logging
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from gunicorn.http import errors
from werkzeug.exceptions import RequestEntityTooLarge, RequestTimeout

from dealcache.server.hooks import (
    announce,
    child_exit,
    on_exit,
    post_fork,
    post_worker_init,
    pre_exec,
    provide_metrics_directory,
    start_again_as_started,
    worker_exit,
)
from dealcache.server.refusals import refusal_of, too_late
from dealcache.setting_values import is_loopback
from dealcache.settings import SettingsError, load_settings
from dealcache.telemetry import metric_files

#: Syncs keep the data up to date.
SYNCED = {"SYNC_INTERVAL_SECONDS": "60"}

NEEDED = {"HUBSPOT_ACCESS_TOKEN": "t", "MONGODB_URI": "mongodb://db/"}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.LimitRequestLine(9000, 8190), 414),
        (errors.LimitRequestHeaders("too many"), 431),
        (errors.InvalidRequestLine("x"), 400),
        (errors.InvalidHeader("x"), 400),
        (errors.InvalidHTTPVersion("x"), 400),
        (errors.UnsupportedTransferCoding("x"), 501),
        (errors.InvalidChunkSize(b"x"), 400),
        (errors.InvalidChunkExtension("x"), 400),
        (errors.ChunkMissingTerminator(b"x"), 400),
        (errors.InvalidSchemeHeaders(), 400),
        (errors.NoMoreData(), 400),
        (too_late("head"), 408),
        (too_late("body"), 408),
        (RequestEntityTooLarge("large"), 413),
        (RuntimeError("x"), 500),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_unparsable_request_has_its_status(error, status):
    problem = refusal_of(error)
    assert problem.status == status
    assert isinstance(error, RequestEntityTooLarge | RequestTimeout) or str(error) not in problem.detail


@pytest.mark.parametrize(
    ("bind", "loopback"),
    [
        ("127.0.0.1:8000", True),
        ("127.1.2.3:80", True),
        ("[::1]:8000", True),
        ("localhost:8000", True),
        ("unix:/run/x.sock", True),
        ("0.0.0.0:8000", False),
        ("[::]:8000", False),
        ("10.0.0.5:8000", False),
        ("deals.example.com:80", False),
    ],
)
def test_who_can_reach_an_address(bind, loopback):
    assert is_loopback(bind) is loopback


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (SYNCED, []),
        (SYNCED | {"BIND": "0.0.0.0:80"}, ["read all deals and clear the cache"]),
        (SYNCED | {"BIND": "0.0.0.0:80", "ADMIN_TOKEN": "a"}, ["read all deals"]),
        (SYNCED | {"BIND": "0.0.0.0:80", "API_TOKEN": "a"}, []),
        (SYNCED | {"WEB_CONCURRENCY": "2"}, []),
        ({"HUBSPOT_CLIENT_SECRET": "s"}, []),
        ({"MAX_DATA_AGE_SECONDS": "900"}, ["older than MAX_DATA_AGE_SECONDS (900 s)"]),
        ({"MAX_DATA_AGE_SECONDS": "2000000"}, ["older than MAX_DATA_AGE_SECONDS (2000000 s)"]),
        ({"MAX_DATA_AGE_SECONDS": "0"}, ["only after a sync or a refresh on request"]),
    ],
)
def test_what_the_operator_is_told_at_start(changes, said, caplog):
    with caplog.at_level(logging.WARNING):
        announce(load_settings(NEEDED | changes), lane_lacks=None)
    assert len(caplog.records) == len(said)
    for record, text in zip(caplog.records, said, strict=True):
        assert text in record.getMessage()


@pytest.mark.parametrize(("lane", "said"), [("on", 1), ("off", 0)])
def test_the_operator_is_told_of_a_lane_that_is_missing_where_it_is_wanted(lane, said, caplog):
    with caplog.at_level(logging.WARNING):
        announce(load_settings(NEEDED | SYNCED | {"HIT_LANE": lane}), lane_lacks="gunicorn_h1c is not installed")
    assert caplog.text.count("gunicorn_h1c is not installed") == said


def arbiter(**pids: int) -> SimpleNamespace:
    """A master as far as the hooks look at it; ``cfg.env_orig`` is what another one starts with."""
    return SimpleNamespace(**{"reexec_pid": 0, "master_pid": 0} | pids, cfg=SimpleNamespace(env_orig={"A": "b"}))


@pytest.fixture
def metrics_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory that a server has made in the operator's one."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    provide_metrics_directory(os.environ)
    return Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])


def test_the_metrics_directory_is_the_servers_own_and_the_same_after_a_reload(metrics_directory, tmp_path):
    assert metrics_directory.parent == tmp_path
    provide_metrics_directory(os.environ)
    assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == str(metrics_directory)


def test_a_master_that_takes_over_goes_on_with_the_metrics(metrics_directory):
    server = arbiter()
    pre_exec(server)
    assert server.cfg.env_orig == {"A": "b", "PROMETHEUS_MULTIPROC_DIR": str(metrics_directory)}


@pytest.mark.parametrize(
    ("pids", "left"),
    [
        ({}, False),
        ({"reexec_pid": 5}, True),
        ({"master_pid": os.getppid()}, True),
        ({"master_pid": os.getpid()}, False),
    ],
    ids=["the only master", "another has taken over", "the one before goes on", "the one before has gone"],
)
def test_the_last_master_removes_the_metrics(metrics_directory, pids, left):
    (metrics_directory / "counter_1.db").touch()
    for _ in range(2):  # it may be gone already
        on_exit(arbiter(**pids))
    assert metrics_directory.exists() is left


def end_with(code: int, worker: SimpleNamespace) -> None:
    """End as gunicorn ends a worker."""
    try:
        raise SystemExit(code)
    finally:
        worker_exit(None, worker)


@pytest.mark.parametrize(("code", "lost"), [(0, 0), (1, 1), (-1, 1)], ids=["told to stop", "hung", "crashed"])
def test_a_worker_that_ends_with_another_code_than_0_counts_as_lost(metrics_directory, code, lost):
    worker = SimpleNamespace(pid=2**22 + 1)  # above every process id
    with pytest.raises(SystemExit):
        end_with(code, worker)
    child_exit(None, worker)
    counted = {one.name: one.value for metric in metric_files.collect(metrics_directory) for one in metric.samples}
    assert counted.get(f"{metric_files.LOST[0]}_total", 0) == lost


def test_a_directory_that_cannot_be_made_is_said_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    given = str(tmp_path / "file" / "below")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", given)
    with pytest.raises(SettingsError) as refused:
        provide_metrics_directory(os.environ)
    assert "PROMETHEUS_MULTIPROC_DIR" in str(refused.value)
    assert given in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_next_master_starts_as_this_one_was_started():
    master = SimpleNamespace(START_CTX={0: "x", "args": ["x", "/lib/gunicorn/__main__.py"], "cwd": "/srv"})
    start_again_as_started(master, "/venv/bin/python", ["python", "-X", "dev", "-m", "gunicorn", "wsgi:app"])
    assert master.START_CTX == {
        0: "/venv/bin/python",
        "args": ["/venv/bin/python", "-X", "dev", "-m", "gunicorn", "wsgi:app"],
        "cwd": "/srv",
    }


def test_the_threads_of_a_worker_keep_its_event_loop_waiting_for_less_than_a_millisecond(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[float] = []
    monkeypatch.setattr("sys.setswitchinterval", asked.append)
    monkeypatch.setattr("dealcache.server.hooks.limit_arenas", lambda _environment: True)
    post_fork(SimpleNamespace(notify_socket=None), SimpleNamespace(core=None))
    assert all(seconds < 0.001 for seconds in asked)
    assert asked


def test_full_collections_pass_over_what_a_worker_has_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dealcache.server.hooks.logs.start_batching", lambda _dropped: None)
    started: list[list[int]] = []
    metrics = SimpleNamespace(log_lines_dropped=SimpleNamespace(inc=None))
    container = SimpleNamespace(metrics=metrics, start=lambda: started.append([1]))
    try:
        post_worker_init(SimpleNamespace(wsgi=SimpleNamespace(extensions={"dealcache": container}), notify_socket=None))
        assert started
        assert not any(one is started for one in gc.get_objects())
    finally:
        gc.unfreeze()
