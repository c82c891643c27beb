"""A request that has been read whole, until its answer has been handed to its connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure

from mqgate.web.front import Room
from mqgate.web.values import CLIENT_LOST, FAILED, Asked, ClockedWatch, Fault, Reply


class Connection(Protocol):
    """What a request needs of the connection it came by."""

    def answer(self, request: GateRequest, reply: Reply) -> None:
        """Write the answer to the request that is being answered."""

    def refusal(self, path: bytes, fault: Fault) -> Reply:
        """The shape that a refusal has for this path."""

    def abort(self) -> None:
        """Drop the connection."""


class GateRequest:
    """The link between a handler that may take long and a connection that may go away.

    Not a `twisted.web.http.Request`: that one parses, formats and writes, and here all of this is
    done before it would be made or after it would be gone.
    """

    __slots__ = ("_connection", "asked", "last")

    _log = Logger()

    def __init__(self, connection: Connection, asked: Asked, *, last: bool) -> None:
        #: None once the answer is written or the client has gone, which also ends the reference
        #: cycle with the connection.
        self._connection: Connection | None = connection
        self.asked = asked
        #: Whether the client wants the connection closed after the answer.
        self.last = last

    def put_to(self, front: Room) -> None:
        """Have the front answer, now or later."""
        try:
            outcome = front.answer(self.asked)
        except Exception:  # noqa: BLE001 (whatever it is, the client gets an answer)
            self._failed(Failure())
        else:
            if isinstance(outcome, Reply):
                self._answered(outcome)
            else:
                outcome.addCallbacks(self._answered, self._failed)

    def client_lost(self) -> None:
        """The connection is gone: end the handler's waits; its reply will not be written."""
        self._connection = None
        self.asked.client_lost(self._guarded)

    def not_sent(self, reply: Reply) -> None:
        """Undo, where the handler has said how, what was done for an answer that nobody gets."""
        if reply.unsent is not None:
            self._guarded(reply.unsent)

    def _answered(self, reply: Reply) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            self.not_sent(reply)
            return
        try:
            connection.answer(self, reply)
        except Exception:  # noqa: BLE001 (such as a reply that cannot be put into bytes)
            # Nobody would hear of it in a Deferred, and the connection would stay as it is.
            self._report(Failure())
            connection.abort()

    def _failed(self, failure: Failure) -> None:
        connection = self._connection
        if connection is None and failure.check(CancelledError):
            return
        self._report(failure)
        if connection is not None:
            fault = Fault(FAILED, "The server failed to answer; its log says why.")
            self._answered(connection.refusal(self.asked.path, fault))

    def _guarded(self, call: Callable[[], object]) -> None:
        """Make a handler's call, which must not disturb the connection's own work."""
        try:
            call()
        except Exception:  # noqa: BLE001 (it is a handler's, and may fail as it likes)
            self._report(Failure())

    def _report(self, failure: Failure) -> None:
        self._log.failure(
            "{method} {path} failed",
            failure=failure,
            method=self.asked.method.decode("latin-1"),
            path=self.asked.path.decode("latin-1"),
        )


class WatchedRequest(GateRequest):
    """A request whose outcome is told to a watch.

    A class of its own, so that a server without a watch does not even look whether it has one.
    """

    __slots__ = ("_began", "_door", "_watch")

    def __init__(
        self, watch: ClockedWatch, connection: Connection, asked: Asked, *, last: bool
    ) -> None:
        super().__init__(connection, asked, last=last)
        self._watch = watch
        self._door = ""
        self._began = watch.seconds()

    def put_to(self, front: Room) -> None:
        """See `GateRequest`."""
        self._door = front.owner(self.asked.path)
        super().put_to(front)

    def client_lost(self) -> None:
        """See `GateRequest`."""
        self._tell(CLIENT_LOST, 0)
        super().client_lost()

    def _answered(self, reply: Reply) -> None:
        awaited = self._connection is not None
        super()._answered(reply)
        if awaited:
            self._tell(reply.status, len(reply.body))

    def _tell(self, status: int, size: int) -> None:
        watch = self._watch
        try:
            seconds = watch.seconds() - self._began
            watch.answered(self.asked, self._door, status, size, seconds)
        except Exception:  # noqa: BLE001 (to be watched must not disturb the connection's work)
            self._report(Failure())
