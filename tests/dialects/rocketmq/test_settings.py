"""What may stand in the configuration, and what it changes."""

from __future__ import annotations

from typing import Any

import msgspec
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mqgate.dialects.declaration import Grant, Opening
from mqgate.dialects.rocketmq import DECLARATION
from mqgate.dialects.rocketmq.settings import Namespace, Settings
from mqgate.engine.errors import StoreUnavailable, TopicNotFound
from tests.dialects.rocketmq.case import (
    OTHER_SECTION,
    START,
    Answer,
    RocketMQCase,
    message,
    receipt_handles,
)

KEYS = [{"id": "a", "secret": "s3cret"}]


class NamespaceTests(SynchronousTestCase):
    def test_a_namespace_has_instances_and_keys(self) -> None:
        section = msgspec.convert({"instances": ["MQ_INST_demo", ""], "keys": KEYS}, Namespace)
        self.assertEqual(DECLARATION.claims(section), ["MQ_INST_demo", ""])
        self.assertTrue(section.auto_create)

    def test_what_could_not_work_is_refused_with_the_key_and_without_the_secret(self) -> None:
        good = {"instances": ["i"], "keys": KEYS}
        for change, key in (
            ({"instances": []}, "instances"),
            ({"instances": ["a", "a"]}, "instances"),
            ({"instances": ["a/b"]}, "instances"),
            ({"instances": ["a\n"]}, "instances"),
            ({"keys": []}, "keys"),
            ({"keys": KEYS * 2}, "keys"),
            ({"keys": [{"id": "a:b", "secret": "s3cret"}]}, "keys[0].id"),
            ({"keys": [{"id": "", "secret": "s3cret"}]}, "keys[0].id"),
            ({"keys": [{"id": "\u00e4", "secret": "s3cret"}]}, "keys[0].id"),
            ({"keys": [{"id": "a", "secret": ""}]}, "keys[0].secret"),
            ({"topics": [{"name": "a.b"}]}, "topics[0]"),
            ({"topics": [{"name": "a", "groups": [""]}]}, "topics[0]"),
            ({"topics": [{"name": "a", "instance": "no"}]}, "topics[0].instance"),
            ({"topics": [{"name": "a"}, {"name": "a", "instance": "i"}]}, "topics"),
        ):
            error = self.assertRaises(
                msgspec.ValidationError, msgspec.convert, {**good, **change}, Namespace
            )
            self.assertIn(key, str(error))
            self.assertNotIn("s3cret", str(error))

    def test_a_first_start_has_credentials_of_its_own(self) -> None:
        steps = DECLARATION.first_steps(lambda length: "0" * length)
        section = msgspec.convert(steps.section, Namespace)
        self.assertIn(section.instances[0], steps.curl_path)
        self.assertEqual(steps.curl_config, [])


class ChangedTests(RocketMQCase):
    settings = Settings(
        visibility_seconds=7,
        ordered_visibility_seconds=3,
        max_deliveries=1,
        retention_seconds=600,
        half_check_seconds=5,
        half_decide_seconds=60,
        max_delay_seconds=100,
        clock_skew_seconds=60,
        max_wait_seconds=5,
        max_batch=2,
        max_body_bytes=100,
        max_special_body_bytes=10,
        max_properties_bytes=40,
    )

    def test_times(self) -> None:
        self.published("x")
        now = START * 1000
        self.assertEqual(self.consumed(2)[0]["NextConsumeTime"], str(now + 7_000))
        ordered = self.consumed(2, "o", trans="order")
        self.assertEqual(ordered[0]["NextConsumeTime"], str(now + 3_000))
        self.published("half", properties="__TransCheckT:10")
        self.pass_time(10)
        popped = self.consumed(2, trans="pop")
        self.assertEqual(popped[0]["NextConsumeTime"], str(now + 15_000))
        self.pass_time(50)
        self.assertEqual(self.consumed(2, trans="pop"), [])

    def test_counts(self) -> None:
        self.published("x")
        for _ in range(2):
            self.assertEqual(len(self.consumed(2)), 1)
            self.pass_time(7)
        self.assertEqual(self.consumed(2), [])
        self.assertEqual(self.bodies(2, topic="%DLQ%GID_a"), ["x"])
        self.assert_refused(self.consume(3), 400, "InvalidArgument")

    def test_limits(self) -> None:
        soon = START * 1000 + 1000
        for answer in (
            self.publish("x" * 101),
            self.publish("x" * 11, properties=f"__STARTDELIVERTIME:{soon}"),
            self.publish("x", properties=f"__STARTDELIVERTIME:{soon + 100_000}"),
            self.publish("x", properties="k:" + "v" * 39),
            self.consume(1, waitseconds=6),
        ):
            self.assert_refused(answer, 400, "InvalidArgument")
        headers = self.headers() | {"date": "Sat, 21 Nov 2026 16:01:01 GMT"}
        answer = self.ask("POST", self.target(), message("x"), headers=headers)
        self.assert_refused(answer, 408, "TimeExpired")

    def test_retention(self) -> None:
        self.published("x")
        self.pass_time(601)
        self.assertEqual(self.consumed(2), [])


class Unable:
    """An engine whose database cannot write just now."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.groups = self

    def declare(self, *names: object, policy: str) -> Deferred[None]:
        """See `mqgate.engine.groups.Groups`."""
        return fail(StoreUnavailable("the disk is full"))


class DeclaredTests(RocketMQCase):
    """An instance that makes no topics and groups by itself."""

    def strictly(self, method: str, topic: str, body: bytes | None = None, **more: Any) -> Answer:
        """Ask the strict instance."""
        target = self.target(topic, "strict", **more)
        return self.ask(method, target, body, key="other-id", secret="other-secret")

    def test_what_was_declared_is_there_from_the_start(self) -> None:
        known = self.engine.groups.known(self.worlds["strict"], "declared", "GID_a")
        self.settle()
        self.assertIsNone(self.successResultOf(known))
        unknown = self.engine.groups.known(self.worlds["strict"], "other")
        self.settle()
        self.failureResultOf(unknown, TopicNotFound)

    def test_what_cannot_be_made_at_the_start_is_made_when_it_is_used(self) -> None:
        """The operator hears of it."""
        engine: Any = Unable(self.clock)
        DECLARATION.open(Opening(engine, self.settings, [Grant(OTHER_SECTION, {"strict": 1})]))
        self.assertEqual(len(self.flushLoggedErrors(StoreUnavailable)), 2)

    def test_it_can_be_used(self) -> None:
        self.assertEqual(self.strictly("POST", "declared", message("x")).status, 201)
        answer = self.strictly("GET", "declared", consumer="GID_a", numOfMessages=1)
        (found,) = answer.items
        handles = receipt_handles([found["ReceiptHandle"]])
        self.assertEqual(self.strictly("DELETE", "declared", handles, consumer="GID_a").status, 204)

    def test_other_topics_do_not_exist(self) -> None:
        for answer in (
            self.strictly("POST", "other", message("x")),
            self.strictly("POST", "other", message("x", properties="__TransCheckT:10")),
            self.strictly("GET", "other", consumer="GID_a", numOfMessages=1),
            self.strictly("GET", "other", consumer="GID_a", numOfMessages=1, trans="pop"),
            self.strictly("DELETE", "other", receipt_handles(["h"]), consumer="GID_a"),
        ):
            self.assert_refused(answer, 404, "TopicNotExist")

    def test_other_groups_do_not_exist(self) -> None:
        for answer in (
            self.strictly("GET", "declared", consumer="GID_b", numOfMessages=1),
            self.strictly("DELETE", "declared", receipt_handles(["h"]), consumer="GID_b"),
        ):
            self.assert_refused(answer, 404, "SubscriptionNotExist")
