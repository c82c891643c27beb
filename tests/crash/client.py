"""A caller's connection: HTTP, over TLS or plain, kept alive, one request after the other."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import Any

import attrs

#: No answer takes so long, unless the server is gone.
PATIENCE_SECONDS = 60.0


class NoAnswer(Exception):
    """The connection broke before there was an answer: nobody knows what came of the request."""


@attrs.frozen
class Address:
    """A server, and a project on it."""

    port: int
    #: The file with the authority of its certificate; None without TLS.
    authority: str | None
    project: str
    token: str

    async def connect(self) -> Connection:
        """A new connection. Raises OSError."""
        context = self.authority and ssl.create_default_context(cafile=self.authority)
        streams = await asyncio.open_connection("localhost", self.port, ssl=context or None)
        return Connection(self, *streams)


@attrs.define
class Connection:
    """One connection to the server."""

    _address: Address
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """The status and the decoded body of an answer. Raises `NoAnswer`."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                self._writer.write(self._request(method, path, body))
                await self._writer.drain()
                return await self._answer()
        except (OSError, EOFError, TimeoutError) as error:
            raise NoAnswer(str(error)) from None

    def _request(self, method: str, path: str, body: object) -> bytes:
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} /1/projects/{self._address.project}/queues/{path} HTTP/1.1\r\n"
            f"Host: localhost\r\nAuthorization: OAuth {self._address.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        return head.encode() + data

    async def _answer(self) -> tuple[int, Any]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await self._reader.readexactly(int(headers["content-length"]))
        return int(head[0].split(" ")[1]), json.loads(body)

    def close(self) -> None:
        """Break it off."""
        self._writer.transport.abort()
