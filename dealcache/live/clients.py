"""All clients of one worker, and who of them is told what. Runs in one thread, the hub's, and never waits.

A client has one deadline at a time, and each is equally far ahead when it is set. So the order in which deadlines were
set is the order in which they come, and keeping time costs nothing for those whose time has not come.
"""

from __future__ import annotations

import logging
import selectors
import socket
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from wsproto.frame_protocol import CloseReason

from dealcache.live.client import Client
from dealcache.live.outgoing import TooSlowError
from dealcache.live.subscription import Audience
from dealcache.live.updates import DealUpdate, frames_of

log = logging.getLogger(__name__)

#: After so many seconds without a byte a client is pinged, and after as many more it is dropped.
QUIET_SECONDS = 20.0

#: Deadlines are looked at once in so many seconds, so that clients who came one by one are pinged together.
_ROUND_SECONDS = 1.0


class Observer(Protocol):
    """Is told what happens."""

    def live_clients(self, count: int) -> None:
        """So many clients are there."""

    def live_messages(self, count: int) -> None:
        """So many updates were handed to clients, each counted for each of them."""

    def live_dropped(self, reason: str) -> None:
        """A client was given up: it was ``slow`` or ``silent``, its connection was ``lost``, or we ``failed``."""


class Clients:
    """The clients.

    Args:
        selector: where their sockets are watched; :meth:`serve` is to be called for what it finds.
        observer: is told what happens.
        clock: the monotonic clock, in seconds.
        on_leave: called when a client is gone.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        observer: Observer,
        clock: Callable[[], float],
        on_leave: Callable[[], None],
    ) -> None:
        self._selector = selector
        self._observer = observer
        self._clock = clock
        self._on_leave = on_leave
        self._audience: Audience[Client] = Audience()
        self._deadlines: OrderedDict[Client, float] = OrderedDict()
        self._closing = False

    def __len__(self) -> int:
        return len(self._deadlines)

    def enter(self, client: Client) -> None:
        """Let a client in: what is delivered from now on waits until its socket is there."""
        self._audience.put(client, client.connection.subscription)
        self._put_off(client)
        self._observer.live_clients(len(self))

    def connect(self, client: Client, sock: socket.socket, early: bytes) -> None:
        """Give a client its socket, over which it was told of the change of protocols.

        Args:
            client: who has entered.
            sock: its socket, which from now on is ours alone.
            early: what it sent behind the handshake, without waiting for the answer to it.
        """
        if client not in self._deadlines:  # that took too long
            sock.close()
            return
        self._attempt(client, partial(self._begin, client, sock, early))

    def _begin(self, client: Client, sock: socket.socket, early: bytes) -> None:
        client.connect(sock)
        if self._closing:
            self._part(client)
        self._take_in(client, early)

    def serve(self, client: Client, mask: int) -> None:
        """Do what a client's socket is ready for."""
        self._attempt(client, partial(self._read if mask & selectors.EVENT_READ else self._flush, client))

    def deliver(self, updates: Sequence[DealUpdate]) -> None:
        """Send updates to those who want them; what one client gets goes out in one piece."""
        frames = frames_of(updates)
        of_all, narrowed = list(self._audience.of_all), self._audience.narrowed(updates)
        together = b"".join(frames)
        for client in of_all:
            self._attempt(client, partial(self._tell, client, together))
        for client, places in narrowed.items():
            self._attempt(client, partial(self._tell, client, b"".join(frames[place] for place in places)))
        self._observer.live_messages(len(of_all) * len(frames) + sum(map(len, narrowed.values())))

    def keep_time(self) -> float | None:
        """Ping who was quiet for long, drop who still is; gives the seconds until the next call, None for never."""
        now = self._clock()
        while self._deadlines:
            client, deadline = next(iter(self._deadlines.items()))
            if deadline > now:
                return max(deadline - now, _ROUND_SECONDS)
            if not client.is_connected:  # it was let in and never came
                self._leave(client)
            elif client.pinged or not client.connection.is_open:
                self._drop(client, "silent")
            else:
                client.pinged = True
                self._put_off(client)
                self._attempt(client, partial(self._ping, client))
        return None

    def say_goodbye(self) -> None:
        """Tell all clients, and those whose socket is still to come, that the service stops."""
        self._closing = True
        for client in list(self._deadlines):
            if client.is_connected:
                self._attempt(client, partial(self._part, client))

    def abandon(self) -> None:
        """Close the connections of all who are still there."""
        for client in list(self._deadlines):
            self._leave(client)

    def _attempt(self, client: Client, work: Callable[[], None]) -> None:
        """Do something for one client; what goes wrong is the end of this one and of no other."""
        try:
            work()
        except TooSlowError:
            self._drop(client, "slow")
        except OSError as error:
            log.debug("the connection of a live client broke: %s", error)
            self._drop(client, "lost")
        except Exception:
            log.exception("serving a live client failed")
            self._drop(client, "failed")

    def _read(self, client: Client) -> None:
        data = client.read()
        if data is None:
            return
        if not data:
            self._leave(client)
            return
        if client.connection.is_open:  # who is closing gets no more time, however much it sends
            client.pinged = False
            self._put_off(client)
        self._take_in(client, data)

    def _take_in(self, client: Client, data: bytes) -> None:
        before = client.connection.subscription
        client.connection.receive(data)
        if client.connection.subscription is not before:
            self._audience.put(client, client.connection.subscription)
        self._flush(client)

    def _tell(self, client: Client, frames: bytes) -> None:
        client.connection.tell(frames)
        self._flush(client)

    def _ping(self, client: Client) -> None:
        client.connection.ping()
        self._flush(client)

    def _part(self, client: Client) -> None:
        client.connection.close(CloseReason.GOING_AWAY, "The service stops.")
        self._flush(client)

    def _flush(self, client: Client) -> None:
        if not client.flush():
            self._leave(client)

    def _put_off(self, client: Client) -> None:
        self._deadlines[client] = self._clock() + QUIET_SECONDS
        self._deadlines.move_to_end(client)

    def _drop(self, client: Client, reason: str) -> None:
        """Give a client up, with all that waits for it."""
        log.info("dropped a live client: %s", reason)
        self._observer.live_dropped(reason)
        self._leave(client, reset=True)

    def _leave(self, client: Client, reset: bool = False) -> None:
        client.close(reset)
        del self._deadlines[client]
        self._audience.remove(client)
        self._on_leave()
        self._observer.live_clients(len(self))
