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
from werkzeug.exceptions import RequestEntityTooLarge

from dealcache.api.access import most_bytes

#: The longest line with a chunk's size and its extensions, and the longest trailer section, in bytes.
_LONGEST_LINE, _LONGEST_TRAILERS = 8_190, 65_536


def _too_large(most: int) -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"The body is larger than {most} bytes.")


def _read_length(content: bytearray, length: int) -> Iterator[bytes | None]:
    """Wait until ``content``, to which all that comes is added, has so many bytes; then yield what follows them."""
    while len(content) < length:
        yield None
    rest = bytes(content[length:])
    del content[length:]
    yield rest


class ChunkedBody:
    """A body in chunks (RFC 9112, 7.1): its content, and what has been received and not been consumed yet.

    Args:
        request: gunicorn's request, which gets the trailer fields.
        most: the largest number of bytes allowed; sizes, extensions and trailers may take as many again.
    """

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
            raise _too_large(self._most)
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
            raise _too_large(self._most)

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
        RequestEntityTooLarge: its body is larger than allowed.

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
        # Most requests have no body, and gunicorn's reader of none can stay.
        self.is_complete = getattr(self.request.body.reader, "length", None) == 0 or self._begin_body()

    def _begin_body(self) -> bool:
        """Begin to receive a body; return True if it is complete."""
        self._content = self._buffer = bytearray()
        reader, most = self.request.body.reader, most_bytes(self.request.path)
        if isinstance(reader, ChunkedReader):
            chunked = ChunkedBody(self.request, most)
            # The body must not know its own progress: it would stay in memory until the next garbage collection.
            self._content, self._buffer, self._progress = chunked.content, chunked.buffer, chunked.read()
        elif reader.length <= most:
            self._progress = _read_length(self._content, reader.length)
        else:
            # The application refuses the request by its head alone; nothing of the body is read.
            self.request.force_close()
            self.expects = False
            self._progress = _read_length(self._content, 0)
        return self.feed_data(self._unreader.take_buffered())

    def feed_data(self, data: bytes) -> bool:
        """Take more of the body; return True if it is complete.

        Raises:
            ParseException: it is not a valid body.
            RequestEntityTooLarge: it is larger than allowed.
        """
        self.held += len(data)
        self._buffer += data
        rest = next(self._progress)
        if rest is None:
            return False
        self._unreader = IterUnreader([])
        self._unreader.unread(bytes(self._content) + rest)
        self.request.body = Body(LengthReader(self._unreader, len(self._content)))
        # The request is kept until its answer has been sent: a second copy of its body is not.
        del self._content, self._buffer, self._progress
        return True

    def what_follows(self) -> bytes:
        """Return the bytes received after the request, once the application is done with it."""
        self.request.body.read()
        following: bytes = self._unreader.take_buffered()
        return following
