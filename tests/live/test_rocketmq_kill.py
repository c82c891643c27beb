"""What was answered for is there when the server has been killed: messages, groups, handles."""

from __future__ import annotations

import re
import sqlite3
import time

from mqgate.storage.verify import verify
from tests.live.case import LiveTestCase
from tests.live.rocketmq import INSTANCE, Worker

COUNT = 100
_MESSAGE = re.compile(rb"<MessageBody>([^<]+)</MessageBody><ReceiptHandle>([^<]+)</ReceiptHandle>")
_HANDLE = re.compile(rb"<ReceiptHandle>([^<]+)</ReceiptHandle>")


class KillTests(LiveTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.target = self.started(config=INSTANCE)
        self.client = Worker(self.target, "orders")

    def test_nothing_that_was_answered_is_lost_or_done_twice(self) -> None:
        self.consume("live")
        for number in range(COUNT):
            self.publish(f"{number:03d}", f"__SHARDINGKEY:{number % 4}")
        committed, rolled_back, undecided = (
            self.publish(body, "__TransCheckT:10") for body in ("yes", "no", "wait")
        )
        due = time.time() + 3
        self.publish("later", f"__STARTDELIVERTIME:{int(due * 1000)}")
        held, done = self.consume("live"), self.consume("live")
        self.acknowledge("live", [handle for _, handle in done])
        self.assertEqual(len(self.consume("late")), 16)  # it is still catching up
        self.kill()
        self.acknowledge("live", [handle for _, handle in held])
        self.acknowledge("any&trans=commit", committed)
        self.acknowledge("any&trans=rollback", rolled_back)
        numbers = [b"%03d" % number for number in range(COUNT)]
        early = {body for body, _ in (*held, *done)}
        expected = sorted({*numbers, b"yes", b"later"} - early)
        self.assertEqual(len(early), 32)
        self.kill()
        self.assertEqual(sorted(self.drained("live", due)), expected)
        self.assertEqual(len(self.drained("late")), COUNT + 2 - 16)
        new = self.drained("new", order="&trans=order")
        for shard in range(4):
            self.assertEqual([each for each in new if each in numbers[shard::4]], numbers[shard::4])
        status, answer = self.client.ask(
            "GET", "consumer=any&numOfMessages=16&trans=pop&waitseconds=15"
        )
        ((body, handle),) = _MESSAGE.findall(answer)
        self.assertEqual((status, body), (200, b"wait"))
        self.assertEqual(self.decide("any&trans=commit", undecided), 404)
        self.acknowledge("any&trans=commit", [handle])
        self.assertEqual(self.drained("new"), [b"wait"])
        self.target.stop()
        with sqlite3.connect(self.target.data / "mqgate.db") as connection:
            self.assertEqual(verify(connection), [])
        connection.close()

    def kill(self) -> None:
        """Kill the server, and start it again."""
        self.target.kill()
        self.target.start()
        self.client.crash()

    def publish(self, body: str, properties: str) -> list[bytes]:
        """Publish a message; its handle, if it is a half one."""
        document = (
            f"<Message><MessageBody>{body}</MessageBody>"
            f"<Properties>{properties}</Properties></Message>"
        )
        status, answer = self.client.ask("POST", "", document.encode())
        self.assertEqual(status, 201)
        return _HANDLE.findall(answer)

    def consume(self, group: str, order: str = "", wait: int = 0) -> list[tuple[bytes, bytes]]:
        """Bodies and handles of the next messages."""
        status, answer = self.client.ask(
            "GET", f"consumer={group}&numOfMessages=16&waitseconds={wait}{order}"
        )
        self.assertIn(status, (200, 404))
        return _MESSAGE.findall(answer)

    def drained(self, group: str, until: float = 0, order: str = "") -> list[bytes]:
        """What is left for a group, and what comes until then."""
        bodies: list[bytes] = []
        while found := self.consume(group, order, max(0, int(until + 2 - time.time()))):
            bodies += [body for body, _ in found]
            self.acknowledge(group, [handle for _, handle in found])
        return bodies

    def acknowledge(self, group: str, handles: list[bytes]) -> None:
        self.assertEqual(self.decide(group, handles), 204)

    def decide(self, group: str, handles: list[bytes]) -> int:
        """The status of the answer."""
        listed = b"".join(b"<ReceiptHandle>%b</ReceiptHandle>" % each for each in handles)
        document = b"<ReceiptHandles>%b</ReceiptHandles>" % listed
        return self.client.ask("DELETE", f"consumer={group}", document)[0]
