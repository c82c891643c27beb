"""An engine of the command's own, driven by hand, beside the server's.

What it does is what the server's does, with the same verbs: the server notices by the catalogue's
version and plans again. Its clock stands still but for the turns that are made here; its store
answers on the spot.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from mqgate.engine.engine import Engine
from mqgate.engine.errors import (
    EngineError,
    NoRoom,
    OperationFailed,
    Overloaded,
    StoreUnavailable,
)
from mqgate.engine.ids import AHEAD
from mqgate.engine.time import SteadyTime
from mqgate.engine.values import Policy
from mqgate.operator.errors import CommandError
from mqgate.operator.signals import Signals
from mqgate.storage.interface import Batch, EmptyShelves, Opened, Store, StoreError, Unavailable

#: Something asked of the engine.
Ask: TypeAlias = Callable[[Engine], Deferred[Any]]

#: How long a busy server is waited for; SQLite itself waits five seconds at each try.
PATIENCE_SECONDS = 60.0
#: Between two tries.
RETRY_SECONDS = 0.2
#: Messages removed in one transaction.
SLICE = 500
#: After each transaction of many, the server has the database for as long as that took, within
#: these bounds: else its clients would wait until all of it is done.
SHORTEST_REST, LONGEST_REST = 0.01, 0.25


@attrs.frozen
class Times:
    """The clocks of the world around."""

    #: Seconds since 1970.
    wall: Callable[[], float]
    #: Seconds that never run backwards.
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]


@implementer(ILogObserver)
class _Fault:
    """What the engine logged last of an operation that could not be done."""

    why = "nobody knows why"

    def __call__(self, event: LogEvent) -> None:
        failure = event.get("log_failure")
        if failure is not None:
            self.why = failure.getErrorMessage()


class Worker:
    """Changes the database; used in a ``with`` statement. Raises `StoreError` at the start."""

    def __init__(
        self,
        store: Store,
        policies: Mapping[str, Policy],
        times: Times,
        signals: Signals,
    ) -> None:
        self._store = store
        self._times = times
        self._signals = signals
        self._clock = Clock()
        opened = self._open()
        self._now = SteadyTime(times.wall, times.monotonic, opened.high, AHEAD, ahead=opened.ahead)
        self._engine = Engine(self._store, self._clock, self._now, policies, opened=opened)

        self._fault = _Fault()

    def __enter__(self) -> Worker:
        globalLogPublisher.addObserver(self._fault)
        return self

    def __exit__(self, *_: object) -> None:
        globalLogPublisher.removeObserver(self._fault)
        self._store.close()

    def _open(self) -> Opened:
        """Open the store, which writes: wait for a database that is busy."""
        deadline = self._times.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._store.open()
            except StoreError as error:
                code = getattr(error.__cause__, "sqlite_errorcode", None)
                if code != sqlite3.SQLITE_BUSY or self._times.monotonic() >= deadline:
                    raise
            self._signals.heed()
            self._times.sleep(RETRY_SECONDS)

    def do(self, *asks: Ask) -> list[Any]:
        """Do it all, in one transaction if it is not too much for one; the results in order.

        Waits for a database that is busy. Raises `CommandError` if it stays so, if there is no
        room, or for what cannot be done by any means.
        """
        results: dict[int, Any] = {}
        deadline = self._times.monotonic() + PATIENCE_SECONDS
        while len(results) < len(asks):
            missing = [index for index in range(len(asks)) if index not in results]
            outcomes = self._ask([asks[index] for index in missing])
            failures = [each for each in outcomes if isinstance(each, Failure)]
            results |= {
                index: outcome
                for index, outcome in zip(missing, outcomes, strict=True)
                if not isinstance(outcome, Failure)
            }
            for failure in failures:
                self._check_passing(failure, deadline)
            if failures:
                self._times.sleep(RETRY_SECONDS)
        return [results[index] for index in range(len(asks))]

    def _ask(self, asks: list[Ask]) -> list[Any]:
        """The result or the failure of each."""
        outcomes: list[Any] = [None] * len(asks)
        settled = 0

        def settle(outcome: object, index: int) -> None:
            nonlocal settled
            outcomes[index] = outcome
            settled += 1

        for index, ask in enumerate(asks):
            ask(self._engine).addBoth(settle, index)
        while settled < len(asks):
            assert self._clock.getDelayedCalls(), "the engine waits for nothing"
            self._clock.advance(0)
        return outcomes

    def _check_passing(self, failure: Failure, deadline: float) -> None:
        """Return if it is worth another try; raises `CommandError` otherwise."""
        error = failure.value
        if not isinstance(error, EngineError):
            failure.raiseException()
        if isinstance(error, OperationFailed):  # its text sends people to a server's log
            raise CommandError(f"this could not be done: {self._fault.why}")
        if not isinstance(error, StoreUnavailable) or isinstance(error, NoRoom | Overloaded):
            raise CommandError(str(error))
        self._signals.heed()
        if self._times.monotonic() >= deadline:
            trouble = self._engine.trouble()
            raise CommandError(f"{error} ({trouble})" if trouble else str(error))

    def empty_shelves(self, progress: Callable[[int], None]) -> None:
        """Remove the messages of cleared and deleted queues, which the server would do later.

        Can be left at any time. ``progress`` is told how many are gone, about.
        """
        slices = 0
        while True:
            began = self._times.monotonic()
            with self._signals.step():
                batch = Batch(self._now(), (), (), (EmptyShelves(SLICE),), 0)
                outcome: list[Any] = []
                self._store.run(batch).addBoth(outcome.append)
            if outcome[0] == [False]:
                return
            if outcome[0] == [True]:
                slices += 1
            elif isinstance(outcome[0], Failure) and not outcome[0].check(Unavailable):
                outcome[0].raiseException()
            # Else it could not be done now; or the slot was taken over, and the store has another.
            progress(slices * SLICE)
            self.rest(began)

    def rest(self, began: float) -> None:
        """Leave the database to the server for as long as it was used, since ``began``."""
        used = self._times.monotonic() - began
        self._times.sleep(min(max(used, SHORTEST_REST), LONGEST_REST))
