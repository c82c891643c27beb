"""What `verify` finds wrong with topic values."""

from __future__ import annotations

import os
import sqlite3

from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage.interface import Batch, PublishValue
from mqgate.storage.sqlite import Inline, SQLiteStore
from mqgate.storage.verify import verify


class TopicCheckTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = self.mktemp()
        os.makedirs(folder)
        store = SQLiteStore(os.path.join(folder, "topics.db"), Inline())
        store.open()
        (world,) = store.worlds([["a"]])
        publishes = tuple(
            PublishValue(world, topic, b"x", topic == "kept", 9, None, True)
            for topic in ("kept", "a", "b")
        )
        self.successResultOf(store.run(Batch(1, (), (), publishes, 0)))
        store.close()
        self.connection = sqlite3.connect(store.path)
        self.addCleanup(self.connection.close)

    def test_nothing_is_wrong_with_what_was_published(self) -> None:
        self.assertEqual(verify(self.connection), [])

    def test_each_damage_is_told(self) -> None:
        for damage, sentence in (
            ("UPDATE world SET topics = 2", "world 1 counts 2 topics but has 3"),
            (
                "UPDATE topic_value SET latest_seq = 3 WHERE topic = 'a'",
                "2 topics of world 1 have one number, 3",
            ),
            (
                "UPDATE world SET topic_seq = 2",
                "topic 'b' of world 1 has the numbers 3 and 0, but the world has come to 2",
            ),
            (
                "UPDATE topic_value SET retained_seq = 9 WHERE topic = 'kept'",
                "topic 'kept' of world 1 has the numbers 1 and 9, but the world has come to 3",
            ),
            (
                "UPDATE topic_value SET latest = NULL WHERE topic = 'a'",
                "topic 'a' of world 1 has values that do not go with their numbers",
            ),
            (
                "UPDATE topic_value SET retained = x'00' WHERE topic = 'a'",
                "topic 'a' of world 1 has values that do not go with their numbers",
            ),
            (
                "UPDATE world SET topic_floor = 3",
                "topic 'a' of world 1 has the number 2, but those below 3 were dropped",
            ),
        ):
            with self.subTest(damage=damage):
                self.connection.execute(damage)
                self.connection.commit()
                self.assertEqual(verify(self.connection), [sentence])
                self.connection.executescript(
                    "UPDATE world SET topics = 3, topic_seq = 3, topic_floor = 0;"
                    "UPDATE topic_value SET latest_seq = 2, latest = x'78', retained = NULL"
                    " WHERE topic = 'a';"
                    "UPDATE topic_value SET retained_seq = 1 WHERE topic = 'kept';"
                )
                self.assertEqual(verify(self.connection), [])

    def test_a_topic_without_a_world_is_told(self) -> None:
        self.connection.execute("UPDATE topic_value SET world = 7 WHERE topic = 'a'")
        self.connection.commit()
        problems = verify(self.connection)
        self.assertIn("world 1 counts 3 topics but has 2", problems)
        self.assertTrue(any(each.startswith("topic 'a' of world 7") for each in problems))
