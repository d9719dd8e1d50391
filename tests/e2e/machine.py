"""A machine of its own for a test: its own processes, files and systemd, by Linux's namespaces, on this network."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.programs import ROOT, Program, environment
from tests.waiting import until

_NUMBERS = itertools.count()
_SCRIPT = Path(__file__).with_name("machine.sh")
_NAMESPACES = ("--mount", "--pid", "--ipc", "--uts", "--cgroup")


def can_be_made() -> bool:
    """Return True if this user and this kernel allow a machine; inside some containers they do not."""
    if os.geteuid() != 0 or _cgroup2() is None:
        return False
    return subprocess.run(["unshare", *_NAMESPACES, "--fork", "true"], capture_output=True, timeout=60).returncode == 0


class Machine(Program):
    """A running machine.

    Args:
        directory: shared with it, as ``/run/shared`` there.
        packages: Python's packages that the service needs; ``/run/packages`` there.
        source: the source tree; ``/run/source`` there.
    """

    def __init__(self, directory: Path, packages: Path, source: Path = ROOT) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        groups = _cgroup2()
        assert groups is not None
        self._cgroup = groups / f"dealcache-test-{os.getpid()}-{next(_NUMBERS)}"
        self._cgroup.mkdir()
        unshare = ["unshare", *_NAMESPACES, "--fork", "--kill-child", "--propagation", "private", "--mount-proc"]
        # The shell enters the group that is the root of all groups there.
        enter = f'echo $$ >"{self._cgroup}/cgroup.procs" && exec "$@"'
        script = ["sh", str(_SCRIPT), str(source), str(packages), str(directory)]
        super().__init__(("sh", "-c", enter, "sh", *unshare, *script), directory / "machine", environment())
        try:
            #: The process id of its systemd, as seen from here.
            self.first_process = until(self._child)
            until(lambda: self.run("systemctl", "is-active", "basic.target", check=False).stdout == "active\n")
        except BaseException:
            self.stop()
            raise

    def _child(self) -> int:
        assert self.process.poll() is None, self.err
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else 0

    def entered(self, *command: str) -> tuple[str, ...]:
        """Return the command line here that runs a command there, as root, in its root directory."""
        return ("nsenter", f"--target={self.first_process}", *_NAMESPACES, "--wd=/", *command)

    def run(
        self, *command: str, check: bool = True, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command there, and wait for its end."""
        assert self.process.poll() is None, self.err
        done = subprocess.run(self.entered(*command), env=environ, capture_output=True, text=True, timeout=120)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def stop(self) -> None:
        """End it with all its processes."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        until(lambda: not (self._cgroup / "cgroup.events").read_text().startswith("populated 1"))
        for group, _, _ in os.walk(self._cgroup, topdown=False):
            Path(group).rmdir()


def _cgroup2() -> Path | None:
    """Return where the unified control groups are."""
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    return next((Path(where) for _, where, kind, *_ in mounts if kind == "cgroup2"), None)
