"""The checks and messages before anything is started."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from dealcache.sandbox.embedded.mongod import EmbeddedError
from dealcache.sandbox.embedded.run import Run, StopFlag


def test_an_address_that_is_taken_is_told_of_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        bind = f"127.0.0.1:{other.getsockname()[1]}"
        run = Run({"BIND": bind}, tmp_path, ["no-service"], ["no-simulator"], ["no-sync"], StopFlag())
        with pytest.raises(EmbeddedError, match=f"another program listens at {bind} already"):
            run.until_stopped()
    assert list(tmp_path.iterdir()) == []
