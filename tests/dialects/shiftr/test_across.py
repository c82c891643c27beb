"""Messages that come in through this dialect and leave through another, and the other way."""

from __future__ import annotations

from tests.dialects.robomq.case import basic
from tests.dialects.shiftr.case import ShiftrCase


class AcrossTests(ShiftrCase):
    def bind(self, pattern: str, queue: str = "inbox") -> None:
        """Have a RoboMQ queue bound to ``amq.topic``, as its clients do: by a get."""
        self.assertEqual(self.get(pattern, queue, "amq.topic").status, 204)

    def test_a_robomq_queue_receives_what_is_published(self) -> None:
        self.bind("sensors.*")
        self.publish("sensors/kitchen", b"21.5")
        self.publish("elsewhere", b"no")
        self.publish("sensors/cellar?retained=true", b"12.0")
        found = [self.get("sensors.*", "inbox", "amq.topic") for _ in range(3)]
        self.assertEqual([each.status for each in found], [200, 200, 204])
        self.assertEqual([each.body for each in found[:2]], [b"21.5", b"12.0"])

    def test_it_looks_there_as_if_published_on_the_exchange_with_that_key(self) -> None:
        self.bind("sensors.#")
        self.publish("sensors/k-1:x,y/a.b", b"\xff")
        answer = self.get("sensors.#", "inbox", "amq.topic")
        self.assertEqual(answer.body, b"\xff")
        self.assertEqual(
            answer.envelop,
            {
                "deliveryTag": 1,
                "redelivered": False,
                "exchange": "amq.topic",
                "routingKey": "sensors.k-1:x,y.a.b",
                "messageCount": 0,
            },
        )
        self.assertEqual(answer.properties, {"headers": {}})

    def test_a_robomq_publish_sets_the_latest_value(self) -> None:
        self.published("21.5", "sensors.kitchen", "inbox", "amq.topic")
        self.assertEqual(self.value("sensors/kitchen"), b"21.5")
        self.assertEqual(self.value("sensors/+"), b"21.5")
        self.assertIsNone(self.value("sensors/+?retained=true"))

    def test_copies_do_not_count(self) -> None:
        properties = {"headers": {"CC": ["copy.one"], "BCC": ["copy.two"]}}
        self.published("x", "the.key", "inbox", "amq.topic", properties=properties)
        self.assertEqual(self.value("the/key"), b"x")
        self.assertIsNone(self.value("copy/@"))

    def test_other_exchanges_set_nothing(self) -> None:
        self.published("x", "a.b", "inbox", "testEx")
        self.assertIsNone(self.value("@"))

    def test_a_robomq_publish_is_never_refused_for_its_key_or_size(self) -> None:
        self.published("x" * 70_000, "large", "inbox", "amq.topic")
        path = "/rest/demo/amq.topic/inbox/a%20b"
        self.assertEqual(self.ask("POST", path, b"y").status, 200)
        self.assertIsNone(self.value("@"))
        self.assertEqual(len(self.get("large", "inbox", "amq.topic").body), 70_000)

    def test_what_does_not_survive_the_way_back(self) -> None:
        """A dot of a topic comes back as a slash, and so does a slash of a key."""
        self.bind("a.b.c")
        self.publish("a.b/c", b"1")
        self.assertEqual(self.get("a.b.c", "inbox", "amq.topic").body, b"1")
        self.published("2", "a.b.c", "inbox", "amq.topic")
        self.assertEqual(self.value("a/b/c"), b"2")
        self.assertEqual(self.value("a.b/c"), b"1")
        self.assertEqual(self.ask("POST", "/rest/demo/amq.topic/inbox/s.a%2Fb", b"3").status, 200)
        self.assertEqual(self.value("s/a/b"), b"3")

    def test_worlds_apart_stay_apart(self) -> None:
        self.bind("#")
        self.publish("a", b"1", who=basic("demo-2", "s3cret"))
        self.assertEqual(self.get("#", "inbox", "amq.topic").status, 204)
