"""Where the database's calls are made: in a thread of their own, or on the spot."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

T = TypeVar("T")


class Runner(Protocol):
    """Makes calls one after the other, in the order in which they were asked for."""

    @property
    def reactor(self) -> IReactorFromThreads | None:
        """In whose thread results are told; None: they are there when a call returns."""

    def start(self) -> None:
        """Get ready to make calls."""

    def call(self, function: Callable[[], T]) -> Deferred[T]:
        """Make a call; fires with its result or its exception."""

    def stop(self) -> None:
        """Return once all calls asked for are made. Blocking."""


class Inline:
    """Makes each call at once, in the caller's thread: for tests and for tools."""

    reactor = None

    def start(self) -> None:
        """Nothing to get ready."""

    def call(self, function: Callable[[], T]) -> Deferred[T]:
        return maybeDeferred(function)

    def stop(self) -> None:
        """Nothing is ever under way."""


class CallThread:
    """One thread makes all calls; their results come back into the reactor's.

    A pool (adbapi) would commit once per operation; a commit in the reactor's thread would stop
    every connection for the length of an fsync.
    """

    def __init__(self, reactor: IReactorFromThreads, name: str = "mqgate-store") -> None:
        self.reactor = reactor
        self._name = name
        self._calls: SimpleQueue[tuple[Callable[[], Any], Deferred[Any]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        # A daemon, so that a start that fails half-way still ends the process.
        self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], T]) -> Deferred[T]:
        deferred: Deferred[T] = Deferred()
        self._calls.put((function, deferred))
        return deferred

    def stop(self) -> None:
        if self._thread is not None:
            self._calls.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (asked := self._calls.get()) is not None:
            function, deferred = asked
            try:
                result = function()
            except Exception:  # noqa: BLE001 - it is the caller's to handle, in its own thread
                self.reactor.callFromThread(deferred.errback, Failure())
            else:
                self.reactor.callFromThread(deferred.callback, result)
