"""Programs of Debian accept the files of ``deploy/``: systemd the units, shellcheck the scripts."""

from __future__ import annotations

import subprocess
from pathlib import Path

DEPLOY = Path(__file__).parents[3] / "deploy"


def test_systemd_accepts_the_units(tmp_path):
    for unit in ("dealcache.service", "dealcache.socket"):
        # It looks for the program, which is not installed here.
        text = (DEPLOY / unit).read_text("utf-8").replace("/opt/dealcache/bin/dealcache", "/bin/true")
        (tmp_path / unit).write_text(text, "utf-8")
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (verified.returncode, verified.stderr) == (0, "")


def test_shellcheck_finds_nothing_in_the_scripts():
    checked = subprocess.run(
        ["shellcheck", "--shell=sh", *map(str, sorted(DEPLOY.glob("*.sh")))], capture_output=True, text=True, timeout=60
    )
    assert (checked.returncode, checked.stdout) == (0, "")
