"""No new connection gets into the queue of a listener that is about to be closed, and none in it is lost."""

from __future__ import annotations

import socket
import sys
from types import SimpleNamespace

import pytest

from dealcache.server.hooks import drain_listeners_on_stop
from dealcache.server.listener_drain import refuse_new_connections

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can refuse new connections alone")


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def gets_in(listener: socket.socket) -> bool:
    try:
        socket.create_connection(listener.getsockname(), timeout=0.3).close()
    except TimeoutError:
        return False
    return True


def test_a_waiting_client_is_served_and_a_later_one_is_not_let_in(listener):
    accepted_before = socket.create_connection(listener.getsockname(), timeout=60)
    served, _ = listener.accept()
    waiting = socket.create_connection(listener.getsockname(), timeout=60)
    refuse_new_connections(listener)
    assert not gets_in(listener)
    next_served, _ = listener.accept()
    for client, server in ((accepted_before, served), (waiting, next_served)):
        client.sendall(b"ping")
        assert server.recv(4) == b"ping"
        server.sendall(b"pong")
        assert client.recv(4) == b"pong"
        client.close()
        server.close()


def test_a_unix_socket_needs_it_not(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "http.sock"))
        listener.listen()
        refuse_new_connections(listener)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(0.0)
            client.connect(listener.getsockname())


def arbiter(listener: socket.socket, **changes):
    """Return what the hook uses of gunicorn's arbiter."""
    stopped: list[bool] = []
    fields = {
        "reexec_pid": 0,
        "master_pid": 0,
        "systemd": False,
        "LISTENERS": [SimpleNamespace(sock=listener)],
        "stop": stopped.append,
        "stopped": stopped,
    }
    return SimpleNamespace(**(fields | changes))


@pytest.mark.parametrize("graceful", [True, False])
def test_the_master_drains_its_listeners_and_then_stops(listener, graceful):
    master = arbiter(listener)
    drain_listeners_on_stop(master)
    assert gets_in(listener)
    master.stop(graceful)
    assert master.stopped == [graceful]
    assert not gets_in(listener)


@pytest.mark.parametrize("shared", [{"reexec_pid": 7}, {"master_pid": 7}, {"systemd": True}], ids=str)
def test_a_listener_that_is_also_somebody_elses_is_left_alone(listener, shared):
    master = arbiter(listener, **shared)
    drain_listeners_on_stop(master)
    master.stop()
    assert master.stopped == [True]
    assert gets_in(listener)
