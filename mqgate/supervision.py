"""Telling systemd how the server is, if systemd started it and wants to know (sd_notify(3))."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

#: Signs of life are given so many times as often as the watchdog asks for.
SIGNS_PER_TIMEOUT = 3


class Supervision:
    """A line to whoever supervises this process; nobody there is fine, too.

    Signs of life come from the reactor, so a server that answers nobody any more gives none, and
    is started again. A database that cannot be used is no reason to: its disk would be as full.
    """

    _log = Logger()

    def __init__(self, environment: Mapping[str, str], process: int, clock: IReactorTime) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the NUL of Linux's abstract sockets.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._seconds = _watchdog(environment, process)
        self._signs = LoopingCall(self._give_sign)
        self._signs.clock = clock
        #: Whether there is somebody who serves; without, no sign of life is given.
        self.lives = True

    def ready(self) -> None:
        """Requests are served from now on."""
        self._tell("READY=1")
        if self._address and self._seconds:
            self._signs.start(self._seconds / SIGNS_PER_TIMEOUT)

    def stopping(self) -> None:
        """The stop has begun; how long it may take is the supervisor's to say."""
        if self._signs.running:
            self._signs.stop()
        self._tell("STOPPING=1")

    def _give_sign(self) -> None:
        if self.lives:
            self._tell("WATCHDOG=1")

    def _tell(self, what: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as line:
                line.sendto(what.encode(), self._address)
        except OSError as error:
            self._log.debug("The supervisor does not listen: {why}", why=str(error))


def _watchdog(environment: Mapping[str, str], process: int) -> float:
    """After how many silent seconds this process is taken for dead; 0 = never."""
    if environment.get("WATCHDOG_PID", str(process)) != str(process):
        return 0.0
    microseconds = environment.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdecimal() else 0.0
