"""Publish to an exchange, and take messages off queues that exchanges fill."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from mqgate.engine.alarms import messages_at_most
from mqgate.engine.catalogue import Catalogue, Draft
from mqgate.engine.errors import (
    BindingNotFound,
    ExchangeNotFound,
    QueueNotFound,
    ReservedName,
    TopicsFull,
    Unroutable,
)
from mqgate.engine.exchanges import ROUTES
from mqgate.engine.patterns import STEPS_AT_MOST, Steps
from mqgate.engine.planning import Plan, Verb
from mqgate.engine.topic_values import Value
from mqgate.engine.values import (
    DEFAULT_EXCHANGE,
    NEVER,
    TOPIC,
    Message,
    NewMessage,
    Taken,
    Wiring,
    is_reserved,
)
from mqgate.engine.verbs import DueNote, ExpiryNote, OnQueue, PushNote, message_of, new_row
from mqgate.storage import interface as store
from mqgate.storage.interface import QueueRow


def check_wiring(draft: Draft, wiring: Wiring) -> bool:
    """Whether all of it is there; raises `EngineError` if what is missing may not be made."""
    plain = wiring.exchange != DEFAULT_EXCHANGE
    exchange_there = not plain or draft.wiring.type_of(wiring.exchange) is not None
    queue = draft.find(wiring.queue)
    if not exchange_there:
        if not wiring.may_declare:
            raise ExchangeNotFound(f"there is no exchange {wiring.exchange!r}")
        if is_reserved(wiring.exchange):
            raise ReservedName("exchange", wiring.exchange)
    if queue is None:
        if not wiring.may_declare:
            raise QueueNotFound(f"there is no queue {wiring.queue!r}")
        if is_reserved(wiring.queue):
            raise ReservedName("queue", wiring.queue)
    bound = not plain or (
        queue is not None and draft.wiring.is_bound(wiring.exchange, queue.number, wiring.key)
    )
    if not bound and not wiring.may_bind:
        raise not_bound(wiring.exchange, wiring.queue, wiring.key)
    return exchange_there and queue is not None and bound


def not_bound(exchange: str, queue: str, key: str) -> BindingNotFound:
    """The error for a binding that is not there."""
    return BindingNotFound(f"queue {queue!r} is not bound to exchange {exchange!r} with {key!r}")


def wire(plan: Plan, world: int, wiring: Wiring) -> None:
    """Make what is missing; `check_wiring` has found no fault."""
    draft = plan.draft(world)
    queue = plan.make_queue(world, wiring.queue, wiring.policy, {})
    if wiring.exchange == DEFAULT_EXCHANGE:
        return
    if draft.wiring.type_of(wiring.exchange) is None:
        draft.wiring.make(wiring.exchange, TOPIC)
    draft.wiring.bind(wiring.exchange, queue.number, wiring.key)


class Publish(Verb[int]):
    """Put a message on every queue that its keys lead to."""

    __slots__ = (
        "_catalogue",
        "_due",
        "_due_note",
        "_expires",
        "_expiry_note",
        "_push_at",
        "_push_note",
        "_reached",
        "_rows",
        "exchange",
        "keys",
        "mandatory",
        "message",
        "rows",
        "size",
        "value",
        "wiring",
        "world",
    )

    def __init__(
        self,
        world: int,
        exchange: str,
        keys: Sequence[str],
        message: NewMessage,
        wiring: Wiring | None,
        mandatory: bool,
        value: Value | None,
        catalogue: Catalogue,
        due_note: DueNote,
        expiry_note: ExpiryNote,
        push_note: PushNote,
    ) -> None:
        super().__init__()
        self.world = world
        self.exchange = exchange
        self.keys = tuple(dict.fromkeys(keys))
        self.message = message
        self.wiring = wiring
        self.mandatory = mandatory
        #: What a topic is to have of it.
        self.value = value
        self._catalogue = catalogue
        # What it comes to is known when it is planned, which is too late to keep a batch small:
        # the exchange's last publish tells.
        self.rows = catalogue.world(world).exchanges.reach.get(exchange, 1)
        self.size = len(message.body) + len(message.props or b"") + sum(map(len, keys))
        self._due_note = due_note
        self._expiry_note = expiry_note
        self._push_note = push_note
        self._push_at = 0

    def plan(self, plan: Plan) -> store.Operation:
        plan.need_room()
        draft = plan.draft(self.world)
        wiring = self.wiring
        complete = True
        if wiring is not None:
            complete = check_wiring(draft, wiring)
        elif self.exchange != DEFAULT_EXCHANGE and draft.wiring.type_of(self.exchange) is None:
            raise ExchangeNotFound(f"there is no exchange {self.exchange!r}")
        # Before anything is made, because this may be refused.
        if self.mandatory or not complete:
            plan.steps.allow(STEPS_AT_MOST)
            leads = self._leads_somewhere(draft, plan.steps)
            if self.mandatory and not leads:
                raise Unroutable("no queue is bound to the exchange with a key that matches")
        if wiring is not None:
            wire(plan, self.world, wiring)
        plan.steps.allow(STEPS_AT_MOST)
        queues = self._queues(draft, plan.steps)
        plan.steps.taken += len(queues)
        self._reached = [queue.name for queue in queues]
        if not self.message.delay:
            plan.readied.update((self.world, name) for name in self._reached)
        operation = self._operation(plan, queues)
        self._rows = sum(1 + messages_at_most(queue, draft.find) for queue in queues)
        return operation if self.value is None else self.value.operation(operation)

    def _queues(self, draft: Draft, steps: Steps) -> list[QueueRow]:
        """The queues that the keys lead to, each once."""
        if self.exchange != DEFAULT_EXCHANGE:
            return draft.wiring.route(self.exchange, self.keys, steps)
        found = (draft.find(key) for key in self.keys)
        return [queue for queue in found if queue is not None]

    def _leads_somewhere(self, draft: Draft, steps: Steps) -> bool:
        """Whether a queue will be reached, once the wiring is made. Raises `TooManyPatterns`."""
        there, wiring = bool(self._queues(draft, steps)), self.wiring
        if wiring is None:
            return there
        if self.exchange == DEFAULT_EXCHANGE:
            return there or wiring.queue in self.keys
        routes = ROUTES[draft.wiring.type_of(self.exchange) or TOPIC]()
        routes.bind(0, wiring.key)
        return bool(routes.lead(self.keys, (), steps)) or there

    def _operation(self, plan: Plan, queues: Sequence[QueueRow]) -> store.Operation:
        if not queues:
            self._due, self._expires = 0, NEVER
            return store.Check()
        for queue in queues:
            if queue.alerts:
                plan.watch(queue)
        ids = plan.new_ids(len(queues))
        rows = [
            new_row(id_, self.message, plan.now, plan.limit(queue))
            for id_, queue in zip(ids, queues, strict=True)
        ]
        self._due = rows[0].due
        self._expires = min(row.expires for row in rows)
        if len(rows) == 1:  # the same as a post, and as quick
            row, pushes = self._pushed(plan, queues[0], rows[0])
            return store.Post(self.world, queues[0].shelf, (row,), pushes)
        copies = (
            store.Copy(queue.shelf, *self._pushed(plan, queue, row))
            for queue, row in zip(queues, rows, strict=True)
        )
        return store.Publish(self.world, tuple(copies))

    def _pushed(
        self, plan: Plan, queue: QueueRow, row: store.PostRow
    ) -> tuple[store.PostRow, tuple[store.PushRow, ...]]:
        """A copy as its queue has it, with its deliveries if it pushes."""
        (row,), pushes = plan.spread(queue, [row])
        if pushes:
            self._push_at = min(entry.next_at for entry in pushes)
        return row, pushes

    def settle(self, result: object) -> None:
        if self.value is not None:
            try:
                self.value.settle(result)
            except TopicsFull as error:
                self.fail(error)
                return
        reached = len(self._reached)
        self._catalogue.world(self.world).exchanges.reach[self.exchange] = max(self._rows, 1)
        self._expiry_note(self._expires)
        if self._due:
            for name in self._reached:
                self._due_note((self.world, name), self._due)
        if self._push_at:
            self._push_note(self._push_at)
        self.deferred.callback(reached)


class Take(OnQueue[Taken | None]):
    """Hand the next message out for good.

    Cancelling its Deferred has what it is handed all the same go to ``give_back``.
    """

    __slots__ = ("_expiry_note", "_give_back", "_memory", "_now", "_number", "gone", "wiring")

    def __init__(
        self,
        world: int,
        queue: str,
        wiring: Wiring | None,
        give_back: Callable[[Take, Message], None],
        expiry_note: ExpiryNote,
    ) -> None:
        super().__init__(world, queue)
        self.deferred = Deferred(self._cancelled)
        self.wiring = wiring
        self.gone = False
        self._give_back = give_back
        self._expiry_note = expiry_note

    def plan(self, plan: Plan) -> store.Take | None:
        if self.gone:
            return None
        if self.wiring is not None:
            if not check_wiring(plan.draft(self.world), self.wiring):
                plan.need_room()
            wire(plan, self.world, self.wiring)
        queue = plan.queue(self.world, self.queue)
        self._now, self._number = plan.now, queue.number
        self._memory = plan.memory(queue)
        if queue.alerts:
            plan.watch(queue)
        return store.Take(self.world, queue.shelf, self._memory, plan.policy(queue).keeps_place)

    def settle(self, result: Any) -> None:
        row, left = result
        if row is None:
            if not self.gone:
                self.deferred.callback(None)
            return
        if self._memory:
            self._expiry_note(self._now + self._memory.time)
        message = message_of(row, self._number, self._now)
        if self.gone:
            self._give_back(self, message)
        else:
            self.deferred.callback(Taken(message, left))

    def fail(self, error: Exception) -> None:
        if not self.gone:
            super().fail(error)

    def _cancelled(self, deferred: Deferred[Taken | None]) -> None:
        self.gone = True
