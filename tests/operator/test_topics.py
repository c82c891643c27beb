"""``topics``."""

from __future__ import annotations

from tests.operator.case import PROJECTS, CommandCase

A = PROJECTS[0]


class TopicsTests(CommandCase):
    def publish(
        self, topic: str, data: bytes, *, retained: bool = False, world: int | None = None
    ) -> None:
        topics = self.engine.topics
        self.done(topics.publish(world or self.world, topic, data, retained=retained))

    def test_topics_of_every_world_are_listed_by_name(self) -> None:
        self.publish("b", b"1")
        self.publish("a/b", b"2")
        self.publish("c", b"3", world=self.dropped)
        lines = self.did("topics").out.splitlines()
        self.assertEqual([line.split()[1] for line in lines], ["TOPIC", "a/b", "b", "c"])
        self.assertEqual(lines[-1].split()[0], "ironmq/old")
        self.assertEqual(len(self.did("topics", "demo").out.splitlines()), 3)

    def test_values_are_shown_by_their_beginnings(self) -> None:
        self.publish("a", b"kept", retained=True)
        self.publish("b", b"kept", retained=True)
        self.publish("b", b"\x1b[2J" + b"x" * 70)
        self.publish("c", b"")
        rows = [line.split(None, 4) for line in self.did("topics", A).out.splitlines()[1:]]
        self.assertEqual(
            rows[0][1:], ["a", "1", "4", "kept                                      the same"]
        )
        self.assertEqual(rows[1][2:4], ["3", "74"])
        self.assertTrue(rows[1][4].startswith("\\x1b[2J" + "x" * 32 + "…"), rows[1])
        self.assertTrue(rows[1][4].endswith("number 2, 4 bytes"))
        self.assertEqual(rows[2][1:], ["c", "4", "0"])

    def test_scripts_get_numbers_and_sizes(self) -> None:
        self.publish("a", b"\xff" * 500, retained=True)
        self.publish("a", b"later")
        self.publish("b", b"x", retained=True)
        self.publish("b", b"", retained=True)
        first, second = self.did("topics", "--json").json["topics"]
        self.assertEqual(first["world"], [f"demo/ironmq/{A}"])
        self.assertEqual(first["topic"], "a")
        self.assertEqual(first["latest"], {"number": 2, "size": 5})
        self.assertEqual(first["retained"], {"number": 1, "size": 500})
        self.assertEqual(second["latest"], {"number": 4, "size": 0})
        self.assertIsNone(second["retained"])

    def test_where_there_is_nothing_nothing_is_printed(self) -> None:
        outcome = self.did("topics")
        self.assertEqual((outcome.out, outcome.err), ("", "there are no topics\n"))
        self.assertEqual(self.did("topics", "--json").json, {"topics": []})
