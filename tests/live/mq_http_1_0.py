"""Every method of the Python SDK ``mq_http_sdk`` 1.0.3, against a server of ours.

Run by `tests.live.test_rocketmq_client` with the interpreter of an environment that has the SDK:
``mq_http_1_0.py URL KEY_ID SECRET INSTANCE``. It ends with status 0 and a line for each step, or
with a traceback.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from http.client import HTTPSConnection
from typing import Any

from mq_http_sdk import mq_http  # type: ignore[import-not-found]
from mq_http_sdk.mq_client import MQClient  # type: ignore[import-not-found]
from mq_http_sdk.mq_exception import MQServerException  # type: ignore[import-not-found]
from mq_http_sdk.mq_producer import TopicMessage  # type: ignore[import-not-found]


class PatchedHTTPSConnection(mq_http.MQHTTPSConnection):  # type: ignore[misc]
    """The SDK hands an argument on that Python 3 no longer has."""

    def __init__(self, host: str, port: int | None = None, strict: None = None) -> None:
        HTTPSConnection.__init__(self, host, port)
        self.request_length = 0


def check(step: str, found: object, expected: object) -> None:
    """Compare, and say that the step is done."""
    if found != expected:
        raise AssertionError(f"{step}: {found!r} is not {expected!r}")
    print(step, flush=True)


def fails(step: str, code: str, call: Callable[..., object], *arguments: object) -> Any:
    """A call that the server refuses."""
    try:
        call(*arguments)
    except MQServerException as error:
        check(step, error.type, code)
        if not error.req_id:
            raise AssertionError(f"{step}: no request id") from error
        return error
    raise AssertionError(f"{step}: not refused")


def bodies(messages: list[Any]) -> list[str]:
    """Their bodies."""
    return [message.message_body for message in messages]


def handles(messages: list[Any]) -> list[str]:
    """Their handles."""
    return [message.receipt_handle for message in messages]


class Steps:
    """One instance of the server's, as the SDK sees it."""

    def __init__(self, client: Any, instance: str) -> None:
        self.client = client
        self.instance = instance

    def producer(self, topic: str) -> Any:
        return self.client.get_producer(self.instance, topic)

    def consumer(self, topic: str, group: str, tag: str = "") -> Any:
        return self.client.get_consumer(self.instance, topic, group, tag)

    def ordinary(self) -> None:
        """Publish with all there is, consume, acknowledge."""
        producer = self.producer("plain")
        message = TopicMessage("h\u00e9llo <&> ]]>", "A")
        message.set_message_key("k1")
        message.put_property("a", "b")
        sent = producer.publish_message(message)
        check("id", len(sent.message_id), 32)
        producer.publish_message(TopicMessage("second", "B"))
        consumer = self.consumer("plain", "GID_tagged", "A||C")
        [got] = consumer.consume_message(16, 3)
        check("body", got.message_body, "h\u00e9llo <&> ]]>")
        check("same id", got.message_id, sent.message_id)
        check("same digest", got.message_body_md5, sent.message_body_md5)
        check("tag and key", (got.message_tag, got.get_message_key()), ("A", "k1"))
        check("property", got.get_property("a"), "b")
        check("times", (got.consumed_times, got.next_consume_time > got.publish_time), (1, True))
        check("acknowledge", consumer.ack_message(handles([got])), None)
        used = fails("used handle", "ReceiptHandleError", consumer.ack_message, handles([got]))
        check("which", [each["ReceiptHandle"] for each in used.sub_errors], handles([got]))
        fails("nothing left", "MessageNotExist", consumer.consume_message, 1)
        other = self.consumer("plain", "GID_all")
        both = other.consume_message(16)
        check("another group", bodies(both), ["h\u00e9llo <&> ]]>", "second"])
        part = fails("partly", "ReceiptHandleError", other.ack_message, [*handles(both), "forged"])
        check("one of three", len(part.sub_errors), 1)

    def scheduled(self) -> None:
        """A message for later, and a poll that waits for it."""
        message = TopicMessage("later")
        due = int(time.time() * 1000) + 1500
        message.set_start_deliver_time(due)
        self.producer("timed").publish_message(message)
        consumer = self.consumer("timed", "GID_a")
        fails("not yet", "MessageNotExist", consumer.consume_message, 1)
        [got] = consumer.consume_message(1, 10)
        check("later", (got.message_body, got.get_start_deliver_time()), ("later", due))
        check("when", time.time() * 1000 >= due, True)
        began = time.monotonic()
        fails("long poll", "MessageNotExist", consumer.consume_message, 1, 1)
        check("waited", 0.9 <= time.monotonic() - began < 5, True)

    def ordered(self) -> None:
        """Two shards, each in its order."""
        producer = self.producer("ordered")
        for body in ("a1", "a2", "b1", "a3"):
            message = TopicMessage(body)
            message.set_sharding_key(body[0])
            producer.publish_message(message)
        consumer = self.consumer("ordered", "GID_a")
        first = consumer.consume_message_orderly(2, 3)
        check("first batch", bodies(first), ["a1", "a2"])
        check("sharding key", first[0].get_sharding_key(), "a")
        check("other shard", bodies(consumer.consume_message_orderly(16)), ["b1"])
        fails("blocked", "MessageNotExist", consumer.consume_message_orderly, 16)
        consumer.ack_message(handles(first))
        check("next batch", bodies(consumer.consume_message_orderly(16, 3)), ["a3"])

    def transactions(self) -> None:
        """Commit, roll back, and check."""
        producer = self.client.get_trans_producer(self.instance, "bank", "GID_producer")
        consumer = self.consumer("bank", "GID_a")
        kinds = ("commit", "roll", "check", "no")
        sent = [producer.publish_message(self.half(kind)) for kind in kinds]
        check("handles", all(each.receipt_handle for each in sent), True)
        fails("invisible", "MessageNotExist", consumer.consume_message, 16)
        check("commit", producer.commit(sent[0].receipt_handle), None)
        check("roll back", producer.rollback(sent[1].receipt_handle), None)
        fails("once", "ReceiptHandleError", producer.commit, sent[0].receipt_handle)
        [got] = consumer.consume_message(16, 3)
        check("committed", (got.message_body, got.message_id), ("commit", sent[0].message_id))
        checked = producer.consume_half_message(16, 15)
        if len(checked) < 2:
            checked += producer.consume_half_message(16, 15)
        check("to be checked", sorted(bodies(checked)), ["check", "no"])
        check("immunity", checked[0].get_trans_check_immunity_time(), 10)
        for message in checked:
            decide = producer.commit if message.message_body == "check" else producer.rollback
            decide(message.receipt_handle)
        fails("late", "MessageNotExist", producer.commit, sent[2].receipt_handle)
        check("checked", bodies(consumer.consume_message(16, 3)), ["check"])

    def half(self, body: str) -> Any:
        """A half message."""
        message = TopicMessage(body)
        message.set_trans_check_immunity_time(10)
        return message


def main(url: str, key: str, secret: str, instance: str) -> None:
    """All steps."""
    if url.startswith("https:"):
        mq_http.MQHTTPSConnection = PatchedHTTPSConnection
    client = MQClient(url, key, secret)
    for named in (instance, ""):
        steps = Steps(client, named)
        steps.ordinary()
        steps.scheduled()
        steps.ordered()
    Steps(client, instance).transactions()
    for wrong, code in (
        (MQClient(url, "nobody", secret), "InvalidAccessKeyId"),
        (MQClient(url, key, "wrong"), "SignatureDoesNotMatch"),
    ):
        producer = wrong.get_producer(instance, "plain")
        fails(code, code, producer.publish_message, TopicMessage("x"))
    closed = client.get_producer("MQ_INST_unknown", "plain")
    fails("another instance", "AccessDenied", closed.publish_message, TopicMessage("x"))


if __name__ == "__main__":
    main(*sys.argv[1:])
