"""The verbs on topics and groups."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from mqgate.engine.commits import GroupCommit
from mqgate.engine.errors import InvalidRequest, QueueNotFound, StoreUnavailable
from mqgate.engine.groups.consuming import (
    Acknowledge,
    Consume,
    ConsumeFromGroup,
    Return,
)
from mqgate.engine.groups.feeding import CatchUp, Feeding
from mqgate.engine.groups.publishing import Decide, GroupOf, Prepare, Publish, log_of
from mqgate.engine.groups.receipts import Place, Receipt, Seal
from mqgate.engine.groups.values import Delivery, Outcome, Prepared, TopicMessage
from mqgate.engine.intake import Limits
from mqgate.engine.names import check_part, check_text, group_name, halves_name
from mqgate.engine.planning import Plan, Verb
from mqgate.engine.reserving import Reserve
from mqgate.engine.tidings import Tidings
from mqgate.engine.upkeep import Upkeep
from mqgate.engine.values import Message, Policy
from mqgate.engine.waiting import Lines
from mqgate.storage.interface import EPOCH, INSTANT_SHIFT, Check

T = TypeVar("T")

#: The tag that no message has.
NO_TAG = ""


class Groups:
    """Topics that keep what is published to them, and groups that each get all of it, once.

    All verbs return Deferreds as `mqgate.engine.engine.Engine`'s do. Topics and groups are made
    on first use, and keep the named policy, unless ``create`` is false.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        now: Callable[[], int],
        commits: GroupCommit,
        lines: Lines[Reserve],
        tidings: Tidings,
        policies: Mapping[str, Policy],
        limits: Limits,
        upkeep: Upkeep,
        secret: bytes,
        enter: Callable[[Verb[Any]], Deferred[Any]],
    ) -> None:
        self._clock = clock
        self._commits = commits
        self._lines = lines
        self._tidings = tidings
        self._upkeep = upkeep
        self._seal = Seal(secret)
        self._enter = enter
        self._feeding = Feeding(
            *(clock, now, commits, tidings, policies, limits),
            *(upkeep.expects, upkeep.look_for_shelves),
        )

    def start(self) -> None:
        """Begin the chores."""
        self._feeding.start()

    def stop(self) -> None:
        """End them."""
        self._feeding.stop()

    # -- what comes in

    def publish(
        self,
        world: int,
        topic: str,
        messages: Sequence[TopicMessage],
        *,
        policy: str,
        create: bool = True,
    ) -> Deferred[list[int]]:
        """Publish messages, all or none; their origins, in order. Fails with `TopicNotFound`."""
        try:
            _check_names(topic)
            _check_messages(messages)
        except InvalidRequest as error:
            return fail(error)
        return self._enter(
            Publish(
                *(world, topic, messages, policy, create),
                *(self._tidings.note_due, self._upkeep.expects),
            )
        )

    def prepare(
        self,
        world: int,
        topic: str,
        message: TopicMessage,
        *,
        check_after: int,
        decide_within: int,
        policy: str,
        create: bool = True,
    ) -> Deferred[Prepared]:
        """Store a half message, which nobody consumes until it is committed.

        After ``check_after`` it can be popped, its receipt being good no more; after
        ``decide_within`` it is gone. Fails with `TopicNotFound`.
        """
        try:
            _check_names(topic)
            _check_messages([message])
        except InvalidRequest as error:
            return fail(error)
        verb = Prepare(
            *(world, topic, message, check_after, decide_within, policy, create),
            *(self._tidings.note_due, self._upkeep.expects),
        )
        place = Place(world, halves_name(topic))
        entered: Deferred[Receipt] = self._enter(verb)
        return entered.addCallback(
            lambda receipt: Prepared(receipt.id, self._seal.close(place, receipt), receipt.due)
        )

    # -- what goes out

    def consume(
        self,
        world: int,
        topic: str,
        group: str,
        n: int = 1,
        *,
        lease: int,
        wait: int = 0,
        tags: Collection[str] = (),
        ordered: bool = False,
        policy: str,
        create: bool = True,
    ) -> Deferred[list[Delivery]]:
        """Hand out up to ``n`` messages for ``lease``, at once if there are any, else in ``wait``.

        With ``tags``, of those with one of them. ``ordered`` hands out a key's messages in order,
        and none while one of an earlier answer may still be acknowledged. A new group begins at
        the earliest message that its topic has. Cancel the Deferred when the client has gone.
        Fails with `TopicNotFound` or `GroupNotFound`.
        """
        try:
            _check_names(topic, group)
            _check_number(n)
        except InvalidRequest as error:
            return fail(error)
        wanted = GroupOf(world, topic, group, policy, create)
        verb = ConsumeFromGroup(
            *(wanted, self._feeding.found, n, lease, frozenset(map(_storable, tags)), ordered),
            *(self._lines, self._returned, self._upkeep.expects, self._feeding.last_delivery),
        )
        self._feeding.polled(wanted, n)
        return self._enter_consume(verb, wait)

    def pop(
        self, world: int, topic: str, n: int = 1, *, lease: int, wait: int = 0
    ) -> Deferred[list[Delivery]]:
        """Hand out half messages that should have been decided by now. A missing topic has none."""
        try:
            _check_names(topic)
            _check_number(n)
        except InvalidRequest as error:
            return fail(error)
        verb = Consume(
            *(world, halves_name(topic), n, lease, frozenset(), False),
            *(self._lines, self._returned, self._upkeep.expects, self._feeding.last_delivery),
        )
        return self._enter_consume(verb, wait)

    def _enter_consume(self, verb: Consume, wait: int) -> Deferred[list[Delivery]]:
        if wait > 0:
            verb.wait_for(wait, self._clock)
        entered: Deferred[list[Message]] = self._enter(verb)
        return entered.addCallback(self._deliveries, verb)  # the same one: it can be cancelled

    def _deliveries(self, messages: list[Message], verb: Consume) -> list[Delivery]:
        place = Place(verb.world, verb.queue)
        return [self._delivery(each, place, verb.now + each.lease) for each in messages]

    def _delivery(self, message: Message, place: Place, due: int) -> Delivery:
        return Delivery(
            message.id,
            message.origin,
            message.body,
            message.props,
            (message.origin >> INSTANT_SHIFT) + EPOCH,
            message.first_at,
            due,
            message.count,
            self._seal.close(place, Receipt(message.id, message.count, due)),
        )

    # -- what is done with it

    def acknowledge(
        self, world: int, topic: str, group: str, receipts: Sequence[str]
    ) -> Deferred[list[Outcome]]:
        """Remove messages from a group by their receipts; what came of each, in order.

        Anything is a receipt, if only an invalid one.
        """
        place = Place(world, group_name(topic, group))
        return self._on_receipts(
            place, receipts, lambda opened: Acknowledge(world, place.queue, opened)
        )

    def commit(self, world: int, topic: str, receipts: Sequence[str]) -> Deferred[list[Outcome]]:
        """Publish half messages by their receipts; what came of each, in order."""
        return self._decide(world, topic, receipts, commit=True)

    def rollback(self, world: int, topic: str, receipts: Sequence[str]) -> Deferred[list[Outcome]]:
        """Drop half messages by their receipts; what came of each, in order."""
        return self._decide(world, topic, receipts, commit=False)

    def _decide(
        self, world: int, topic: str, receipts: Sequence[str], *, commit: bool
    ) -> Deferred[list[Outcome]]:
        place = Place(world, halves_name(topic))
        notes = (self._tidings.note_due, self._upkeep.expects)
        return self._on_receipts(
            place, receipts, lambda opened: Decide(world, topic, opened, commit, *notes)
        )

    def _on_receipts(
        self,
        place: Place,
        receipts: Sequence[str],
        verb: Callable[[Sequence[Receipt | None]], Verb[list[Outcome]]],
    ) -> Deferred[list[Outcome]]:
        try:
            check_text(place.queue, "a name")
        except InvalidRequest as error:
            return fail(error)
        return self._enter(verb([self._seal.open(place, each) for each in receipts]))

    def give_back(
        self, world: int, topic: str, group: str | None, deliveries: Sequence[Delivery]
    ) -> None:
        """Undo deliveries whose client went before its answer was written: place and count kept.

        Without a group they were popped.
        """
        queue = halves_name(topic) if group is None else group_name(topic, group)
        self._give_back(world, queue, [(each.id, each.count) for each in deliveries])

    def _returned(self, reserve: Reserve, messages: list[Message]) -> None:
        deliveries = [(message.id, message.count) for message in messages]
        self._give_back(reserve.world, reserve.queue, deliveries)

    def _give_back(self, world: int, queue: str, deliveries: Sequence[tuple[int, int]]) -> None:
        verb = Return(world, queue, deliveries)
        verb.deferred.addErrback(self._not_given_back)
        self._commits.enter_again(verb)

    def _not_given_back(self, failure: Failure) -> None:
        # They come back by themselves when their time is up.
        if not failure.check(StoreUnavailable, QueueNotFound):
            self._log.failure("Messages of a client that went away were not given back", failure)

    # -- topics and groups themselves

    def declare(
        self, world: int, topic: str, group: str | None = None, *, policy: str
    ) -> Deferred[None]:
        """Make a topic, and a group of it, where they are missing."""
        try:
            _check_names(topic, group)
        except InvalidRequest as error:
            return fail(error)
        if group is None:
            return self._enter(MakeTopic(world, topic, policy))
        made: Deferred[object] = self._enter(
            CatchUp(GroupOf(world, topic, group, policy, create=True), 0)
        )
        return made.addCallback(lambda _: None)

    def known(self, world: int, topic: str, group: str | None = None) -> Deferred[None]:
        """Fires if they are there; fails with `TopicNotFound` or `GroupNotFound`."""
        try:
            _check_names(topic, group)
        except InvalidRequest as error:
            return fail(error)
        return self._enter(Known(world, topic, group))


class MakeTopic(Verb[None]):
    """Make a topic where it is missing."""

    __slots__ = ("policy", "topic", "world")

    def __init__(self, world: int, topic: str, policy: str) -> None:
        super().__init__()
        self.world = world
        self.topic = topic
        self.policy = policy

    def plan(self, plan: Plan) -> Check:
        log_of(plan, self.world, self.topic, self.policy, create=True)
        return Check()

    def settle(self, result: object) -> None:
        self.deferred.callback(None)


class Known(Verb[None]):
    """See whether a topic, or a group, is there."""

    __slots__ = ("group", "topic", "world")

    def __init__(self, world: int, topic: str, group: str | None) -> None:
        super().__init__()
        self.world = world
        self.topic = topic
        self.group = group

    def plan(self, plan: Plan) -> Check:
        if self.group is None:
            log_of(plan, self.world, self.topic, "", create=False)
        else:
            GroupOf(self.world, self.topic, self.group, "", create=False).rows(plan)
        return Check()

    def settle(self, result: object) -> None:
        self.deferred.callback(None)


def _check_names(topic: str, group: str | None = None) -> None:
    check_part(topic, "a topic's name")
    if group is not None:
        check_part(group, "a group's name")


def _check_messages(messages: Sequence[TopicMessage]) -> None:
    if not messages:
        raise InvalidRequest("there is no message to publish")
    for message in messages:
        check_text(message.tag or "", "a tag")
        check_text(message.key or "", "a key")


def _check_number(n: int) -> None:
    if n < 1:
        raise InvalidRequest("at least one message has to be asked for")


def _storable(tag: str) -> str:
    """A tag to look for; one that no message can have becomes one that none has."""
    try:
        check_text(tag, "a tag")
    except InvalidRequest:
        return NO_TAG
    return tag
