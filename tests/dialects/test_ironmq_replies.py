"""Replies: pure functions, from values to bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from twisted.trial.unittest import SynchronousTestCase

from mqgate.dialects.ironmq import wire
from mqgate.engine.values import (
    DELAYED,
    DELETED,
    READY,
    RESERVED,
    Message,
    QueueInfo,
    QueueName,
)

#: What JSON can carry: no half of a surrogate pair.
texts = st.text(st.characters(exclude_categories=["Cs"]))

MESSAGE = Message(
    id=5924625841136130921,
    body=b"hello 265",
    props=None,
    state=RESERVED,
    count=1,
    timeout=45_000,
    lease=60_000,
    position=1,
    expires_at=2,
    first_at=3,
    origin=4,
    queue=5,
)


class ReplyTests(SynchronousTestCase):
    def assert_written(self, written: bytes, value: object) -> None:
        """Exactly this, in this order of keys, in ASCII."""
        self.assertEqual(written, json.dumps(value, separators=(",", ":")).encode())

    def test_a_word(self) -> None:
        self.assertEqual(wire.said("Deleted."), b'{"msg":"Deleted."}')

    def test_the_reply_to_a_post_has_ids_as_strings_and_in_order(self) -> None:
        """.NET compares the text; Node reads ``ids[0]``."""
        self.assertEqual(
            wire.posted([5924625841136130921, 7]),
            b'{"ids":["5924625841136130921","7"],"msg":"Messages put on queue."}',
        )

    def test_a_message_that_was_got(self) -> None:
        """All of section 3.2; ``push_status`` even where nothing is pushed (PHP reads it)."""
        self.assert_written(
            wire.reserved([MESSAGE]),
            {
                "messages": [
                    {
                        "id": "5924625841136130921",
                        "body": "hello 265",
                        "timeout": 60,
                        "reserved_count": 1,
                        "push_status": {},
                    }
                ]
            },
        )

    def test_a_message_that_was_peeked_at(self) -> None:
        self.assert_written(
            wire.peeked([replace(MESSAGE, count=0)]),
            {
                "messages": [
                    {
                        "id": "5924625841136130921",
                        "body": "hello 265",
                        "reserved_count": 0,
                        "push_status": {},
                    }
                ]
            },
        )

    def test_no_messages_are_an_empty_array(self) -> None:
        """Never null: Node reads ``messages[0]``."""
        self.assertEqual(wire.reserved([]), b'{"messages":[]}')
        self.assertEqual(wire.peeked([]), b'{"messages":[]}')

    def test_a_message_by_its_id(self) -> None:
        """The seed's sample, to the letter."""
        self.assert_written(
            wire.found(replace(MESSAGE, state=DELETED)),
            {
                "id": "5924625841136130921",
                "body": "hello 265",
                "timeout": 60,
                "status": "deleted",
                "reserved_count": 1,
            },
        )
        for state, status in ((READY, "available"), (RESERVED, "reserved"), (DELAYED, "delayed")):
            found = json.loads(wire.found(replace(MESSAGE, state=state)))
            self.assertEqual(found["status"], status)

    def test_a_queue(self) -> None:
        """24 hex digits of id, numbers as numbers (Go and Java decode to int), no push keys."""
        created_at = 0x50EB546D * 1000 + 999
        info = QueueInfo(number=255, name="q", created_at=created_at, settings={}, size=7, total=9)
        self.assert_written(
            wire.queue("p", info),
            {
                "id": "50eb546d00000000000000ff",
                "name": "q",
                "size": 7,
                "total_messages": 9,
                "project_id": "p",
            },
        )

    def test_a_list_of_queues_is_a_bare_array(self) -> None:
        """Python reads ``[i]["name"]`` of it."""
        self.assertEqual(wire.queues("p", []), b"[]")
        self.assert_written(
            wire.queues("p", [QueueName(number=1, name="queue name", created_at=1000)]),
            [{"id": "000000010000000000000001", "project_id": "p", "name": "queue name"}],
        )

    def test_what_is_no_utf_8_is_replaced(self) -> None:
        """Another dialect may have put it there; JSON has no way to carry it."""
        written = json.loads(wire.reserved([replace(MESSAGE, body=b"a\xff\xc3")]))
        self.assertEqual(written["messages"][0]["body"], "a\ufffd\ufffd")

    @given(texts)
    @settings(deadline=None)
    def test_replies_are_ascii_and_mean_what_was_posted(self, text: str) -> None:
        """Java reads replies in its platform's character set."""
        message = replace(MESSAGE, body=text.encode())
        name = QueueName(number=1, name=text, created_at=0)
        read: Callable[[Any], Any]
        for written, read in (
            (wire.reserved([message]), lambda value: value["messages"][0]["body"]),
            (wire.peeked([message]), lambda value: value["messages"][0]["body"]),
            (wire.found(message), lambda value: value["body"]),
            (wire.queues("p", [name]), lambda value: value[0]["name"]),
            (wire.said(text), lambda value: value["msg"]),
        ):
            self.assertTrue(written.isascii())
            self.assertEqual(read(json.loads(written)), text)
