"""What the engine does for itself: expiry, old shelves, space, and seeing that writing works.

Correctness never waits for any of it: a reserve passes over what has expired and promotes what
has come due by itself. All of it goes in slices, between other people's batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from mqgate.engine.commits import GroupCommit
from mqgate.engine.errors import StoreUnavailable
from mqgate.engine.planning import Plan, Verb
from mqgate.engine.values import NEVER
from mqgate.engine.verbs import OnQueue
from mqgate.storage.interface import (
    Check,
    EmptyShelves,
    Forget,
    Operation,
    Probe,
    Store,
    Sweep,
    Swept,
)

#: Rows in one slice, and the pause between slices, so that others' batches come in between.
SLICE = 500
PAUSE_SECONDS = 0.01

#: So many messages are swept up at once, in the time of a `SLICE` of others' requests. With 500, a
#: message in batches of 100 costs a sixth more, and a steady load of such leaves sweeping behind.
SWEPT_AT_ONCE = 2000

#: What expires is removed within so many seconds, many at a time.
SWEEP_SECONDS = 0.5

#: How often the rest is looked at.
ROUND_SECONDS = 1.0

#: A removed queue's row stays this long, in milliseconds, for gateways that slept.
TOMBSTONE = 3_600_000

#: How often it is looked, in milliseconds, what somebody else has left: another gateway, or an
#: operator's command.
LOOK = 60_000


class Chore(Verb[Any]):
    """An operation of the engine's own."""

    __slots__ = ("operation", "rows")

    def __init__(self, operation: Operation, rows: int = 1) -> None:
        super().__init__()
        self.operation = operation
        self.rows = rows

    def plan(self, plan: Plan) -> Operation:
        return self.operation

    def settle(self, result: object) -> None:
        self.deferred.callback(result)


class Expire(OnQueue[None]):
    """Remove what has expired of a queue with alerts: that changes its size."""

    __slots__ = ()

    def plan(self, plan: Plan) -> Check:
        queue = plan.draft(self.world).find(self.queue)
        if queue is not None and queue.alerts:
            plan.watch(queue)  # which is all there is to it
        return Check()

    def settle(self, result: object) -> None:
        self.deferred.callback(None)


class Upkeep:
    """The chores of one engine."""

    _log = Logger()

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        now: Callable[[], int],
        commits: GroupCommit,
    ) -> None:
        self._store = store
        self._clock = clock
        self._now = now
        self._commits = commits
        self._next_expiry = NEVER
        self._sweep_call: IDelayedCall | None = None
        self._round_call: IDelayedCall | None = None
        self._shelf_call: IDelayedCall | None = None
        self._shelves_left = self._emptying = self._tidying = False
        self._again: list[Callable[[], None]] = []
        self._forget_at = 0
        self._look_at = now() + LOOK
        self._running = False

    def start(self) -> None:
        """Take up what an earlier run left, and go on from there."""
        self._running = True
        self._sweep()
        self.look_for_shelves()
        self._round_call = self._clock.callLater(ROUND_SECONDS, self._round)

    def stop(self) -> None:
        """Do nothing more; what is at the store already comes to its end."""
        self._running = False
        for call in (self._sweep_call, self._round_call, self._shelf_call):
            if call is not None and call.active():
                call.cancel()
        # With a sweep the time is noted: the next start goes on from it at least.
        self._do(Sweep(SLICE), lambda _: None, SLICE)

    def expects(self, expiry: int) -> None:
        """A message expires then."""
        if expiry < self._next_expiry:
            self._next_expiry = expiry
            if self._running and self._sweep_call is not None:
                self._sweep_call.cancel()
                self._arm_sweep()

    def look_for_shelves(self) -> None:
        """A queue was cleared or deleted: its shelf is to be emptied."""
        self._shelves_left = True
        if self._running and not self._emptying and self._shelf_call is None:
            self._empty_after(PAUSE_SECONDS)

    def do_again(self, call: Callable[[], None]) -> None:
        """Make a call when the database can be used again, at the next round."""
        self._again.append(call)

    # -- expiry

    def _arm_sweep(self) -> None:
        # Never: a timer for each month is enough to keep the wait finite.
        wait = min((self._next_expiry - self._now()) / 1000, 30 * 86_400)
        self._sweep_call = self._clock.callLater(max(wait, SWEEP_SECONDS), self._sweep)

    def _sweep(self) -> None:
        self._sweep_call = None
        self._next_expiry = NEVER
        self._do(Sweep(SWEPT_AT_ONCE), self._swept, SLICE, self._sweep_later)

    def _swept(self, swept: Swept) -> None:
        if swept.next_expires is not None:
            self._next_expiry = min(self._next_expiry, swept.next_expires)
        if swept.left:
            self._expire(swept.left)
        elif swept.removed == SWEPT_AT_ONCE:
            self._sweep_soon()
        else:
            self._arm_sweep()

    def _expire(self, queues: Sequence[tuple[int, str]]) -> None:
        """Queue by queue, and then look for more."""
        expired = [Expire(world, name) for world, name in queues]
        self._have_done(expired, lambda _: self._sweep_soon(), self._sweep_later)

    def _sweep_soon(self) -> None:
        self._sweep_call = self._clock.callLater(PAUSE_SECONDS, self._sweep)

    def _sweep_later(self) -> None:
        self._sweep_call = self._clock.callLater(ROUND_SECONDS, self._sweep)

    # -- shelves

    def _empty_after(self, seconds: float) -> None:
        self._shelf_call = self._clock.callLater(seconds, self._empty_shelves)

    def _empty_shelves(self) -> None:
        self._shelf_call = None
        self._shelves_left = False
        self._emptying = True
        self._do(EmptyShelves(SLICE), self._emptied, SLICE, self._not_emptied)

    def _emptied(self, more: bool) -> None:
        self._emptying = False
        if more or self._shelves_left:
            self._empty_after(PAUSE_SECONDS)

    def _not_emptied(self) -> None:
        self._emptying = False
        self._empty_after(ROUND_SECONDS)

    # -- the rest

    def _round(self) -> None:
        self._round_call = self._clock.callLater(ROUND_SECONDS, self._round)
        self._commits.relieve()
        if self._commits.trouble is not None:
            self._do(Probe(), lambda _: None)
            return
        again, self._again = self._again, []
        for call in again:
            call()
        if self._now() >= self._look_at:
            self._look_at = self._now() + LOOK
            self.look_for_shelves()
            self.expects(self._now())
        if self._now() >= self._forget_at:
            self._forget_at = self._now() + TOMBSTONE
            self._forget()
        if not self._tidying:
            self._tidying = True
            self._store.tidy().addCallbacks(self._tidied, self._not_tidied)

    def _forget(self) -> None:
        self._do(Forget(self._now() - TOMBSTONE, SLICE), self._forgotten, SLICE)

    def _forgotten(self, queues: int) -> None:
        if queues == SLICE:
            self._forget_at = self._now()  # the next round takes the next slice

    def _tidied(self, more: bool) -> None:
        self._tidying = False
        if more and self._running and self._round_call is not None:
            self._round_call.reset(PAUSE_SECONDS * 2)

    def _not_tidied(self, failure: Failure) -> None:
        self._tidying = False
        self._failed(failure)

    def _do(
        self,
        operation: Operation,
        then: Callable[[Any], None],
        rows: int = 1,
        otherwise: Callable[[], None] = lambda: None,
    ) -> None:
        self._have_done([Chore(operation, rows)], lambda results: then(results[0]), otherwise)

    def _have_done(
        self,
        verbs: Sequence[Verb[Any]],
        then: Callable[[list[Any]], None],
        otherwise: Callable[[], None],
    ) -> None:
        def done(results: list[Any]) -> None:
            if self._running:
                then(results)

        def not_done(failure: Failure) -> None:
            failure = failure.value.subFailure  # type: ignore[union-attr]
            if not isinstance(failure.value, StoreUnavailable):  # else the log has it already
                self._failed(failure)
            if self._running:
                otherwise()

        finished = gatherResults([verb.deferred for verb in verbs], consumeErrors=True)
        finished.addCallbacks(done, not_done).addErrback(self._failed)
        for verb in verbs:
            self._commits.enter_again(verb)

    def _failed(self, failure: Failure) -> None:
        self._log.failure("A chore failed and will be tried again", failure)
