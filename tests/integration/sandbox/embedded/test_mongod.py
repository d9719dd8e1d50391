"""A mongod's life."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dealcache.model.deals import DealKey
from dealcache.repositories import Connection, DealInfoRepository
from dealcache.sandbox.embedded import DataDirectoryInUseError, Mongod, MongodStartError
from tests.unit.repositories.samples import NOON, a_deal
from tests.waiting import until

#: Nearly each test starts a mongod: for `make test-long`.
pytestmark = pytest.mark.long

MakeMongod = Callable[..., Mongod]


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_data_survives_a_stop_a_crash_and_another_port(make_mongod: MakeMongod) -> None:
    first = make_mongod()
    connection = Connection(first.start(), "dealcache")
    DealInfoRepository(connection).store([a_deal()], NOON)
    connection.close()
    first.stop()
    assert not first.running
    first.start()
    first.kill()
    second = make_mongod()
    connection = Connection(second.start(), "dealcache")
    assert len(DealInfoRepository(connection).find(DealKey("id", "1"))) == 1
    connection.close()


def test_two_in_one_data_directory(make_mongod: MakeMongod) -> None:
    first = make_mongod()
    first.start()
    with pytest.raises(DataDirectoryInUseError, match="already running in this directory") as refused:
        make_mongod().start()
    assert "\n" not in str(refused.value)
    assert first.running


def test_a_port_that_is_taken(make_mongod: MakeMongod) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        mongod = make_mongod(port=port)
        with pytest.raises(MongodStartError, match=f"cannot listen on port {port}"):
            mongod.start()
    assert not mongod.running


def test_another_mongod_on_the_port_is_not_taken_for_ours(make_mongod: MakeMongod) -> None:
    port = int(make_mongod("other").start().rstrip("/").rpartition(":")[2])
    with pytest.raises(MongodStartError, match=f"cannot listen on port {port}"):
        make_mongod(port=port).start()


def test_one_that_cannot_run_is_shown_with_its_last_words(make_mongod: MakeMongod, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho libssl.so.3: cannot open >&2\nexit 127\n")
    broken.chmod(0o755)
    with pytest.raises(MongodStartError, match=r"(?s)code 127; set MONGODB_URI.*libssl\.so\.3: cannot open"):
        make_mongod(executable=broken).start()


def test_one_that_never_answers_is_given_up(make_mongod: MakeMongod, tmp_path: Path) -> None:
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    silent.chmod(0o755)
    mongod = make_mongod(executable=silent, startup_seconds=0.2)
    with pytest.raises(MongodStartError, match=r"within 0\.2 seconds"):
        mongod.start()
    assert not mongod.running


def test_a_replica_set_follows_its_member_to_another_port(make_mongod: MakeMongod) -> None:
    first = make_mongod(replica_set="rs0")
    assert first.start().endswith("?replicaSet=rs0")
    first.stop()
    connection = Connection(make_mongod(replica_set="rs0").start(), "dealcache")
    DealInfoRepository(connection).store([a_deal()], NOON)
    connection.close()


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="other systems do not tell a child of its parent's death"
)
def test_it_dies_with_its_parent_even_when_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from dealcache.sandbox.embedded import Mongod\n"
        "mongod = Mongod(Path(sys.argv[1])); mongod.start(); print(mongod.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert lives(pid)
        parent.send_signal(signal.SIGKILL)
    until(lambda: not lives(pid))
