"""A worker's side of the line to its parent."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mqgate.workers.lines import Line, adopt
from mqgate.workers.task import (
    ALIVE,
    ALIVE_SECONDS,
    ALL,
    FAILED,
    FIGURES,
    READY,
    Frames,
    framed,
)


def receive_task(line: socket.socket) -> bytes:
    """What the parent wants done. Blocking; raises `EOFError` if it is gone already."""
    frames = Frames()
    while data := line.recv(1 << 16):
        for message in frames.received(data):
            return message
    raise EOFError


def tell_failure(line: socket.socket, why: str) -> None:
    """Say why this worker cannot start. Blocking."""
    line.sendall(framed(FAILED, why.encode("utf-8", "backslashreplace")))


class Parent:
    """Whoever has started this worker: told how it is, and survived by no more than a stop takes.

    ``figures`` makes the figures that it asks for, with those of the queues or without.
    """

    _log = Logger()

    def __init__(self, reactor: Any, figures: Callable[[bool], Deferred[bytes]]) -> None:
        self._reactor = reactor
        self._figures = figures
        self._frames = Frames()
        self._line: Line | None = None
        self._signs = LoopingCall(self._say, ALIVE)
        self._signs.clock = reactor

    def attend(self, line: socket.socket) -> None:
        """Say that this worker serves, and from now on that it is alive."""
        self._line = adopt(self._reactor, line, self._heard, self._gone)
        self._say(READY)
        self._signs.start(ALIVE_SECONDS, now=False)

    def _say(self, *words: bytes) -> None:
        if self._line is not None:
            self._line.say(framed(*words))

    def _heard(self, data: bytes) -> None:
        for message in self._frames.received(data):
            word, number, which = message.split(b" ")
            assert word == FIGURES, word
            made = self._figures(which == ALL)
            made.addCallback(self._tell_figures, number).addErrback(self._not_made)

    def _tell_figures(self, text: bytes, number: bytes) -> None:
        self._say(FIGURES, number, text)

    def _not_made(self, failure: Failure) -> None:
        self._log.failure("There are no figures", failure)

    def _gone(self) -> None:
        """Nobody would replace this worker, and its place is to be free for another start."""
        self._line = None
        if self._signs.running:
            self._signs.stop()
        try:
            self._reactor.stop()
        except ReactorNotRunning:  # it stops already
            return
