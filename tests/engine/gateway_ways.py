"""Every way in which something becomes available: whoever waits at another gateway is served."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mqgate.engine.deliveries import Failed
from mqgate.engine.groups import TopicMessage
from mqgate.engine.values import FANOUT, NewAlert, NewMessage, Topology
from tests.engine.gateways import LEASE, GatewaysCase


class Ways(GatewaysCase):
    """Every way in which there comes to be something for who waits at the other gateway."""

    def served(
        self, ask: Callable[[], list[Any]], act: Callable[[], Any], after: float, body: bytes
    ) -> None:
        """Who asks is served so many seconds after what is done then, or soon after that."""
        raise NotImplementedError

    def polling(self, queue: str = "q") -> Callable[[], list[Any]]:
        return lambda: self.poll(self.two, queue=queue)

    def consuming(self, **how: Any) -> Callable[[], list[Any]]:
        return lambda: self.waiting(self.two, **how)

    def test_a_post(self) -> None:
        self.served(self.polling(), lambda: self.post(self.one, b"m"), 0, b"m")

    def test_a_delayed_post(self) -> None:
        self.served(self.polling(), lambda: self.post(self.one, b"m", delay=200), 0.2, b"m")

    def test_a_publish(self) -> None:
        self.wire()
        self.served(self.polling(), lambda: self.fan_out(b"m"), 0, b"m")

    def test_a_delayed_publish(self) -> None:
        self.wire()
        self.served(self.polling(), lambda: self.fan_out(b"m", delay=200), 0.2, b"m")

    def wire(self) -> None:
        topology = Topology(
            {"f": FANOUT}, {"q": "back", "r": "back"}, [("f", "q", ""), ("f", "r", "")]
        )
        self.one.engine.declare(self.world, topology)

    def fan_out(self, body: bytes, **how: Any) -> None:
        message = NewMessage(body, **how)
        self.done(self.one.engine.publish(self.world, "f", [""], message))

    def reserved(self, **how: Any) -> Any:
        self.post(self.one, b"m")
        return self.done(self.one.engine.reserve(self.world, "q", **how))

    def test_a_release(self) -> None:
        (message,) = self.reserved()
        release = self.one.engine.release
        self.served(
            self.polling(), lambda: self.done(release(self.world, "q", message.id)), 0, b"m"
        )

    def test_a_release_after_a_delay(self) -> None:
        (message,) = self.reserved()

        def release() -> None:
            self.done(self.one.engine.release(self.world, "q", message.id, delay=200))

        self.served(self.polling(), release, 0.2, b"m")

    def test_a_shorter_reservation(self) -> None:
        (id_,) = self.post(self.one, b"m", timeout=200)
        self.take(self.one, lease=100_000)
        touch = self.one.engine.touch
        self.served(self.polling(), lambda: self.done(touch(self.world, "q", id_)), 0.2, b"m")

    def test_a_delivery_undone(self) -> None:
        messages = self.reserved()
        self.served(self.polling(), lambda: self.give_back(messages), 0, b"m")

    def test_a_removal_undone(self) -> None:
        messages = self.reserved(remove=True)
        self.served(self.polling(), lambda: self.give_back(messages, removed=True), 0, b"m")

    def give_back(self, messages: Any, **how: Any) -> None:
        self.one.engine.give_back(self.world, "q", messages, **how)
        self.turns()

    def test_an_alert(self) -> None:
        alert = NewAlert(False, False, 1, "bells", 0)
        self.done(self.one.engine.add_alerts(self.world, "q", [alert], policy="back"))
        self.served(self.polling("bells"), lambda: self.post(self.one, b"m"), 0, b"size of q: 1")

    def test_an_error_of_a_push(self) -> None:
        settings = {"to": [["a"]], "retries": 0, "errors": "errors"}
        self.done(self.one.engine.update(self.world, "p", settings, policy="push"))
        (id_,) = self.post(self.one, b"m", queue="p")
        self.turns()
        (attempt,) = self.one.carrier.tries + self.two.carrier.tries

        def end() -> None:
            attempt.deferred.callback(Failed(500, "no"))
            self.turns()

        self.served(self.polling("errors"), end, 0, b"%d failed" % id_)

    def live(self, policy: str = "keeps") -> None:
        """A group that is fed at once, as both gateways know."""
        self.publish(self.one, b"first", policy=policy)
        for gateway in (self.one, self.two):
            for delivery in self.consume(gateway, policy=policy):
                self.acknowledge(delivery)

    def acknowledge(self, *deliveries: Any) -> None:
        receipts = [each.receipt for each in deliveries]
        self.done(self.one.engine.groups.acknowledge(self.world, "t", "g", receipts))

    def test_a_message_of_a_topic(self) -> None:
        self.live()
        self.served(self.consuming(), lambda: self.publish(self.one, b"m"), 0, b"m")

    def test_a_message_with_a_tag(self) -> None:
        self.live()
        tags = frozenset("x")
        publish = self.publish
        self.served(self.consuming(tags=tags), lambda: publish(self.one, b"m", tag="x"), 0, b"m")

    def test_a_message_in_order(self) -> None:
        self.live()
        publish = self.publish
        self.served(self.consuming(ordered=True), lambda: publish(self.one, b"m", key="k"), 0, b"m")

    def test_a_delayed_message_of_a_topic(self) -> None:
        self.live()
        self.served(self.consuming(), lambda: self.publish(self.one, b"m", delay=200), 0.2, b"m")

    def test_an_acknowledgement_of_what_came_before_it(self) -> None:
        self.live()
        self.publish(self.one, b"before", b"m", key="k")
        before = self.consume(self.one, ordered=True)
        self.served(self.consuming(ordered=True), lambda: self.acknowledge(*before), 0, b"m")

    def test_a_groups_delivery_undone(self) -> None:
        self.live()
        self.publish(self.one, b"m")
        out = self.consume(self.one)

        def undo() -> None:
            self.one.engine.groups.give_back(self.world, "t", "g", out)
            self.turns()

        self.served(self.consuming(), undo, 0, b"m")

    def test_a_half_message_decided(self) -> None:
        self.live()
        groups = self.one.engine.groups
        how = {"check_after": 10_000, "decide_within": 60_000, "policy": "keeps"}
        half = self.done(groups.prepare(self.world, "t", TopicMessage(b"m"), **how))  # type: ignore[arg-type]

        def decide() -> None:
            self.done(groups.commit(self.world, "t", [half.receipt]))

        self.served(self.consuming(), decide, 0, b"m")

    def test_a_half_message_undecided(self) -> None:
        self.live()
        groups = self.two.engine.groups
        how = {"check_after": 200, "decide_within": 60_000, "policy": "keeps"}
        prepare = self.one.engine.groups.prepare
        self.served(
            lambda: self.answers(groups.pop(self.world, "t", lease=LEASE, wait=30_000)),
            lambda: self.done(prepare(self.world, "t", TopicMessage(b"m"), **how)),  # type: ignore[arg-type]
            0.2,
            b"m",
        )

    def test_a_dead_letter(self) -> None:
        self.live("strict")

        def lapse() -> None:
            self.publish(self.one, b"m", policy="strict")
            self.consume(self.one, lease=200, policy="strict")

        self.served(self.consuming(topic="%DLQ%g", group="h", policy="strict"), lapse, 0.6, b"m")
