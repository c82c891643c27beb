"""A gateway's second connection: it keeps the slot, tells the time, and speaks with the others.

Nothing here is needed for anything to be right. What is announced goes out beside the batches: in
the transaction that makes it true it would have all gateways commit one after the other. Whatever
becomes of this connection, it is made again, and the writing one does not notice.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import closing, suppress
from typing import Any

from psycopg import Error
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

from mqgate.storage.interface import Peers
from mqgate.storage.postgresql.address import Address
from mqgate.storage.postgresql.clock import Offset
from mqgate.storage.postgresql.connecting import connect
from mqgate.storage.postgresql.line import Line
from mqgate.storage.postgresql.messages import HELLO, Queues, read, written
from mqgate.storage.postgresql.slot import LEASE
from mqgate.storage.statements import keeping as sql

#: How often the lease is renewed, the clock read, and the other gateways counted.
BEAT_SECONDS = 1.0
#: What has not been answered by then will not be: the connection is made anew.
ANSWER_SECONDS = 5.0
#: Between two attempts to connect.
PAUSE_SECONDS = 1.0
#: So many queues are kept to be announced; what comes beyond is found by who looks.
MOST = 10_000
#: How long the end waits for the thread; it is in nobody's way.
END_SECONDS = 1.0


class Keeper:
    """One gateway's, from `start` to `stop`; all that it does it does in a thread of its own.

    ``slot`` tells which slot is ours, and as whose; ``now`` and ``monotonic`` tell seconds;
    ``offset`` is what is known of the database's clock.
    """

    _log = Logger()

    def __init__(
        self,
        address: Address,
        slot: Callable[[], tuple[int, str]],
        reactor: IReactorFromThreads,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        offset: Offset,
    ) -> None:
        self._address = address
        self._slot = slot
        self._offset = offset
        self._reactor = reactor
        self._now = now
        self._monotonic = monotonic
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._peers: Peers | None = None
        #: Written to when the thread is to look up from what it waits for.
        self._bell: tuple[int, int] = (-1, -1)
        #: What is to be announced; both threads change it.
        self._to_tell: set[tuple[int, str]] = set()
        self._lock = threading.Lock()
        #: Whether nobody else is there to be told.
        self._alone = True
        self._fault = ""

    # -- in the reactor's thread

    def start(self, peers: Peers) -> None:
        """Begin, and tell ``peers``."""
        self._peers = peers
        self._bell = os.pipe()
        for end in self._bell:
            os.set_blocking(end, False)
        self._thread = threading.Thread(target=self._work, name="mqgate-keeper", daemon=True)
        self._thread.start()

    def announce(self, queues: Collection[tuple[int, str]]) -> None:
        """Tell the others, soon and together with what else there is to be told."""
        if self._alone or self._thread is None:
            return
        with self._lock:
            rings = not self._to_tell
            if len(self._to_tell) < MOST:
                self._to_tell.update(queues)
        if rings:
            self._ring()

    def stop(self) -> None:
        """End; nobody is told anything any more."""
        thread, self._thread, self._peers = self._thread, None, None
        if thread is None:
            return
        self._stopping = True
        self._ring()
        thread.join(END_SECONDS)
        if not thread.is_alive():
            for end in self._bell:
                os.close(end)

    def _ring(self) -> None:
        with suppress(BlockingIOError):  # it rings already
            os.write(self._bell[1], b"!")

    def _readied(self, queues: Queues) -> None:
        if self._peers is not None:
            self._peers.readied(queues)

    def _ahead(self, milliseconds: int) -> None:
        if self._peers is not None:
            self._peers.ahead(milliseconds)

    # -- in its own

    def _work(self) -> None:
        while not self._stopping:
            try:
                connection = connect(self._address, ANSWER_SECONDS)
                with closing(Line(connection, self._monotonic)) as line:
                    self._fault = ""
                    self._serve(line, connection.pgconn.backend_pid)
            except Error as error:
                self._note(error)
            except Exception:  # noqa: BLE001 - whatever it is, it tries again
                self._log.failure("Keeping the slot failed, and is tried again")
            self._pause()

    def _pause(self) -> None:
        end = self._monotonic() + PAUSE_SECONDS
        while not self._stopping and self._monotonic() < end:
            self._wait(None, end - self._monotonic())

    def _serve(self, line: Line, own: int) -> None:
        """Speak with the database until one of the two does not want to any more."""
        self._ask(line, sql.SET_UP)
        self._ask(line, sql.LISTEN)
        self._ask(line, sql.TELL, ([HELLO],))
        self._in_reactor(self._readied, None)  # nobody has listened until now
        beat = self._monotonic()
        while not self._stopping:
            if self._monotonic() >= beat:
                beat = self._monotonic() + BEAT_SECONDS
                self._beat(line)
            if self._to_tell:
                self._tell(line)
            heard = line.notices()
            if heard:
                self._hear(line, [payload for pid, payload in heard if pid != own])
            else:
                self._wait(line, beat - self._monotonic())

    def _beat(self, line: Line) -> None:
        before = self._now()
        ((theirs,),) = self._ask(line, sql.TIME)
        self._in_reactor(self._ahead, self._offset.measured(before, theirs, self._now()))
        number, owner = self._slot()
        self._ask(line, sql.RENEW, (LEASE, number, owner))
        self._count(line, number)

    def _count(self, line: Line, number: int) -> None:
        ((others,),) = self._ask(line, sql.OTHERS, (number,))
        self._alone = not others

    def _tell(self, line: Line) -> None:
        with self._lock:
            queues, self._to_tell = self._to_tell, set()
        self._ask(line, sql.TELL, (written(queues),))

    def _hear(self, line: Line, payloads: Sequence[str]) -> None:
        if HELLO in payloads:
            self._count(line, self._slot()[0])
        for payload in payloads:
            if payload != HELLO:
                self._in_reactor(self._readied, read(payload))

    def _ask(self, line: Line, statement: str, values: Sequence[object] = ()) -> list[Any]:
        line.deadline = self._monotonic() + ANSWER_SECONDS
        return line.ask(statement, values).all()

    def _wait(self, line: Line | None, seconds: float) -> None:
        """Wait for something from the database, or for a ring, but no longer."""
        watched = select.poll()
        watched.register(self._bell[0], select.POLLIN)
        if line is not None:
            watched.register(line.fileno(), select.POLLIN)
        watched.poll(max(0.0, seconds) * 1000)
        with suppress(BlockingIOError):  # it has not rung
            os.read(self._bell[0], 4096)

    def _in_reactor(self, call: Callable[[Any], None], what: object) -> None:
        if not self._stopping:
            self._reactor.callFromThread(call, what)

    def _note(self, error: Error) -> None:
        """Tell the operator once: the writing connection tells of the rest."""
        fault = " ".join(str(error).split())
        if fault != self._fault:
            self._fault = fault
            self._log.warn(
                "Other gateways are not heard of just now, and polls look once a second: {why}",
                why=fault,
            )
