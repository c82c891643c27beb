"""What every store owes the engine about topic values; a part of the contract."""

from __future__ import annotations

from typing import Any

from mqgate.storage import interface as ops
from mqgate.storage.interface import Dropped, Found, Published, TopicRow
from tests.storage.contract import NEVER, SHELF, StoreContract, row

MOST = 100


class TopicsContract(StoreContract):
    """Publishes to topics, reads, and what is told to who has fallen behind."""

    def publishing(
        self, topic: str, data: bytes = b"x", *, retained: bool = False, **other: Any
    ) -> ops.PublishValue:
        plain = ops.PublishValue(self.world, topic, data, retained, MOST, None, True)
        return plain._replace(**other)

    def set_values(self, *topics: str, **how: Any) -> None:
        self.run_batch(*(self.publishing(topic, topic.encode(), **how) for topic in topics))

    def value_of(self, topic: str, *, retained: bool = False) -> bytes | None:
        value: bytes | None = self.one(ops.ReadValue(self.world, topic, retained))
        return value

    def found(self, since: int = 0, *, retained: bool = False, **other: Any) -> Found:
        plain = ops.FindValue(self.world, since, MOST, None, retained)
        found: Found = self.one(plain._replace(**other))
        return found

    def test_publishes_are_numbered_in_their_order(self: Any) -> None:
        results = self.run_batch(*map(self.publishing, "aba"))
        self.assertEqual(results, [Published(1, ()), Published(2, ()), Published(3, ())])
        self.assertEqual(self.run_batch(self.publishing("c")), [Published(4, ())])
        self.assert_clean()

    def test_the_last_of_a_batch_stays_and_is_read(self: Any) -> None:
        reading = ops.ReadValue(self.world, "a", False)
        operations = [self.publishing("a", data) for data in (b"1", b"2")]
        self.assertEqual(self.run_batch(reading, *operations)[0], b"2")

    def test_each_world_has_numbers_of_its_own(self: Any) -> None:
        (other,) = self.store.worlds([["a:two"]])
        self.set_values("a", "b")
        self.assertEqual(self.one(self.publishing("a", world=other)), Published(1, ()))
        self.assertIsNone(self.one(ops.ReadValue(other, "b", False)))
        self.assert_clean()

    def test_the_two_values_of_a_topic(self: Any) -> None:
        for data, retained, expected in (
            (b"1", False, (b"1", None)),
            (b"2", True, (b"2", b"2")),
            (b"3", False, (b"3", b"2")),
            (b"", False, (b"", b"2")),
            (b"", True, (b"", None)),
        ):
            self.one(self.publishing("a", data, retained=retained))
            self.assertEqual((self.value_of("a"), self.value_of("a", retained=True)), expected)
        self.assert_clean()

    def test_values_are_there_after_reopening(self: Any) -> None:
        self.set_values("a", retained=True)
        self.store = self.reopen()
        self.assertEqual((self.value_of("a"), self.value_of("a", retained=True)), (b"a", b"a"))
        self.assertEqual(self.one(self.publishing("b")), Published(2, ()))

    def test_who_has_fallen_behind_is_told_the_rest_in_order(self: Any) -> None:
        self.set_values("a", "b", "c", "a")
        rows = (TopicRow("b", 2, True), TopicRow("c", 3, True), TopicRow("a", 4, True))
        self.assertEqual(self.found(), Found(rows, 4, False, 3, None))
        self.assertEqual(self.found(2), Found(rows[1:], 4, False, 3, None))
        self.assertEqual(self.found(4, topic="b"), Found((), 4, False, 3, b"b"))
        self.assertEqual(self.found(limit=2), Found(rows[:2], 3, True, 3, None))

    def test_it_is_told_in_the_batch_that_publishes(self: Any) -> None:
        finding = ops.FindValue(self.world, 0, MOST, "a", False)
        found = self.run_batch(finding, self.publishing("a", b"1"))[0]
        self.assertEqual(found, Found((TopicRow("a", 1, True),), 1, False, 1, b"1"))

    def test_of_retained_values_the_removed_are_told_too(self: Any) -> None:
        self.set_values("a", "b", retained=True)
        self.set_values("c", "a")
        self.one(self.publishing("b", b"", retained=True))
        rows = (TopicRow("a", 1, True), TopicRow("b", 5, False))
        self.assertEqual(self.found(retained=True), Found(rows, 5, False, 3, None))
        self.assertEqual(self.found(1, retained=True).rows, rows[1:])

    def test_the_oldest_topic_makes_room(self: Any) -> None:
        self.set_values("a", "b", "a")
        results = self.run_batch(self.publishing("c", most=2), self.publishing("d", most=2))
        self.assertEqual(results, [Published(4, ("b",)), Published(5, ("a",))])
        self.assertEqual([self.value_of(topic) for topic in "abcd"], [None, None, b"x", b"x"])
        self.assertEqual(self.found().topics, 2)
        self.assert_clean()

    def test_retained_topics_do_not_make_room(self: Any) -> None:
        self.set_values("a", "b", retained=True)
        self.assertIsNone(self.one(self.publishing("c", most=2)))
        self.assertIsNone(self.one(self.publishing("c", most=2, retained=True)))
        self.assertIsNone(self.value_of("c"))
        removed = self.one(self.publishing("a", b"", retained=True, most=2))
        self.assertEqual(removed, Published(3, ()))
        self.assertEqual(self.one(self.publishing("c", most=2)), Published(4, ("a",)))
        self.assert_clean()

    def test_what_is_also_published_to_a_queue(self: Any) -> None:
        """Not where the value was needed and there was no room for it."""
        self.set_values("a", retained=True)
        for id_, (topic, needed, there) in enumerate(
            (("a", True, 1), ("b", True, 1), ("b", False, 2)), 1
        ):
            message = ops.Post(self.world, SHELF, (row(id_, expires=NEVER),))
            operation = self.publishing(topic, most=1, message=message, needed=needed)
            self.run_batch(operation, high=id_)
            self.assertEqual(self.count(), (there, there))
        self.assertEqual(self.ids(self.reserve(9)), [1, 3])
        self.assertIsNone(self.value_of("b"))
        self.assert_clean()

    def test_topics_are_dropped_in_slices(self: Any) -> None:
        self.set_values("a", "b", "c", retained=True)
        dropping = ops.DropValues(self.world, None, 2)
        self.assertEqual(self.one(dropping), Dropped(2, 3))
        self.set_values("d")
        self.assertEqual(self.one(dropping._replace(upto=3)), Dropped(1, 3))
        self.assertEqual(self.found().rows, (TopicRow("d", 4, True),))
        self.assertEqual(self.found().topics, 1)
        self.assert_clean()
