"""One batch in the making, and what the engine's verbs owe it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred

from mqgate.engine.alarms import Watching, alert_of
from mqgate.engine.allowance import Allowance, too_many_queues
from mqgate.engine.catalogue import Catalogue, Draft
from mqgate.engine.deliveries import Pushing
from mqgate.engine.errors import LimitReached, NoRoom, QueueNotFound
from mqgate.engine.ids import Ids
from mqgate.engine.names import is_hidden
from mqgate.engine.patterns import Steps
from mqgate.engine.spreading import pushed
from mqgate.engine.values import NEVER, Letter, Policy
from mqgate.storage import interface as store
from mqgate.storage.interface import (
    Acknowledge,
    Batch,
    Bound,
    CatchUp,
    Change,
    Consume,
    Memory,
    Operation,
    PostRow,
    PushRow,
    QueueRow,
    Quota,
    Reserve,
    Sweep,
    Take,
    Touch,
    Watch,
    Watched,
)

T = TypeVar("T")

#: What queues do whose policy's name nobody knows any more (its dialect left the configuration).
PLAIN = Policy()

#: Operations that write instants, or go by them; there is a sweep each minute.
_TIMED = (Reserve, Sweep, Take, Touch, Consume, Acknowledge, CatchUp)


def pushing_of(queue: QueueRow, policies: Mapping[str, Policy]) -> Pushing | None:
    """How the queue pushes what is posted to it, if it does."""
    if not queue.settings:
        return None
    pushing = policies.get(queue.policy, PLAIN).pushing
    return pushing and pushing(queue.settings)


class Plan:
    """A batch in the making: its instant, its ids, and the catalogue as it is going to be."""

    def __init__(
        self,
        now: int,
        ids: Ids,
        catalogue: Catalogue,
        policies: Mapping[str, Policy],
        allowances: Mapping[int, Allowance],
        has_room: bool,
        answer_bytes: int,
    ) -> None:
        self.now = now
        #: How many bytes one reserve hands out before it stops.
        self.answer_bytes = answer_bytes
        self._ids = ids
        self._last_id = ids.last
        self._catalogue = catalogue
        self._policies = policies
        self._allowances = allowances
        self._has_room = has_room
        self._drafts: dict[int, Draft] = {}
        #: What the batch's posts must keep to, by world and by (world, shelf).
        self._limits: dict[int | tuple[int, int], Quota | Bound] = {}
        self._watching: dict[int, Watching] = {}
        #: What it costs to look for those to whom messages go.
        self.steps = Steps()
        #: How many messages this batch makes available, by (world, queue).
        self.readied: Counter[tuple[int, str]] = Counter()
        #: The tags of those that have tags to be told apart by ("" = none), by the same.
        self.tagged: dict[tuple[int, str], list[str]] = {}

    def new_id(self) -> int:
        """An id that no message has had."""
        return self._ids.new(self.now)

    def new_ids(self, n: int) -> list[int]:
        """The same, so many at once, in their order."""
        return self._ids.several(self.now, n)

    def draft(self, world: int) -> Draft:
        """The world's catalogue, to read and to change; the batch relies on its version."""
        draft = self._drafts.get(world)
        if draft is None:
            draft = self._drafts[world] = Draft(self._catalogue.world(world), self.now)
        return draft

    def queue(self, world: int, name: str) -> QueueRow:
        """A queue that is there, or `QueueNotFound`."""
        queue = self.draft(world).find(name)
        if queue is None:
            raise QueueNotFound(f"there is no queue {name!r}")
        return queue

    def make_queue(
        self, world: int, name: str, policy: str, settings: Mapping[str, object]
    ) -> QueueRow:
        """A queue that is there, or is made now. Raises `LimitReached` for one too many."""
        draft = self.draft(world)
        queue = draft.find(name)
        if queue is not None:
            return queue
        self.need_queues(world, name)
        return draft.make(name, policy, settings)

    def need_queues(self, world: int, *names: str) -> None:
        """Raise `LimitReached` unless those of these queues that are missing may all be made."""
        allowance = self._allowances.get(world)
        if allowance is not None and allowance.queues is not None:
            draft = self.draft(world)
            missing = sum(1 for name in names if draft.find(name) is None)
            if missing and draft.size + missing > allowance.queues:
                raise too_many_queues(allowance.queues)

    def limit(self, queue: QueueRow) -> int:
        """Have the messages that come into a queue keep to its limits.

        Returns the instant at which those that come now are gone at the latest.
        """
        allowance = self._allowances.get(queue.world)
        if allowance is None:
            return NEVER
        world = queue.world
        if allowance.messages is not None or allowance.bytes is not None:
            self._limits[world] = Quota(world, allowance.messages, allowance.bytes)
        rule = None if is_hidden(queue.name) else allowance.rule(queue.name)
        if rule is None:
            return NEVER
        if rule.length is not None:
            in_place = self.policy(queue).keeps_place
            bound = Bound(world, queue.shelf, rule.length, rule.drop, in_place)
            self._limits[world, queue.shelf] = bound
        return NEVER if rule.age is None else self.now + rule.age

    def watch(self, queue: QueueRow) -> None:
        """An operation that may change the size of this queue, which has alerts, is planned."""
        self._watch(queue.world).add(queue)

    def _watch(self, world: int) -> Watching:
        watching = self._watching.get(world)
        if watching is None:
            watching = self._watching[world] = Watching(world)
        return watching

    def set_alerts(self, queue: QueueRow, alerts: tuple[store.Alert, ...]) -> None:
        """Give the queue other alerts; they go for the whole batch."""
        changed = self.draft(queue.world).set_alerts(queue, alerts)
        self._watch(queue.world).renew(queue, changed)

    def watches(self, missing: Collection[tuple[int, str]]) -> Watch | None:
        """What the store has to look out for, when all else is planned; None if that is nothing.

        Targets of alerts that are ``missing``, by (world, name), are made.
        """
        queues: list[Watched] = []
        messages = 0
        for world, watching in self._watching.items():
            draft = self.draft(world)
            for name, policy in watching.targets(draft.find).items():
                if (world, name) in missing:
                    self._make_target(world, name, policy, watching)
            queues += watching.queues(
                draft.find, self._letter, self.limit, self._spread_letter, self.now
            )
            messages += watching.messages(draft.find)
        if not messages:
            return None
        return Watch(tuple(queues), tuple(self.new_id() for _ in range(messages)))

    def _make_target(self, world: int, name: str, policy: str, watching: Watching) -> None:
        try:
            self.make_queue(world, name, policy, {})
        except LimitReached:  # whoever set the alert off is not to be refused for it
            watching.silence(name)

    def _letter(self, queue: QueueRow, alert: store.Alert) -> Letter:
        alerting = self.policy_named(alert.policy).alerting
        return alerting.letter(queue.name, alert_of(alert), self.now)

    def policy(self, queue: QueueRow) -> Policy:
        """What the queue does with its messages."""
        return self.policy_named(queue.policy)

    def policy_named(self, name: str) -> Policy:
        """What queues of this policy do."""
        return self._policies.get(name, PLAIN)

    def memory(self, queue: QueueRow) -> Memory | None:
        """Where its deleted messages stay readable, if they do."""
        time = self.policy(queue).remembers_for
        # Its number is no other queue's shelf: both are drawn from one sequence.
        return Memory(queue.number, time) if time else None

    def spread(
        self,
        queue: QueueRow,
        rows: list[PostRow],
        via: Callable[[], str] = str,
        tells_errors: bool = True,
    ) -> tuple[list[PostRow], tuple[PushRow, ...]]:
        """Messages as the queue has them, with their deliveries if it pushes what comes now.

        Raises `InvalidRequest` where that would be too many.
        """
        pushing = pushing_of(queue, self._policies)
        if pushing is None:
            return rows, ()
        return pushed(queue, pushing, rows, via(), tells_errors, self.new_id, self.now)

    def _spread_letter(self, queue: QueueRow, row: PostRow) -> tuple[PostRow, tuple[PushRow, ...]]:
        (row,), pushes = self.spread(queue, [row])
        return row, pushes

    def may_have_pushed(self, queue: QueueRow) -> bool:
        """Whether messages of the queue may be on their way to receivers."""
        return bool(queue.settings) and self.policy(queue).pushing is not None

    def need_room(self) -> None:
        """Raise `NoRoom` unless new things may be taken in."""
        if not self._has_room:
            raise NoRoom("the disk is nearly full: what is there can be fetched and deleted")

    def batch(self, operations: tuple[Operation, ...]) -> Batch:
        """The whole of it, ready to be carried out."""
        drafts = self._drafts.values()
        changes: list[Change] = [
            change for draft in drafts if (change := draft.change()) is not None
        ]
        return Batch(
            self.now,
            tuple(draft.planned_with for draft in drafts),
            tuple(changes),
            operations,
            self._high(operations),
            tuple(self._limits.values()),
        )

    def _high(self, operations: tuple[Operation, ...]) -> int:
        """The bound to write: of the ids, or of the time if something is to happen by it.

        Without either there is none, though an earlier batch may have failed to write one: who
        only reads is served also where nothing can be written.
        """
        if self._ids.last != self._last_id:
            return self._ids.bound_to_write()
        note = self._ids.time_to_note(self.now)
        return note if note and any(isinstance(each, _TIMED) for each in operations) else 0


class Verb(Generic[T]):
    """Something asked of the engine, from the moment it waits to enter a batch.

    Planned anew if the batch has to be planned anew, so `plan` may run more than once.
    """

    __slots__ = ("deferred",)

    #: Rows it may touch and bytes it carries: what the caps on batches count.
    rows = 1
    size = 0

    def __init__(self) -> None:
        self.deferred: Deferred[T] = Deferred()

    def plan(self, plan: Plan) -> Operation | None:
        """What the store is to do; None if nothing. Raises `EngineError` to fail alone."""
        raise NotImplementedError

    def settle(self, result: object) -> None:
        """The batch is on disk; ``result`` is the store's answer to `plan`'s operation."""
        raise NotImplementedError

    def fail(self, error: Exception) -> None:
        """It was not done; nothing was changed."""
        self.deferred.errback(error)
