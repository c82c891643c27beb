"""Topics and groups where their world may have so many queues and no more."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from mqgate.engine.allowance import Allowance
from mqgate.engine.errors import LimitReached, NoRoom
from mqgate.engine.groups import TopicMessage
from tests.engine.groups.case import LEASE, GroupsCase


class QueuesTests(GroupsCase):
    """A topic is one of them, and so are its half messages and each of its groups."""

    policy = "strict"
    allowed = Allowance(queues=3)

    def names(self) -> list[str]:
        return [name for (name,) in self.rows("SELECT name FROM queue ORDER BY number")]

    def asked(self, topic: str, group: str) -> Deferred[Any]:
        return self.groups.consume(self.world, topic, group, lease=LEASE, policy=self.policy)

    def half(self, topic: str) -> Deferred[Any]:
        how: Any = {"check_after": 10_000, "decide_within": 20_000, "policy": self.policy}
        return self.groups.prepare(self.world, topic, TopicMessage(b"half"), **how)

    def test_one_too_many_is_told_so_and_leaves_nothing(self) -> None:
        self.publish(b"1")
        self.consume()
        there = self.names()
        for refused in (self.asked("u", "g"), self.half("u")):
            self.refused(refused, LimitReached)
            self.assertEqual(self.names(), there)
        self.consume(group="h")
        self.refused(self.asked("t", "i"), LimitReached)
        self.refused(self.half("t"), LimitReached)
        self.publish(b"2")
        self.assertEqual(self.bodies(), [b"2"])

    def test_a_full_disk_is_told_as_that(self) -> None:
        self.publish(b"1")
        self.store.room = False
        self.refused(self.asked("t", "g"), NoRoom)
        self.store.room = True
        self.assertEqual(self.bodies(), [b"1"])

    def test_dead_letters_get_out_of_the_way_all_the_same(self) -> None:
        self.publish(b"1", b"2", key="k")
        self.consume(group="h")
        for _ in range(2):
            self.consume(ordered=True)
            self.pass_time(LEASE / 1000)
        self.pass_time(2)
        self.assertEqual(self.bodies(ordered=True), [b"2"])
        self.assertEqual(self.rows("SELECT count(*) FROM msg WHERE state = 5"), [(3,)])
