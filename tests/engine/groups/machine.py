"""A state machine that does to topics whatever comes to hypothesis' mind, beside the model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mqgate.engine.groups import Delivery, Groups, Outcome, Prepared, TopicMessage
from mqgate.engine.intake import Limits
from mqgate.engine.values import Policy
from tests.engine.groups.model import Entry, Group, Half, Message, Topic
from tests.engine.rig import QUANTUM, Rig

T = TypeVar("T")

#: Never a multiple of the quantum: what is delayed comes due at moments of its own.
ODD = 60
HOUR = 3_600_000
RETENTION = 2 * HOUR + ODD
#: No half message is that old.
DAY = 24 * HOUR
MAXIMUM = 3
POLICY = "keeps"
POLICIES = {
    POLICY: Policy(keeps_place=True, retention=RETENTION, maximum=MAXIMUM, dead_letters="%DLQ%")
}
#: Groups catch up in small steps, so that much happens in between.
LIMITS = Limits(copied_for_a_poll=2, copied_at_once=3)
#: After so long a group has caught up.
CAUGHT_UP = 1500
DOWNTIME = QUANTUM

TAGS = ("a", "b", None)
topics = st.sampled_from([*["t"] * 8, "u"])
groups = st.sampled_from([*["g"] * 6, "h", "k"])
filters = st.sampled_from([(), (), (), ("a",), ("b",), ("a", "b"), ("none",)])
leases = st.sampled_from([n * QUANTUM for n in (1, 2, 4, 8)])
delays = st.sampled_from([*[0] * 6, *(n * QUANTUM + ODD for n in (1, 3, 6))])
drafts = st.tuples(st.sampled_from(TAGS), st.sampled_from(["", "x", "x", "y"]), delays)
#: How an operation ends: answered, with the server killed after its commit, or before it.
ends = st.sampled_from([*["answered"] * 16, "killed", "undone"])
#: How a delivery ends: most clients live to see it.
deliveries = st.sampled_from([*["answered"] * 12, "killed", "given back", "given back"])
counts = st.integers(1, 4)
which = st.integers(0, 11)


@attrs.define(eq=False)
class Waiting:
    """A poll that waits."""

    topic: str
    group: str
    n: int
    tags: Sequence[str]
    ordered: bool
    lease: int
    until: int
    answer: list[list[Delivery]] = attrs.field(factory=list)


@attrs.define(eq=False)
class Given:
    """A receipt that was given out."""

    topic: str
    group: str
    entry: Entry
    count: int
    due: int
    receipt: str


class GroupsMachine(RuleBasedStateMachine):
    """The engine beside the model, compared after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="mqgate-groups-")
        self.rig = Rig(Path(self.folder.name), POLICIES, LIMITS)
        self.warm_up()
        self.topics = {name: Topic(name) for name in ("t", "u")}
        self.numbered = 0
        self.waiting: list[Waiting] = []
        self.given: list[Given] = []
        #: Messages that died in a group.
        self.dead: list[tuple[str, Message]] = []
        #: Those that the present server has polled, and so copies to.
        self.polled: set[tuple[str, str]] = set()

    # ---------------------------------------------------------------- steps

    @property
    def now(self) -> int:
        return self.rig.now()

    @property
    def verbs(self) -> Groups:
        return self.rig.engine.groups

    @property
    def world(self) -> int:
        return self.rig.worlds[0]

    def warm_up(self) -> None:
        """The first batch of a world finds that its catalogue is still to be read."""
        self.rig.engine.list_queues(self.rig.worlds[0], offset=0, limit=1)
        self.rig.settle()

    def do(self, deferred: Deferred[T], end: str = "answered") -> T | None:
        """The answer; None if the server was killed."""
        answers: list[Any] = []
        deferred.addBoth(answers.append)
        if end != "answered":
            self.restart(lambda: self.rig.crash(end == "killed"))
            return None
        self.rig.settle()
        (answer,) = answers
        if isinstance(answer, Failure):
            answer.raiseException()
        result: T = answer
        return result

    def restart(self, stop: Callable[[], None]) -> None:
        self.waiting.clear()
        stop()
        self.polled.clear()
        self.rig.start(DOWNTIME)
        self.warm_up()

    def new_message(self, draft: tuple[str | None, str, int]) -> tuple[Message, TopicMessage]:
        tag, key, delay = draft
        self.numbered += 1
        place = (self.now + delay, self.numbered)
        body = b"%d" % self.numbered
        message = Message(body, tag, key, place, self.now + delay + RETENTION)
        return message, TopicMessage(body, tag=tag, key=key or None, delay=delay)

    # ---------------------------------------------------------------- what comes in

    @rule(topic=topics, drafted=st.lists(drafts, min_size=1, max_size=3), end=ends)
    def publish(self, topic: str, drafted: list[tuple[str | None, str, int]], end: str) -> None:
        if self.waiting:
            end = "answered"
        made = [self.new_message(draft) for draft in drafted]
        self.do(
            self.verbs.publish(self.world, topic, [message for _, message in made], policy=POLICY),
            end,
        )
        if end != "undone":
            for message, _ in made:
                self.topics[topic].publish(message)
        self.serve()

    @rule(
        topic=topics,
        draft=drafts,
        time=leases,
        what=st.sampled_from(["prepare", "pop", "commit", "commit", "roll back"]),
        index=which,
        end=ends,
    )
    def half(
        self,
        topic: str,
        draft: tuple[str | None, str, int],
        time: int,
        what: str,
        index: int,
        end: str,
    ) -> None:
        """Something with half messages."""
        if what == "prepare" or not self.topics[topic].halves:
            self.prepare(topic, draft, time)
        elif what == "pop":
            self.pop(topic, 1 + index % 3, time)
        else:
            self.decide(topic, index, what == "commit", end)

    def prepare(self, topic: str, draft: tuple[str | None, str, int], check: int) -> None:
        message, asked = self.new_message(draft)
        prepared: Prepared | None = self.do(
            self.verbs.prepare(
                *(self.world, topic, asked),
                check_after=check,
                decide_within=DAY,
                policy=POLICY,
            )
        )
        assert prepared is not None
        half = Half(message, self.now + check, self.now + DAY, receipt=prepared.receipt)
        self.topics[topic].halves.append(half)

    def pop(self, topic: str, n: int, lease: int) -> None:
        halves = [
            each
            for each in self.topics[topic].halves
            if not each.decided and each.due <= self.now < each.expires
        ]
        halves.sort(key=lambda each: each.message.place)
        found = self.do(self.verbs.pop(self.world, topic, n, lease=lease))
        assert found is not None
        assert [each.body for each in found] == [each.message.body for each in halves[:n]], (
            found,
            halves,
        )
        for half, delivery in zip(halves, found, strict=False):
            half.count += 1
            half.due = self.now + lease
            half.receipt = delivery.receipt
            assert (delivery.count, delivery.due_at) == (half.count, half.due)

    def decide(self, topic: str, index: int, commit: bool, end: str) -> None:
        halves = self.topics[topic].halves
        if self.waiting:
            end = "answered"
        half = halves[-1 - index % len(halves)]
        verb = self.verbs.commit if commit else self.verbs.rollback
        before = self.now
        outcomes = self.do(verb(self.world, topic, [half.receipt or ""]), end)
        late = half.due <= before
        good = not late and not half.decided and half.expires > before
        if outcomes is not None:
            expected = Outcome.LATE if late else Outcome.DONE if good else Outcome.INVALID
            assert outcomes == [expected], (outcomes, expected)
        if good and end != "undone":
            half.decided = True
            if commit:
                self.committed(topic, half.message, before)
        self.serve()

    def committed(self, topic: str, message: Message, at: int) -> None:
        self.numbered += 1
        message.place = (max(message.place[0], at), self.numbered)
        message.expires = message.place[0] + RETENTION
        self.topics[topic].publish(message)

    # ---------------------------------------------------------------- what goes out

    def group(self, topic: str, name: str) -> Group:
        self.polled.add((topic, name))
        return self.topics[topic].group(name, self.now)

    @rule(topic=topics, name=groups, n=counts, tags=filters, lease=leases, end=deliveries)
    def take(
        self, topic: str, name: str, n: int, tags: Sequence[str], lease: int, end: str
    ) -> None:
        """In any order."""
        self.consume(topic, name, n, tags, False, lease, end)

    @rule(topic=topics, name=groups, n=counts, tags=filters, lease=leases, end=deliveries)
    def take_in_order(
        self, topic: str, name: str, n: int, tags: Sequence[str], lease: int, end: str
    ) -> None:
        """Key by key."""
        self.consume(topic, name, n, tags, True, lease, end)

    def consume(
        self,
        topic: str,
        name: str,
        n: int,
        tags: Sequence[str],
        ordered: bool,
        lease: int,
        end: str,
    ) -> None:
        new = name not in self.topics[topic].groups
        group = self.group(topic, name)
        self.make_sure(topic, group)
        expected = group.choose(n, tags, ordered, self.now, MAXIMUM)
        until = self.now + lease
        if end == "killed" and (self.waiting or not group.caught_up):
            end = "answered"
        found = self.do(
            self.verbs.consume(
                *(self.world, topic, name, n),
                lease=lease,
                tags=tags,
                ordered=ordered,
                policy=POLICY,
            ),
            "killed" if end == "killed" else "answered",
        )
        if found is None:
            group.hand_out(expected, until)
            return
        entries = self.received(topic, group, found, expected, tags, ordered)
        if end == "given back":
            self.verbs.give_back(self.world, topic, name, found)
            self.rig.settle()
            for entry in entries:
                entry.held_until, entry.receipt = 0, None
        self.serve()
        if new and lease != QUANTUM:  # else much is done to it before it has caught up
            self.advance(CAUGHT_UP)

    def received(
        self,
        topic: str,
        group: Group,
        found: Sequence[Delivery],
        expected: Sequence[Entry],
        tags: Sequence[str],
        ordered: bool,
    ) -> list[Entry]:
        """Compare what came with what should have, and note it."""
        bodies = [each.body for each in found]
        if group.caught_up and not (ordered and group.unsure(self.now, MAXIMUM)):
            assert bodies == [each.message.body for each in expected], (bodies, expected)
            entries = list(expected)
        else:
            entries = self.received_of_some(group, found, tags, ordered)
        if found:
            group.hand_out(entries, found[0].due_at)
        for entry, delivery in zip(entries, found, strict=True):
            assert delivery.count == entry.count, (delivery, entry)
            entry.receipt = delivery.receipt
            self.given.append(
                Given(
                    *(topic, group.name, entry, entry.count, entry.held_until),
                    delivery.receipt,
                )
            )
        return entries

    def received_of_some(
        self, group: Group, found: Sequence[Delivery], tags: Sequence[str], ordered: bool
    ) -> list[Entry]:
        """The same while some messages may be still to come: what there is has its order."""
        ready = group.choose(10_000, tags, ordered, self.now, MAXIMUM)
        by_body = {each.message.body: each for each in ready}
        entries = [by_body[each.body] for each in found]
        places = [(each.message.key if ordered else "", each.message.place) for each in entries]
        keys = list(dict.fromkeys(key for key, _ in places))
        assert places == sorted(places, key=lambda it: (keys.index(it[0]), it[1])), places
        return entries

    @precondition(lambda self: self.given)
    @rule(indices=st.lists(which, min_size=1, max_size=4), end=ends)
    def acknowledge(self, indices: list[int], end: str) -> None:
        """Some of what was handed out, or perhaps not."""
        self.acknowledge_these(indices, end)

    @precondition(lambda self: any(each.due > self.now for each in self.given))
    @rule(n=counts, end=ends)
    def acknowledge_all(self, n: int, end: str) -> None:
        """The last ones that are still good."""
        good = [index for index, each in enumerate(reversed(self.given)) if each.due > self.now]
        self.acknowledge_these(good[:n], end)

    def acknowledge_these(self, indices: list[int], end: str) -> None:
        if self.waiting:
            end = "answered"
        first = self.given[-1 - indices[0] % len(self.given)]
        given = [first]
        for index in indices[1:]:
            other = self.given[-1 - index % len(self.given)]
            if (other.topic, other.group) == (first.topic, first.group):
                given.append(other)
        expected = [self.outcome(each) for each in given]
        for place, each in enumerate(given):
            if each in given[:place] and expected[place] is Outcome.DONE:
                expected[place] = Outcome.INVALID
        outcomes = self.do(
            self.verbs.acknowledge(
                self.world, first.topic, first.group, [each.receipt for each in given]
            ),
            end,
        )
        if outcomes is not None:
            assert outcomes == expected, (outcomes, expected)
        if end != "undone":
            for each, outcome in zip(given, expected, strict=True):
                each.entry.acknowledged |= outcome is Outcome.DONE
        self.serve()

    def outcome(self, given: Given) -> Outcome:
        entry = given.entry
        if given.due <= self.now:
            return Outcome.LATE
        held = entry.held_until > self.now and entry.count == given.count
        return Outcome.DONE if held and entry.there(self.now) else Outcome.INVALID

    # ---------------------------------------------------------------- polls that wait

    @rule(
        topic=topics,
        name=groups,
        n=st.integers(1, 3),
        tags=filters,
        lease=leases,
        quanta=st.integers(1, 12),
        ordered=st.booleans(),
    )
    def wait(
        self,
        topic: str,
        name: str,
        n: int,
        tags: Sequence[str],
        lease: int,
        quanta: int,
        ordered: bool,
    ) -> None:
        known = self.topics[topic].groups.get(name)
        if known is None or not known.caught_up:
            return
        group = self.group(topic, name)
        others = [each for each in self.waiting if (each.topic, each.group) == (topic, name)]
        if others:  # what lapses may wake ordered polls before others, or after them
            ordered = others[0].ordered
        self.make_sure(topic, group)
        waiting = Waiting(topic, name, n, tags, ordered, lease, self.now + quanta * QUANTUM)
        self.waiting.append(waiting)
        self.verbs.consume(
            *(self.world, topic, name, n),
            lease=lease,
            wait=quanta * QUANTUM,
            tags=tags,
            ordered=ordered,
            policy=POLICY,
        ).addCallback(waiting.answer.append)
        self.rig.settle()
        self.serve()

    def serve(self) -> None:
        """Whoever waits has got what there is for him, and nothing else."""
        left = []
        for waiting in self.waiting:
            group = self.topics[waiting.topic].groups[waiting.group]
            expected = group.choose(waiting.n, waiting.tags, waiting.ordered, self.now, MAXIMUM)
            if waiting.answer == [[]] and waiting.until <= self.now:
                continue  # something may have come at the very moment
            sure = not (waiting.ordered and group.unsure(self.now, MAXIMUM))
            if waiting.answer and (sure or waiting.answer[0]):
                self.received(
                    *(waiting.topic, group, waiting.answer[0], expected),
                    *(waiting.tags, waiting.ordered),
                )
            elif sure:
                assert not expected, (waiting, expected)
                assert waiting.until > self.now, waiting
            if not waiting.answer:
                left.append(waiting)
        self.waiting = left

    # ---------------------------------------------------------------- time

    @rule(quanta=st.sampled_from([1, 1, 2, 3, 5, 8]))
    def pass_time(self, quanta: int) -> None:
        self.advance(quanta * QUANTUM)

    @rule(what=which)
    def what_is_rare(self, what: int) -> None:
        """A restart, or hours in which nothing happens, or moments."""
        if what == 0:
            self.let_everything_expire()
        elif what < 3 and not self.waiting:
            self.restart(self.rig.stop)
        else:
            self.advance(what * QUANTUM)

    def let_everything_expire(self) -> None:
        if not self.waiting:
            self.advance(RETENTION + HOUR * 2)
            self.polled.clear()  # they may have been put to rest
            for topic in self.topics.values():
                for group in topic.groups.values():
                    group.caught_up = False

    def advance(self, time: int) -> None:
        """Let time pass, timer by timer while anybody waits or copies."""
        until = self.now + time
        if time <= 2 * CAUGHT_UP:
            while any(instant <= until for instant in self.rig.timers()):
                self.rig.advance_to(min(self.rig.timers()))
                self.serve()
        else:
            self.advance(2 * CAUGHT_UP)
        self.rig.advance_to(until)
        self.serve()
        if time >= CAUGHT_UP:
            for topic, name in self.polled:
                self.topics[topic].groups[name].caught_up = True

    def make_sure(self, topic: str, group: Group) -> None:
        """Let pass what makes it hard to say what is in the way of what."""
        while group.unsure(self.now, MAXIMUM) and not self.waiting:
            dead = [each for each in group.entries if each.dead(self.now, MAXIMUM)]
            self.do(
                self.verbs.consume(
                    self.world, topic, group.name, lease=1, tags=["none"], policy=POLICY
                )
            )
            self.advance(2 * CAUGHT_UP)
            for entry in dead:
                if not entry.acknowledged:
                    entry.acknowledged = True
                    self.dead.append((group.name, entry.message))

    # ---------------------------------------------------------------- the end

    def teardown(self) -> None:
        try:
            self.come_to_an_end()
            self.rig.stop()
        finally:
            self.rig.close()
            self.folder.cleanup()

    def come_to_an_end(self) -> None:
        """Everything comes that is still to come, and everything that died is with the dead."""
        self.advance(13 * QUANTUM)
        for topic in self.topics.values():
            for name in list(topic.groups):
                group = self.group(topic.name, name)
                self.consume_nothing(topic.name, name)
                self.advance(CAUGHT_UP)
                self.make_sure(topic.name, group)
                group.caught_up = True
                rest = group.choose(10_000, (), False, self.now, MAXIMUM)
                found = self.all_of(topic.name, name)
                assert found == [each.message.body for each in rest], (found, rest)
        for name in {name for name, _ in self.dead}:
            self.consume_nothing("%DLQ%" + name, "undertaker")
            self.advance(CAUGHT_UP)
            buried = self.all_of("%DLQ%" + name, "undertaker")
            died = [message for group, message in self.dead if group == name]
            assert len(buried) == len(set(buried)), buried
            assert set(buried) <= {message.body for message in died}, (buried, died)
            assert set(buried) >= {
                message.body for message in died if message.expires > self.now
            }, (buried, died)

    def consume_nothing(self, topic: str, group: str) -> None:
        self.do(self.verbs.consume(self.world, topic, group, lease=1, tags=["none"], policy=POLICY))

    def all_of(self, topic: str, group: str) -> list[bytes]:
        found = self.do(
            self.verbs.consume(self.world, topic, group, 10_000, lease=HOUR, policy=POLICY)
        )
        return [each.body for each in found or ()]
