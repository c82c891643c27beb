"""Half messages: stored, checked, committed, rolled back."""

from __future__ import annotations

from tests.dialects.rocketmq.case import START, RocketMQCase, message, read_answer

DAY = 86_400
NOW = START * 1000


class HalfCase(RocketMQCase):
    """Short words for what a producer does."""

    def half(self, body: str = "half", seconds: int = 10, more: str = "") -> dict[str, str]:
        """Publish a half message."""
        return self.published(body, properties=f"__TransCheckT:{seconds}|{more}")

    def checks(self, n: int = 16, group: str = "GID_p") -> list[dict[str, str]]:
        """Poll for half messages that are to be checked."""
        return self.consumed(n, group, trans="pop")

    def commit(self, found: dict[str, str], group: str = "GID_p") -> None:
        """Commit; it must succeed."""
        self.acknowledged(found, group=group, trans="commit")

    def roll_back(self, found: dict[str, str], group: str = "GID_p") -> None:
        """Roll back; it must succeed."""
        self.acknowledged(found, group=group, trans="rollback")


class PublishTests(HalfCase):
    def test_the_reply_has_a_handle(self) -> None:
        found = self.half()
        self.assertEqual(list(found), ["MessageId", "MessageBodyMD5", "ReceiptHandle"])
        self.assertNotIn("ReceiptHandle", self.published("ordinary"))

    def test_it_is_invisible(self) -> None:
        self.half()
        for kind in ("", "order"):
            self.assertEqual(self.consumed(trans=kind), [])
        self.pass_time(DAY / 2)
        self.assertEqual(self.consumed(), [])

    def test_the_time_of_the_first_check_is_10_to_300(self) -> None:
        self.half(seconds=10)
        self.half(seconds=300)
        for seconds in ("9", "301", "x", "-10", "10.0", "9" * 40):
            answer = self.publish("x", properties=f"__TransCheckT:{seconds}")
            self.assert_refused(answer, 400, "InvalidArgument", "__TransCheckT")


class DecideTests(HalfCase):
    def test_a_committed_one_is_an_ordinary_message(self) -> None:
        found = self.half(more="KEYS:k")
        client = self.poll()
        self.pass_time(1)
        self.commit(found)
        (consumed,) = read_answer(client.received()).items
        self.assertEqual(consumed["MessageId"], found["MessageId"])
        self.assertEqual(consumed["PublishTime"], str(NOW))
        self.assertEqual(consumed["Properties"], "__TransCheckT:10|KEYS:k|")
        self.acknowledged(consumed)
        self.assertEqual(self.bodies(group="GID_b"), ["half"])

    def test_one_rolled_back_is_gone(self) -> None:
        self.roll_back(self.half())
        self.pass_time(60)
        self.assertEqual((self.consumed(), self.checks()), ([], []))

    def test_any_group_may_decide(self) -> None:
        self.commit(self.half(), group="GID_other")
        self.assertEqual(self.bodies(), ["half"])

    def test_a_handle_is_used_up(self) -> None:
        for first in (self.commit, self.roll_back):
            found = self.half()
            first(found)
            for kind in ("commit", "rollback"):
                answer = self.acknowledge(found["ReceiptHandle"], group="GID_p", trans=kind)
                self.assert_failed(answer, (found["ReceiptHandle"], "ReceiptHandleError"))

    def test_the_publish_handle_is_good_until_the_first_check(self) -> None:
        found = self.half(seconds=10)
        self.pass_time(10)
        handle = found["ReceiptHandle"]
        answer = self.acknowledge(handle, group="GID_p", trans="commit")
        self.assert_failed(answer, (handle, "MessageNotExist"))
        self.assertEqual(self.consumed(), [])

    def test_it_is_no_handle_for_an_acknowledgement(self) -> None:
        found = self.half()
        handle = found["ReceiptHandle"]
        self.assert_failed(self.acknowledge(handle), (handle, "ReceiptHandleError"))
        self.commit(found)

    def test_a_forged_one_is_bad(self) -> None:
        for kind in ("commit", "rollback"):
            answer = self.acknowledge("forged", trans=kind)
            self.assert_failed(answer, ("forged", "ReceiptHandleError"))

    def test_a_time_of_delivery_holds_after_the_commit(self) -> None:
        self.commit(self.half(more=f"__STARTDELIVERTIME:{NOW + 60_000}"))
        self.pass_time(59.9)
        self.assertEqual(self.consumed(), [])
        self.pass_time(0.2)
        self.assertEqual(self.bodies(), ["half"])

    def test_tags_and_shards_count_after_the_commit(self) -> None:
        properties = "__TransCheckT:10|__SHARDINGKEY:s"
        answer = self.ask("POST", self.target(), message("x", tag="T", properties=properties))
        self.commit(answer.fields)
        self.assertEqual(self.bodies(tag="U"), [])
        self.assertEqual(self.bodies(tag="T", trans="order"), ["x"])


class CheckTests(HalfCase):
    def test_it_is_handed_out_when_its_time_has_come(self) -> None:
        expected = self.half(seconds=10)["MessageId"]
        self.pass_time(9.9)
        self.assertEqual(self.checks(), [])
        self.pass_time(0.1)
        (found,) = self.checks()
        self.assertEqual(found["MessageId"], expected)
        self.assertEqual(found["ConsumedTimes"], "1")
        self.assertEqual(found["NextConsumeTime"], str(NOW + 20_000))
        self.assertEqual(self.checks(), [])

    def test_it_comes_again_and_again(self) -> None:
        self.half(seconds=10)
        handles = set()
        self.pass_time(10)
        for times in range(1, 6):
            (found,) = self.checks(group=f"GID_{times}")
            self.assertEqual(found["ConsumedTimes"], str(times))
            handles.add(found["ReceiptHandle"])
            self.pass_time(10)
        self.assertEqual(len(handles), 5)

    def test_a_checks_handle_decides_within_its_time(self) -> None:
        self.half("one", seconds=10)
        self.half("two", seconds=10)
        self.pass_time(10)
        one, two = self.checks()
        self.commit(one)
        self.pass_time(10)
        handle = two["ReceiptHandle"]
        answer = self.acknowledge(handle, group="GID_p", trans="commit")
        self.assert_failed(answer, (handle, "MessageNotExist"))
        self.roll_back(self.checks()[0])
        self.assertEqual(self.bodies(), ["one"])

    def test_a_poll_waits_for_it(self) -> None:
        self.half(seconds=10)
        client = self.poll(trans="pop")
        self.pass_time(9.9)
        self.assertEqual(client.received(), b"")
        self.pass_time(0.2)
        self.assertIn(b"<MessageBody>half", client.received())

    def test_what_a_lost_client_was_to_check_is_given_back(self) -> None:
        self.half(seconds=10)
        self.pass_time(10)
        client = self.client()
        target = self.target(consumer="GID_p", numOfMessages=1, trans="pop")
        client.channel.dataReceived(self.signed_request("GET", target))
        client.hang_up()
        self.assertEqual(len(self.checks()), 1)

    def test_it_is_rolled_back_after_24_hours(self) -> None:
        self.half(seconds=10)
        self.pass_time(DAY - 11)
        (found,) = self.checks()
        self.assertEqual(found["MessageBody"], "half")
        self.pass_time(11)
        self.assertEqual((self.checks(), self.consumed()), ([], []))
