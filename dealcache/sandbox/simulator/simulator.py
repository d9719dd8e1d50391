"""A simulated HubSpot in a thread of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Set
from types import TracebackType
from typing import Any

from dealcache.sandbox.simulator.access import ALL_SCOPES
from dealcache.sandbox.simulator.application import Application
from dealcache.sandbox.simulator.calls import CallLog
from dealcache.sandbox.simulator.control import Control
from dealcache.sandbox.simulator.dataset import Dataset
from dealcache.sandbox.simulator.faults import Faults
from dealcache.sandbox.simulator.limits import Limits
from dealcache.sandbox.simulator.poisons import Poison
from dealcache.sandbox.simulator.server import Server
from dealcache.sandbox.simulator.site import PORTAL_ID, Behaviour, Site
from dealcache.sandbox.simulator.webhooks import Webhooks

DEFAULT_TOKEN = "simulator-token"  # noqa: S105 - opens nothing but the simulator
DEFAULT_SECRET = "simulator-secret"  # noqa: S105 - the same
DEFAULT_LIMITS = Limits()


class Simulator:
    """Serves a data set as HubSpot's API would; also a context manager that starts and stops it.

    :attr:`webhooks` tells of changes, however they are made, once there are subscriptions.

    Args:
        data: what the account holds; its clock becomes the simulator's.
        token: what clients send as bearer token.
        scopes: what the token may do.
        limits: the request limits, None for none at all (answers then have no limit headers either).
        latency: seconds that each answer is held back.
        clock: seconds since 1970; dates changes and drives limits and the search index.
        association_page_size: associations per record in a batch read.
        index_lag: seconds that search is behind.
        host: address to listen on.
        port: port to listen on, 0 for a free one; a later :meth:`start` takes the same again.
        portal_id: the account's id.
    """

    def __init__(
        self,
        data: Dataset,
        *,
        token: str = DEFAULT_TOKEN,
        scopes: Set[str] = ALL_SCOPES,
        limits: Limits | None = DEFAULT_LIMITS,
        latency: float = 0.0,
        clock: Callable[[], float] = time.time,
        association_page_size: int = 100,
        index_lag: float = 0.0,
        host: str = "127.0.0.1",
        port: int = 0,
        portal_id: int = PORTAL_ID,
    ) -> None:
        data.clock = clock
        behaviour = Behaviour(association_page_size=association_page_size, index_lag=index_lag)
        self.site = Site(data, clock, token, scopes, behaviour, portal_id=portal_id)
        self.site.set_limits(limits)
        self.calls = CallLog()
        self.faults = Faults()
        self.webhooks = Webhooks(portal_id=portal_id)
        data.listeners.append(self.webhooks.notice)
        self.application = Application(self.site, self.calls, self.faults, latency=latency)
        self._address = (host, port)
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def data(self) -> Dataset:
        """The contents of the account, and the ways to change them."""
        return self.site.data

    @property
    def behaviour(self) -> Behaviour:
        """The settings for what HubSpot may do either way; may be changed while the simulator runs."""
        return self.site.behaviour

    @property
    def latency(self) -> float:
        """Seconds that each answer is held back; may be changed while the simulator runs."""
        return self.application.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self.application.latency = seconds

    def set_limits(self, limits: Limits | None) -> None:
        """Starts counting afresh against these request limits; None lifts them."""
        self.site.set_limits(limits)

    def poison(self, object_type: str, record_id: int | str, **what: Any) -> None:
        """Damages one record, an owner (``"owners"``) or a pipeline (``"pipelines"``) among them.

        Args:
            object_type: name, singular or type id.
            record_id: its id.
            what: what is wrong with it, the fields of ``Poison``:
                ``properties={"amount": "abc"}``, ``category="VALIDATION_ERROR"``, …
        """
        self.site.poisons.set(object_type, record_id, Poison(**what))

    def cure(self, object_type: str | None = None, record_id: int | str | None = None) -> None:
        """Mends one record that was damaged, or all of them."""
        self.site.poisons.clear(object_type, record_id)

    @property
    def base_url(self) -> str:
        """The URL of the simulator, without a slash at the end.

        Raises:
            RuntimeError: it has not been started.
        """
        if self._server is None:
            raise RuntimeError("the simulator is not running")
        return self._server.base_url

    def start(self) -> str:
        """Begins to listen and to tell webhooks, in threads that do not keep the process alive.

        Returns:
            The base URL.

        Raises:
            OSError: the address cannot be had.
            RuntimeError: it is running already.
        """
        if self._server is not None:
            raise RuntimeError("the simulator is running already")
        self._server = Server(self._address, Control(self.application, self.webhooks), self.site.clock)
        self._address = self._server.socket.getsockname()[:2]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="simulator", daemon=True)
        self._thread.start()
        self.webhooks.start()
        return self._server.base_url

    def stop(self) -> None:
        """Stops listening and breaks the connections that are open; nothing happens when it is not running."""
        if self._server is None or self._thread is None:
            return
        self._server.stop()
        self._thread.join()
        self.webhooks.stop()
        self._server = self._thread = None

    def __enter__(self) -> Simulator:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
