"""The files in which the workers of a server keep the values of their metrics, so that each can show those of all.

prometheus-client writes them into ``PROMETHEUS_MULTIPROC_DIR``, a few for each process. Every server has a directory of
its own for them, inside the one that the operator names there, or else inside the one for temporary files: so it begins
empty, two servers never add up each other's values, and other files of the operator are not touched. A server holds a
lock on its directory for as long as one of its processes lives; the next one that starts beside it removes the
directories that are no longer locked.

After a worker has ended, its gauges no longer count, but its counters do. These are added to those of all workers that
ended before; otherwise the number of files, and the time of each scrape, would grow with each restart. A worker that
ends because it was told to leaves a mark; the master counts those that end without one as lost.

prometheus-client decides at its import where values live, so nothing here imports it before it is used.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dealcache.model.workers import exists

if TYPE_CHECKING:
    from prometheus_client import Metric

_PREFIX = "dealcache-metrics-"
_LOCK = "lock"

#: The name and the description of the counter of workers that ended without being told to.
LOST = ("dealcache_workers_lost", "Workers that were killed, crashed or hung")

#: Kinds of files whose values are kept after their process has ended.
_LASTING = ("counter", "histogram", "summary")


def provide(given: str | None) -> Path:
    """Return the directory of this server, empty unless it was made before.

    Args:
        given: a directory in which to create it; None for that of temporary files. Or the directory of this server
            itself, from before a reload, or from the master that this one replaces.

    Raises:
        OSError: it cannot be created.
    """
    place = Path(given or tempfile.gettempdir())
    if place.name.startswith(_PREFIX) and place.is_dir():
        return place
    place.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(place)
    unnamed = Path(tempfile.mkdtemp(prefix=".dealcache-", dir=place))
    _hold(unnamed)
    return unnamed.rename(place / f"{_PREFIX}{unnamed.name.rpartition('-')[2]}")


def _hold(directory: Path) -> None:
    """Lock a directory until this process, all that it forks, and the program that it executes have ended."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.set_inheritable(descriptor, True)


def _remove_abandoned(place: Path) -> None:
    for path in place.glob(f"{_PREFIX}*"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            continue  # it belongs to another user, or has been removed meanwhile
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue  # its server lives
        else:
            shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(descriptor)


def collect(directory: Path) -> Iterable[Metric]:
    """Return the metrics of all workers together."""
    from prometheus_client.multiprocess import MultiProcessCollector

    with _locked(directory, fcntl.LOCK_SH):
        # An empty file is just being created.
        files = [str(path) for path in directory.glob("*.db") if _size(path) > 0]
        metrics: Iterable[Metric] = list(MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]
    return metrics


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # that of a gauge whose worker has just ended
        return 0


def mark_stopped(directory: Path, pid: int) -> None:
    """Note that a worker ends because it was told to; called in that worker."""
    _mark_of(directory, pid).touch()


def retire(directory: Path, pid: int) -> None:
    """Remove the gauges of a worker that has ended from the metrics, and keep its counters; count it if it was lost."""
    from prometheus_client.mmap_dict import MmapedDict, mmap_key
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]
    try:
        _mark_of(directory, pid).unlink()
    except FileNotFoundError:
        name, text = LOST
        _add(directory / f"counter_{pid}.db", [(mmap_key(name, f"{name}_total", [], [], text), 1.0)])
    try:
        with _locked(directory, fcntl.LOCK_EX | fcntl.LOCK_NB):
            for path in _abandoned_files(directory):
                dead = path.with_name(f"{path.name.partition('_')[0]}_dead.db")
                values = MmapedDict.read_all_values_from_file(str(path))  # type: ignore[no-untyped-call]
                _add(dead, ((key, value) for key, value, *_ in values))
                path.unlink()
    except BlockingIOError:
        return  # a scrape is in progress; the files count as they are until the next worker ends


def _mark_of(directory: Path, pid: int) -> Path:
    return directory / f"stopped_{pid}"


def _abandoned_files(directory: Path) -> Iterator[Path]:
    for kind in _LASTING:
        for path in sorted(directory.glob(f"{kind}_*.db")):
            pid = path.stem.rpartition("_")[2]
            if pid.isdecimal() and not exists(int(pid)):
                yield path


def _add(path: Path, values: Iterable[tuple[str, float]]) -> None:
    """Add to the values of a file, each under its key."""
    from prometheus_client.mmap_dict import MmapedDict

    file: Any = MmapedDict(str(path))  # type: ignore[no-untyped-call]
    for key, value in values:
        file.write_value(key, file.read_value(key)[0] + value, 0.0)
    file.close()


@contextmanager
def _locked(directory: Path, how: int) -> Iterator[None]:
    """Keep readers of the files and their merging apart.

    Raises:
        BlockingIOError: ``how`` says not to wait, and the lock is taken.
    """
    descriptor = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
