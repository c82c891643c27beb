"""What a group's consumers do: consume, acknowledge, and go away before they are answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mqgate.engine.groups.publishing import GroupOf, OnReceipts
from mqgate.engine.groups.receipts import Receipt
from mqgate.engine.planning import Plan
from mqgate.engine.reserving import Reserve
from mqgate.engine.values import Message
from mqgate.engine.verbs import ExpiryNote, OnQueue
from mqgate.engine.waiting import Lines, in_order
from mqgate.storage import interface as store

#: Told that messages of a group's queue are dead letters at an instant, unless acknowledged.
LastNote = Callable[[int, str, int], None]


#: Told the shelf on which a group's queue was found by a poll.
ShelfNote = Callable[[GroupOf, int], None]


class Consume(Reserve):
    """One reserve from a group's queue, or from a topic's half messages."""

    __slots__ = ("_last_note", "_maximum", "ordered")

    def __init__(
        self,
        world: int,
        queue: str,
        n: int,
        lease: int,
        tags: frozenset[str],
        ordered: bool,
        lines: Lines[Reserve],
        give_back: Callable[[Reserve, list[Message]], None],
        expiry_note: ExpiryNote,
        last_note: LastNote,
    ) -> None:
        super().__init__(world, queue, n, lease, False, lines, give_back, expiry_note)
        self.tags = tags
        self.ordered = ordered
        if ordered:
            self.key = in_order(self.key)
        self._last_note = last_note
        #: Half messages are handed out as often as it takes.
        self._maximum = 0

    def _operation(self, plan: Plan, queue: store.QueueRow) -> store.Consume:
        return store.Consume(
            self.world,
            queue.shelf,
            self.n,
            plan.answer_bytes,
            self.lease or 0,
            tuple(sorted(self.tags)),
            self.ordered,
            self._maximum,
        )

    def settle(self, result: Any) -> None:
        if result is None:
            super().settle(None)
            return
        rows, next_due, exhausted = result
        if exhausted:
            self._last_note(self.world, self.queue, self.now)
        last = [row.due for row in rows if self._maximum and row.times >= self._maximum]
        if last:
            self._last_note(self.world, self.queue, min(last))
        super().settle((rows, next_due))

    def _note_due(self, due: int) -> None:
        # Of what lapses, those may be glad who wait in the group's other line.
        key = (self.world, self.queue)
        self._lines.note_due(key, due)
        self._lines.note_due(in_order(key), due)


class ConsumeFromGroup(Consume):
    """The same, of a group that has to be there, or is made."""

    __slots__ = ("_shelf", "_shelf_note", "group")

    def __init__(self, group: GroupOf, shelf_note: ShelfNote, *arguments: Any) -> None:
        super().__init__(group.world, group.queue, *arguments)
        self.group = group
        self._shelf_note = shelf_note

    def plan(self, plan: Plan) -> store.Operation | None:
        if not self.gone:
            self.group.rows(plan)
        return super().plan(plan)

    def _operation(self, plan: Plan, queue: store.QueueRow) -> store.Consume:
        self._maximum = plan.policy(queue).maximum
        self._shelf = queue.shelf
        return super()._operation(plan, queue)

    def settle(self, result: Any) -> None:
        if result is not None:
            self._shelf_note(self.group, self._shelf)
        super().settle(result)


class Acknowledge(OnReceipts):
    """Remove what a consumer has done with."""

    __slots__ = ("queue", "world")

    def __init__(self, world: int, queue: str, receipts: Sequence[Receipt | None]) -> None:
        super().__init__(receipts)
        self.world = world
        self.queue = queue

    def plan(self, plan: Plan) -> store.Acknowledge | store.Check:
        queue = plan.draft(self.world).find(self.queue)
        held = self._in_time(plan.now)
        if queue is None or not held:
            return store.Check()
        # Each may be the one that its key's next messages wait for.
        plan.readied[in_order((self.world, self.queue))] += len(held)
        return store.Acknowledge(self.world, queue.shelf, held)

    def settle(self, result: Any) -> None:
        self._answer(result or (False,) * len(self.receipts))


class Return(OnQueue[None]):
    """Undo deliveries whose client went before its answer was written: place and count kept."""

    __slots__ = ("deliveries", "rows")

    def __init__(self, world: int, queue: str, deliveries: Sequence[store.Delivered]) -> None:
        super().__init__(world, queue)
        self.deliveries = tuple(deliveries)
        self.rows = len(self.deliveries)

    def plan(self, plan: Plan) -> store.Return:
        queue = plan.queue(self.world, self.queue)
        for key in (self.key, in_order(self.key)):
            plan.readied[key] += len(self.deliveries)
        return store.Return(self.world, queue.shelf, self.deliveries)

    def settle(self, result: object) -> None:
        self.deferred.callback(None)
