"""What worlds and queues may hold, and what becomes of posts beyond that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mqgate.engine.allowance import Allowance, QueueRule
from mqgate.engine.engine import Engine
from mqgate.engine.errors import LimitReached, QueueNotFound
from mqgate.engine.values import NewMessage
from tests import stores
from tests.engine.case import POLICIES, EngineCase, WatchedStore


class LimitsCase(EngineCase):
    """Two worlds; the first one has an allowance."""

    allowance = Allowance()

    def start(self) -> None:
        self.store = WatchedStore(self.database.store())
        opened = self.store.open()
        self.world, self.other = self.store.worlds([["a:one"], ["a:two"]])
        self.store.meter(self.allowance.bytes is not None)
        self.engine = Engine(
            self.store,
            self.clock,
            self.now,
            POLICIES,
            opened=opened,
            allowances={self.world: self.allowance},
        )
        self.engine.start()
        for world in (self.world, self.other):
            self.done(self.engine.list_queues(world, offset=0, limit=1))
        self.store.batches.clear()

    def restart(self, allowance: Allowance) -> None:
        """The operator changes his mind."""
        self.finish()
        self.clock = Clock()
        self.clock.advance(1_800_000_100)
        self.allowance = allowance
        self.start()

    def posting(self, *bodies: bytes, queue: str = "q", **how: Any) -> Deferred[list[int]]:
        messages = [NewMessage(body, **how) for body in bodies]
        return self.engine.post(self.world, queue, messages, policy="back")

    def size(self, queue: str = "q") -> int:
        return self.done(self.engine.info(self.world, queue)).size

    def queues(self) -> list[str]:
        listed = self.done(self.engine.list_queues(self.world, offset=0, limit=100))
        return [each.name for each in listed]


def outcomes(deferreds: list[Deferred[list[int]]]) -> list[bool]:
    """For each post whether it came in."""
    found: list[bool] = []
    for deferred in deferreds:
        deferred.addCallbacks(lambda _: found.append(True), lambda f: found.append(_limited(f)))
    return found


def _limited(failure: Failure) -> bool:
    failure.trap(LimitReached)
    return False


class WorldTests(LimitsCase):
    """Queues, messages and bytes of one world."""

    allowance = Allowance(queues=2, messages=5, bytes=50)

    def test_of_those_who_post_at_once_as_many_come_in_as_there_is_room_for(self) -> None:
        asked = [self.posting(b"a", b"b") for _ in range(4)] + [self.posting(b"c")]
        for _ in range(4):
            self.turn()
        self.assertEqual(outcomes(asked), [True, True, False, False, True])
        self.assertEqual(self.size(), 5)

    def test_a_refusal_says_which_limit_it_is(self) -> None:
        self.post(b"a", b"b", b"c", b"d", b"e")
        for asked, text in [
            (self.posting(b"f"), "the limit of 5 messages is reached"),
            (self.posting(b"x" * 51), "the limit of 5 messages is reached"),
        ]:
            self.assertEqual(self.refused(asked, LimitReached), text)
        self.take(3, remove=True)
        text = self.refused(self.posting(b"x" * 49), LimitReached)
        self.assertEqual(text, "the limit of 50 bytes is reached")
        self.post(b"x" * 48)

    def test_what_is_deleted_or_cleared_makes_room(self) -> None:
        ids = self.post(b"a", b"b", b"c", b"d", b"e")
        self.done(self.engine.delete(self.world, "q", ids[:2]))
        self.post(b"f", b"g")
        self.done(self.engine.clear(self.world, "q"))
        self.post(*[b"x" * 10] * 5)
        self.done(self.engine.delete_queue(self.world, "q"))
        self.post(*[b"x" * 10] * 5, queue="r")

    def test_a_refused_post_makes_no_queue(self) -> None:
        self.post(b"a", b"b", b"c", b"d", b"e")
        self.refused(self.posting(b"f", queue="r"), LimitReached)
        self.assertEqual(self.queues(), ["q"])
        self.refused(self.engine.info(self.world, "r"), QueueNotFound)

    def test_others_in_the_batch_of_a_refused_post_go_on(self) -> None:
        self.post(b"a", b"b", b"c", b"d")
        poll = self.engine.reserve(self.world, "r", wait=30_000)
        self.turn()
        refused = self.posting(b"e", b"f", queue="r")
        taken = self.engine.reserve(self.world, "q", 2)
        missing = self.engine.clear(self.world, "nowhere")
        self.refused(refused, LimitReached)
        self.assertEqual([each.body for each in self.done(taken)], [b"a", b"b"])
        self.failureResultOf(missing, QueueNotFound)
        self.assertNoResult(poll)
        self.post(b"g", queue="r")
        self.assertEqual([each.body for each in self.done(poll)], [b"g"])

    def test_there_are_as_many_queues_as_may_be(self) -> None:
        for name in ("a", "b"):
            self.post(b"", queue=name)
        text = self.refused(self.posting(b"", queue="c"), LimitReached)
        self.assertEqual(text, "the limit of 2 queues is reached")
        self.refused(self.engine.update(self.world, "c", {}, policy="back"), LimitReached)
        self.post(b"", queue="b")
        self.done(self.engine.delete_queue(self.world, "a"))
        self.done(self.engine.update(self.world, "c", {}, policy="back"))
        self.assertEqual(self.queues(), ["b", "c"])

    def test_queues_made_at_once_are_counted_too(self) -> None:
        asked = [self.posting(b"", queue=name) for name in "abab"] + [self.posting(b"", queue="c")]
        for _ in range(4):
            self.turn()
        self.assertEqual(outcomes(asked), [True, True, True, True, False])
        gone = self.engine.delete_queue(self.world, "a")
        made = self.posting(b"", queue="c")
        self.done(made)
        self.successResultOf(gone)

    def test_an_allowance_that_was_lowered_refuses_and_takes_nothing_away(self) -> None:
        self.post(b"a", b"b", b"c", b"d")
        self.post(b"e", queue="r")
        self.restart(Allowance(queues=1, messages=2, bytes=3))
        self.refused(self.posting(b"f"), LimitReached)
        self.refused(self.posting(b"", queue="s"), LimitReached)
        self.assertEqual((self.size(), self.size("r")), (4, 1))
        self.take(4, remove=True)
        self.post(b"f")
        self.refused(self.posting(b"g"), LimitReached)


class UnlimitedTests(LimitsCase):
    """Whoever has no limits pays nothing for those of others."""

    allowance = Allowance(messages=5, rules=(QueueRule("log-*", length=5),))

    def test_another_world_has_none(self) -> None:
        messages = [NewMessage(b"")] * 10
        self.done(self.engine.post(self.other, "log-1", messages, policy="back"))

    def test_its_batches_have_nothing_to_keep_to(self) -> None:
        self.post(b"a")
        self.assertNotEqual(self.store.batches[-1].limits, ())
        self.done(self.engine.post(self.other, "q", [NewMessage(b"")], policy="back"))
        self.take()
        self.assertEqual({batch.limits for batch in self.store.batches[1:]}, {()})


class RuleTests(LimitsCase):
    """Queues by their names."""

    allowance = Allowance(
        rules=(
            QueueRule("log-audit", age=None, length=1000),
            QueueRule("log-*", length=3, drop=True),
            QueueRule("full?", length=2),
            QueueRule("*-brief", length=None, age=60_000),
        )
    )

    def test_a_queue_nobody_reads_keeps_its_latest(self) -> None:
        for body in (b"a", b"b", b"c", b"d", b"e"):
            self.post(body, queue="log-1")
        self.assertEqual(self.take(9, queue="log-1"), [b"c", b"d", b"e"])
        self.assertEqual(self.size("log-1"), 3)

    def test_a_full_queue_refuses(self) -> None:
        self.post(b"a", queue="full1")
        text = self.refused(self.posting(b"b", b"c", queue="full1"), LimitReached)
        self.assertEqual(text, "the queue is full: it holds 2 messages at most")
        self.post(b"b", b"c", queue="full2")
        self.post(b"b", b"c", b"d", queue="full")

    def test_the_first_rule_that_matches_counts(self) -> None:
        self.post(*[b"x"] * 10, queue="log-audit")
        self.post(*[b"x"] * 10, queue="LOG-1")

    def test_messages_are_gone_at_the_latest_when_they_have_that_age(self) -> None:
        self.post(b"never", queue="a-brief")
        self.post(b"later", queue="a-brief", expires_in=90_000)
        self.post(b"sooner", queue="a-brief", expires_in=30_000)
        self.post(b"delayed", queue="a-brief", delay=50_000)
        self.pass_time(29.9)
        self.assertEqual(self.size("a-brief"), 4)
        self.pass_time(1)
        self.assertEqual(self.size("a-brief"), 3)
        self.pass_time(29)
        self.assertEqual(self.take(9, queue="a-brief", lease=1), [b"never", b"later", b"delayed"])
        self.pass_time(0.2)
        self.assertEqual(self.take(9, queue="a-brief"), [])
        self.assertEqual(self.size("a-brief"), 0)

    def test_a_poll_gets_what_is_left_of_a_post_too_long(self) -> None:
        answers = self.poll(9, queue="log-1")
        self.post(b"a", b"b", b"c", b"d", b"e", queue="log-1")
        self.assertEqual(answers, [[b"c", b"d", b"e"]])


#: Queue, and the sizes of the messages posted to it; or how many are taken from its front.
Step = tuple[str, list[int] | int]

steps = st.tuples(
    st.sampled_from(["plain", "ring", "full"]),
    st.one_of(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(1, 4)),
)


class ModelTests(LimitsCase):
    """Whatever is asked at once, it is as if one had asked after the other."""

    allowance = Allowance(
        messages=8,
        bytes=30,
        rules=(QueueRule("ring", length=3, drop=True), QueueRule("full", length=4)),
    )

    def expected(self, queues: dict[str, list[int]], step: Step) -> bool:
        """What becomes of a post, one after the other."""
        queue, sizes = step
        assert isinstance(sizes, list)
        after = {**queues, queue: queues[queue] + sizes}
        if queue == "ring":
            after[queue] = after[queue][-3:]
        there = [size for each in after.values() for size in each]
        fits = len(there) <= 8 and sum(there) <= 30
        fits = fits and not (queue == "full" and len(after[queue]) > 4)
        if fits:
            queues.update(after)
        return fits

    def carry_out(self, queues: dict[str, list[int]], turn: Sequence[Step]) -> None:
        """Ask all of it in one turn, and compare."""
        taken, posts = [], []
        for queue, what in turn:
            if isinstance(what, int):
                taken += [(queue, size) for size in queues[queue][:what]]
                del queues[queue][:what]
        ids = {queue: self.front(queue) for queue in queues}
        for queue, _ in taken:
            self.engine.delete(self.world, queue, [ids[queue].pop(0)])
        for queue, what in turn:
            if isinstance(what, list):
                posts.append(self.posting(*(b"x" * size for size in what), queue=queue))
        for _ in range(4):
            self.turn()
        wanted = [self.expected(queues, step) for step in turn if isinstance(step[1], list)]
        self.assertEqual(outcomes(posts), wanted)
        for queue, sizes in queues.items():
            found = self.done(self.engine.peek(self.world, queue, 100))
            self.assertEqual([len(each.body) for each in found], sizes)

    def front(self, queue: str) -> list[int]:
        return [each.id for each in self.done(self.engine.peek(self.world, queue, 100))]

    def test_what_a_refused_post_would_have_dropped_makes_room_for_nobody(self) -> None:
        queues: dict[str, list[int]] = {"plain": [], "ring": [], "full": []}
        self.carry_out(queues, [("plain", [9, 9]), ("ring", [3, 3, 3])])
        self.carry_out(queues, [("ring", [9, 9, 9]), ("plain", [9, 3]), ("plain", [3])])
        self.assertEqual(queues["plain"], [9, 9, 3])

    @settings(deadline=None, max_examples=stores.examples(60), database=None)
    @given(st.lists(st.lists(steps, min_size=1, max_size=5), max_size=8))
    def test_limits_are_kept_to_the_message_and_to_the_byte(self, turns: list[list[Step]]) -> None:
        for queue in ("plain", "ring", "full"):
            self.done(self.engine.update(self.world, queue, {}, policy="place"))
            self.done(self.engine.clear(self.world, queue))
        queues: dict[str, list[int]] = {"plain": [], "ring": [], "full": []}
        for turn in turns:
            self.carry_out(queues, turn)
        self.assertEqual(self.database.problems(), [])
