"""RocketMQ's callers sign as the dialect reads it, and take nothing for done that was not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.figures import BenchmarkFailed
from benchmarks.scripts import Tally, Work
from benchmarks.signed import Topic, topic
from benchmarks.wire import Answer
from tests.dialects.rocketmq.case import signed

TARGET = Topic(80, None, "/topics/t/messages", "id", "demo-secret")
PUBLISHED = Answer(201, b"<Message/>")
CONSUMED = Answer(200, b"<ReceiptHandle>h1</ReceiptHandle>")


class TopicTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.tally = Tally(counting=True)
        self.script = topic(Work(TARGET, self.tally, 3))

    def test_a_life_cycle_counts_when_it_is_acknowledged(self) -> None:
        self.assertIn(b"<MessageBody>xxx</MessageBody>", next(self.script))
        self.assertIn(b"numOfMessages=1 HTTP/1.1\r\n", self.script.send(PUBLISHED))
        acknowledge = self.script.send(CONSUMED)
        self.assertIn(b"<ReceiptHandles><ReceiptHandle>h1</ReceiptHandle></Rec", acknowledge)
        self.assertEqual((self.tally.posted, self.tally.finished), (1, 0))
        self.script.send(Answer(204, b""))
        self.assertEqual((self.tally.deleted, self.tally.measured), (1, 1))

    def test_requests_are_signed(self) -> None:
        head = next(self.script).decode().partition("\r\n\r\n")[0].split("\r\n")[1:]
        headers = dict(line.split(": ", 1) for line in head)
        expected = signed("POST", "/topics/t/messages?", headers)
        self.assertEqual(headers["Authorization"], f"MQ id:{expected}")

    def test_what_is_not_as_expected_fails(self) -> None:
        next(self.script)
        with self.assertRaises(BenchmarkFailed):
            self.script.send(Answer(403, b""))
