"""All connections of one listener: their deadlines, the date, and the way to an end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPFactory, Request, datetimeToString

from mqgate.web.channel import GateChannel
from mqgate.web.front import Room, plain_refusal
from mqgate.web.limits import HTTPLimits
from mqgate.web.request import GateRequest, WatchedRequest
from mqgate.web.values import ClockedWatch, Fault, Reply


class GateSite(HTTPFactory):
    """The factory of one listener. There is no timer per request or connection: once a second, as
    long as there are connections, one pass goes over their deadlines."""

    noisy = False

    _log = Logger()

    def __init__(
        self,
        front: Room,
        reactor: IReactorTime,
        limits: HTTPLimits | None = None,
        watch: ClockedWatch | None = None,
        wall: Callable[[], float] | None = None,
    ) -> None:
        """``wall`` tells seconds since 1970, should ``reactor`` count from elsewhere."""
        super().__init__(timeout=None, reactor=reactor)  # type: ignore[arg-type]
        # The class itself, not Twisted's proxy that chooses between HTTP/1.1 and HTTP/2.
        self.protocol = GateChannel  # type: ignore[assignment]
        self.front = front
        self.limits = limits or HTTPLimits()
        self._watch = watch
        self._wall = wall or reactor.seconds
        #: Makes a request of what was read.
        self.request: Callable[..., GateRequest] = GateRequest
        if watch is not None:
            self.request = partial(WatchedRequest, watch)
        #: Whether every answer is now the last one of its connection.
        self.draining = False
        #: Why requests are refused as BUSY just now; empty if they are not.
        self.busy = ""
        #: The time as of the last pass, at most a second ago: near enough for long deadlines.
        self.now = 0.0
        #: The value of Date headers.
        self.date = b""
        self._open: set[GateChannel] = set()
        self._unsent = 0
        #: Whether it was logged, in this second, that there are too many connections.
        self._full = False
        self._sweep_call: IDelayedCall | None = None
        self._abort_call: IDelayedCall | None = None
        self._drained: list[Deferred[None]] = []

    def startFactory(self) -> None:
        """Nothing: the stock factory would open an access log and start a clock for its lines."""

    def stopFactory(self) -> None:
        """Nothing: see `startFactory`. Connections outlive their listener until `drain`."""

    def log(self, request: Request) -> None:
        """Nothing: formatting a line for each request is a quarter of a stock server's time."""

    def refusal(self, path: bytes, fault: Fault) -> Reply:
        """The front's shape of a refusal; plain text if even that fails."""
        if self._watch is not None:
            self._watch.refused(fault)
        try:
            return self.front.refuse(path, fault)
        except Exception:  # noqa: BLE001 (the client gets an answer whatever happens)
            self._log.failure("No shape for a refusal: {kind}", Failure(), kind=fault.kind)
            return plain_refusal(fault)

    def opened(self, channel: GateChannel) -> bool:
        """A connection was made; False if it is one too many."""
        self._open.add(channel)
        if self._sweep_call is None:
            self._sweep()
        if len(self._open) <= self.limits.connections:
            return True
        if not self._full:
            self._full = True
            self._log.warn("More than {n} connections: dropped", n=self.limits.connections)
        return False

    def closed(self, channel: GateChannel) -> None:
        """A connection was lost."""
        self._open.discard(channel)
        if not self._open:
            self._stop_sweeping()
            self._finish_drain()

    def owe(self, more: int) -> None:
        """That many bytes more (or fewer) wait in memory for clients to take them."""
        self._unsent += more
        self._see_if_busy()

    def drain(self, grace: float = 5.0) -> Deferred[None]:
        """Let every connection end; fires when none is left.

        Idle ones are closed now; requests under way are answered as the last of their connection;
        requests that still come are refused as BUSY. After ``grace`` seconds, what is left is
        aborted. Stop listening first: a drained site does not come back.
        """
        self.draining = True
        self._see_if_busy()
        done: Deferred[None] = Deferred()
        self._drained.append(done)
        for channel in list(self._open):
            channel.drain()
        if not self._open:
            self._finish_drain()
        elif self._abort_call is None:
            self._abort_call = self.reactor.callLater(grace, self._abort_all)
        return done

    def _sweep(self) -> None:
        self.now = now = self.reactor.seconds()
        self.date = datetimeToString(self._wall())
        self._sweep_call = self.reactor.callLater(1, self._sweep)
        self._full = False
        for channel in [channel for channel in self._open if channel.deadline <= now]:
            try:
                channel.overdue()
            except Exception:  # noqa: BLE001 (the others have deadlines too)
                self._log.failure("A connection failed at its deadline", Failure())
                channel.abort()

    def _see_if_busy(self) -> None:
        if self.draining:
            self.busy = "The server is stopping."
        elif self._unsent > self.limits.unsent_bytes:
            self.busy = "Too many answers wait for their clients to take them."
        else:
            self.busy = ""

    def _stop_sweeping(self) -> None:
        if self._sweep_call is not None:
            self._sweep_call.cancel()
            self._sweep_call = None

    def _abort_all(self) -> None:
        self._abort_call = None
        for channel in list(self._open):
            channel.abort()

    def _finish_drain(self) -> None:
        if self._abort_call is not None:
            self._abort_call.cancel()
            self._abort_call = None
        drained, self._drained = self._drained, []
        for done in drained:
            done.callback(None)
