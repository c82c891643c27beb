"""Bodies that arrive in pieces: counted against their limit as they come, in flat memory."""

from __future__ import annotations

import enum
import re
from typing import Protocol

from mqgate.web.refusal import malformed, too_large

_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\0\r\n]*")
#: The longest line that tells a chunk's size, its extensions included.
_SIZE_LINE = 1024
#: Trailers are thrown away; this much of them is read.
_TRAILERS = 8 * 1024


class Body(Protocol):
    """Reads one request's body."""

    #: What was read, or only its size once that is beyond the limit.
    received: Received

    def feed(self, data: bytes) -> bytes | None:
        """Take the next bytes: None while more have to come, else what follows the body.

        Raises Refusal.
        """


class Received:
    """A body's content so far.

    It is one growing array, not a list of the pieces: a sender of two-byte pieces would make a
    list take thirty times the body's size.
    """

    __slots__ = ("_ceiling", "_content", "_limit", "size")

    def __init__(self, limit: int, ceiling: int) -> None:
        self._limit = limit
        self._ceiling = ceiling
        self._content = bytearray()
        self.size = 0

    def expect(self, size: int) -> None:
        """Refuse a piece that would lead beyond the ceiling, before any of it has come."""
        if self.size + size > self._ceiling:
            raise too_large(f"The body is longer than {self._limit} bytes.")

    def add(self, piece: bytes) -> None:
        """Keep a piece; once all of them are more than the limit, keep none."""
        self.size += len(piece)
        if self.size <= self._limit:
            self._content += piece
        elif self._content:
            self._content = bytearray()

    def whole(self) -> bytes:
        """The body. Raises Refusal if it went beyond the limit."""
        if self.size > self._limit:
            raise too_large(f"The body is longer than {self._limit} bytes.")
        return bytes(self._content)


class SizedBody:
    """A body whose length the head has told."""

    __slots__ = ("_left", "received")

    def __init__(self, received: Received, length: int) -> None:
        received.expect(length)
        self.received = received
        self._left = length

    def feed(self, data: bytes) -> bytes | None:
        """See `Body`."""
        piece = data[: self._left]
        self._left -= len(piece)
        self.received.add(piece)
        return None if self._left else data[len(piece) :]


class _Part(enum.Enum):
    """What the next line of a chunked body is."""

    SIZE = enum.auto()
    END_OF_CHUNK = enum.auto()
    TRAILER = enum.auto()


class ChunkedBody:
    """A body in chunks (RFC 9112, section 7.1). Extensions and trailers are thrown away."""

    __slots__ = ("_left", "_next", "_partial", "_trailers", "received")

    def __init__(self, received: Received) -> None:
        self.received = received
        #: The beginning of a line whose end has not come.
        self._partial = b""
        #: What is missing of the current chunk.
        self._left = 0
        self._next = _Part.SIZE
        self._trailers = 0

    def feed(self, data: bytes) -> bytes | None:
        """See `Body`."""
        data = self._partial + data
        position = 0
        while True:
            if self._left:
                piece = data[position : position + self._left]
                self.received.add(piece)
                self._left -= len(piece)
                position += len(piece)
            end = -1 if self._left else data.find(b"\r\n", position)
            if end < 0:
                self._partial = data[position:]
                self._check_partial()
                return None
            if self._is_last(data[position:end]):
                return data[end + 2 :]
            position = end + 2

    def _is_last(self, line: bytes) -> bool:
        """Act on a line; whether it is the empty one after the trailers."""
        if self._next is _Part.SIZE:
            self._left = self._chunk_size(line)
            self._next = _Part.END_OF_CHUNK if self._left else _Part.TRAILER
        elif self._next is _Part.END_OF_CHUNK:
            if line:
                raise malformed("A chunk is longer than its size.")
            self._next = _Part.SIZE
        elif line:
            self._skip_trailer(line)
        else:
            return True
        return False

    def _chunk_size(self, line: bytes) -> int:
        match = _CHUNK_SIZE.fullmatch(line)
        if match is None or len(line) > _SIZE_LINE:
            raise malformed("The size of a chunk is not a hexadecimal number.")
        size = int(match[1], 16)
        self.received.expect(size)
        return size

    def _skip_trailer(self, line: bytes) -> None:
        self._trailers += len(line)
        if not _TRAILER.fullmatch(line):
            raise malformed("A trailer is not a header.")
        if self._trailers > _TRAILERS:
            raise too_large(f"More than {_TRAILERS} bytes of trailers.")

    def _check_partial(self) -> None:
        """Refuse what can no longer become the line that is due."""
        limit = {_Part.SIZE: _SIZE_LINE, _Part.END_OF_CHUNK: 1, _Part.TRAILER: _TRAILERS}
        if len(self._partial) > limit[self._next] or b"\n" in self._partial:
            raise malformed("A line between the chunks does not end where it must.")
