"""One client's WebSocket: what it says, what it wants, and what waits to be sent to it. Does no I/O.

The protocol itself is wsproto's. Here is what dealcache makes of it: which messages mean something, how large they may
be, and how a connection ends.
"""

from __future__ import annotations

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.frame_protocol import CloseReason

from dealcache.live import messages
from dealcache.live.outgoing import Outgoing
from dealcache.live.subscription import Subscription

#: The largest message of a client, in bytes: a thousand names of 250 letters each.
MOST_MESSAGE = 256 * 1024

#: How many bytes may wait for a client, beside what the kernel keeps: some 3,000 updates.
MOST_WAITING = 512 * 1024


class LiveConnection:
    """The state of one connection after the handshake.

    Args:
        subscription: what the client asked for in the handshake.

    Attributes:
        subscription: what it wants now.
        outgoing: what is to be sent; whoever calls a method sends it afterwards. Each method raises
            :class:`.TooSlowError` when too much waits: the client is to be dropped then.
    """

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.outgoing = Outgoing(MOST_WAITING)
        self._protocol = Connection(ConnectionType.SERVER)
        self._failed = False
        self._text = bytearray()

    @property
    def is_open(self) -> bool:
        """Whether neither side has begun to close it."""
        return self._protocol.state is ConnectionState.OPEN

    @property
    def is_over(self) -> bool:
        """Whether both sides have said that they close it: nothing is to come, and what waits is the last."""
        return self._protocol.state is ConnectionState.CLOSED

    @property
    def has_failed(self) -> bool:
        """Whether it is closed because of what the client did: nothing that it sends is looked at any more."""
        return self._failed

    def receive(self, data: bytes) -> None:
        """Take in what the client sent; the answers wait in :attr:`outgoing`."""
        if self._failed or self.is_over:
            return
        self._protocol.receive_data(data)
        for event in self._protocol.events():
            self._handle(event)

    def tell(self, frames: bytes) -> None:
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

    def _handle(self, event: Event) -> None:
        if isinstance(event, CloseConnection):
            self._closed_by(event)
        elif not self.is_open:
            return  # said before the client knew that we close
        elif isinstance(event, Ping):
            self.outgoing.add(self._protocol.send(event.response()))
        elif isinstance(event, BytesMessage):
            self._fail(CloseReason.UNSUPPORTED_DATA, "Only text messages mean something here.")
        elif isinstance(event, TextMessage):
            self._collect(event)

    def _closed_by(self, event: CloseConnection) -> None:
        if self._protocol.state is ConnectionState.REMOTE_CLOSING:
            self.outgoing.add(self._protocol.send(event.response()))
        elif not self.is_over:  # not the client's word but wsproto's: what it sent breaks the protocol
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
            self.subscription = Subscription.to(names)
            answer = messages.subscribed(names)
        self.outgoing.add(self._protocol.send(TextMessage(answer)))

    def _fail(self, code: CloseReason, reason: str) -> None:
        self.close(code, reason)
        self._failed = True
        self._text = bytearray()
