"""``install.sh`` on a machine of its own: install, upgrade under load, go back, and remove."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from tests.e2e.machine import Machine, can_be_made
from tests.e2e.nginx import Nginx
from tests.e2e.programs import ACME, READ, ROOT, TOKEN, HubSpot, Program, environment, signal_and_wait
from tests.waiting import until

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not can_be_made(), reason="a machine of its own needs root and namespaces"),
]

#: Of the tree that is the next release.
NEXT = "99.0.0"
LOG = "/run/shared/log"
CURRENT = "/opt/dealcache/current/deploy/install.sh"
SERVICE = "dealcache.service"
STANDBY = "dealcache-standby.service"
ADMIN = "/usr/local/sbin/dealcache-admin"


class Installation:
    """The service on a machine, with nginx of this machine in front of it."""

    def __init__(self, machine: Machine, next_tree: Path, nginx: Nginx) -> None:
        self.machine = machine
        self.next_tree = next_tree
        self.upgrade_script = f"/run/shared/{next_tree.name}/deploy/install.sh"
        self.nginx = nginx

    def install(self, *arguments: str, script: str = CURRENT, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run ``install.sh``; the packages that the service needs are there without being installed again."""
        environ = environment(PIP_NO_DEPS="1", PYTHONPATH="")
        return self.machine.run("sh", script, *arguments, check=check, environ=environ)

    def upgrade(self, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Install the next release."""
        return self.install(script=self.upgrade_script, check=check)

    def get(self, path: str, **query: str) -> requests.Response:
        return requests.get(
            self.nginx.url + path, params=query, verify=str(self.nginx.certificate), timeout=60, allow_redirects=False
        )

    def status(self) -> dict[str, Any]:
        return self.get("/api/hubspot/status").json()

    def workers(self) -> set[int]:
        """The process ids of the workers; none while they are not known."""
        return {one["pid"] for one in self.status()["workers"] or ()}

    def main_pid(self) -> str:
        return self.machine.run("systemctl", "show", "--property=MainPID", "--value", SERVICE).stdout.strip()

    def log(self) -> list[dict[str, Any]]:
        """The lines of the log of all that ran."""
        lines = self.machine.run("cat", LOG).stdout.splitlines()
        return [orjson.loads(line) for line in lines]


def next_release(directory: Path) -> Path:
    """Make a source tree of another version; returns its path."""
    tree = directory / "next"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("dealcache", "deploy"):
        shutil.copytree(ROOT / name, tree / name, ignore=ignored)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    version = tree / "dealcache" / "__init__.py"
    version.write_text(re.sub('__version__ = ".*"', f'__version__ = "{NEXT}"', version.read_text("utf-8")), "utf-8")
    return tree


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory, hubspot_process: HubSpot, mongodb_uri: str
) -> Iterator[Installation]:
    """The service, installed and running."""
    directory = tmp_path_factory.mktemp("deployment")
    tree = next_release(directory / "shared")
    machine = Machine(directory / "shared", Path(orjson.__file__).parents[1])
    started: list[Program] = [machine]
    try:
        socket = f"unix:/proc/{machine.first_process}/root/run/dealcache/http.sock"
        nginx = Nginx(directory / "nginx", socket)
        started.append(nginx)
        made = Installation(machine, tree, nginx)
        # What is built now need not be built under load.
        made.upgrade()
        first = made.install(script="/run/source/deploy/install.sh")
        assert "HUBSPOT_ACCESS_TOKEN and MONGODB_URI in /etc/dealcache/dealcache.env" in first.stdout
        _configure(machine, hubspot_process.url, mongodb_uri)
        machine.run("systemctl", "enable", "--now", SERVICE)
        _sync(made)
        yield made
    finally:
        for program in reversed(started):
            program.stop()


def _configure(machine: Machine, hubspot: str, mongodb: str) -> None:
    """Set what an operator sets, where packages are, and where logs go: that machine keeps no journal."""
    settings = {
        "HUBSPOT_ACCESS_TOKEN": TOKEN,
        "HUBSPOT_BASE_URL": hubspot,
        "MONGODB_URI": mongodb,
        "MONGODB_DATABASE": f"test_{uuid.uuid4().hex}",
        "PYTHONPATH": "/run/packages",
    }
    lines = "".join(f"{name}={text}\n" for name, text in settings.items())
    append = 'printf %s "$1" >>/etc/dealcache/dealcache.env'
    machine.run("sh", "-c", append, "sh", lines)
    logs = f"[Service]\nStandardOutput=append:{LOG}\nStandardError=append:{LOG}\n"
    folder = f"/etc/systemd/system/{SERVICE}.d"
    machine.run("sh", "-c", 'mkdir "$2" && printf %s "$1" >"$2/log.conf"', "sh", logs, folder)


def _sync(installation: Installation) -> None:
    """Read all deals, so that a load can list them."""
    path = "/api/hubspot/v2/sync?full=true"
    answer = requests.post(installation.nginx.url + path, verify=str(installation.nginx.certificate), timeout=60)
    job = f"/api/hubspot/v2/sync/status/{answer.json()['job_id']}"
    until(lambda: installation.get(job).json()["status"] == "completed")


def load(installation: Installation, directory: Path) -> Program:
    """Start what ``make load-test`` does, without its end."""
    settings = {"HOST": installation.nginx.url, "RATE": "20", "DURATION": "3600"}
    settings |= {"SSL_CERT_FILE": str(installation.nginx.certificate)}
    return Program((sys.executable, "-m", "tests.e2e.endless_load"), directory, environment(**settings))


def test_an_upgrade_and_the_way_back_under_load_lose_no_request(installation: Installation, tmp_path: Path) -> None:
    first = installation.status()["version"]
    generator = load(installation, tmp_path)
    try:
        until(lambda: "begins" in generator.out)
        until(lambda: installation.status()["tiers"]["memory"]["hits"] > 10)
        installation.upgrade()
        assert installation.status()["version"] == NEXT
        installation.install("--rollback")
        assert installation.status()["version"] == first
        assert signal_and_wait(generator)[0] == 0, generator.out + generator.err
    finally:
        generator.stop()
    assert re.search(r"Passed: 0 of [\d,]+ requests failed", generator.out)
    assert not [line for line in installation.log() if line["level"] in ("ERROR", "CRITICAL")]


def test_a_release_that_does_not_start_takes_nobodys_place(installation: Installation) -> None:
    version, pid = installation.status()["version"], installation.main_pid()
    broken = installation.next_tree / "dealcache" / "wsgi.py"
    whole = broken.read_text("utf-8")
    broken.write_text("raise RuntimeError('this release is broken')\n", "utf-8")
    try:
        refused = installation.upgrade(check=False)
    finally:
        broken.write_text(whole, "utf-8")
    assert refused.returncode == 1
    assert "does not start" in refused.stderr
    assert (installation.status()["version"], installation.main_pid()) == (version, pid)
    assert not installation.machine.run("sh", "-c", "ls /run/systemd/system/*standby*", check=False).stdout


def test_an_upgrade_that_was_interrupted_is_done_again(installation: Installation, tmp_path: Path) -> None:
    # The shell tells its process id there, so that the test can end it as a closed terminal does.
    # The signal may be ignored here, as below nohup, and a shell cannot change that by itself.
    command = f'echo $$ >/run/shared/pid; exec env --default-signal=HUP sh "{installation.upgrade_script}"'
    upgrading = Program(installation.machine.entered("sh", "-c", command), tmp_path, environment(PIP_NO_DEPS="1"))
    until(lambda: installation.machine.run("systemctl", "is-active", STANDBY, check=False).stdout == "activating\n")
    installation.machine.run("sh", "-c", "kill -HUP $(cat /run/shared/pid)")
    assert upgrading.ended() != 0
    assert installation.get("/healthz").status_code == 200
    installation.upgrade()
    assert installation.status()["version"] == NEXT
    assert installation.machine.run("systemctl", "is-active", STANDBY, check=False).stdout == "inactive\n"


def test_installing_again_changes_nothing(installation: Installation) -> None:
    installation.upgrade()
    append = "echo '# of the operator' >>"
    installation.machine.run(
        "sh", "-c", f"{append}/etc/dealcache/dealcache.env; {append}/etc/nginx/sites-available/dealcache"
    )
    before, pid = files(installation), installation.main_pid()
    installation.upgrade()
    assert files(installation) == before
    assert installation.main_pid() == pid


def files(installation: Installation) -> str:
    """All that is installed outside the releases, with modes, owners and contents."""
    where = "/etc/dealcache /etc/nginx/sites-available /etc/systemd /opt/dealcache/bin /usr/local/sbin"
    shown = f"find {where} -type f -printf '%m %u %g %p\\n' -exec cat {{}} + | sort; ls /opt/dealcache/releases"
    return installation.machine.run("sh", "-c", shown).stdout


def test_the_environment_is_for_the_service_alone(installation: Installation) -> None:
    shown = installation.machine.run("stat", "-c", "%a %U %G", "/etc/dealcache/dealcache.env").stdout
    assert shown == "640 root dealcache\n"
    assert installation.machine.run("stat", "-c", "%a %U %G", "/run/dealcache/http.sock").stdout == (
        "660 dealcache www-data\n"
    )


def test_commands_run_with_the_environment_of_the_service(installation: Installation) -> None:
    installation.machine.run("systemctl", "start", "dbus.socket")
    shown = installation.machine.run(ADMIN, "config").stdout
    assert re.search(r"^BIND +unix:/run/dealcache/http\.sock \(environment\)$", shown, re.M)
    checked = installation.machine.run(ADMIN, "check").stdout
    assert re.search(r"^ok +MongoDB writes: ", checked, re.MULTILINE)
    assert re.search(r"^ok +HubSpot token: ", checked, re.MULTILINE)
    refused = installation.machine.run(ADMIN, "jobs", "cancel", "none", check=False)
    assert refused.returncode == 1


def test_a_changed_environment_takes_effect_without_a_stop(installation: Installation) -> None:
    assert installation.get("/").status_code == 302
    pid = installation.main_pid()
    installation.machine.run("sh", "-c", "echo CONSOLE=off >>/etc/dealcache/dealcache.env")
    installation.install("--restart")
    assert installation.get("/").status_code == 404
    assert installation.main_pid() != pid


def test_a_reload_replaces_the_workers(installation: Installation) -> None:
    before = until(installation.workers)
    installation.machine.run("systemctl", "reload", SERVICE)
    until(lambda: (now := installation.workers()) and not now & before)
    assert installation.get(READ, dealName=ACME).status_code == 200


def test_uninstalling_keeps_the_configuration_unless_asked(installation: Installation) -> None:
    machine = installation.machine
    ours = ("/etc/dealcache", "/etc/nginx/sites-available/dealcache", "/etc/systemd/system/dealcache.service")
    ours += ("/etc/systemd/system/dealcache.socket", "/opt/dealcache", "/run/dealcache/http.sock", ADMIN)
    configuration = ours[:2]

    def left() -> list[str]:
        return [path for path in ours if machine.run("test", "-e", path, check=False).returncode == 0]

    assert left() == list(ours)
    installation.install("--uninstall")
    assert left() == list(configuration)
    assert machine.run("getent", "passwd", "dealcache").returncode == 0
    installation.install("--uninstall", "--purge", script="/run/source/deploy/install.sh")
    assert left() == []
    assert machine.run("getent", "passwd", "dealcache", check=False).returncode != 0
