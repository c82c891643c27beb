"""Topics and the exchange that they are bridged to: what one is told, the other one hears."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mqgate.engine.errors import TopicsFull, Unroutable
from mqgate.engine.intake import Limits
from mqgate.engine.topic_names import (
    LARGEST_VALUE,
    LONGEST_TOPIC,
    has_legal_characters,
    key_of,
    normal,
    topic_of,
)
from mqgate.engine.values import TOPIC_EXCHANGE, NewMessage, Wiring
from mqgate.storage.interface import PublishValue
from tests.engine.test_topic_values import TopicCase


class BridgeCase(TopicCase):
    """A world with a queue that is bound to the exchange."""

    def setUp(self) -> None:
        super().setUp()
        self.engine.topics.bridge([self.world])
        self.bind("a.*", "inbox")

    def bind(self, pattern: str, queue: str) -> None:
        """Have a queue bound; by a look into it, which takes nothing."""
        wiring = Wiring(TOPIC_EXCHANGE, queue, pattern, "place")
        self.done(self.engine.take(self.world, queue, wiring=wiring))

    def reach(self, *keys: str, data: bytes = b"x", mandatory: bool = False) -> Deferred[int]:
        return self.engine.publish(
            self.world, TOPIC_EXCHANGE, keys, NewMessage(data), mandatory=mandatory
        )


class BridgeTests(BridgeCase):
    def test_a_queue_receives_what_is_published_to_a_topic(self) -> None:
        self.bind("#", "all")
        self.publish("a/b", b"1")
        self.publish("c", b"2", retained=True)
        self.assertEqual(self.take(9, "inbox"), [b"1"])
        self.assertEqual(self.take(9, "all"), [b"1", b"2"])

    def test_both_are_done_in_one_transaction(self) -> None:
        self.store.batches.clear()
        self.publish("a/b", b"1")
        [batch] = self.store.batches
        [operation] = batch.operations
        assert isinstance(operation, PublishValue)
        self.assertIsNotNone(operation.message)

    def test_a_poll_that_waits_receives_it(self) -> None:
        poll = self.poll(queue="inbox")
        self.publish("a/b", b"1")
        self.assertEqual(poll, [[b"1"]])

    def test_a_topic_has_the_value_of_what_reached_the_exchange(self) -> None:
        self.done(self.reach("a.b", "ignored.copy", data=b"1"))
        self.assertEqual(self.read("a/b"), b"1")
        self.assertEqual(self.read("+/+"), b"1")
        self.assertIsNone(self.read("ignored/#"))
        self.assertIsNone(self.read("a/b", retained=True))
        self.assertEqual(self.take(9, "inbox"), [b"1"])

    def test_it_has_so_where_no_queue_is_reached(self) -> None:
        self.assertEqual(self.done(self.reach("x.y", data=b"1")), 0)
        self.assertEqual(self.read("x/y"), b"1")

    def test_a_message_that_had_to_reach_a_queue_sets_nothing(self) -> None:
        self.refused(self.reach("x.y", mandatory=True), Unroutable)
        self.assertIsNone(self.read("x/y"))

    def test_what_makes_no_value_still_reaches_the_queues(self) -> None:
        self.bind("#", "all")
        large = b"x" * (LARGEST_VALUE + 1)
        for key, data in (("a.b", large), ("a.é", b"2"), ("", b"3"), ("a.#", b"4")):
            with self.subTest(key=key):
                self.assertGreaterEqual(self.done(self.reach(key, data=data)), 1)
        self.assertEqual(self.take(9, "all"), [large, b"2", b"3", b"4"])
        self.assertIsNone(self.read("#"))

    def test_other_exchanges_and_other_worlds_set_nothing(self) -> None:
        self.done(self.engine.publish(self.world, "amq.fanout", ["a"], NewMessage(b"x")))
        (other,) = self.store.worlds([["a:two"]])
        self.done(self.engine.publish(other, TOPIC_EXCHANGE, ["a"], NewMessage(b"x")))
        self.assertIsNone(self.read("#"))
        self.assertIsNone(self.done(self.engine.topics.read(other, "#")))


class FullBridgeTests(BridgeCase):
    limits = Limits(topics=1)

    def test_the_exchange_is_never_refused_for_a_topics_sake(self) -> None:
        self.publish("kept", retained=True)
        self.assertEqual(self.done(self.reach("a.b", data=b"1")), 1)
        self.assertEqual(self.take(9, "inbox"), [b"1"])
        self.assertIsNone(self.read("a/b"))

    def test_a_topic_that_is_refused_reaches_no_queue(self) -> None:
        self.publish("kept", retained=True)
        poll = self.poll(queue="inbox")
        self.refused(self.engine.topics.publish(self.world, "a/b", b"1"), TopicsFull)
        self.assertEqual(poll, [])
        self.pass_time(31)
        self.assertEqual(poll, [[]])
        self.check()


class NameTests(SynchronousTestCase):
    @settings(deadline=None)
    @given(st.text("ab./+#*@ é", max_size=12))
    def test_a_key_is_a_legal_topic_or_none(self, key: str) -> None:
        topic = topic_of(key)
        if topic is not None:
            self.assertTrue(has_legal_characters(topic))
            self.assertEqual(normal(topic), topic)
            self.assertFalse(set("+#.") & set(topic))
            self.assertEqual(topic_of(key_of(topic)), topic)

    def test_what_does_not_survive_the_way_back(self) -> None:
        """As RabbitMQ has it: a dot comes back as a slash."""
        self.assertEqual(key_of("a.b/c"), "a.b.c")
        self.assertEqual(topic_of("a.b.c"), "a/b/c")
        self.assertEqual(topic_of("s.a/b"), "s/a/b")

    def test_the_bounds_of_a_topic(self) -> None:
        self.assertEqual(topic_of("x" * LONGEST_TOPIC), "x" * LONGEST_TOPIC)
        for key in ("x" * (LONGEST_TOPIC + 1), "", ".", "...", "a b", "a.+", "#", "a\0"):
            with self.subTest(key=key):
                self.assertIsNone(topic_of(key))
