"""Hostile requests to RocketMQ's paths, most of them signed; how many is for others to say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.dom.minidom import parseString

from hypothesis import strategies as st

from tests.dialects.rocketmq.case import RocketMQCase, message, receipt_handles
from tests.fuzz import hostile
from tests.fuzz.answers import Answer, read_answers
from tests.fuzz.case import Examples

#: Every status that docs/dialects/rocketmq.md has, but for a fault of the server.
_DOCUMENTED = frozenset({200, 201, 204, 400, 403, 404, 405, 408})
#: Ids are set aside in blocks before they are given out; a block left unused is no change. That a
#: group was polled is none that anybody could notice, nor how far messages have grown old.
_NOT_OBSERVABLE = ("gateway", "feed", "aging", "msg.aged")
_CONSUMED = "/topics/orders/messages?consumer=GID_a&numOfMessages=1&ns=MQ_INST_demo"
_MESSAGE = message("b", tag="t", properties="KEYS:k|a:b|__STARTDELIVERTIME:1|__SHARDINGKEY:s")
_HANDLES = receipt_handles(["a", "b"])
_VALUES = st.sampled_from(
    [
        *(
            "",
            "1",
            "0",
            "-1",
            "17",
            "9" * 40,
            "x",
            "%",
            "%00",
            "%ff",
            "%F0%9F%98%80",
            "a+b",
            "%0D%0A",
        ),
        *(
            "GID_a",
            "*",
            "A%7C%7CB",
            "order",
            "pop",
            "commit",
            "MQ_INST_demo",
            "a" * 300,
            "%25DLQ%25a",
        ),
    ]
) | st.binary(max_size=8).map(lambda raw: "".join(f"%{byte:02X}" for byte in raw))
_NAMES = st.sampled_from(
    ["consumer", "numOfMessages", "ns", "tag", "waitseconds", "trans", "", "other", "%6es"]
)
_PARTS = st.sampled_from(["topics", "messages", "orders", "", "%DLQ%a", "%", "a%2Fb", ".", "%ff"])


def is_refusal(answer: Answer) -> bool:
    """A poll that finds nothing is none: it may have made its topic and group."""
    return answer.status >= 400 and b"<Code>MessageNotExist</Code>" not in answer.body


class HostileTopics(Examples, RocketMQCase):
    """Whatever comes: a known status, a document of ours; refusals change nothing; never 5xx."""

    def rows(self) -> dict[str, list[Any]]:
        """Everything in the database that a client could ever notice."""
        return self.database.contents(without=_NOT_OBSERVABLE)

    def expect(self, *pieces: bytes, seconds: int = 0) -> Sequence[Answer]:
        """Send these pieces, let time pass, and check what comes of it."""
        before = self.rows()
        client = self.client()
        for piece in pieces:
            if not client.transport.disconnecting:
                client.send(piece)
        data = client.received()
        self.pass_time(seconds)
        client.hang_up()
        answers = read_answers(data + client.received(), b"HEAD" in b"".join(pieces))
        for answer in answers:
            self.check_answer(answer)
        if all(is_refusal(answer) for answer in answers):
            self.assertEqual(self.rows(), before)
        return answers

    def check_answer(self, answer: Answer) -> None:
        """It is one that the documents know."""
        if answer.headers.get("content-type") == "text/plain":
            self.assertGreaterEqual(answer.status, 400)  # of a path that is none of ours
            return
        self.assertIn(answer.status, _DOCUMENTED)
        if not answer.body:
            return
        root = parseString(answer.body).documentElement
        assert root is not None
        self.assertEqual(answer.headers["content-type"], "text/xml;charset=utf-8")
        names = ("Error", "Errors") if answer.status >= 400 else ("Message", "Messages")
        self.assertIn(root.tagName, names)

    def samples(self) -> list[bytes]:
        """A signed request of each kind."""
        return [
            self.signed_request("POST", self.target(), _MESSAGE),
            self.signed_request("GET", _CONSUMED),
            self.signed_request("DELETE", self.target(consumer="GID_a"), _HANDLES),
        ]

    def test_damaged_requests(self) -> None:
        """Bytes flipped, cut, doubled, moved or inserted, in up to three requests in a row."""
        requests = st.lists(st.sampled_from(self.samples()), min_size=1, max_size=3)
        damaged = requests.map(b"".join).flatmap(hostile.damaged).flatmap(hostile.in_pieces)
        self.each(damaged, lambda pieces: self.expect(*pieces))

    def test_damaged_documents(self) -> None:
        """The same in documents, whose requests are signed nevertheless."""

        def send(made: tuple[str, bytes]) -> None:
            method, document = made
            target = self.target(consumer="GID_a")
            (answer,) = self.expect(self.signed_request(method, target, document))
            self.assertIn(answer.status, (201, 400) if method == "POST" else (400, 404))

        self.each(st.tuples(st.just("POST"), hostile.damaged(_MESSAGE)), send)
        self.each(st.tuples(st.just("DELETE"), hostile.damaged(_HANDLES)), send)

    def test_odd_targets(self) -> None:
        """Any path and query, signed."""

        def send(made: tuple[str, list[str], list[tuple[str, str]]]) -> None:
            method, parts, query = made
            target = "/topics/" + "/".join(parts)
            target += "?" + "&".join(f"{name}={value}" for name, value in query)
            body = {"POST": _MESSAGE, "DELETE": _HANDLES}.get(method)
            self.expect(self.signed_request(method, target, body), seconds=31)

        methods = st.sampled_from(["GET", "POST", "DELETE", "PUT"])
        paths = _PARTS.map(lambda name: [name, "messages"]) | st.lists(_PARTS, max_size=4)
        queries = st.lists(st.tuples(_NAMES, _VALUES), max_size=6)
        self.each(st.tuples(methods, paths, queries), send)
