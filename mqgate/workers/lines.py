"""A connected socket of another process, in the reactor's hands."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure


class Line(Protocol):
    """Hands on what comes, and tells when nothing comes any more."""

    def __init__(self, received: Callable[[bytes], None], ended: Callable[[], None]) -> None:
        self._received = received
        self._ended = ended

    def dataReceived(self, data: bytes) -> None:
        """See `Protocol`."""
        self._received(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See `Protocol`."""
        self._ended()

    def say(self, data: bytes) -> None:
        """Send it as soon as there is room. Nothing happens if the other side is gone."""
        assert self.transport is not None
        self.transport.write(data)

    def hang_up(self) -> None:
        """Close it, when all is sent."""
        assert self.transport is not None
        self.transport.loseConnection()


class _OneLine(Factory):
    noisy = False

    def __init__(self, line: Line) -> None:
        self._line = line

    def buildProtocol(self, addr: IAddress | None) -> Line:
        return self._line


def adopt(
    reactor: Any,
    connection: socket.socket,
    received: Callable[[bytes], None],
    ended: Callable[[], None],
) -> Line:
    """Have the reactor read from a connected socket, which is its own from now on."""
    line = Line(received, ended)
    connection.setblocking(False)
    reactor.adoptStreamConnection(connection.fileno(), connection.family, _OneLine(line))
    connection.close()
    return line
