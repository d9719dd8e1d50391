"""Runs ``flask sync`` as an operator does, and watches its process from outside."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.service import ROOT, clean_environ
from benchmarks.stand import Stand
from dealcache.model.jobs import Job, JobStatus
from dealcache.repositories import Connection, SyncJobRepository
from dealcache.sandbox.embedded import processes

_SAMPLE_SECONDS = 0.1
#: Seconds between two lines that show how far it is.
_SHOW_SECONDS = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")
_MEGABYTE = 1024 * 1024


class SyncFailedError(Exception):
    """The command did not end well; the message ends with what it wrote."""


@dataclass(frozen=True, slots=True)
class Resident:
    """Resident memory of the process in bytes: the kernel's own peak, and samples in the order of time."""

    peak: int
    samples: tuple[int, ...]

    def after(self, share: float) -> int:
        """Return what it was when ``share`` (0 to 1) of the run was over."""
        return self.samples[min(len(self.samples) - 1, int(share * len(self.samples)))]

    def show(self) -> str:
        """The peak, and the way there."""
        way = " ".join(f"{self.after(share) / _MEGABYTE:.0f}" for share in (0.25, 0.5, 0.75, 1.0))
        return f"{self.peak / _MEGABYTE:.0f} MB at most; after each quarter {way} MB"


@dataclass(frozen=True, slots=True)
class Run:
    """One sync: its job as MongoDB holds it, the calls that HubSpot saw, the processor time and memory it took."""

    job: Job
    calls: Sequence[Mapping[str, Any]]
    cpu_seconds: float
    resident: Resident

    @property
    def seconds(self) -> float:
        """From the moment that the job was taken up to its end; the start of the program is not in it."""
        return (_known(self.job.finished_at) - _known(self.job.started_at)).total_seconds()


def sync(stand: Stand, database: str, *options: str, **more: str) -> Run:
    """Run the command to its end.

    Args:
        stand: HubSpot and MongoDB.
        database: the name of the database; made when missing.
        options: those of ``flask sync``.
        more: settings that differ from the defaults, by their variables.

    Raises:
        SyncFailedError: it did not complete.
    """
    log = stand.new_log()
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "sync", *options]
    environ = {**clean_environ(), **stand.environ(database, **more)}
    mark = stand.hubspot.mark()
    with log.open("wb") as output:
        process = processes.start(command, environ=environ, directory=ROOT, output=output)
    watch = _Watch(process.pid, log)
    try:
        while process.poll() is None:
            watch.look()
            time.sleep(_SAMPLE_SECONDS)
    finally:
        processes.stop(process, 10.0)
    if process.returncode != 0:
        raise SyncFailedError(f"flask sync ended with {process.returncode}:\n{processes.log_tail(log, 0, 12)}")
    resident = Resident(watch.peak, tuple(watch.samples))
    return Run(last_job(stand, database), stand.hubspot.calls_since(mark), watch.cpu_seconds, resident)


class _Watch:
    """Reads the kernel's figures about a process, as long as it is there."""

    def __init__(self, pid: int, log: Path) -> None:
        self._proc = Path(f"/proc/{pid}")
        self._log = log
        self._show_at = time.monotonic() + _SHOW_SECONDS
        self.peak = 0
        self.samples: list[int] = []
        self.cpu_seconds = 0.0

    def look(self) -> None:
        """Take a sample. A process that is about to end has no memory any more."""
        lines = (self._proc / "status").read_text("ascii", "replace").splitlines()
        sizes = {name: value.split()[0] for name, _, value in (line.partition(":") for line in lines) if value.strip()}
        if "VmRSS" in sizes:
            self.samples.append(int(sizes["VmRSS"]) * 1024)
            self.peak = int(sizes["VmHWM"]) * 1024
        # The second field is a name in brackets and may hold blanks; user and system time are the 14th and 15th.
        user, system = (self._proc / "stat").read_text("ascii", "replace").rpartition(")")[2].split()[11:13]
        self.cpu_seconds = (int(user) + int(system)) / _TICKS
        if time.monotonic() >= self._show_at:
            self._show_at += _SHOW_SECONDS
            print(f"          … {processes.log_tail(self._log, 0, 1)}", flush=True)


def last_job(stand: Stand, database: str) -> Job:
    """The job that was completed last."""
    connection = Connection(stand.mongodb_uri, database)
    try:
        _, jobs = SyncJobRepository(connection).list(JobStatus.COMPLETED, 1)
    finally:
        connection.close()
    return jobs[0]


def _known(moment: datetime | None) -> datetime:
    if moment is None:
        raise SyncFailedError("the job does not tell when it ran")
    return moment
