"""The threads of a soak: actors at work, and a watch over how late the checker itself is."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import AbstractContextManager

from tests.soak.findings import Findings, Wrong
from tests.soak.stage import Actor

_TICK = 0.02
_JOIN_SECONDS = 60.0


class ActorThreads(AbstractContextManager["ActorThreads"]):
    """Runs each actor in a thread of its own while it is entered.

    Args:
        actors: the actors by name.
        findings: is told when an actor fails, which is a fault of the soak.
        stopped: is set to end them.
    """

    def __init__(self, actors: Mapping[str, Actor], findings: Findings, stopped: threading.Event) -> None:
        self._findings = findings
        self._stopped = stopped
        self._threads = [
            threading.Thread(target=self._work, args=(name, actor), name=name, daemon=True)
            for name, actor in actors.items()
        ]

    def __enter__(self) -> ActorThreads:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)
            if thread.is_alive():
                self._findings.add(Wrong.CHECKER, f"{thread.name} does not end")

    def _work(self, name: str, actor: Actor) -> None:
        while not self._stopped.is_set():
            try:
                pause = actor.act()
            except Exception:  # noqa: BLE001 - an actor that fails must fail the soak, not only its thread
                self._findings.add(Wrong.CHECKER, f"{name}: {traceback.format_exc()}")
                pause = 1.0
            self._stopped.wait(pause)


class Lag:
    """Measures how late a thread of this process wakes up: what the checker's own clock readings may be off by."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lag", daemon=True)
        #: Seconds by which it woke up late.
        self.late: list[float] = []

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            before = time.monotonic()
            time.sleep(_TICK)
            self.late.append(time.monotonic() - before - _TICK)
