"""``/metrics`` of all workers of one server, and of no other, while workers come and go."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.metrics import all_follow, total
from tests.e2e.programs import (
    ACME,
    GUNICORN,
    READ,
    ROOT,
    TOKEN,
    Gunicorn,
    RunFlask,
    StartService,
    environment,
    lives,
)
from tests.ports import free_port
from tests.waiting import until

#: Many services are started, or one for long: for `make test-long`.
pytestmark = pytest.mark.long

REQUESTS = "dealcache_requests_total"
ENTRIES = "dealcache_cache_entries"
READS = "dealcache_read_seconds_count"
LOST = "dealcache_workers_lost_total"
PROBES = 'route="/healthz"'


def probes(service: Gunicorn) -> float:
    return total(service, REQUESTS, PROBES)


def probe(service: Gunicorn, count: int) -> None:
    """So many requests, each on a connection of its own."""
    for _ in range(count):
        assert service.get("/healthz").status_code == 200


def fill(service: Gunicorn) -> None:
    """Let each of two workers hold something for good."""
    count = all_follow(service)

    def all_from_memory() -> bool:
        nonlocal count
        answers = service.get_from_each(READ, dealName=ACME).values()
        count += sum(map(len, answers))
        return all(one[-1].headers.get("X-Cache-Tier") == "memory" for one in answers)

    until(all_from_memory)
    until(lambda: total(service, READS) == count)  # hits are counted some times a second


def directories(place: Path) -> list[Path]:
    return sorted(place.rglob("dealcache-metrics-*"))


def files(place: Path) -> set[str]:
    return {path.name for directory in directories(place) for path in directory.glob("*.db")}


def kill_one(service: Gunicorn) -> int:
    """Kill a worker, and wait for its successor to answer too; the process id that it had."""
    before = service.workers()
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(service.workers() - before) == 1)
    return victim


def test_what_a_killed_worker_held_counts_no_longer_and_what_it_counted_does(
    start_service: StartService, tmp_path: Path
) -> None:
    service = start_service(WEB_CONCURRENCY="2")
    fill(service)
    probe(service, 20)
    counted = probes(service)
    reads = total(service, READS)
    victim = kill_one(service)
    until(lambda: total(service, ENTRIES) <= 3)
    assert total(service, ENTRIES) >= 1
    assert probes(service) == counted
    assert total(service, READS) == reads
    assert not [name for name in files(tmp_path) if f"_{victim}.db" in name]
    for _ in range(3):
        kill_one(service)
    until(lambda: total(service, ENTRIES) == 0)
    assert probes(service) == counted
    assert total(service, LOST) == 4
    # Two living workers with four kinds of gauges, counters and histograms, and two files for all that are dead.
    until(lambda: {"counter_dead.db", "histogram_dead.db"} < files(tmp_path))
    assert len(files(tmp_path)) <= 2 * 6 + 2


def test_workers_that_are_replaced_after_some_requests_lose_no_count(
    start_service: StartService, tmp_path: Path
) -> None:
    service = start_service(WEB_CONCURRENCY="2", GUNICORN_CMD_ARGS="--max-requests 15")
    first = service.workers()
    before = probes(service)
    sent = 0
    while not (first.isdisjoint(service.workers()) and sent > 100):
        probe(service, 10)
        sent += 10
    until(lambda: len(service.workers()) == 2)
    assert (probes(service), total(service, LOST)) == (before + sent, 0)
    until(lambda: len(files(tmp_path)) <= 2 * 6 + 2)


def test_a_reload_loses_no_count_and_keeps_nothing_of_the_old_workers(
    start_service: StartService, tmp_path: Path
) -> None:
    service = start_service(WEB_CONCURRENCY="2")
    fill(service)
    probe(service, 20)
    counted = probes(service)
    old = service.workers()
    place = directories(tmp_path)
    service.process.send_signal(signal.SIGHUP)
    until(lambda: len(service.workers()) == 2 and old.isdisjoint(service.workers()))
    until(lambda: total(service, ENTRIES) == 0)
    assert probes(service) == counted
    assert total(service, LOST) == 0
    assert directories(tmp_path) == place
    service.stop()
    assert directories(tmp_path) == []


def test_another_master_goes_on_with_the_counts_of_the_one_that_it_replaces(
    start_service: StartService, tmp_path: Path
) -> None:
    """As gunicorn's manual has it: SIGUSR2 to the old master, then SIGTERM, and the new one serves."""
    service = start_service(WEB_CONCURRENCY="2", GUNICORN_CMD_ARGS=f"--pid {tmp_path / 'pid'}")
    probe(service, 20)
    counted = probes(service)
    service.process.send_signal(signal.SIGUSR2)
    new = int(until(lambda: (tmp_path / "pid.2").exists() and (tmp_path / "pid.2").read_text()))
    try:
        children = Path(f"/proc/{new}/task/{new}/children")
        until(lambda: len(children.read_text().split()) == 2)
        probe(service, 20)
        assert probes(service) == counted + 20
        service.process.send_signal(signal.SIGTERM)
        assert service.ended() == 0
        until(lambda: service.get("/healthz").ok)
        counted = probes(service)
        assert counted >= 41
        probe(service, 10)
        assert probes(service) == counted + 10
    finally:
        os.kill(new, signal.SIGTERM)
    until(lambda: not lives(new))
    assert directories(tmp_path) == []


def test_an_operators_directory_may_be_shared_and_is_left_as_it_was(
    start_service: StartService, tmp_path: Path
) -> None:
    place = tmp_path / "metrics"
    place.mkdir()
    (place / "counter_17.db").write_bytes(b"of another program")
    one, other = (start_service(PROMETHEUS_MULTIPROC_DIR=str(place)) for _ in range(2))
    probe(one, 5)
    probe(other, 50)
    assert probes(other) - probes(one) > 30
    assert len(directories(place)) == 2
    killed = set(directories(place))
    one.kill()
    other.stop()
    assert len(directories(place)) == 1
    third = start_service(PROMETHEUS_MULTIPROC_DIR=str(place))
    assert probes(third) < 5
    assert len(directories(place)) == 1
    assert killed.isdisjoint(directories(place))
    third.stop()
    assert [path.name for path in place.iterdir()] == ["counter_17.db"]
    assert (place / "counter_17.db").read_bytes() == b"of another program"


def test_a_directory_that_cannot_be_used_stops_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environ = environment(
        HUBSPOT_ACCESS_TOKEN=TOKEN,
        MONGODB_URI="mongodb://127.0.0.1:1/",
        BIND=f"127.0.0.1:{free_port()}",
        PROMETHEUS_MULTIPROC_DIR=str(tmp_path / "file" / "below"),
    )
    run = subprocess.run(GUNICORN, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode != 0
    assert len(run.stderr.splitlines()) == 1, run.stderr
    assert "PROMETHEUS_MULTIPROC_DIR" in run.stderr


def test_a_command_takes_no_part_in_the_metrics_of_a_server(run_flask: RunFlask, tmp_path: Path) -> None:
    place = tmp_path / "metrics"
    place.mkdir()
    command = run_flask("jobs", PROMETHEUS_MULTIPROC_DIR=str(place))
    assert command.ended() == 0, command.said
    assert list(place.iterdir()) == []


def test_a_worker_tells_until_when_it_knows_of_all_invalidations(start_service: StartService) -> None:
    service = start_service(WEB_CONCURRENCY="2")
    all_follow(service)
    recorded, applied = "dealcache_invalidations_recorded_total", "dealcache_invalidations_applied_total"
    applied_before = total(service, applied)
    recorded_before = total(service, recorded)
    assert service.get(READ, dealName="Globex expansion").status_code == 200
    until(lambda: total(service, recorded) > recorded_before)
    # Each of the two workers applies what is recorded from now on.
    until(lambda: total(service, applied) - applied_before >= 2 * (total(service, recorded) - recorded_before))
