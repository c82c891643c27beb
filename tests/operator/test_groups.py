"""``groups``, and what the other commands have to do with topics."""

from __future__ import annotations

from mqgate.engine.groups import TopicMessage
from mqgate.engine.values import Policy
from tests.operator.case import PROJECTS, CommandCase

A = PROJECTS[0]


class GroupsTests(CommandCase):
    policies = {"ironmq": Policy(keeps_place=True, retention=3_600_000)}

    def setUp(self) -> None:
        super().setUp()
        self.consume("mail")
        message = TopicMessage(b"1", delay=60_000)
        for each in (message, TopicMessage(b"2"), TopicMessage(b"3")):
            self.done(self.engine.groups.publish(self.world, "orders", [each], policy="ironmq"))
        self.consume("mail")
        self.done(
            self.engine.groups.prepare(
                *(self.world, "orders", message),
                check_after=10_000,
                decide_within=60_000,
                policy="ironmq",
            )
        )
        self.done(self.engine.groups.declare(self.world, "orders", "new", policy="ironmq"))
        self.clock.advance(5)

    def consume(self, group: str) -> None:
        self.done(
            self.engine.groups.consume(self.world, "orders", group, lease=60_000, policy="ironmq")
        )

    def test_topics_are_listed_with_their_groups(self) -> None:
        [topic] = self.did("groups", "--json").json["topics"]
        [mail, new] = topic.pop("groups")
        self.assertEqual(
            topic, {"world": [f"demo/ironmq/{A}"], "topic": "orders", "kept": 3, "half": 1}
        )
        self.assertTrue(mail.pop("polled_at").endswith("Z"))
        self.assertEqual(
            mail, {"group": "mail", "ready": 1, "reserved": 1, "delayed": 1, "live": True}
        )
        self.assertEqual((new["ready"], new["live"]), (0, False))

    def test_for_people_too(self) -> None:
        lines = [line.split() for line in self.did("groups", A).out.splitlines()]
        self.assertEqual(lines[1][1:], ["orders", "3", "1"])
        self.assertEqual(lines[2][1:], ["orders", "mail", "1", "1", "1", "5s", "ago"])
        self.assertEqual(lines[3][1:3], ["orders", "new"])
        self.assertEqual(lines[3][-2:], ["catching", "up"])

    def test_where_there_are_none_that_is_said(self) -> None:
        outcome = self.did("groups", PROJECTS[1])
        self.assertEqual((outcome.out, outcome.err), ("", "there are no topics\n"))

    def test_their_queues_are_nobody_else_s(self) -> None:
        self.post(b"1", queue="orders")
        [queue] = self.did("queues", "--json").json["queues"]
        self.assertEqual((queue["queue"], queue["size"]), ("orders", 1))
        for words in (["show"], ["peek"], ["purge", "-y"], ["delete", "-y"]):
            self.assertIn("has no queue", self.refused(words[0], A, "\x1forders", *words[1:]))
        exported = self.did("export", A).lines
        self.assertNotIn("\\u001f", repr(exported))
        self.check()
