"""Reserve: hand messages out, and wait for some where there are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mqgate.engine.errors import StoreUnavailable
from mqgate.engine.planning import Plan
from mqgate.engine.values import Message
from mqgate.engine.verbs import ExpiryNote, OnQueue, message_of
from mqgate.engine.waiting import Lines
from mqgate.storage import interface as store

#: A poll whose try failed with the database looks again after so many milliseconds.
RETRY = 1000

#: Who found something because it was woken wakes so many of the next: where much has come, all are
#: served soon, and few look in vain.
MORE_WOKEN = 2

#: The tags that a reserve asks for which takes any message.
ANY: frozenset[str] = frozenset()


class Reserve(OnQueue[list[Message]]):
    """One reserve, from its first try to its answer.

    Cancelling its Deferred takes it out of its line; what it is handed all the same, because it
    was in a batch just then, goes to ``give_back``.
    """

    __slots__ = (
        "_expiry_note",
        "_found_nothing",
        "_give_back",
        "_lines",
        "_memory",
        "_number",
        "_timer",
        "arrival",
        "gone",
        "lease",
        "n",
        "now",
        "parked",
        "patient",
        "remove",
        "rows",
        "tags",
        "woken",
    )

    def __init__(
        self,
        world: int,
        queue: str,
        n: int,
        lease: int | None,
        remove: bool,
        lines: Lines[Reserve],
        give_back: Callable[[Reserve, list[Message]], None],
        expiry_note: ExpiryNote,
    ) -> None:
        super().__init__(world, queue)
        self.deferred = Deferred(self._cancelled)
        self.n = self.rows = n
        # What is removed at once has no reservation, and goes back as it was.
        self.lease = None if remove else lease
        self.remove = remove
        self.arrival = lines.next_arrival()
        self.tags = ANY
        self._lines = lines
        self._give_back = give_back
        self._expiry_note = expiry_note
        self._timer: IDelayedCall | None = None
        #: Whether it may still be parked; whether it is; whether nobody wants its answer.
        self.patient = self.parked = self.gone = False
        self._found_nothing = False
        #: Whether it looks because something came, nobody knows how much: there may be more.
        self.woken = False

    def wait_for(self, wait: int, clock: IReactorTime) -> None:
        """Wait so many milliseconds, from now, for something to be handed out."""
        self.patient = True
        self._timer = clock.callLater(wait / 1000, self._out_of_time)

    def plan(self, plan: Plan) -> store.Operation | None:
        if self.gone:
            return None
        self.now = plan.now
        queue = plan.draft(self.world).find(self.queue)
        if queue is None:
            return store.Check()
        self._number = queue.number
        return self._operation(plan, queue)

    def _operation(self, plan: Plan, queue: store.QueueRow) -> store.Operation:
        self._memory = plan.memory(queue) if self.remove else None
        if self.remove and queue.alerts:
            plan.watch(queue)
        return store.Reserve(
            self.world,
            queue.shelf,
            self.n,
            plan.answer_bytes,
            self.lease,
            self.remove,
            self._memory,
            plan.policy(queue).keeps_place,
        )

    def settle(self, result: Any) -> None:
        rows, next_due = result or ((), None)
        if not rows:
            self._empty_handed(next_due)
            return
        if not self.remove:
            self._note_due(min(row.due for row in rows))
        elif self._memory:
            self._expiry_note(self.now + self._memory.time)
        if self.woken:
            self._lines.wake(self.key, MORE_WOKEN, tags=self.tags)
        messages = [message_of(row, self._number, self.now) for row in rows]
        if self.gone:
            self._give_back(self, messages)
        else:
            self._answer(messages)

    def _note_due(self, due: int) -> None:
        self._lines.note_due(self.key, due)

    def fail(self, error: Exception) -> None:
        if self.gone:
            return
        if self._found_nothing and self._lines.draining:
            self.give_up()
        elif self._found_nothing and self.patient and isinstance(error, StoreUnavailable):
            # Called for a post that then came to nothing: it goes on waiting.
            self._lines.park(self, self.now + RETRY)
        else:
            self._stop_timer()
            super().fail(error)

    def give_up(self) -> None:
        """Answer with nothing."""
        self.patient = False
        self._answer([])

    def _empty_handed(self, next_due: int | None) -> None:
        if self.gone:
            return
        if self.patient and not self._lines.draining:
            self._found_nothing = True
            self.woken = False
            self._lines.park(self, next_due)
        else:
            self._answer([])

    def _answer(self, messages: list[Message]) -> None:
        self._stop_timer()
        self.deferred.callback(messages)

    def _out_of_time(self) -> None:
        self._timer = None
        self.patient = False
        if self.parked:
            self._lines.leave(self)
            self.give_up()
        # else it is in a batch, whose answer is the last one

    def _cancelled(self, deferred: Deferred[list[Message]]) -> None:
        self.gone = True
        self._stop_timer()
        if self.parked:
            self._lines.leave(self)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
