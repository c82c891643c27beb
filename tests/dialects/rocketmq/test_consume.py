"""Consuming and acknowledging: what comes, when, to whom, and how often."""

from __future__ import annotations

from tests.dialects.rocketmq.case import (
    PROLOG,
    START,
    XMLNS,
    RocketMQCase,
    read_answer,
    receipt_handles,
)

DAY = 86_400


class ReplyTests(RocketMQCase):
    def test_a_message_has_all_that_the_sdks_read(self) -> None:
        """In one line, in this order; times are milliseconds."""
        published = self.published("a <b> & c\rd", tag="t", properties="KEYS:k1|a:b")
        self.pass_time(2)
        answer = self.consume()
        (found,) = answer.items
        self.assertEqual(
            answer.text,
            f'{PROLOG}<Messages xmlns="{XMLNS}"><Message>'
            f"<MessageId>{published['MessageId']}</MessageId>"
            f"<MessageBodyMD5>{published['MessageBodyMD5']}</MessageBodyMD5>"
            "<MessageBody>a &lt;b&gt; &amp; c\nd</MessageBody>"
            f"<ReceiptHandle>{found['ReceiptHandle']}</ReceiptHandle>"
            f"<PublishTime>{START}000</PublishTime><FirstConsumeTime>{START + 2}000"
            f"</FirstConsumeTime><NextConsumeTime>{START + 302}000</NextConsumeTime>"
            "<ConsumedTimes>1</ConsumedTimes><MessageTag>t</MessageTag>"
            "<Properties>KEYS:k1|a:b|</Properties></Message></Messages>",
        )

    def test_a_carriage_return_stays_one(self) -> None:
        document = b"<Message><MessageBody>a&#13;b</MessageBody></Message>"
        self.ask("POST", self.target(), document)
        answer = self.consume()
        self.assertIn("a&#13;b", answer.text)
        self.assertEqual(answer.items[0]["MessageBody"], "a\rb")

    def test_without_tag_and_properties_there_are_no_such_elements(self) -> None:
        self.published("x")
        (found,) = self.consumed()
        self.assertEqual(list(found)[-1], "ConsumedTimes")

    def test_receipts_are_opaque_and_differ(self) -> None:
        self.published("a")
        self.published("b")
        receipts = {each["ReceiptHandle"] for each in self.consumed()}
        self.assertEqual(len(receipts), 2)
        for receipt in receipts:
            self.assertRegex(receipt, r"\A[A-Za-z0-9_-]{20,}\Z")

    def test_nothing_to_consume_is_an_error_on_an_open_connection(self) -> None:
        client = self.client()
        target = self.target(consumer="GID_a", numOfMessages=1)
        for _ in range(2):
            answer = client.ask(self.signed_request("GET", target))
            self.assert_refused(answer, 404, "MessageNotExist")
            self.assertNotIn("Connection", answer.headers)


class ParameterTests(RocketMQCase):
    def test_a_group_is_required(self) -> None:
        for group in ("", "a.b", "x" * 65, "%C3%A4"):
            self.assert_refused(self.consume(group=group), 400, "InvalidArgument", "consumer")

    def test_a_number_from_1_to_16_is_required(self) -> None:
        for n in ("", "0", "17", "-1", "1.0", "x", "9" * 30, "%D9%A1"):
            self.assert_refused(self.consume(n), 400, "InvalidArgument", "numOfMessages")

    def test_a_wait_is_0_to_30(self) -> None:
        for wait in ("31", "-1", "x", "1.5"):
            answer = self.consume(waitseconds=wait)
            self.assert_refused(answer, 400, "InvalidArgument", "waitseconds")
        self.assert_refused(self.consume(waitseconds="0"), 404, "MessageNotExist")

    def test_trans_is_order_or_pop(self) -> None:
        for kind in ("commit", "Order", "x"):
            self.assert_refused(self.consume(trans=kind), 400, "InvalidArgument", "trans")
        for kind in ("order", "pop", ""):
            self.assert_refused(self.consume(trans=kind), 404, "MessageNotExist")

    def test_order_and_others_do_not_matter(self) -> None:
        self.published("x")
        query = "other=1&tag=&numOfMessages=01&x&ns=MQ_INST_demo&consumer=g&consumer=h"
        answer = self.ask("GET", f"/topics/orders/messages?{query}")
        self.assertEqual(answer.items[0]["MessageBody"], "x")
        self.assertEqual(self.bodies(group="h"), ["x"])
        self.assertEqual(self.bodies(group="g"), [])

    def test_a_request_line_has_1024_characters_at_most(self) -> None:
        target = self.target(consumer="GID_a", numOfMessages=1, tag="T")
        longest = target + "t" * (1024 - len(f"GET {target} HTTP/1.1"))
        self.assert_refused(self.ask("GET", longest), 404, "MessageNotExist")
        self.assert_refused(self.ask("GET", longest + "t"), 400, "InvalidRequestURL")

    def test_what_is_no_utf_8_is_refused(self) -> None:
        self.assert_refused(self.consume(tag="%ff"), 400, "InvalidArgument")


class BatchTests(RocketMQCase):
    def test_there_are_so_many_at_most(self) -> None:
        for number in range(20):
            self.published(str(number))
        self.assertEqual(self.bodies(1), ["0"])
        self.assertEqual(self.bodies(16), [str(n) for n in range(1, 17)])
        self.assertEqual(self.bodies(16), ["17", "18", "19"])


class TagTests(RocketMQCase):
    def setUp(self) -> None:
        super().setUp()
        for tag in ("A", "B", "", "C", "A"):
            self.published(tag or "none", tag=tag)

    def test_a_poll_gets_its_tags_and_leaves_the_others(self) -> None:
        self.assertEqual(self.bodies(tag="A"), ["A", "A"])
        self.assertEqual(self.bodies(tag="A%7C%7CB"), ["B"])
        self.assertEqual(self.bodies(), ["none", "C"])

    def test_tags_are_spelled_in_many_ways(self) -> None:
        self.published("\u00e4 x", tag="\u00e4 x")
        for number, (tag, expected) in enumerate(
            (
                *(("A||B", ["A", "B", "A"]), ("A%7C%7C+B", ["A", "B", "A"]), ("B||", ["B"])),
                *(("%C3%A4+x", ["\u00e4 x"]), ("nobody", []), ("a", [])),
            )
        ):
            self.assertEqual(self.bodies(group=f"g{number}", tag=tag), expected)

    def test_all_are_meant_by_a_star_or_by_nothing(self) -> None:
        for number, tag in enumerate(("*", "", "%2A", "A||*")):
            self.assertEqual(len(self.bodies(group=f"g{number}", tag=tag)), 5)


class WaitTests(RocketMQCase):
    def test_a_poll_ends_with_the_first_message(self) -> None:
        client = self.poll()
        self.pass_time(10)
        self.assertEqual(client.received(), b"")
        self.published("one")
        answer = read_answer(client.received())
        self.assertEqual([each["MessageBody"] for each in answer.items], ["one"])

    def test_a_poll_ends_when_its_time_is_over(self) -> None:
        client = self.poll(waitseconds=7)
        self.pass_time(6.9)
        self.assertEqual(client.received(), b"")
        self.pass_time(0.2)
        self.assert_refused(read_answer(client.received()), 404, "MessageNotExist")

    def test_another_tag_does_not_end_it(self) -> None:
        client = self.poll(tag="A")
        self.published("b", tag="B")
        self.assertEqual(client.received(), b"")
        self.published("a", tag="A")
        self.assertEqual(read_answer(client.received()).items[0]["MessageBody"], "a")
        self.assertEqual(self.bodies(), ["b"])

    def test_what_lapses_wakes_it(self) -> None:
        self.published("x")
        self.consumed()
        self.pass_time(290)
        client = self.poll()
        self.pass_time(9.9)
        self.assertEqual(client.received(), b"")
        self.pass_time(0.2)
        self.assertEqual(read_answer(client.received()).items[0]["ConsumedTimes"], "2")

    def test_a_client_that_goes_takes_nothing(self) -> None:
        client = self.poll()
        client.hang_up()
        self.published("x")
        self.assertEqual(self.consumed()[0]["ConsumedTimes"], "1")

    def test_what_could_not_be_written_is_given_back(self) -> None:
        """The client goes while the message is on its way: place and count are kept."""
        client = self.client()
        self.published("first")
        self.published("second")
        target = self.target(consumer="GID_a", numOfMessages=1)
        client.channel.dataReceived(self.signed_request("GET", target))
        client.hang_up()
        self.assertEqual(self.bodies(), ["first", "second"])

    def test_a_server_that_stops_answers(self) -> None:
        client = self.poll()
        self.engine.drain()
        self.settle()
        self.assert_refused(read_answer(client.received()), 404, "MessageNotExist")


class GroupTests(RocketMQCase):
    def test_each_group_gets_all(self) -> None:
        self.published("x")
        for group in ("GID_a", "GID_b"):
            self.assertEqual(self.bodies(group=group), ["x"])
            self.assertEqual(self.bodies(group=group), [])

    def test_a_new_group_begins_at_the_earliest_message(self) -> None:
        self.published("old")
        self.acknowledged(*self.consumed())
        self.pass_time(2 * DAY)
        self.assertEqual(self.bodies(group="GID_new"), ["old"])

    def test_messages_are_kept_for_three_days(self) -> None:
        self.published("old")
        self.pass_time(3 * DAY + 1)
        self.assertEqual(self.bodies(), [])

    def test_the_id_is_the_same_for_all(self) -> None:
        expected = self.published("x")["MessageId"]
        for group in ("a", "b"):
            self.assertEqual(self.consumed(group=group)[0]["MessageId"], expected)


class RedeliveryTests(RocketMQCase):
    def test_it_comes_again_after_five_minutes(self) -> None:
        self.published("x")
        (first,) = self.consumed()
        self.pass_time(299.9)
        self.assertEqual(self.consumed(), [])
        self.pass_time(0.2)
        (second,) = self.consumed()
        self.assertEqual(second["ConsumedTimes"], "2")
        for same in ("MessageId", "PublishTime", "FirstConsumeTime", "MessageBody"):
            self.assertEqual(second[same], first[same])
        self.assertEqual(second["NextConsumeTime"], str((START + 300) * 1000 + 300_100))
        self.assertNotEqual(second["ReceiptHandle"], first["ReceiptHandle"])

    def test_after_288_redeliveries_it_is_a_dead_letter(self) -> None:
        self.published("x", properties="KEYS:k")
        for times in range(1, 290):
            (found,) = self.consumed()
            self.assertEqual(found["ConsumedTimes"], str(times))
            self.pass_time(300)
        self.assertEqual(self.consumed(), [])
        (dead,) = self.consumed(topic="%DLQ%GID_a", group="undertaker")
        self.assertEqual((dead["MessageBody"], dead["Properties"]), ("x", "KEYS:k|"))
        self.acknowledged(dead, topic="%DLQ%GID_a", group="undertaker")


class OrderedTests(RocketMQCase):
    def put(self, *bodies: str) -> None:
        """Publish; the shard is the letter that each begins with."""
        for body in bodies:
            shard = body[0]
            self.published(body, properties="" if shard == "-" else f"__SHARDINGKEY:{shard}")

    def test_a_shard_waits_until_all_of_a_batch_is_acknowledged(self) -> None:
        self.put("a1", "a2", "a3", "b1")
        first = self.consumed(2, trans="order")
        self.assertEqual([each["MessageBody"] for each in first], ["a1", "a2"])
        self.assertEqual(self.bodies(trans="order"), ["b1"])
        self.acknowledged(first[0])
        self.assertEqual(self.bodies(trans="order"), [])
        self.acknowledged(first[1])
        self.assertEqual(self.bodies(trans="order"), ["a3"])

    def test_what_is_not_acknowledged_comes_again_after_a_minute_first_ones_first(self) -> None:
        self.put("a1", "a2", "a3")
        found = self.consumed(2, trans="order")
        self.assertEqual(found[0]["NextConsumeTime"], str((START + 60) * 1000))
        self.acknowledged(found[0])
        self.pass_time(60.1)
        self.assertEqual(self.bodies(1, trans="order"), ["a2"])

    def test_those_without_a_key_are_one_shard(self) -> None:
        self.put("-1", "-2", "a1")
        self.assertEqual(self.bodies(1, trans="order"), ["-1"])
        self.assertEqual(self.bodies(trans="order"), ["a1"])

    def test_an_acknowledgement_wakes_the_next_poll(self) -> None:
        self.put("a1", "a2")
        found = self.consumed(1, trans="order")
        client = self.poll(trans="order")
        self.assertEqual(client.received(), b"")
        self.acknowledged(*found)
        self.assertEqual(read_answer(client.received()).items[0]["MessageBody"], "a2")


class AcknowledgeTests(RocketMQCase):
    def take(self, *bodies: str) -> list[dict[str, str]]:
        """Publish and consume."""
        for body in bodies:
            self.published(body)
        return self.consumed()

    def test_it_is_done_and_says_nothing(self) -> None:
        found = self.take("a", "b")
        answer = self.acknowledge(*(each["ReceiptHandle"] for each in found))
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertNotIn("Content-Length", answer.headers)
        self.pass_time(301)
        self.assertEqual(self.consumed(), [])

    def test_bad_ones_are_told_and_good_ones_done(self) -> None:
        first, second = (each["ReceiptHandle"] for each in self.take("a", "b"))
        answer = self.acknowledge("forged", first, "<&>", second)
        self.assert_failed(answer, ("forged", "ReceiptHandleError"), ("<&>", "ReceiptHandleError"))
        self.assertTrue(
            answer.text.startswith(
                f'{PROLOG}<Errors xmlns="{XMLNS}"><Error><ErrorCode>ReceiptHandleError</ErrorCode>'
                "<ErrorMessage>"
            )
        )
        self.pass_time(301)
        self.assertEqual(self.consumed(), [])

    def test_a_used_one_is_bad(self) -> None:
        (found,) = self.take("a")
        self.acknowledged(found)
        handle = found["ReceiptHandle"]
        self.assert_failed(self.acknowledge(handle), (handle, "ReceiptHandleError"))

    def test_a_late_one_says_so(self) -> None:
        (found,) = self.take("a")
        self.pass_time(300)
        handle = found["ReceiptHandle"]
        self.assert_failed(self.acknowledge(handle), (handle, "MessageNotExist"))
        self.assertEqual(self.bodies(), ["a"])
        self.assert_failed(self.acknowledge(handle), (handle, "MessageNotExist"))

    def test_one_of_another_group_topic_or_instance_is_bad(self) -> None:
        (found,) = self.take("a")
        handle = found["ReceiptHandle"]
        expected = (handle, "ReceiptHandleError")
        self.assert_failed(self.acknowledge(handle, group="GID_b"), expected)
        self.assert_failed(self.acknowledge(handle, topic="other"), expected)
        self.assert_failed(self.acknowledge(handle, ns=""), expected)
        for kind in ("commit", "rollback"):
            self.assert_failed(self.acknowledge(handle, trans=kind), expected)
        self.acknowledged(found)

    def test_the_same_twice_in_one_request_is_good_once_at_most(self) -> None:
        (found,) = self.take("a")
        handle = found["ReceiptHandle"]
        answer = self.acknowledge(handle, handle)
        self.assertIn(answer.status, (204, 404))
        self.pass_time(301)
        self.assertEqual(self.consumed(), [])

    def test_there_may_be_more_than_sixteen(self) -> None:
        for number in range(32):
            self.published(str(number))
        self.acknowledged(*self.consumed(), *self.consumed())

    def test_no_handle_is_an_error_of_its_own(self) -> None:
        target = self.target(consumer="GID_a")
        for body in (b"", receipt_handles([]), receipt_handles(["", "  "]), b"<ReceiptHandles/>"):
            self.assert_refused(self.ask("DELETE", target, body), 400, "MissingReceiptHandle")
        self.assert_refused(self.ask("DELETE", target), 400, "MissingReceiptHandle")

    def test_another_document_is_refused(self) -> None:
        target = self.target(consumer="GID_a")
        for body, code in ((b"<Message/>", "InvalidArgument"), (b"<a", "MalformedXML")):
            self.assert_refused(self.ask("DELETE", target, body), 400, code)
        beyond = receipt_handles(["h"] * 1001)
        self.assert_refused(self.ask("DELETE", target, beyond), 400, "InvalidArgument")

    def test_a_group_is_required_and_trans_is_known(self) -> None:
        self.assert_refused(self.acknowledge("h", group=""), 400, "InvalidArgument")
        for kind in ("order", "pop", "x"):
            answer = self.acknowledge("h", trans=kind)
            self.assert_refused(answer, 400, "InvalidArgument")
