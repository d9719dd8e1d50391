"""All clients of one worker, and the updates that each of them gets. Runs in one thread, the hub's, and never waits.

A client has one deadline at a time, and all are equally far ahead when they are set. So deadlines come in the order in
which they were set, and those in the future cost nothing.
"""

from __future__ import annotations

import logging
import selectors
import socket
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial

from wsproto.frame_protocol import CloseReason

from dealcache.live.client import Client
from dealcache.live.flow import ClientDroppedError, TokenBucket, Total
from dealcache.live.messages import DealUpdate, frames_of
from dealcache.live.subscription import Audience, Subscription
from dealcache.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

#: Seconds without a byte after which a client is pinged, and after as many more dropped.
QUIET_SECONDS = 20.0

#: Seconds between two checks of deadlines, so that clients that came one by one are pinged together.
_ROUND_SECONDS = 1.0

#: Bytes that may wait for all clients together. Beyond that, the next client with unsent bytes is dropped.
MOST_WAITING_OF_ALL = 64 * 1024 * 1024

#: Bytes that all clients together may send in a second, and at once: some 40,000 names. More is read later.
BYTES_OF_ALL, BYTES_OF_ALL_AT_ONCE = 1024 * 1024, 8 * 1024 * 1024


class Clients:
    """The clients. :meth:`serve` must be called when the socket of one is ready.

    Args:
        metrics: count clients, messages, and who was dropped or turned away.
        clock: the monotonic clock, in seconds.
        on_leave: called when a client is gone.
    """

    def __init__(self, metrics: Metrics, clock: Callable[[], float], on_leave: Callable[[], None]) -> None:
        self._metrics = metrics
        self._clock = clock
        self._on_leave = on_leave
        self._audience: Audience[Client] = Audience()
        self._deadlines: OrderedDict[Client, float] = OrderedDict()
        self._closing = False
        self._total = Total(MOST_WAITING_OF_ALL)
        self._intake = TokenBucket(BYTES_OF_ALL, BYTES_OF_ALL_AT_ONCE, clock)

    def __len__(self) -> int:
        return len(self._deadlines)

    def enter(self, client: Client) -> None:
        """Admit a client: updates delivered from now on wait until its socket is connected."""
        wanted = client.connection.subscription
        client.connection.share(self._total, partial(self._audience.has_room, client))
        self._put_off(client)
        if self._audience.has_room(client, wanted):
            self._audience.put(client, wanted)
        else:
            client.connection.turn_away()
            self._note_refusal(client)
        self._metrics.live_clients(len(self))

    def connect(self, client: Client, sock: socket.socket, early: bytes) -> None:
        """Give a client its socket, over which the change of protocols was sent.

        Args:
            client: one that has entered.
            sock: its socket, which from now on is ours alone.
            early: the bytes that it sent after the handshake, without waiting for the answer.
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

    @property
    def has_read_enough(self) -> bool:
        """True if the clients have sent so much that more is read only a moment later."""
        return not self._intake.take(0)

    def serve(self, client: Client, mask: int) -> None:
        """Do what a client's socket is ready for."""
        reads = mask & selectors.EVENT_READ and not self.has_read_enough
        if reads or mask & selectors.EVENT_WRITE:
            self._attempt(client, partial(self._read, client) if reads else None)

    def deliver(self, updates: Sequence[DealUpdate]) -> None:
        """Send updates to the clients that subscribed to them; those of one client go out in one piece."""
        frames = frames_of(updates)
        of_all, narrowed = list(self._audience.of_all), self._audience.narrowed(updates)
        together = b"".join(frames)
        for client in of_all:
            self._attempt(client, partial(client.connection.send_update, together))
        for client, places in narrowed.items():
            wanted = b"".join(frames[place] for place in places)
            self._attempt(client, partial(client.connection.send_update, wanted))
        self._metrics.live_messages(len(of_all) * len(frames) + sum(map(len, narrowed.values())))

    def keep_time(self) -> float | None:
        """Ping clients that were silent for long, drop those that still are; return the seconds until the next call.

        None: never.
        """
        now = self._clock()
        while self._deadlines:
            client, deadline = next(iter(self._deadlines.items()))
            if deadline > now:
                return max(deadline - now, _ROUND_SECONDS)
            if not client.is_connected:  # it was admitted and never connected
                self._leave(client)
            elif client.pinged or not client.connection.is_open:
                self._drop(client, "silent")
            else:
                client.pinged = True
                self._put_off(client)
                self._attempt(client, client.connection.ping)
        return None

    def say_goodbye(self) -> None:
        """Tell all clients, including those that are still to connect, that the service stops."""
        self._closing = True
        for client in list(self._deadlines):
            if client.is_connected:
                self._attempt(client, partial(self._part, client))

    def abandon(self) -> None:
        """Close the connections of all remaining clients."""
        for client in list(self._deadlines):
            self._leave(client)

    def _attempt(self, client: Client, work: Callable[[], None] | None = None) -> None:
        """Do something for one client, and send what waits for it; a failure ends this one and no other."""
        try:
            if work is not None:
                work()
            if not client.flush():
                self._leave(client)
        except ClientDroppedError as error:
            self._drop(client, str(error))
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
        if client.connection.is_open:  # a closing client gets no more time, however much it sends
            client.pinged = False
            self._put_off(client)
        self._take_in(client, data)

    def _take_in(self, client: Client, data: bytes) -> None:
        before, refused = client.connection.subscription, client.connection.refused
        self._intake.take(len(data))
        client.connection.receive(data)
        if client.connection.refused != refused:
            self._note_refusal(client)
        elif client.connection.subscription is not before:
            self._audience.put(client, client.connection.subscription)

    def _part(self, client: Client) -> None:
        client.connection.close(CloseReason.GOING_AWAY, "The service stops.")

    def _put_off(self, client: Client) -> None:
        self._deadlines[client] = self._clock() + QUIET_SECONDS
        self._deadlines.move_to_end(client)

    def _note_refusal(self, client: Client) -> None:
        """Count a client that is turned away; it gets no more updates."""
        reason = client.connection.refused or ""
        log.info("sent a live client away: %s", reason)
        self._metrics.live_dropped(reason)
        self._audience.put(client, Subscription.to(()))

    def _drop(self, client: Client, reason: str) -> None:
        """Drop a client, with everything that waits for it: ``lost`` is its connection, ``failed`` an error here."""
        log.info("dropped a live client: %s", reason)
        self._metrics.live_dropped(reason)
        self._leave(client, reset=True)

    def _leave(self, client: Client, reset: bool = False) -> None:
        client.close(reset)
        del self._deadlines[client]
        self._audience.remove(client)
        self._on_leave()
        self._metrics.live_clients(len(self))
