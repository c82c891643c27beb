"""What can be asked of the engine, one class for each verb on messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mqgate.engine.errors import MessageNotFound
from mqgate.engine.planning import Plan, Verb
from mqgate.engine.values import DELAYED, NEVER, READY, RESERVED, Message, NewMessage
from mqgate.storage import interface as store
from mqgate.storage.interface import INSTANT_SHIFT, Memory, MessageRow, PostRow

T = TypeVar("T")

#: Told (world, queue, instant) when a held message becomes ready, and the instant of an expiry.
DueNote = Callable[[tuple[int, str], int], None]
ExpiryNote = Callable[[int], None]
#: Told the instant at which something is to be pushed.
PushNote = Callable[[int], None]


def message_of(row: MessageRow, queue: int, now: int) -> Message:
    """A stored row as the engine's users see it: what has come due is ready already."""
    # Unpacked at once: to look at the fields by their names takes as long again.
    id_, state, pos, due, expires, timeout, lease, times, first_at, _, origin, props, data = row
    if state in (RESERVED, DELAYED) and due <= now:
        state = READY
    if state != RESERVED:
        lease = timeout
    return Message(
        id_, data, props, state, times, timeout, lease, pos, expires, first_at, origin, queue
    )


class OnQueue(Verb[T]):
    """A verb on one queue."""

    __slots__ = ("key", "queue", "world")

    def __init__(self, world: int, queue: str) -> None:
        super().__init__()
        self.world = world
        self.queue = queue
        self.key = (world, queue)


class Post(OnQueue[list[int]]):
    """Put messages on a queue, making it where it is missing."""

    __slots__ = (
        "_due",
        "_due_note",
        "_expires",
        "_expiry_note",
        "_ids",
        "_push_at",
        "_push_note",
        "messages",
        "policy",
        "rows",
        "size",
        "tells_errors",
        "via",
    )

    def __init__(
        self,
        world: int,
        queue: str,
        messages: Sequence[NewMessage],
        policy: str,
        due_note: DueNote,
        expiry_note: ExpiryNote,
        push_note: PushNote,
        via: Callable[[], str] = str,
        tells_errors: bool = True,
    ) -> None:
        super().__init__(world, queue)
        self.messages = messages
        self.policy = policy
        self.rows = len(messages)
        self.size = sum(len(message.body) + len(message.props or b"") for message in messages)
        self._due_note = due_note
        self._expiry_note = expiry_note
        self._push_note = push_note
        self._push_at = 0
        #: Tells how they came, for whoever pushes them.
        self.via = via
        #: Whether an error queue hears if they cannot be pushed.
        self.tells_errors = tells_errors

    def plan(self, plan: Plan) -> store.Post:
        plan.need_room()
        queue = plan.make_queue(self.world, self.queue, self.policy, {})
        latest = plan.limit(queue)
        ids = plan.new_ids(len(self.messages))
        rows = [
            new_row(id_, message, plan.now, latest)
            for id_, message in zip(ids, self.messages, strict=True)
        ]
        self._ids = ids
        self._expires = min([row.expires for row in rows])
        pushes: tuple[store.PushRow, ...] = ()
        if queue.settings:
            rows, pushes = plan.spread(queue, rows, self.via, self.tells_errors)
            self._push_at = min((entry.next_at for entry in pushes), default=0)
        delayed = [row.due for row in rows if row.due]
        self._due = min(delayed, default=0)
        if not pushes:
            plan.readied[self.key] += len(rows) - len(delayed)
        if queue.alerts:
            plan.watch(queue)
        return store.Post(self.world, queue.shelf, tuple(rows), pushes)

    def settle(self, result: object) -> None:
        self._expiry_note(self._expires)
        if self._due:
            self._due_note(self.key, self._due)
        if self._push_at:
            self._push_note(self._push_at)
        self.deferred.callback(self._ids)


def new_row(id_: int, message: NewMessage, now: int, latest: int) -> PostRow:
    """What is stored of a message that is gone at ``latest`` at the latest."""
    delay, expires_in = message.delay, message.expires_in
    expires = latest
    if expires_in is not None and now + expires_in < latest:
        expires = now + expires_in
    state, pos, due = READY, id_, 0
    if delay:
        # A delayed message lines up by the moment it becomes available, and those of one moment
        # by their ids.
        state, pos, due = DELAYED, id_ + (delay << INSTANT_SHIFT), now + delay
    return tuple.__new__(  # a third of the time of a call with its fields
        PostRow, (id_, state, pos, due, expires, message.timeout, message.props, message.body)
    )


class Delete(OnQueue[frozenset[int]]):
    """Delete messages by id: those that were there."""

    __slots__ = ("_expires", "_expiry_note", "ids", "rows", "size")

    def __init__(self, world: int, queue: str, ids: Sequence[int], expiry_note: ExpiryNote) -> None:
        super().__init__(world, queue)
        self.ids = tuple(ids)
        self.rows = len(self.ids)
        self.size = 8 * self.rows
        self._expiry_note = expiry_note

    def plan(self, plan: Plan) -> store.Delete | store.DeletePushed:
        queue = plan.queue(self.world, self.queue)
        memory = plan.memory(queue)
        self._expires = plan.now + memory.time if memory else NEVER
        if queue.alerts:
            plan.watch(queue)
        if plan.may_have_pushed(queue):
            return store.DeletePushed(
                self.world, queue.shelf, self.ids, memory or Memory(queue.number, 0)
            )
        return store.Delete(self.world, queue.shelf, self.ids, memory)

    def settle(self, result: Any) -> None:
        self._expiry_note(self._expires)
        self.deferred.callback(frozenset(result))


class Touch(OnQueue[None]):
    """Restart a reservation's clock."""

    __slots__ = ("_due_note", "id")

    def __init__(self, world: int, queue: str, id_: int, due_note: DueNote) -> None:
        super().__init__(world, queue)
        self.id = id_
        self._due_note = due_note

    def plan(self, plan: Plan) -> store.Touch:
        return store.Touch(self.world, plan.queue(self.world, self.queue).shelf, self.id)

    def settle(self, result: Any) -> None:
        if result:  # sooner than before, perhaps: the get may have asked for more
            self._due_note(self.key, result)
        _settle_found(self, self.id, found=result is not None)


class Release(OnQueue[None]):
    """Put a message back: now, or after a delay."""

    __slots__ = ("_due", "_due_note", "delay", "id")

    def __init__(self, world: int, queue: str, id_: int, delay: int, due_note: DueNote) -> None:
        super().__init__(world, queue)
        self.id = id_
        self.delay = delay
        self._due_note = due_note

    def plan(self, plan: Plan) -> store.Release:
        queue = plan.queue(self.world, self.queue)
        self._due = plan.now + self.delay if self.delay else 0
        pos = plan.new_id() + (self.delay << INSTANT_SHIFT)
        in_place = plan.policy(queue).keeps_place
        if not self.delay:
            plan.readied[self.key] += 1
        return store.Release(self.world, queue.shelf, self.id, self._due, pos, in_place)

    def settle(self, result: object) -> None:
        if result and self._due:
            self._due_note(self.key, self._due)
        _settle_found(self, self.id, found=bool(result))


def _settle_found(verb: Verb[None], id_: int, *, found: bool) -> None:
    if found:
        verb.deferred.callback(None)
    else:
        verb.deferred.errback(MessageNotFound(f"there is no message {id_}"))


class GiveBack(OnQueue[int]):
    """Undo a delivery whose client went before its answer was written: place and count kept."""

    __slots__ = ("_expiry_note", "messages", "removed", "rows")

    def __init__(
        self,
        world: int,
        queue: str,
        messages: Sequence[Message],
        removed: bool,
        expiry_note: ExpiryNote,
    ) -> None:
        super().__init__(world, queue)
        self._expiry_note = expiry_note
        self.messages = messages
        self.removed = removed
        self.rows = len(messages)

    def plan(self, plan: Plan) -> store.GiveBack | store.PutBack:
        queue = plan.queue(self.world, self.queue)
        plan.readied[self.key] += len(self.messages)
        if self.removed:
            # A queue that was deleted and made again is another one.
            there = (message for message in self.messages if message.queue == queue.number)
            rows = tuple(map(_removed_row, there))
            if queue.alerts:
                plan.watch(queue)
            return store.PutBack(self.world, queue.shelf, rows)
        deliveries = tuple((message.id, message.count) for message in self.messages)
        return store.GiveBack(self.world, queue.shelf, deliveries)

    def settle(self, result: Any) -> None:
        for message in self.messages:
            self._expiry_note(message.expires_at)
        self.deferred.callback(result)


def _removed_row(message: Message) -> MessageRow:
    return MessageRow(
        message.id,
        READY,
        message.position,
        0,
        message.expires_at,
        message.timeout,
        0,
        message.count,
        message.first_at,
        message.origin,  # a body is stored under the id given at publish
        message.origin,
        message.props,
        message.body,
    )


class Peek(OnQueue[list[Message]]):
    """The next messages, left where they are."""

    __slots__ = ("_now", "_number", "n", "rows")

    def __init__(self, world: int, queue: str, n: int) -> None:
        super().__init__(world, queue)
        self.n = self.rows = n

    def plan(self, plan: Plan) -> store.Peek | store.Check:
        queue = plan.draft(self.world).find(self.queue)
        if queue is None:
            return store.Check()
        self._now, self._number = plan.now, queue.number
        in_place = plan.policy(queue).keeps_place
        return store.Peek(self.world, queue.shelf, self.n, plan.answer_bytes, in_place)

    def settle(self, result: Any) -> None:
        self.deferred.callback([message_of(row, self._number, self._now) for row in result or ()])


class Get(OnQueue[Message]):
    """One message by its id."""

    __slots__ = ("_now", "_number", "id")

    def __init__(self, world: int, queue: str, id_: int) -> None:
        super().__init__(world, queue)
        self.id = id_

    def plan(self, plan: Plan) -> store.Get:
        queue = plan.queue(self.world, self.queue)
        self._now, self._number = plan.now, queue.number
        return store.Get(self.world, queue.shelf, queue.number, self.id)

    def settle(self, result: Any) -> None:
        if result is None:
            self.deferred.errback(MessageNotFound(f"there is no message {self.id}"))
        else:
            self.deferred.callback(message_of(result, self._number, self._now))
