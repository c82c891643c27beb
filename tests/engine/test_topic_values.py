"""Topic values through the engine: what is published is read, by name and by filter."""

from __future__ import annotations

import os
import sqlite3

from twisted.internet.defer import fail

from mqgate.engine.engine import Engine
from mqgate.engine.errors import InvalidRequest, NoRoom, TopicsFull
from mqgate.engine.intake import Limits
from mqgate.engine.topic_values import LOST_AT_MOST, SLICE
from mqgate.engine.topics import SLACK
from mqgate.storage.interface import Unavailable
from tests import stores
from tests.engine.case import POLICIES, EngineCase


class TopicCase(EngineCase):
    """An engine, and steps on its topics."""

    def publish(
        self,
        topic: str,
        data: bytes = b"x",
        *,
        retained: bool = False,
        engine: Engine | None = None,
    ) -> None:
        topics = (engine or self.engine).topics
        self.done(topics.publish(self.world, topic, data, retained=retained))

    def read(
        self, pattern: str, *, retained: bool = False, engine: Engine | None = None
    ) -> bytes | None:
        topics = (engine or self.engine).topics
        deferred = topics.read(self.world, pattern, retained=retained)
        for _ in range(1000):
            if deferred.called:
                break
            self.turn()
        return self.successResultOf(deferred)

    def check(self) -> None:
        self.assertEqual(self.database.problems(), [])

    def another_gateway(self) -> Engine:
        """An engine of its own over the same database."""
        store = self.database.store(beside=True)
        engine = Engine(store, self.clock, self.now, POLICIES, self.limits, opened=store.open())
        self.addCleanup(store.close)
        return engine


class ValueTests(TopicCase):
    def test_a_topic_has_the_value_published_last(self) -> None:
        self.publish("a/b", b"1")
        self.publish("a/b", b"\x00\xff")
        self.assertEqual(self.read("a/b"), b"\x00\xff")
        self.assertIsNone(self.read("a"))

    def test_an_empty_value_is_a_value(self) -> None:
        self.publish("a", b"")
        self.assertEqual(self.read("a"), b"")
        self.assertEqual(self.read("+"), b"")

    def test_a_plain_publish_leaves_the_retained_value(self) -> None:
        self.publish("a", b"1", retained=True)
        self.publish("a", b"2")
        self.publish("a", b"")
        self.assertEqual(self.read("a"), b"")
        self.assertEqual(self.read("a", retained=True), b"1")
        self.assertEqual(self.read("#", retained=True), b"1")

    def test_retaining_nothing_removes_the_retained_value(self) -> None:
        self.publish("a", b"1", retained=True)
        self.assertEqual(self.read("#", retained=True), b"1")
        self.publish("a", b"", retained=True)
        self.assertEqual(self.read("a"), b"")
        self.assertIsNone(self.read("a", retained=True))
        self.assertIsNone(self.read("#", retained=True))
        self.check()

    def test_a_filter_finds_the_value_published_last(self) -> None:
        for topic in ("a/1", "a/2", "b/1", "a/1"):
            self.publish(topic, topic.encode())
            self.assertEqual(self.read("#"), topic.encode())
        self.assertEqual(self.read("a/+"), b"a/1")
        self.assertEqual(self.read("+/2"), b"a/2")
        self.assertIsNone(self.read("+/3"))

    def test_retained_values_are_found_by_when_they_were_retained(self) -> None:
        """Not by when their topics were published to."""
        self.publish("a", b"a", retained=True)
        self.publish("b", b"b", retained=True)
        self.publish("a", b"later")
        self.assertEqual(self.read("+", retained=True), b"b")
        self.restart()
        self.assertEqual(self.read("+", retained=True), b"b")
        self.assertEqual(self.read("+"), b"later")

    def test_worlds_know_nothing_of_each_other(self) -> None:
        (other,) = self.store.worlds([["a:two"]])
        self.publish("a")
        for pattern in ("a", "#"):
            self.assertIsNone(self.done(self.engine.topics.read(other, pattern)))

    def test_all_is_there_after_a_restart(self) -> None:
        self.publish("a", b"1", retained=True)
        self.publish("a", b"2")
        self.restart()
        self.publish("b", b"3")
        self.assertEqual(self.read("#"), b"3")
        self.assertEqual((self.read("a"), self.read("a", retained=True)), (b"2", b"1"))
        self.check()

    def restart(self) -> None:
        self.finish()
        self.start()


class BatchTests(TopicCase):
    def test_publishes_of_one_batch_keep_their_order(self) -> None:
        topics = self.engine.topics
        for data in (b"1", b"2", b"3"):
            topics.publish(self.world, "a", data)
        topics.publish(self.world, "b", b"4")
        reading = topics.read(self.world, "a")
        finding = topics.read(self.world, "#")
        self.assertEqual(self.done(reading), b"3")
        self.assertEqual(self.done(finding), b"4")
        self.assertEqual(self.read("a"), b"3")

    def test_a_read_sees_what_came_before_it_in_its_batch(self) -> None:
        self.publish("a", b"old")
        self.assertEqual(self.read("+"), b"old")
        self.engine.topics.publish(self.world, "b", b"new")
        self.assertEqual(self.read("+"), b"new")

    def test_a_filter_is_answered_while_others_publish_without_end(self) -> None:
        """Each batch has something newer; what was the newest meanwhile will do."""
        self.publish("a/0", b"0")
        deferred = self.engine.topics.read(self.world, "a/+")
        for number in range(1, 4):
            self.engine.topics.publish(self.world, f"a/{number}", b"%d" % number)
            self.turn()
            self.turn()
        self.assertIn(self.successResultOf(deferred), (b"1", b"2", b"3"))

    @stores.only_sqlite
    def test_reading_alone_takes_no_lock(self) -> None:
        self.publish("a", b"1")
        assert isinstance(self.database, stores.SQLiteFile)
        other = sqlite3.connect(self.database.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        self.assertEqual((self.read("a"), self.read("#")), (b"1", b"1"))
        other.execute("ROLLBACK")

    def test_a_publish_that_cannot_be_stored_changes_nothing(self) -> None:
        self.publish("a", b"1")
        self.assertEqual(self.read("#"), b"1")
        self.store.instead = lambda batch: fail(Unavailable("no"))
        deferred = self.engine.topics.publish(self.world, "a", b"2")
        self.turn()
        self.failureResultOf(deferred)
        self.store.instead = lambda batch: None
        self.assertEqual((self.read("a"), self.read("#")), (b"1", b"1"))

    def test_nothing_is_published_where_there_is_no_room_on_the_disk(self) -> None:
        self.store.room = False
        self.refused(self.engine.topics.publish(self.world, "a", b"1"), NoRoom)
        self.store.room = True
        self.assertIsNone(self.read("a"))


class WrongTopicTests(TopicCase):
    def test_what_would_fail_a_batch_is_refused_before(self) -> None:
        for topic in ("", "a\0b", "a\udc80"):
            with self.subTest(topic=topic):
                self.refused(self.engine.topics.publish(self.world, topic, b""), InvalidRequest)
                self.refused(self.engine.topics.read(self.world, topic), InvalidRequest)

    def test_wildcards_cannot_be_published_to(self) -> None:
        for topic in ("+", "a/#"):
            with self.subTest(topic=topic):
                self.refused(self.engine.topics.publish(self.world, topic, b""), InvalidRequest)


class CapTests(TopicCase):
    limits = Limits(topics=3)

    def test_the_topic_published_to_the_longest_ago_makes_room(self) -> None:
        for topic in ("a", "b", "c", "a", "d"):
            self.publish(topic, topic.encode())
        self.assertIsNone(self.read("b"))
        for topic in ("c", "a", "d"):
            self.assertEqual(self.read(topic), topic.encode())
        self.check()

    def test_filters_do_not_find_what_was_dropped(self) -> None:
        for topic in ("x/a", "b", "c"):
            self.publish(topic)
        self.assertEqual(self.read("x/+"), b"x")
        self.publish("d")
        self.assertIsNone(self.read("x/+"))

    def test_no_topic_with_a_retained_value_is_dropped(self) -> None:
        self.publish("a", b"a", retained=True)
        for topic in ("b", "c", "d", "e"):
            self.publish(topic)
        self.assertEqual(self.read("a"), b"a")
        self.assertIsNone(self.read("b"))
        self.check()

    def test_a_new_topic_is_refused_where_all_have_retained_values(self) -> None:
        for topic in ("a", "b", "c"):
            self.publish(topic, topic.encode(), retained=True)
        for retained in (True, False):
            text = self.refused(
                self.engine.topics.publish(self.world, "d", b"d", retained=retained), TopicsFull
            )
            self.assertIn("3 topics", text)
        self.assertIsNone(self.read("d"))
        self.publish("a", b"again")
        self.assertEqual(self.read("#"), b"again")
        self.publish("b", b"", retained=True)
        self.publish("d", b"d")
        self.assertIsNone(self.read("b"))
        self.check()

    def test_refusing_one_does_not_touch_the_others_of_the_batch(self) -> None:
        for topic in ("a", "b", "c"):
            self.publish(topic, topic.encode(), retained=True)
        refused = self.engine.topics.publish(self.world, "d", b"d")
        done = self.engine.topics.publish(self.world, "a", b"2")
        self.assertEqual(self.done(done), 0)
        self.failureResultOf(refused, TopicsFull)
        self.assertEqual(self.read("a"), b"2")

    def test_a_topic_dropped_and_made_again_in_one_batch_is_found(self) -> None:
        """Whether the filter's answer is on its way or not."""
        for topic in ("a", "b", "c"):
            self.publish(topic)
        self.assertEqual(self.read("+"), b"x")
        topics = self.engine.topics
        finding = topics.read(self.world, "a")
        waiting = topics.read(self.world, "+")
        for topic in ("d", "e", "f", "a"):
            topics.publish(self.world, topic, topic.encode())
        self.done(finding), self.done(waiting)
        self.assertEqual(self.read("+"), b"a")
        self.assertIsNone(self.read("b"))
        self.check()

    def test_a_cap_that_was_lowered_is_reached_in_steps(self) -> None:
        for number in range(3):
            self.publish(f"t/{number}")
        self.limits = Limits(topics=1)
        self.finish()
        self.start()
        self.publish("new", b"new")
        self.assertEqual(self.read("#"), b"new")
        self.assertIsNone(self.read("t/#"))
        self.check()


class ManyTopicsTests(TopicCase):
    """More than one slice of names."""

    def fill(self, count: int, *, retained: bool = False) -> None:
        for number in range(count):
            self.engine.topics.publish(self.world, f"t/{number}", b"%d" % number, retained=retained)
        self.publish("t/last", b"last", retained=retained)

    def test_names_are_read_in_slices(self) -> None:
        self.fill(2 * SLICE)
        self.store.batches.clear()
        self.assertEqual(self.read("t/+"), b"last")
        finds = [each for batch in self.store.batches for each in batch.operations]
        self.assertEqual(len(finds), 4)
        self.store.batches.clear()
        self.assertEqual(self.read("+/7"), b"7")
        self.assertEqual(len(self.store.batches), 1)

    def test_many_who_wait_for_the_names_are_all_answered(self) -> None:
        self.fill(2 * SLICE)
        topics = self.engine.topics
        waiting = [topics.read(self.world, f"+/{number}") for number in range(5)]
        self.engine.topics.publish(self.world, "t/3", b"new")
        self.assertEqual(self.read("+/4"), b"4")
        found = [self.successResultOf(each) for each in waiting]
        self.assertEqual(found, [b"0", b"1", b"2", b"new", b"4"])

    def test_retained_values_have_slices_of_their_own(self) -> None:
        self.fill(SLICE + 1, retained=True)
        self.publish("t/last", b"", retained=True)
        self.assertEqual(self.read("t/+", retained=True), b"%d" % SLICE)

    def test_forgetting_drops_all_that_was_there(self) -> None:
        self.fill(SLICE + 1, retained=True)
        forgetting = self.engine.topics.forget(self.world)
        self.turn()
        self.publish("t/new", b"new")
        self.assertEqual(self.done(forgetting), SLICE + 2)
        self.assertEqual(self.read("#"), b"new")
        self.assertIsNone(self.read("t/7"))
        self.assertIsNone(self.read("t/7", retained=True))
        self.check()


class GatewaysTests(TopicCase):
    """Another process publishes to the same database."""

    def test_what_another_gateway_published_is_found(self) -> None:
        other = self.another_gateway()
        self.publish("a", b"1", retained=True)
        self.assertEqual(self.read("#"), b"1")
        self.publish("b", b"2", retained=True, engine=other)
        self.publish("c", b"3")
        self.publish("b", b"4", engine=other)
        self.assertEqual(self.read("#"), b"4")
        self.assertEqual(self.read("#", retained=True), b"2")
        self.publish("b", b"", retained=True, engine=other)
        self.assertEqual(self.read("#", retained=True), b"1")

    def test_what_another_gateway_dropped_is_not_found(self) -> None:
        other = self.another_gateway()
        for number in range(LOST_AT_MOST + 5):
            self.publish(f"a/{number}")
        self.publish("b")
        self.assertEqual(self.read("a/#"), b"x")
        self.assertEqual(self.done(other.topics.forget(self.world)), LOST_AT_MOST + 6)
        self.assertIsNone(self.read("a/#"))
        self.assertIsNone(self.read("#"))

    def test_names_do_not_pile_up_while_another_gateway_drops_topics(self) -> None:
        self.limits = Limits(topics=10)
        other = self.another_gateway()
        for number in range(SLACK + 50):
            other.topics.publish(self.world, f"a/{number}", b"x")
            if number % 9 == 0:
                self.assertEqual(self.read("#", engine=self.engine), b"x")
        names = self.engine.topics._library.asked(self.world, False)
        self.assertLess(len(names), SLACK + 30)
        self.assertEqual(self.read("#"), b"x")


@stores.only_sqlite
class GrowthTests(TopicCase):
    def test_publishing_again_does_not_make_the_file_larger(self) -> None:
        """One row a topic, whatever its values' sizes."""
        sizes = [0, 10, 60_000, 100, 65_536, 1]
        for topic in ("a", "b"):
            self.publish(topic, b"x" * 65_536, retained=True)
        before = self.pages()
        for number in range(300):
            self.publish("ab"[number % 2], b"y" * sizes[number % 6], retained=number % 3 == 0)
        self.publish("a", b"x" * 65_536, retained=True)
        self.publish("b", b"x" * 65_536, retained=True)
        pages, unused = self.pages()
        self.assertLessEqual(pages, before[0] + 2)
        self.assertLessEqual(unused, before[1] + 2)

    def pages(self) -> tuple[int, int]:
        assert isinstance(self.database, stores.SQLiteFile)
        connection = sqlite3.connect(self.database.path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (unused,) = connection.execute("PRAGMA freelist_count").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.close()
        return os.path.getsize(self.database.path) // size, unused
