"""The other gateways on the same database: what is heard of them, and what is seen.

What they announce wakes who waits here. It may get lost, and a gateway may die with what it had to
do: so once a second it is looked what there is for those who wait, and what is overdue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from mqgate.engine.commits import GroupCommit
from mqgate.engine.errors import StoreUnavailable
from mqgate.engine.planning import Plan, Verb
from mqgate.engine.reserving import Reserve
from mqgate.engine.upkeep import PAUSE_SECONDS, Chore
from mqgate.engine.waiting import LineKey, Lines, place_of
from mqgate.storage.interface import Check, Look, Review, Reviewed, Store

#: How often it is looked, and at how many queues at a time.
LOOK_SECONDS = 1.0
SLICE = 200
#: What should have been done so many milliseconds ago, whoever was to do it will not do.
OVERDUE = 1000


class LookFor(Verb[None]):
    """See what there is for those who wait in some lines."""

    __slots__ = ("_found", "_keys", "_lines", "_now", "rows")

    def __init__(self, keys: Sequence[LineKey], lines: Lines[Reserve]) -> None:
        super().__init__()
        self.rows = len(keys)
        self._keys = keys
        self._lines = lines

    def plan(self, plan: Plan) -> Look | Check:
        self._now, self._found = plan.now, []
        wanted = []
        for key in self._keys:
            world, queue, in_order = place_of(key)
            row = plan.draft(world).find(queue)
            if row is not None:
                self._found.append(key)
                wanted.append((world, row.shelf, in_order))
        return Look(tuple(wanted)) if wanted else Check()

    def settle(self, result: Any) -> None:
        for key, due in zip(self._found, result or (), strict=True):
            if due is None:
                continue
            if due <= self._now:
                self._lines.wake(key)
            else:
                self._lines.note_due(key, due)
        self.deferred.callback(None)


class Neighbours:
    """Implements `mqgate.storage.interface.Peers` for one engine."""

    _log = Logger()

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        commits: GroupCommit,
        lines: Lines[Reserve],
        expects: Callable[[int], None],
        expects_push: Callable[[int], None],
        follow: Callable[[int], None],
    ) -> None:
        """Told when something expires and is to be pushed, and what the database's clock says."""
        self._store = store
        self._clock = clock
        self._commits = commits
        self._lines = lines
        self._expects = expects
        self._expects_push = expects_push
        self._follow = follow
        self._call: IDelayedCall | None = None
        #: The lines that are still to be looked at in this round; whether another one is to follow.
        self._left: list[LineKey] = []
        self._looking = self._again = False
        self._running = False

    def start(self) -> None:
        """Hear of them from now on, and look."""
        self._running = True
        self._store.attend(self)
        if self._store.shared:
            self._look_after(LOOK_SECONDS)

    def stop(self) -> None:
        """Look no more."""
        self._running = False
        if self._call is not None:
            self._call.cancel()
            self._call = None

    # -- hearing

    def readied(self, queues: Sequence[LineKey] | None) -> None:
        """Have somebody who waits there look, or see at once where there is something."""
        if not self._running:
            return
        if queues is None:
            self._again = self._looking
            if not self._looking:
                self._look_after(0)
            return
        for key in queues:
            self._lines.hear(key)

    def ahead(self, milliseconds: int) -> None:
        """The database's clock has been compared with this machine's."""
        self._follow(milliseconds)

    # -- looking

    def _look_after(self, seconds: float) -> None:
        if self._call is not None:
            self._call.cancel()
        self._call = self._clock.callLater(seconds, self._round)

    def _round(self) -> None:
        self._looking, self._again = True, False
        self._left = self._lines.keys()
        review = Chore(Review(OVERDUE))
        review.deferred.addCallback(self._reviewed).addErrback(self._failed)
        self._commits.enter_again(review)
        self._look()

    def _reviewed(self, found: Reviewed) -> None:
        if not self._running:
            return
        if found.next_expires is not None:
            self._expects(found.next_expires)
        if found.pushes_overdue:
            self._expects_push(0)

    def _look(self) -> None:
        self._call = None
        keys, self._left = self._left[:SLICE], self._left[SLICE:]
        if keys:
            look = LookFor(keys, self._lines)
            look.deferred.addCallbacks(self._looked, self._not_looked).addErrback(self._failed)
            self._commits.enter_again(look)
        else:
            self._rest()

    def _looked(self, _: None) -> None:
        if not self._running:
            return
        if self._left:
            self._call = self._clock.callLater(PAUSE_SECONDS, self._look)
        else:
            self._rest()

    def _not_looked(self, failure: Failure) -> None:
        if self._running:
            self._rest()
        self._failed(failure)

    def _rest(self) -> None:
        self._looking = False
        self._look_after(0 if self._again else LOOK_SECONDS)

    def _failed(self, failure: Failure) -> None:
        if not isinstance(failure.value, StoreUnavailable):  # else the log has it already
            self._log.failure("Looking for what other gateways have left failed", failure)
