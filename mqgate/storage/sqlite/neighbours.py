"""What the processes that share a file tell each other: which queues have something new."""

from __future__ import annotations

import socket
from collections.abc import Collection
from typing import Any

import attrs
import msgspec
from twisted.internet.interfaces import IDelayedCall, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from mqgate.storage.interface import Peers
from mqgate.storage.sharing import Seat

#: The largest datagram; what does not fit in is told as "any of them".
LARGEST = 16_384
#: How many are read before others have their turn.
READ_AT_ONCE = 64
#: The system keeps a few hundred of them for one that is busy: what it has no room for is told
#: again after so long, with whatever has come by then; and later each time it still has none.
RETRY_SECONDS = 0.005
LONGEST_RETRY_SECONDS = 1.0
#: More queues than this are told as "any of them" as well.
NAMED = 1000

#: Any queue: something was missed.
_ANY = b"null"

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(list[tuple[int, str]] | None).decode


@attrs.define(eq=False)
class _Neighbour:
    """Another process, and what it could not be told yet."""

    outlet: socket.socket
    untold: set[tuple[int, str]] = attrs.Factory(set)


@implementer(IReadDescriptor)
class Neighbours:
    """Tells the other processes, and hears from them, by datagrams that may get lost.

    The sockets of a seat stay open in its parent when a process ends: whoever replaces it hears
    what was told meanwhile.
    """

    def __init__(self, reactor: Any, seat: Seat) -> None:
        self._reactor = reactor
        self._inbox = socket.socket(fileno=seat.inbox)
        outlets = [socket.socket(fileno=each) for each in seat.outlets]
        self._neighbours = [_Neighbour(outlet) for outlet in outlets]
        for each in (self._inbox, *outlets):
            each.setblocking(False)
        self._peers: Peers | None = None
        self._retry_call: IDelayedCall | None = None
        self._retry_seconds = RETRY_SECONDS

    def attend(self, peers: Peers) -> None:
        """Tell ``peers`` what is heard from now on."""
        self._peers = peers
        self._reactor.addReader(self)

    def announce(self, queues: Collection[tuple[int, str]]) -> None:
        """Tell the others. Never blocks."""
        message = _datagram(queues)
        for each in self._neighbours:
            if each.untold or not _told(each, message):
                if len(each.untold) <= NAMED:
                    each.untold.update(queues)
                self._retry_later()

    def close(self) -> None:
        """Hear and tell nothing any more."""
        if self._peers is not None:
            self._reactor.removeReader(self)
            self._peers = None
        if self._retry_call is not None:
            self._retry_call.cancel()
            self._retry_call = None
        for each in (self._inbox, *(neighbour.outlet for neighbour in self._neighbours)):
            each.close()

    # -- the reactor's side

    def fileno(self) -> int:
        """See `IReadDescriptor`."""
        return self._inbox.fileno()

    def logPrefix(self) -> str:
        """See `ILoggingContext`."""
        return "mqgate"

    def doRead(self) -> None:
        """See `IReadDescriptor`."""
        heard: dict[tuple[int, str], None] | None = {}
        for _ in range(READ_AT_ONCE):
            try:
                queues = _decode(self._inbox.recv(LARGEST))
            except BlockingIOError:
                break
            if queues is None or heard is None:
                heard = None
            else:
                heard.update(dict.fromkeys(queues))
        if self._peers is not None and (heard is None or heard):
            self._peers.readied(heard if heard is None else list(heard))

    def connectionLost(self, reason: Failure) -> None:
        """See `IReadDescriptor`: the reactor ends."""

    # -- what could not be told

    def _retry_later(self) -> None:
        if self._retry_call is None:
            self._retry_call = self._reactor.callLater(self._retry_seconds, self._retry)

    def _retry(self) -> None:
        self._retry_call = None
        for each in self._neighbours:
            if each.untold and _told(each, _datagram(each.untold)):
                each.untold.clear()
        if any(each.untold for each in self._neighbours):
            self._retry_seconds = min(2 * self._retry_seconds, LONGEST_RETRY_SECONDS)
            self._retry_later()
        else:
            self._retry_seconds = RETRY_SECONDS


def _datagram(queues: Collection[tuple[int, str]]) -> bytes:
    message = _encode(list(queues)) if len(queues) <= NAMED else _ANY
    return message if len(message) <= LARGEST else _ANY


def _told(neighbour: _Neighbour, message: bytes) -> bool:
    try:
        neighbour.outlet.send(message)
    except OSError:  # no room just now
        return False
    return True
