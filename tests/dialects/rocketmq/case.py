"""The RocketMQ dialect over the real engine, a real file and our own site; bytes in, bytes out."""

from __future__ import annotations

import hmac
import itertools
from base64 import b64encode
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from typing import Any
from xml.dom.minidom import Element, parseString
from xml.sax.saxutils import escape

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from mqgate.dialects.declaration import Grant, Opening
from mqgate.dialects.rocketmq import DECLARATION
from mqgate.dialects.rocketmq.settings import Key, Namespace, Settings, Topic
from mqgate.engine.engine import Engine
from mqgate.web.front import Front
from mqgate.web.site import GateSite
from tests.dialects.case import DialectCase

#: 21 Nov 2026, 16:00:00 GMT, in seconds: the moment of the documented examples.
START = 1_795_276_800
XMLNS = "http://mq.aliyuncs.com/doc/v1"
PROLOG = '<?xml version="1.0" encoding="UTF-8"?>\n'
INSTANCE = "MQ_INST_demo"

SECTION = Namespace(
    instances=[INSTANCE, ""],
    keys=[Key(id="demo-id", secret="demo-secret"), Key(id="second", secret="schl\u00fcssel")],
)
OTHER_SECTION = Namespace(
    instances=["strict"],
    keys=[Key(id="other-id", secret="other-secret"), Key(id="second", secret="another")],
    topics=[Topic(name="declared", groups=["GID_a"])],
    auto_create=False,
)


@attrs.frozen
class Answer:
    """One answer, its header names as they were spelled."""

    status: int
    #: All but Date.
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body."""
        return self.body.decode()

    @property
    def root(self) -> Element:
        """The document's element."""
        element = parseString(self.body).documentElement
        assert element is not None
        return element

    @property
    def fields(self) -> dict[str, str]:
        """The texts of the root's elements, by name."""
        return fields(self.root)

    @property
    def items(self) -> list[dict[str, str]]:
        """The same for each element of a list."""
        return [fields(child) for child in self.root.childNodes]

    @property
    def code(self) -> str:
        """What clients act on."""
        return self.fields["Code"]


def fields(element: Any) -> dict[str, str]:
    """Texts of elements by name, as Python's SDK reads them: the first child node's."""
    return {child.nodeName: child.firstChild.data for child in element.childNodes}


def signed(
    method: str,
    target: str,
    headers: Mapping[str, str],
    secret: str = "demo-secret",
) -> str:
    """A signature, made independently of the server's own code."""
    lower = {name.lower(): value for name, value in headers.items()}
    lines = [method, *(lower.get(name, "") for name in ("content-md5", "content-type", "date"))]
    lines += [f"{name}:{lower[name]}" for name in sorted(lower) if name.startswith("x-mq-")]
    digest = hmac.new(secret.encode(), "\n".join([*lines, target]).encode(), "sha1").digest()
    return b64encode(digest).decode()


def request(
    method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
) -> bytes:
    """A request as a client writes it."""
    lines = [f"{method} {target} HTTP/1.1", "Host: mq.example:8080"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def read_answer(data: bytes, *, head_only: bool = False) -> Answer:
    """The one answer in these bytes, which must be all of them."""
    head, end, body = data.partition(b"\r\n\r\n")
    assert end, data
    first, *lines = head.decode("ascii").split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    headers = {name: value for name, value in pairs if name != "Date"}
    assert len(headers) == len(pairs) - 1, f"twice: {pairs}"
    status = int(first.split(" ")[1])
    if status == 204:
        assert not body, body
    elif not head_only:
        assert len(body) == int(headers["Content-Length"]), (headers, body)
    return Answer(status, headers, body)


def message(
    body: str,
    *,
    tag: str = "",
    properties: str = "",
    xmlns: str = f' xmlns="{XMLNS}/"',
) -> bytes:
    """A ``Message`` document as Python's SDK writes it."""
    parts = [f"<MessageBody>{escape(body)}</MessageBody>"]
    if properties:
        parts.append(f"<Properties>{escape(properties)}</Properties>")
    if tag:
        parts.append(f"<MessageTag>{escape(tag)}</MessageTag>")
    document = f'<?xml version="1.0" encoding="utf-8"?><Message{xmlns}>{"".join(parts)}</Message>'
    return document.encode()


def receipt_handles(handles: Sequence[str]) -> bytes:
    """A ``ReceiptHandles`` document."""
    inner = "".join(f"<ReceiptHandle>{escape(each)}</ReceiptHandle>" for each in handles)
    return f'<ReceiptHandles xmlns="{XMLNS}/">{inner}</ReceiptHandles>'.encode()


class Healthy:
    """A server in the best of health."""

    def ready(self) -> str | None:
        """See `mqgate.web.front.Health`."""
        return None


class Client:
    """One connection."""

    def __init__(self, case: RocketMQCase) -> None:
        self._case = case
        channel: Any = case.site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1))
        assert channel is not None
        self.channel = channel
        self.transport = StringTransport()
        channel.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        """Send bytes, and let the server work on them."""
        self.channel.dataReceived(data)
        self._case.settle()

    def received(self) -> bytes:
        """What came back since this was last asked."""
        data: bytes = self.transport.value()
        self.transport.clear()
        return data

    def ask(self, data: bytes) -> Answer:
        """Send a request; its answer, which must come at once."""
        self.send(data)
        return read_answer(self.received(), head_only=data.startswith(b"HEAD "))

    def hang_up(self) -> None:
        """Lose the connection."""
        self.channel.connectionLost(Failure(ConnectionDone()))
        self._case.settle()


class RocketMQCase(DialectCase):
    """A server with two namespaces: one as by default, and one that makes no topics by itself."""

    settings = Settings()
    instant = START

    def setUp(self) -> None:
        super().setUp()
        store = self.database.store()
        opened = store.open()
        self.addCleanup(self.check_and_close, store)
        policies = DECLARATION.policies(self.settings)
        self.engine = Engine(store, self.clock, self.now, policies, opened=opened)
        grants = []
        for section in (SECTION, OTHER_SECTION):
            numbers = store.worlds([[f"rocketmq/{name}"] for name in section.instances])
            grants.append(Grant(section, dict(zip(section.instances, numbers, strict=True))))
        self.worlds = {name: number for each in grants for name, number in each.worlds.items()}
        self.door = DECLARATION.open(Opening(self.engine, self.settings, grants))
        self.engine.start()
        self.addCleanup(self.stop)
        self.site = GateSite(Front([self.door], Healthy()), self.clock)
        self.addCleanup(self.site.drain)
        self.numbers = itertools.count(1)
        self.settle()

    # -- asking

    def client(self) -> Client:
        """A new connection, closed at the end."""
        client = Client(self)
        self.addCleanup(client.hang_up)
        return client

    def headers(self, **more: str) -> dict[str, str]:
        """What is signed, as Python's SDK sends it; ``content_md5="x"`` adds a header."""
        found = {
            "x-mq-version": "2015-06-06",
            "date": formatdate(self.clock.seconds(), usegmt=True),
        }
        return found | {name.replace("_", "-"): value for name, value in more.items()}

    def signed_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        *,
        key: str = "demo-id",
        secret: str = "demo-secret",
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """A request with a signature."""
        sent = dict(self.headers() if headers is None else headers)
        if body is not None and headers is None:
            sent["content-type"] = "text/xml;charset=UTF-8"
        sent["Authorization"] = f"MQ {key}:{signed(method, target, sent, secret)}"
        return request(method, target, sent, body)

    def ask(self, method: str, target: str, body: bytes | None = None, **how: Any) -> Answer:
        """Ask something, signed, on a connection of its own."""
        return self.client().ask(self.signed_request(method, target, body, **how))

    def target(self, topic: str = "orders", instance: str = INSTANCE, **more: Any) -> str:
        """The target of a request."""
        query = "&".join(
            f"{name}={value}" for name, value in ({"ns": instance} | more).items() if value != ""
        )
        return f"/topics/{topic}/messages" + (f"?{query}" if query else "")

    def publish(
        self, body: str, topic: str = "orders", *, instance: str = INSTANCE, **how: str
    ) -> Answer:
        """Publish a message."""
        return self.ask("POST", self.target(topic, instance), message(body, **how))

    def published(self, body: str, topic: str = "orders", **how: str) -> dict[str, str]:
        """The same; it must succeed."""
        answer = self.publish(body, topic, **how)
        self.assertEqual(answer.status, 201, answer.text)
        return answer.fields

    def consume(
        self, n: object = 16, group: str = "GID_a", topic: str = "orders", **more: Any
    ) -> Answer:
        """Poll."""
        return self.ask("GET", self.target(topic, consumer=group, numOfMessages=n, **more))

    def consumed(
        self, n: int = 16, group: str = "GID_a", topic: str = "orders", **more: Any
    ) -> list[dict[str, str]]:
        """The same; the messages that came."""
        answer = self.consume(n, group, topic, **more)
        if answer.status == 404:
            self.assertEqual(answer.code, "MessageNotExist")
            return []
        self.assertEqual(answer.status, 200, answer.text)
        return answer.items

    def bodies(self, *arguments: Any, **more: Any) -> list[str]:
        """The same; their bodies."""
        return [each["MessageBody"] for each in self.consumed(*arguments, **more)]

    def acknowledge(
        self, *handles: str, group: str = "GID_a", topic: str = "orders", **more: Any
    ) -> Answer:
        """Acknowledge, commit or roll back."""
        return self.ask(
            "DELETE", self.target(topic, consumer=group, **more), receipt_handles(handles)
        )

    def acknowledged(self, *messages: Mapping[str, str], **how: Any) -> None:
        """The same; it must succeed."""
        answer = self.acknowledge(*(each["ReceiptHandle"] for each in messages), **how)
        self.assertEqual((answer.status, answer.body), (204, b""), answer.text)

    def poll(self, **more: Any) -> Client:
        """Begin a poll that waits."""
        client = self.client()
        target = self.target(consumer="GID_a", numOfMessages=16, **({"waitseconds": 30} | more))
        client.send(self.signed_request("GET", target))
        return client

    # -- checking

    def assert_refused(self, answer: Answer, status: int, code: str, text: str = "") -> None:
        """It is an error as the SDKs read it."""
        self.assertEqual(
            (answer.status, answer.headers.get("Content-Type")),
            (status, "text/xml;charset=utf-8"),
            answer,
        )
        found = answer.fields
        self.assertEqual(list(found), ["Code", "Message", "RequestId", "HostId"])
        self.assertEqual(found["Code"], code, answer.text)
        self.assertEqual(found["RequestId"], answer.headers["x-mq-request-id"])
        self.assertIn(text, found["Message"])
        self.assertEqual(answer.root.getAttribute("xmlns"), XMLNS)

    def assert_failed(self, answer: Answer, *failed: tuple[str, str]) -> None:
        """These handles, with these codes, are what was wrong."""
        self.assertEqual(answer.status, 404, answer.text)
        self.assertEqual(answer.root.tagName, "Errors")
        for item in answer.items:
            self.assertEqual(list(item), ["ErrorCode", "ErrorMessage", "ReceiptHandle"])
            self.assertNotEqual(item["ErrorMessage"], "")
        found = [(item["ReceiptHandle"], item["ErrorCode"]) for item in answer.items]
        self.assertEqual(found, list(failed))
