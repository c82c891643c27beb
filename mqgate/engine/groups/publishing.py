"""What puts messages into a topic: publish, prepare, decide."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from mqgate.engine.errors import GroupNotFound, TopicNotFound
from mqgate.engine.groups.receipts import Receipt
from mqgate.engine.groups.values import Outcome, TopicMessage
from mqgate.engine.names import group_name, halves_name, log_name
from mqgate.engine.planning import Plan, Verb
from mqgate.engine.values import NEVER
from mqgate.engine.verbs import DueNote, ExpiryNote
from mqgate.engine.waiting import LineKey, in_order
from mqgate.storage import interface as store
from mqgate.storage.interface import EPOCH, INSTANT_SHIFT, QueueRow

#: So many bytes of a key are stored: it stands in indexes, where a database has room for a little
#: more than 2,000.
LONGEST_KEY = 256


def stored_key(message: TopicMessage) -> str:
    """What a message's key is told apart from others by."""
    key = (message.key or "").encode()
    return key.decode() if len(key) <= LONGEST_KEY else f"sha256:{sha256(key).hexdigest()}"


def log_of(plan: Plan, world: int, topic: str, policy: str, create: bool) -> QueueRow:
    """A topic's log, made if it may be. Raises `TopicNotFound` or `NoRoom`."""
    log = plan.draft(world).find(log_name(topic))
    if log is None:
        if not create:
            raise TopicNotFound(f"there is no topic {topic!r}")
        plan.need_room()
        log = plan.make_queue(world, log_name(topic), policy, {})
    return log


class GroupOf(NamedTuple):
    """A group of a topic; both are made where they are missing, if they may be."""

    world: int
    topic: str
    group: str
    policy: str
    create: bool

    @property
    def queue(self) -> str:
        """The queue that the group consumes from."""
        return group_name(self.topic, self.group)

    def rows(self, plan: Plan) -> tuple[QueueRow, QueueRow]:
        """The topic's log and the group's queue.

        Raises `TopicNotFound` or `GroupNotFound`, or what keeps them from being made.
        """
        if self.create:  # both, or neither
            plan.need_queues(self.world, log_name(self.topic), self.queue)
        log = log_of(plan, self.world, self.topic, self.policy, self.create)
        queue = plan.draft(self.world).find(self.queue)
        if queue is None:
            if not self.create:
                raise GroupNotFound(f"topic {self.topic!r} has no group {self.group!r}")
            plan.need_room()
            queue = plan.make_queue(self.world, self.queue, self.policy, {})
        return log, queue


def place(id_: int, due: int) -> int:
    """A message's place: those that are due at one moment are in the order of their ids."""
    return max(id_, (due - EPOCH) << INSTANT_SHIFT)


class Target:
    """A topic that messages are about to be written to."""

    def __init__(self, plan: Plan, log: QueueRow) -> None:
        self._plan = plan
        groups = plan.draft(log.world).fed_from(log.name)
        fed = tuple(store.Fed(group.number, group.shelf) for group in groups)
        self.topic = store.Topic(log.world, log.number, log.shelf, fed)
        #: Where its consumers wait.
        self.lines: list[LineKey] = [(log.world, group.name) for group in groups]
        self.lines += [in_order(key) for key in self.lines]

    def copies(self) -> store.Copies:
        """Ids for a message in the log and in the groups' queues."""
        new_id = self._plan.new_id
        return store.Copies(new_id(), tuple(new_id() for _ in self.topic.groups))


class Publish(Verb[list[int]]):
    """Publish messages, all or none."""

    __slots__ = (
        "_due_note",
        "_dues",
        "_expires",
        "_expiry_note",
        "_ids",
        "_lines",
        "create",
        "messages",
        "policy",
        "rows",
        "size",
        "topic",
        "world",
    )

    def __init__(
        self,
        world: int,
        topic: str,
        messages: Sequence[TopicMessage],
        policy: str,
        create: bool,
        due_note: DueNote,
        expiry_note: ExpiryNote,
    ) -> None:
        super().__init__()
        self.world = world
        self.topic = topic
        self.messages = messages
        self.policy = policy
        self.create = create
        self.rows = 2 * len(messages)
        self.size = sum(len(message.body) + len(message.props or b"") for message in messages)
        self._due_note = due_note
        self._expiry_note = expiry_note

    def plan(self, plan: Plan) -> store.Append:
        plan.need_room()
        log = log_of(plan, self.world, self.topic, self.policy, self.create)
        plan.limit(log)
        target = Target(plan, log)
        retention = plan.policy(log).retention
        entries = tuple(_entry(plan, target, each, retention) for each in self.messages)
        self._ids = [entry.ids.id for entry in entries]
        self._dues = {entry.due for entry in entries if entry.due}
        self._expires = min(entry.expires for entry in entries)
        self._lines = target.lines
        tags = [entry.tag or "" for entry in entries if not entry.due]
        if tags:
            for line in target.lines:
                plan.tagged.setdefault(line, []).extend(tags)
        return store.Append(target.topic, entries)

    def settle(self, result: object) -> None:
        self._expiry_note(self._expires)
        if self._dues:
            for line in self._lines:
                self._due_note(line, min(self._dues))
        self.deferred.callback(self._ids)


def _entry(plan: Plan, target: Target, message: TopicMessage, retention: int) -> store.LogEntry:
    due = plan.now + message.delay if message.delay > 0 else 0
    return store.LogEntry(
        target.copies(),
        due,
        (due or plan.now) + retention,
        message.tag or None,
        stored_key(message),
        message.props,
        message.body,
    )


class Prepare(Verb[Receipt]):
    """Store a half message."""

    __slots__ = (
        "_due_note",
        "_expires",
        "_expiry_note",
        "_receipt",
        "check_after",
        "create",
        "decide_within",
        "message",
        "policy",
        "size",
        "topic",
        "world",
    )

    def __init__(
        self,
        world: int,
        topic: str,
        message: TopicMessage,
        check_after: int,
        decide_within: int,
        policy: str,
        create: bool,
        due_note: DueNote,
        expiry_note: ExpiryNote,
    ) -> None:
        super().__init__()
        self.world = world
        self.topic = topic
        self.message = message
        self.check_after = check_after
        self.decide_within = decide_within
        self.policy = policy
        self.create = create
        self.size = len(message.body) + len(message.props or b"")
        self._due_note = due_note
        self._expiry_note = expiry_note

    def plan(self, plan: Plan) -> store.Prepare:
        plan.need_room()
        if self.create:
            plan.need_queues(self.world, log_name(self.topic), halves_name(self.topic))
        plan.limit(log_of(plan, self.world, self.topic, self.policy, self.create))
        halves = plan.make_queue(self.world, halves_name(self.topic), self.policy, {})
        id_ = plan.new_id()
        message = self.message
        self._receipt = Receipt(id_, 0, plan.now + self.check_after)
        self._expires = plan.now + self.decide_within
        return store.Prepare(
            self.world,
            halves.shelf,
            id_,
            place(id_, plan.now + message.delay if message.delay > 0 else 0),
            self._receipt.due,
            self._expires,
            message.tag or None,
            stored_key(message),
            message.props,
            message.body,
        )

    def settle(self, result: object) -> None:
        self._expiry_note(self._expires)
        self._due_note((self.world, halves_name(self.topic)), self._receipt.due)
        self.deferred.callback(self._receipt)


class OnReceipts(Verb[list[Outcome]]):
    """A verb on what was handed out."""

    __slots__ = ("_inside", "receipts", "rows")

    def __init__(self, receipts: Sequence[Receipt | None]) -> None:
        super().__init__()
        self.receipts = receipts
        self.rows = len(receipts)

    def _in_time(self, now: int) -> tuple[store.Delivered, ...]:
        """Those that may still be good."""
        self._inside = [each is not None and each.due > now for each in self.receipts]
        return tuple(
            (each.id, each.times) for each in self.receipts if each is not None and each.due > now
        )

    def _answer(self, good: Sequence[bool]) -> None:
        """``good`` has an entry for each of those in time."""
        answers = iter(good)
        self.deferred.callback(
            [
                Outcome.INVALID
                if receipt is None
                else Outcome.LATE
                if not inside
                else Outcome.DONE
                if next(answers)
                else Outcome.INVALID
                for receipt, inside in zip(self.receipts, self._inside, strict=True)
            ]
        )


class Decide(OnReceipts):
    """Publish half messages, or drop them."""

    __slots__ = ("_due_note", "_expires", "_expiry_note", "_lines", "commit", "topic", "world")

    def __init__(
        self,
        world: int,
        topic: str,
        receipts: Sequence[Receipt | None],
        commit: bool,
        due_note: DueNote,
        expiry_note: ExpiryNote,
    ) -> None:
        super().__init__(receipts)
        self.world = world
        self.topic = topic
        self.commit = commit
        self._due_note = due_note
        self._expiry_note = expiry_note

    def plan(self, plan: Plan) -> store.Decide | store.Check:
        draft = plan.draft(self.world)
        log, halves = draft.find(log_name(self.topic)), draft.find(halves_name(self.topic))
        decided = self._in_time(plan.now)
        self._lines, self._expires = [], NEVER
        if log is None or halves is None or not decided:
            return store.Check()
        retention = plan.policy(log).retention
        if not self.commit:
            return store.Decide(self.world, halves.shelf, decided, None, (), retention)
        target = Target(plan, log)
        self._lines = target.lines
        self._expires = plan.now + retention
        for line in target.lines:
            plan.readied[line] += len(decided)
        ids = tuple(target.copies() for _ in decided)
        return store.Decide(self.world, halves.shelf, decided, target.topic, ids, retention)

    def settle(self, result: Any) -> None:
        decided = result or (None,) * len(self.receipts)
        dues = [due for due in decided if due]
        self._expiry_note(self._expires)
        for line in self._lines if dues else ():
            self._due_note(line, min(dues))
        self._answer([due is not None for due in decided])
