"""One client's WebSocket: its messages, its subscription, and the bytes to be sent to it. Does no I/O.

wsproto implements the protocol. This module has dealcache's part: which messages are valid, how large they may be, and
how a connection ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.frame_protocol import CloseReason

from dealcache.live import messages
from dealcache.live.flow import ClientDroppedError, Outgoing, TokenBucket, Total
from dealcache.live.subscription import Subscription

#: The largest message of a client, in bytes: a thousand names of 250 letters each.
MOST_MESSAGE = 256 * 1024

#: Bytes that may wait for a client, beside the kernel's buffer: some 3,000 updates.
MOST_WAITING = 512 * 1024

#: Limits per second for a client, and reserves for bursts: messages, pings and pongs; parts of messages, including
#: empty ones; bytes. A page that subscribes again with each click is far below.
MESSAGES, MESSAGES_AT_ONCE = 5, 20
PARTS, PARTS_AT_ONCE = 100, 300
BYTES, BYTES_AT_ONCE = 64 * 1024, 3 * MOST_MESSAGE


class LiveConnection:
    """The state of one connection after the handshake.

    Args:
        subscription: what the client asked for in the handshake.
        clock: the monotonic clock, in seconds.

    Attributes:
        has_failed: True if it was closed because of the client's behaviour: its further messages are ignored.
        refused: ``flood`` or ``crowded``, if it was closed because the client sent or subscribed to too much.
        subscription: its present subscription.
        outgoing: the bytes to send; the caller of a method sends them afterwards. Each method raises
            :class:`.ClientDroppedError` if too much waits.
    """

    def __init__(self, subscription: Subscription, clock: Callable[[], float] = time.monotonic) -> None:
        self.subscription = subscription
        self.outgoing = Outgoing(MOST_WAITING)
        self.has_failed = False
        self.refused: str | None = None
        self._allows: Callable[[Subscription], bool] = lambda _subscription: True
        self._messages = TokenBucket(MESSAGES, MESSAGES_AT_ONCE, clock)
        self._parts = TokenBucket(PARTS, PARTS_AT_ONCE, clock)
        self._bytes = TokenBucket(BYTES, BYTES_AT_ONCE, clock)
        self._ignored = 0
        self._protocol = Connection(ConnectionType.SERVER)
        self._text = bytearray()

    def share(self, total: Total, allows: Callable[[Subscription], bool]) -> None:
        """Apply the bounds of all clients together.

        Args:
            total: what waits for all of them.
            allows: whether there is room for a subscription of this client's.
        """
        self.outgoing = Outgoing(MOST_WAITING, total)
        self._allows = allows

    @property
    def is_open(self) -> bool:
        """True if neither side has begun to close it."""
        return self._protocol.state is ConnectionState.OPEN

    @property
    def is_over(self) -> bool:
        """True if both sides have closed it: nothing more comes, and what waits is the last."""
        return self._protocol.state is ConnectionState.CLOSED

    def receive(self, data: bytes) -> None:
        """Process the client's bytes; the answers wait in :attr:`outgoing`.

        Raises:
            ClientDroppedError: it keeps sending although the connection is closed.
        """
        if self.has_failed or self.is_over:
            self._ignored += len(data)
            if self._ignored > MOST_MESSAGE:
                raise ClientDroppedError("flood")
            return
        if not self._bytes.take(len(data)):
            self._refuse("flood", f"More than {BYTES} bytes a second.")
            return
        self._protocol.receive_data(data)
        for event in self._protocol.events():
            if not self._may_be_handled(event):
                self._refuse("flood", f"More than {MESSAGES} messages, pings and pongs a second, or {PARTS} parts.")
            if self.has_failed:
                return
            self._handle(event)

    def send_update(self, frames: bytes) -> None:
        """Send finished frames, unless the connection is closing."""
        if self.is_open:
            self.outgoing.add(frames)

    def ping(self) -> None:
        """Ask the client for a sign of life."""
        if self.is_open:
            self.outgoing.add(self._protocol.send(Ping()))

    def close(self, code: CloseReason, reason: str) -> None:
        """Begin to close; the client is expected to answer."""
        if self.is_open:
            self.outgoing.add(self._protocol.send(CloseConnection(code, reason)))

    def turn_away(self) -> None:
        """Close the connection of a client whose subscription exceeds the bounds."""
        self._refuse("crowded", "The clients of this worker have subscribed to too many names; try again later.")

    def _may_be_handled(self, event: Event) -> bool:
        whole = not isinstance(event, TextMessage | BytesMessage) or event.message_finished
        return self._parts.take(1) and (not whole or self._messages.take(1))

    def _refuse(self, reason: str, text: str) -> None:
        self.refused = reason
        self._fail(CloseReason.TRY_AGAIN_LATER if reason == "crowded" else CloseReason.POLICY_VIOLATION, text)

    def _handle(self, event: Event) -> None:
        if isinstance(event, CloseConnection):
            self._closed_by(event)
        elif not self.is_open:
            return  # sent before the client knew that we close
        elif isinstance(event, Ping):
            self.outgoing.add(self._protocol.send(event.response()))
        elif isinstance(event, BytesMessage):
            self._fail(CloseReason.UNSUPPORTED_DATA, "Only text messages mean something here.")
        elif isinstance(event, TextMessage):
            self._collect(event)

    def _closed_by(self, event: CloseConnection) -> None:
        if self._protocol.state is ConnectionState.REMOTE_CLOSING:
            self.outgoing.add(self._protocol.send(event.response()))
        elif not self.is_over:  # not from the client but from wsproto: its bytes violate the protocol
            self._fail(CloseReason(event.code), event.reason or "")

    def _collect(self, event: TextMessage) -> None:
        self._text += event.data.encode()
        if len(self._text) > MOST_MESSAGE:
            self._fail(CloseReason.MESSAGE_TOO_BIG, f"A message may have {MOST_MESSAGE} bytes at most.")
        elif event.message_finished:
            text, self._text = self._text, bytearray()
            self._answer(text)

    def _answer(self, text: bytearray) -> None:
        try:
            names = messages.names_to_subscribe(text)
        except messages.InvalidMessageError as error:
            answer = messages.refused(str(error))
        else:
            wanted = Subscription.to(names)
            if not self._allows(wanted):
                self.turn_away()
                return
            self.subscription = wanted
            answer = messages.subscribed(names)
        self.outgoing.add(self._protocol.send(TextMessage(answer)))

    def _fail(self, code: CloseReason, reason: str) -> None:
        self.close(code, reason)
        self.has_failed = True
        self._text = bytearray()
