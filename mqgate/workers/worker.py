"""A worker, as its parent sees it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from functools import partial
from socket import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import LogEvent

from mqgate.workers.launching import Launched
from mqgate.workers.lines import Line, adopt
from mqgate.workers.logs import LogReader
from mqgate.workers.task import ALIVE, ALL, FAILED, FIGURES, OWN, READY, Frames, framed

#: How often it is looked whether a process is gone that has hung up.
GONE_SECONDS = 0.02
#: A process that has hung up is gone soon, or is helped.
HUNG_UP_SECONDS = 2.0


class Worker:
    """One process, from its start to its end.

    First its parent waits for it (`receive`), then the reactor reads what it says (`attend`), and
    ``gone`` is called when it has ended. ``log`` is where its log's events go.
    """

    def __init__(
        self, slot: int, launched: Launched, clock: IReactorTime, log: Callable[[LogEvent], None]
    ) -> None:
        self.slot = slot
        self.name = f"worker {slot}"
        #: Whether it serves.
        self.ready = False
        #: Why it cannot start, as it says.
        self.failure = ""
        #: How often its parent has looked since it was heard of last.
        self.silent = 0
        #: When it was started.
        self.began = clock.seconds()
        self._clock = clock
        self._process = launched.process
        self._sockets = (launched.line, launched.log)
        self._frames = Frames()
        self._log = LogReader(self.name, log)
        self._line: Line | None = None
        self._on_ready: Callable[[Worker], None] | None = None
        self._on_gone: Callable[[Worker], None] | None = None
        self._hung_up_at = 0.0
        self._asked = 0
        self._figures: dict[int, Deferred[bytes]] = {}

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    # -- while its parent waits for it

    def send(self, task: bytes) -> None:
        """Tell it what to do. Blocking; nothing happens if it is gone already."""
        try:
            self._sockets[0].sendall(framed(task))
        except OSError:
            return

    def readers(self) -> Iterator[tuple[socket, Callable[[], bool]]]:
        """The sockets to be read, each with what reads it once there is something.

        That tells whether there may be more.
        """
        line, log = self._sockets
        yield line, partial(self._read, line, self._heard)
        yield log, partial(self._read, log, self._log.received)

    def read_to_end(self) -> None:
        """Hear the last words of one that has ended. Blocking."""
        for _, read in self.readers():
            while read():
                pass
        self._log.ended()

    @staticmethod
    def _read(file: socket, received: Callable[[bytes], None]) -> bool:
        try:
            data = file.recv(1 << 16)
        except OSError:
            return False
        received(data)
        return bool(data)

    # -- while the reactor runs

    def attend(
        self, reactor: Any, ready: Callable[[Worker], None], gone: Callable[[Worker], None]
    ) -> None:
        """Have the reactor read what it says; it tells when it is ready, and when it is gone."""
        self._on_ready, self._on_gone = ready, gone
        line, log = self._sockets
        self._line = adopt(reactor, line, self._heard, self._hung_up)
        adopt(reactor, log, self._log.received, self._log.ended)

    def give(self, task: bytes) -> None:
        """Tell it what to do; after `attend`."""
        assert self._line is not None
        self._line.say(framed(task))

    def figures(self, with_queues: bool) -> Deferred[bytes]:
        """Its figures, in Prometheus' words. Cancel it when they are wanted no longer."""
        self._asked += 1
        number = self._asked
        asked: Deferred[bytes] = Deferred(lambda _: self._forget(number))
        self._figures[number] = asked
        assert self._line is not None
        self._line.say(framed(FIGURES, b"%d" % number, ALL if with_queues else OWN))
        return asked

    def _forget(self, number: int) -> None:
        del self._figures[number]

    def stop(self) -> None:
        """Have it finish what it has in hand and end. Harmless if it has ended."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, whatever it does. Harmless if it has ended."""
        self._process.kill()

    def end(self) -> None:
        """End it at once, and return when it is gone. Blocking; before `attend`."""
        self.kill()
        self._process.wait()
        for each in self._sockets:
            each.close()

    def how_it_ended(self) -> str:
        """The end of a sentence; after it is gone."""
        status = self._process.returncode
        if status is not None and status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"ended with status {status}"

    # -- what it says

    def _heard(self, data: bytes) -> None:
        for message in self._frames.received(data):
            self.silent = 0
            word, _, rest = message.partition(b" ")
            if word == READY:
                self.ready = True
                if self._on_ready is not None:
                    self._on_ready(self)
            elif word == FAILED:
                self.failure = rest.decode("utf-8", "replace")
            elif word == FIGURES:
                number, _, text = rest.partition(b" ")
                if (asked := self._figures.pop(int(number), None)) is not None:
                    asked.callback(text)
            else:
                assert word == ALIVE, word

    def _hung_up(self) -> None:
        self.ready = False
        self._hung_up_at = self._clock.seconds()
        for asked in list(self._figures.values()):
            asked.cancel()
        self._look_whether_gone()

    def _look_whether_gone(self) -> None:
        if self._process.poll() is None:
            if self._clock.seconds() - self._hung_up_at > HUNG_UP_SECONDS:
                self._process.kill()
            self._clock.callLater(GONE_SECONDS, self._look_whether_gone)
        elif self._on_gone is not None:
            self._on_gone(self)
