"""What worlds and queues may hold, where messages come through exchanges."""

from __future__ import annotations

from mqgate.engine.allowance import Allowance, QueueRule
from mqgate.engine.errors import ExchangeNotFound, LimitReached
from mqgate.engine.values import NewMessage, Topology, Wiring
from tests.engine.test_limits import LimitsCase


class PublishingLimitsCase(LimitsCase):
    """Three queues behind an exchange, in the world that has an allowance."""

    def start(self) -> None:
        super().start()
        queues = dict.fromkeys(("q", "log-a", "log-b"), "place")
        bindings = [("all", queue, "") for queue in queues]
        self.engine.declare(self.world, Topology({"all": "fanout"}, queues, bindings))

    def publish(self, body: bytes = b"x") -> int:
        return self.done(self.engine.publish(self.world, "all", [""], NewMessage(body)))

    def sizes(self) -> list[int]:
        return [self.size(queue) for queue in ("q", "log-a", "log-b")]


class WorldTests(PublishingLimitsCase):
    """A world that may hold so much."""

    allowance = Allowance(queues=4, messages=7)

    def test_a_publish_that_does_not_fit_is_refused_whole(self) -> None:
        self.publish()
        self.publish()
        published = self.engine.publish(self.world, "all", [""], NewMessage(b"x"))
        self.refused(published, LimitReached)
        self.done(self.posting(b"one more"))
        self.assertEqual(self.sizes(), [3, 2, 2])

    def test_one_queue_too_many_is_not_made_and_neither_is_its_exchange(self) -> None:
        wiring = [Wiring(f"e{number}", f"new {number}", "k", "place") for number in range(2)]
        self.done(self.engine.take(self.world, "new 0", wiring=wiring[0]))
        self.refused(self.engine.take(self.world, "new 1", wiring=wiring[1]), LimitReached)
        published = self.engine.publish(self.world, "e1", ["k"], NewMessage(b"x"), wiring=wiring[1])
        self.refused(published, LimitReached)
        missing = self.engine.publish(self.world, "e1", ["k"], NewMessage(b"x"))
        self.refused(missing, ExchangeNotFound)


class QueueTests(PublishingLimitsCase):
    """Queues that may hold so much, each by its own rule."""

    allowance = Allowance(
        rules=(QueueRule("log-a", length=2, drop=True), QueueRule("log-b", age=5_000))
    )

    def test_each_copy_keeps_to_the_rule_of_its_queue(self) -> None:
        for number in range(3):
            self.publish(b"%d" % number)
        self.assertEqual(self.sizes(), [3, 2, 3])
        self.assertEqual(self.take(9, "log-a", remove=True), [b"1", b"2"])
        self.pass_time(5)
        self.assertEqual(self.sizes(), [3, 0, 0])
        self.assertEqual(self.take(9, remove=True), [b"0", b"1", b"2"])
