"""Starts the peers, each in front of a running service.

Their logs: the Python programs write none and ours writes two lines for each answer, which is in their favour. nginx
writes its access log through a buffer, Varnish its own into shared memory, both as they usually do.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Callable
from pathlib import Path
from string import Template

from benchmarks.service import Server, gunicorn, new_bind
from benchmarks.stand import Stand

_HERE = Path(__file__).parent
_GTHREAD = "python:benchmarks.peers.gthread"
_VARNISH_STORAGE = "malloc,1g"


def bare(stand: Stand, _origin: Server) -> Server:
    """The WSGI callable that does nothing."""
    bind = new_bind()
    server = Server(gunicorn(bind, "-c", _GTHREAD, "benchmarks.peers.bare:app"), bind, stand.new_log())
    return stand.serve(server, "/1")


def on_gthread(module: str) -> Callable[[Stand, Server], Server]:
    """Return what starts a WSGI program of this package on gunicorn's threaded worker."""

    def start(stand: Stand, origin: Server) -> Server:
        bind = new_bind()
        command = gunicorn(bind, "-c", _GTHREAD, f"benchmarks.peers.{module}:app")
        return stand.serve(Server(command, bind, stand.new_log(), {"ORIGIN": origin.base_url}), "/")

    return start


def fastapi(stand: Stand, origin: Server) -> Server:
    """FastAPI under uvicorn, with the fast loop and parser of ``uvicorn[standard]`` and without an access log."""
    bind = new_bind()
    host, _, port = bind.partition(":")
    program = ["-m", "uvicorn", "--host", host, "--port", port, "--no-access-log", "benchmarks.peers.dict_cache:app"]
    command = [sys.executable, *program]
    return stand.serve(Server(command, bind, stand.new_log(), {"ORIGIN": origin.base_url}), "/")


def nginx(stand: Stand, origin: Server) -> Server:
    """nginx with one worker process, its cache in files."""
    bind, directory = new_bind(), stand.directory / "nginx"
    directory.mkdir()
    user = pwd.getpwuid(os.getuid()).pw_name  # the stand's directory is closed to others
    conf = _filled("nginx.conf", directory, user=user, directory=directory, address=bind, origin=_bind_of(origin))
    command = ["nginx", "-p", str(directory), "-c", str(conf), "-e", "stderr"]
    return stand.serve(Server(command, bind, directory / "access.log"), "/healthz")


def varnish(stand: Stand, origin: Server) -> Server:
    """Varnish with its cache in memory."""
    bind, directory = new_bind(), stand.directory / "varnish"
    directory.mkdir()
    host, _, port = _bind_of(origin).partition(":")
    vcl = _filled("varnish.vcl", directory, host=host, port=port)
    # No jail: it is for a master that runs as root and gives its rights away, which the stand's directory forbids.
    command = ["varnishd", "-j", "none", "-F", "-n", str(directory / "work"), "-a", bind, "-f", str(vcl)]
    storage = ["-s", _VARNISH_STORAGE, "-T", "none"]
    return stand.serve(Server([*command, *storage], bind, stand.new_log()), "/healthz")


def _bind_of(server: Server) -> str:
    return server.base_url.removeprefix("http://")


def _filled(template: str, into: Path, **values: object) -> Path:
    """A template of this package with the values put in, as a file in the directory ``into``."""
    path = into / template
    path.write_text(Template((_HERE / template).read_text("utf-8")).substitute(values), "utf-8")
    return path
