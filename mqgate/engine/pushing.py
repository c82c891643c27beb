"""What is asked of the engine about pushes, one class for each verb."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from mqgate.engine.deliveries import (
    DELIVERED,
    FAILED,
    RESERVED,
    RETRYING,
    Accepted,
    Delivered,
    DeliveryStatus,
    Failed,
    Forwarded,
    Outcome,
)
from mqgate.engine.errors import MessageNotFound
from mqgate.engine.planning import Plan, Verb
from mqgate.engine.verbs import ExpiryNote, Get, OnQueue, Post, PushNote, Release, Touch
from mqgate.storage import interface as store
from mqgate.storage.interface import ClaimedPush, Memory, PushKey, QueueRow


def memory_of(plan: Plan, queue: QueueRow) -> Memory:
    """Where a queue's pushed messages stay readable, if only for those that failed."""
    return plan.memory(queue) or Memory(queue.number, 0)


class Resume(Verb[None]):
    """What was under way when this gateway ended is due again."""

    __slots__ = ()

    def plan(self, plan: Plan) -> store.ResumePushes:
        return store.ResumePushes()

    def settle(self, result: object) -> None:
        self.deferred.callback(None)


class Claim(Verb[store.Claimed]):
    """Claim entries that are due."""

    __slots__ = ("_after", "_busy", "_lasts", "_per_lane", "_room", "rows")

    def __init__(
        self, room: int, per_lane: int, lasts: int, busy: Sequence[tuple[str, int]], after: str
    ) -> None:
        super().__init__()
        self._room = self.rows = room
        self._per_lane = per_lane
        self._lasts = lasts
        self._busy = tuple(busy)
        self._after = after

    def plan(self, plan: Plan) -> store.ClaimPushes:
        return store.ClaimPushes(
            plan.new_id(),
            plan.now + self._lasts,
            self._room,
            plan.answer_bytes,
            self._per_lane,
            self._busy,
            self._after,
        )

    def settle(self, result: Any) -> None:
        self.deferred.callback(result)


class OnEntry(OnQueue[bool]):
    """A verb on one entry of a queue's message."""

    __slots__ = ("_expires", "_expiry_note", "message", "subscriber")

    def __init__(
        self, world: int, queue: str, message: int, subscriber: int, expiry_note: ExpiryNote
    ) -> None:
        super().__init__(world, queue)
        self.message = message
        self.subscriber = subscriber
        self._expiry_note = expiry_note

    def _memory(self, plan: Plan, queue: QueueRow) -> Memory:
        memory = memory_of(plan, queue)
        self._expires = plan.now + memory.time
        return memory

    def settle(self, result: Any) -> None:
        if result:
            self._expiry_note(self._expires)
        self.deferred.callback(bool(result))


class Acknowledge(OnEntry):
    """A receiver is done with a message. Fails with `MessageNotFound`."""

    __slots__ = ()

    @property
    def id(self) -> int:
        """The message's."""
        return self.message

    def plan(self, plan: Plan) -> store.AcknowledgePush:
        queue = plan.queue(self.world, self.queue)
        if queue.alerts:
            plan.watch(queue)
        key = PushKey(self.world, queue.shelf, self.message, self.subscriber)
        return store.AcknowledgePush(key, self._memory(plan, queue))

    def settle(self, result: Any) -> None:
        if result:
            super().settle(result)
        else:
            self.deferred.errback(MessageNotFound(f"there is no push of message {self.id}"))


class Settle(OnEntry):
    """Write down what became of a try; was it still ours? None: it was not made after all.

    ``post`` goes onto its queue in the same transaction.
    """

    __slots__ = ("_next_at", "_outcome", "_post", "_push", "_push_note", "size")

    def __init__(
        self,
        push: ClaimedPush,
        outcome: Outcome | None,
        post: Post | None,
        expiry_note: ExpiryNote,
        push_note: PushNote,
    ) -> None:
        key = push.key
        super().__init__(key.world, push.queue, key.message, key.subscriber, expiry_note)
        self._push = push
        self._outcome = outcome
        self._post = post
        self._push_note = push_note

        self.size = post.size if post else 0

    @property
    def posts(self) -> bool:
        """Whether a message is posted with it."""
        return self._post is not None

    def plan(self, plan: Plan) -> store.SettlePush | store.Check:
        push = self._push
        queue = plan.draft(self.world).find(self.queue)
        if queue is None or (queue.number, queue.shelf) != (push.number, push.key.shelf):
            return store.Check()  # the queue was cleared or deleted, and the message with it
        if queue.alerts:
            plan.watch(queue)
        progress = self._progress(push, self._outcome, plan.now)
        self._next_at = progress.next_at if progress.status < DELIVERED else 0
        post = self._post.plan(plan) if self._post else None
        return progress._replace(memory=self._memory(plan, queue), post=post)

    def _progress(self, push: ClaimedPush, outcome: Outcome | None, now: int) -> store.SettlePush:
        """How far the entry is now."""
        same = store.SettlePush(
            *(push.key, push.claim, push.status, push.code, now, push.tries, push.step),
            *(push.targets[push.step], push.failures, Memory(0, 0), None),
        )
        match outcome:
            case None:
                begun = push.step == 0 and push.status != RESERVED
                tries = push.tries - begun
                return same._replace(status=RETRYING if tries or push.step else 0, tries=tries)
            case Delivered() | Forwarded():
                return same._replace(status=DELIVERED, code=outcome.code, failures=())
            case Accepted():
                until = now + push.timeout
                return same._replace(status=RESERVED, code=outcome.code, next_at=until)
        return _failed(same._replace(code=outcome.code), push, outcome)

    def settle(self, result: Any) -> None:
        if result:
            if self._next_at:
                self._push_note(self._next_at)
            if self._post:
                self._post.settle(None)
        super().settle(result)


def is_last(push: ClaimedPush) -> bool:
    """Whether the delivery has failed for good, if this try at this target has failed."""
    return push.step + 1 == len(push.targets) and push.tries > push.retries


def _failed(same: store.SettlePush, push: ClaimedPush, outcome: Failed) -> store.SettlePush:
    """The next target at once; after the last one, the first after a while; or the end."""
    if is_last(push):
        return same._replace(status=FAILED, failures=())
    if push.step + 1 < len(push.targets):
        step, next_at = push.step + 1, same.next_at
        failures = (*push.failures, (outcome.code, outcome.text))
    else:
        step, next_at, failures = 0, same.next_at + push.delay, ()
    return same._replace(
        status=RETRYING,
        next_at=next_at,
        step=step,
        target=push.targets[step],
        failures=failures,
    )


class ShowDeliveries(OnQueue[list[DeliveryStatus]]):
    """How far a message's deliveries are."""

    __slots__ = ("id",)

    def __init__(self, world: int, queue: str, message_id: int) -> None:
        super().__init__(world, queue)
        self.id = message_id

    def plan(self, plan: Plan) -> store.ShowPushes:
        queue = plan.queue(self.world, self.queue)
        return store.ShowPushes(self.world, queue.shelf, queue.number, self.id)

    def settle(self, result: Any) -> None:
        if result is None:
            self.deferred.errback(MessageNotFound(f"there is no message {self.id}"))
        else:
            self.deferred.callback([DeliveryStatus(*row) for row in result])


#: The verbs that a client asks for by a message's id.
WithId: TypeAlias = Get | Touch | Release | ShowDeliveries | Acknowledge
