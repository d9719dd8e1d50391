"""Requests between their first byte and their last; nothing here waits.

gunicorn's own parser and readers decide what is valid: the parser gets the complete head, and the reader of chunked
bodies each complete line.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from gunicorn.http.body import Body, ChunkedReader, LengthReader
from gunicorn.http.errors import ChunkMissingTerminator, InvalidChunkSize, InvalidRequestLine, LimitRequestHeaders
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

from dealcache.api.access import most_bytes

#: The longest line with a chunk's size and its extensions, and the longest trailer section, in bytes.
_LONGEST_LINE, _LONGEST_TRAILERS = 8_190, 65_536


class BodyTooLargeError(Exception):
    """A body is larger than allowed.

    Args:
        most: the largest number of bytes allowed.
    """

    def __init__(self, most: int) -> None:
        super().__init__(f"The body is larger than {most} bytes.")


class LengthBody:
    """A body of a known length."""

    def __init__(self, length: int) -> None:
        self.content = bytearray()
        self._length = length

    def feed_data(self, data: bytes) -> bytes | None:
        """Take what has come; return what follows the body in it, or None while the body is incomplete."""
        room = self._length - len(self.content)
        self.content += data[:room]
        return data[room:] if len(data) >= room else None


class ChunkedBody:
    """A body in chunks (RFC 9112, 7.1).

    Args:
        request: gunicorn's request, which gets the trailer fields.
        most: the largest number of bytes allowed; sizes, extensions and trailers may take as many again.
    """

    def __init__(self, request: Any, most: int) -> None:
        # Not a generator of its own, with which it would stay in memory until the next garbage collection.
        chunks = _Chunks(request, most)
        self.content, self._buffer, self._progress = chunks.content, chunks.buffer, chunks.read()

    def feed_data(self, data: bytes) -> bytes | None:
        """Take what has come; return what follows the body in it, or None while the body is incomplete.

        Raises:
            ParseException: it is not a valid chunked body.
            BodyTooLargeError: it is larger than allowed.
        """
        self._buffer += data
        return next(self._progress)


class _Chunks:
    """The state of :class:`ChunkedBody`: its content, and what has been received and not been consumed yet."""

    def __init__(self, request: Any, most: int) -> None:
        self.content = bytearray()
        self.buffer = bytearray()
        self._most = most
        self._reader = ChunkedReader(request, IterUnreader([]))
        self._framing = 0

    def read(self) -> Iterator[bytes | None]:
        """Consume the body as it comes; yield None whenever more is needed, and at last what follows the body."""
        while not _is_last(line := (yield from self._line())):
            yield from self._consume_chunk(line)
        # The end of this line may be the first half of the empty line.
        longest = len(line) + _LONGEST_TRAILERS
        end = yield from self._find(b"\r\n\r\n", len(line), longest, LimitRequestHeaders)
        self._reader.parse_chunk_size(IterUnreader([]), data=bytes(self.buffer[: end + 4]))
        yield bytes(self.buffer[end + 4 :])

    def _line(self) -> Generator[None, None, bytes]:
        """Return the line that the buffer begins with, without its end; it stays there."""
        end = yield from self._find(b"\r\n", 0, _LONGEST_LINE, InvalidChunkSize)
        return bytes(self.buffer[:end])

    def _consume_chunk(self, line: bytes) -> Iterator[None]:
        left, _ = self._reader.parse_chunk_size(IterUnreader([]), data=line + b"\r\n")
        self._consume_framing(len(line) + 2)
        if len(self.content) + left > self._most:
            raise BodyTooLargeError(self._most)
        while left:
            taken = self.buffer[:left]
            self.content += taken
            del self.buffer[: len(taken)]
            left -= len(taken)
            if left:
                yield
        while len(self.buffer) < 2 and b"\r\n".startswith(self.buffer):
            yield
        if not self.buffer.startswith(b"\r\n"):
            raise ChunkMissingTerminator(bytes(self.buffer[:2]))
        self._consume_framing(2)

    def _consume_framing(self, count: int) -> None:
        del self.buffer[:count]
        self._framing += count
        if self._framing > self._most:
            raise BodyTooLargeError(self._most)

    def _find(self, end: bytes, start: int, longest: int, error: type[Exception]) -> Generator[None, None, int]:
        """Return where ``end`` begins at or after ``start``; bytes searched before are not searched again."""
        while (found := self.buffer.find(end, start)) < 0:
            if len(self.buffer) > longest:
                raise error("it is too long")
            if error is InvalidChunkSize and b"\n" in self.buffer:
                raise InvalidChunkSize("a line ends without a carriage return")
            start = max(start, len(self.buffer) - len(end) + 1)
            yield
        if found > longest:
            raise error("it is too long")
        return found


def _is_last(line: bytes) -> bool:
    """Return True for a line with the size of the last chunk, 0 in any number of digits."""
    size = line.split(b";", 1)[0].rstrip(b" \t")
    return bool(size) and not size.strip(b"0")


class Incoming:
    """A request whose head has arrived, and whose body may still be incomplete.

    gunicorn's parser reads the head, as it would in a thread; here all bytes that it asks for are present.

    Args:
        data: the complete head of the request, and the bytes received after it.

    Raises:
        ParseException: it is not a valid request.
        BodyTooLargeError: its body is larger than allowed.

    ``expects`` is True if the client waits for permission to send the body (``Expect: 100-continue``); ``held`` is how
    many bytes of the body have come.
    """

    def __init__(self, cfg: Any, data: bytes, client: Any) -> None:
        self._unreader = IterUnreader([])
        self._unreader.unread(data)
        try:
            self.request = Request(cfg, self._unreader, client)
        except InvalidRequestLine:
            # gunicorn_h1c cannot hold more than 256 fields, and calls more of them invalid HTTP.
            if data.count(b"\r\n") > 256:
                raise LimitRequestHeaders("limit request headers fields") from None
            raise
        self.expects: bool = self.request._expected_100_continue
        # The worker has told the client already.
        self.request._expected_100_continue = False
        self.held = 0
        self._body = self._expected_body()
        self.is_complete = self._body is None or self.feed_data(self._unreader.take_buffered())

    def _expected_body(self) -> LengthBody | ChunkedBody | None:
        reader, most = self.request.body.reader, most_bytes(self.request.path)
        if isinstance(reader, ChunkedReader):
            return ChunkedBody(self.request, most)
        if reader.length == 0:
            return None
        if reader.length > most:
            # The application refuses the request by its head alone; nothing of the body is read.
            self.request.force_close()
            self.request.body = Body(LengthReader(IterUnreader([]), 0))
            self.expects = False
            return None
        return LengthBody(reader.length)

    def feed_data(self, data: bytes) -> bool:
        """Take more of the body; return True if it is complete.

        Raises:
            ParseException: it is not a valid body.
            BodyTooLargeError: it is larger than allowed.
        """
        if self._body is None:
            return True
        self.held += len(data)
        rest = self._body.feed_data(data)
        if rest is None:
            return False
        self._unreader = IterUnreader([])
        self._unreader.unread(bytes(self._body.content) + rest)
        self.request.body = Body(LengthReader(self._unreader, len(self._body.content)))
        self._body = None
        return True

    def what_follows(self) -> bytes:
        """Return the bytes received after the request, once the application is done with it."""
        self.request.body.read()
        following: bytes = self._unreader.take_buffered()
        return following
