"""A small HTTP client: requests as bytes, and answers with a Content-Length."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Callable
from typing import cast

import attrs

from benchmarks.figures import BenchmarkFailed

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STATUS = slice(9, 12)


@attrs.frozen
class Target:
    """Where a server's queue is, as its clients know it."""

    port: int
    #: The authority to trust; None for plain HTTP.
    authority: str | None
    #: The path of the queue.
    queue: str
    #: The header that lets clients in.
    credentials: str

    def request(self, method: str, rest: str, content: object = None, more: str = "") -> bytes:
        """A request for the queue, with the headers that the old clients send.

        ``rest`` follows the queue's path; ``more`` is further header lines. What is no bytes is
        sent as JSON.
        """
        body = content if isinstance(content, bytes) else b""
        if not (content is None or isinstance(content, bytes)):
            body = json.dumps(content, separators=(",", ":")).encode()
        head = (
            f"{method} {self.queue}{rest} HTTP/1.1\r\n"
            f"Host: localhost:{self.port}\r\n"
            "User-Agent: mqgate-benchmarks\r\n"
            "Accept: */*\r\n"
            f"{self.credentials}\r\n"
            f"{more}"
        )
        if content is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return f"{head}\r\n".encode() + body

    def context(self) -> ssl.SSLContext | None:
        """What to connect with; None for plain HTTP."""
        return ssl.create_default_context(cafile=self.authority) if self.authority else None


@attrs.frozen
class Answer:
    """What the server said."""

    status: int
    body: bytes

    def expect(self, *expected: int) -> None:
        """Raise `BenchmarkFailed` unless the status is an expected one."""
        if self.status not in expected:
            raise BenchmarkFailed(f"status {self.status}: {self.body[:200]!r}")

    def content(self, *expected: int) -> dict[str, object]:
        """The decoded body, if the status is an expected one; raises `BenchmarkFailed`."""
        self.expect(*expected)
        content: dict[str, object] = json.loads(self.body)
        return content


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request at a time."""

    def __init__(self, answered: Callable[[Answer], None], lost: Callable[[str], None]) -> None:
        self._answered = answered
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def send(self, request: bytes) -> None:
        """Send a request; its answer goes to ``answered``."""
        assert self._transport is not None
        self._transport.write(request)

    def close(self) -> None:
        """End the connection."""
        assert self._transport is not None
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready for requests."""
        # Not all of uvloop's are instances of asyncio's, though they do the same.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Hand on an answer when it is there as a whole."""
        self._buffer = buffer = self._buffer + data if self._buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(buffer, 0, end)
        whole = end + 4 + (int(length[1]) if length else 0)
        if len(buffer) < whole:
            return
        if len(buffer) > whole:
            raise BenchmarkFailed("more came than one answer")
        self._buffer = b""
        self._answered(Answer(int(buffer[_STATUS]), buffer[end + 4 :]))

    def connection_lost(self, reason: Exception | None) -> None:
        """Tell whoever still waits for an answer."""
        self._lost(f"the connection was lost: {reason}")


async def connect(
    target: Target, answered: Callable[[Answer], None], lost: Callable[[str], None]
) -> Connection:
    """A new connection to the target."""
    context = target.context()
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(answered, lost),
        "127.0.0.1",
        target.port,
        ssl=context,
        server_hostname="localhost" if context else None,
    )
    return connection
