"""The RoboMQ dialect over the real engine, a real file and our own site; bytes in, bytes out."""

from __future__ import annotations

import itertools
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from mqgate.dialects.declaration import Grant
from mqgate.dialects.robomq import DECLARATION
from mqgate.dialects.robomq.access import Access
from mqgate.dialects.robomq.door import Door
from mqgate.dialects.robomq.settings import Namespace, Settings, TokenHeader, User
from mqgate.engine.engine import Engine
from mqgate.engine.intake import Limits
from mqgate.engine.values import NewMessage
from mqgate.web.front import Front
from mqgate.web.site import GateSite
from tests.dialects.case import DialectCase

#: The token of the user ``demo``.
TOKEN = "t0ken"

SECTION = Namespace(
    vhosts=["demo", "/"],
    users=[
        User(name="demo", password="secret", rights=["configure", "write", "read"]),
        User(name="demoRead", password="pw-r", rights=["read"]),
        User(name="demoWrite", password="pw-w", rights=["write"]),
        User(name="demoRW", password="pw-rw", rights=["write", "read"]),
        User(name="maker", password="pw-m", rights=["configure"]),
        User(name="reader", password="pw-cr", rights=["configure", "read"]),
        User(name="split", password="pw-s", rights={"demo": ["read"], "/": ["configure", "read"]}),
        User(name="K\u00e4se", password="p:\u00e4", rights=["read"]),
    ],
    token_headers=[
        TokenHeader(header="X-Secret-Token", value=TOKEN, user="demo"),
        TokenHeader(header="X-Other-Token", value="other", user="demoRead"),
        TokenHeader(header="x-secret-token", value="t0ken-rw", user="demoRW"),
    ],
)
OTHER_SECTION = Namespace(
    vhosts=["far"],
    users=[
        User(name="far", password="pw-f", rights=["configure", "write", "read"]),
        User(name="demo", password="another", rights=["read"]),
        User(name="demoRW", password="pw-rw", rights=["configure", "write", "read"]),
    ],
)


@attrs.frozen
class Answer:
    """One answer, its header names as they were spelled."""

    status: int
    #: All but Date.
    headers: Mapping[str, str]
    body: bytes

    @property
    def envelop(self) -> dict[str, Any]:
        """What ``X-AMQP-Envelop`` says."""
        found: dict[str, Any] = json.loads(self.headers["X-AMQP-Envelop"])
        return found

    @property
    def properties(self) -> dict[str, Any]:
        """What ``X-AMQP-Properties`` says."""
        found: dict[str, Any] = json.loads(self.headers["X-AMQP-Properties"])
        return found

    @property
    def text(self) -> str:
        """The body."""
        return self.body.decode()


def basic(user: str, password: str) -> str:
    """The header of HTTP's basic authentication."""
    return f"Authorization: Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


#: What `RoboMQCase.ask` sends unless it is told otherwise.
AUTHORIZED = f"X-Secret-Token: {TOKEN}"


def request(
    method: str, path: str | bytes, body: bytes | None = None, *headers: str | bytes
) -> bytes:
    """A request as a client writes it."""
    lines = [
        b"%b %b HTTP/1.1" % (method.encode(), _bytes(path)),
        b"Host: trial.robomq.io",
        *map(_bytes, headers),
    ]
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body or b""])


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def read_answer(data: bytes, *, head_only: bool = False) -> Answer:
    """The one answer in these bytes, which must be all of them."""
    head, end, body = data.partition(b"\r\n\r\n")
    assert end, data
    first, *lines = head.decode("ascii").split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    headers = {name: value for name, value in pairs if name != "Date"}
    assert len(headers) == len(pairs) - 1, f"twice: {pairs}"
    status = int(first.split(" ")[1])
    if status != 204:
        told = int(headers["Content-Length"])
        assert len(body) == (0 if head_only else told), (told, body)
    return Answer(status, headers, body)


class Healthy:
    """A server in the best of health."""

    def ready(self) -> str | None:
        """See `mqgate.web.front.Health`."""
        return None


class Client:
    """One connection."""

    def __init__(self, case: RoboMQCase) -> None:
        self._case = case
        channel: Any = case.site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1))
        assert channel is not None
        self.channel = channel
        self.transport = StringTransport()
        channel.makeConnection(self.transport)

    def send(self, data: bytes) -> bytes:
        """Send bytes; what comes back at once."""
        self.channel.dataReceived(data)
        self._case.settle()
        received: bytes = self.transport.value()
        self.transport.clear()
        return received

    def ask(self, data: bytes) -> Answer:
        """Send a request; its answer, which must come at once."""
        return read_answer(self.send(data), head_only=data.startswith(b"HEAD "))

    def hang_up(self) -> None:
        """Lose the connection."""
        self.channel.connectionLost(Failure(ConnectionDone()))
        self._case.settle()


class RoboMQCase(DialectCase):
    """A server with two namespaces."""

    settings = Settings()
    limits = Limits()

    def setUp(self) -> None:
        super().setUp()
        self.store = store = self.database.store()
        opened = store.open()
        self.addCleanup(self.check_and_close, store)
        policies = DECLARATION.policies(self.settings)
        self.engine = Engine(store, self.clock, self.now, policies, self.limits, opened=opened)
        grants = []
        for section in (SECTION, OTHER_SECTION):
            numbers = store.worlds([[name] for name in DECLARATION.claims(section)])
            grants.append(Grant(section, dict(zip(section.vhosts, numbers, strict=True))))
        self.worlds = {name: number for each in grants for name, number in each.worlds.items()}
        self.engine.start()
        self.addCleanup(self.stop)
        ids = (f"00000000-0000-4000-8000-{number:012x}" for number in itertools.count(0))
        self.door = Door(self.engine, Access(grants), self.settings, lambda: next(ids))
        self.site = GateSite(Front([self.door], Healthy()), self.clock)
        self.addCleanup(self.site.drain)

    # -- asking

    def client(self) -> Client:
        """A new connection, closed at the end."""
        client = Client(self)
        self.addCleanup(client.hang_up)
        return client

    def ask(
        self,
        method: str,
        path: str | bytes,
        body: bytes | None = None,
        *headers: str | bytes,
        who: str | None = AUTHORIZED,
    ) -> Answer:
        """Ask something on a connection of its own, as the user ``demo`` unless said otherwise."""
        named = () if who is None else (who,)
        return self.client().ask(request(method, path, body, *named, *headers))

    def where(
        self,
        key: str = "testKey",
        queue: str = "testQ",
        exchange: str = "testEx",
        vhost: str = "demo",
    ) -> str:
        """A path, of names that need no escapes."""
        return f"/rest/{vhost}/{exchange}/{queue}/{key}"

    def get(self, *names: str, who: str = AUTHORIZED) -> Answer:
        """Get a message from where `where` says."""
        return self.ask("GET", self.where(*names), who=who)

    def post(
        self, body: str, *names: str, properties: object = None, who: str = AUTHORIZED
    ) -> Answer:
        """Publish a message to where `where` says; properties are a value or the header's text."""
        headers = []
        if properties is not None:
            text = properties if isinstance(properties, str) else json.dumps(properties)
            headers.append(f"X-AMQP-Properties: {text}")
        return self.ask("POST", self.where(*names), body.encode(), *headers, who=who)

    def published(self, body: str, *names: str, properties: object = None) -> None:
        """The same; it must succeed."""
        answer = self.post(body, *names, properties=properties)
        self.assertEqual((answer.status, answer.text), (200, "OK"))

    def bodies(self, *names: str) -> list[str]:
        """Get messages until there are no more; their bodies."""
        found = []
        while (answer := self.get(*names)).status == 200:
            found.append(answer.text)
        self.assertEqual(answer.status, 204)
        return found

    def back(self, properties: object) -> dict[str, Any]:
        """The properties with which a message comes back that was posted with these."""
        self.published("body", properties=properties)
        answer = self.get()
        self.assertEqual(answer.status, 200)
        return answer.properties

    # -- beside the dialect

    def put(self, queue: str, body: bytes, props: bytes | None = None) -> None:
        """Have another dialect put a message on a queue of the vhost ``demo``."""
        message = NewMessage(body, props=props)
        done = self.engine.post(self.worlds["demo"], queue, [message], policy="robomq")
        self.settle()
        self.successResultOf(done)

    def queue_names(self, vhost: str = "demo") -> list[str]:
        """The queues there are."""
        listed = self.engine.list_queues(self.worlds[vhost], offset=0, limit=100)
        self.settle()
        return [each.name for each in self.successResultOf(listed)]

    def rows(self, query: str) -> list[Any]:
        """What the database says."""
        return self.database.rows(query)

    def assert_refused(self, answer: Answer, status: int, text: str | None = None) -> None:
        """It is an error as the documentation has it: a status, and a line of plain text."""
        self.assertEqual(answer.status, status, answer)
        self.assertIn(answer.headers["Content-Type"], ("text/plain", "text/plain; charset=utf-8"))
        self.assertNotEqual(answer.text, "")
        self.assertTrue(answer.text.isprintable(), answer.text)
        for name in ("X-AMQP-Envelop", "X-AMQP-Properties"):
            self.assertNotIn(name, answer.headers)
        if text is not None:
            self.assertEqual(answer.text, text)


class PublishCase(RoboMQCase):
    """Publishes what is to be refused."""

    def refuse(self, properties: object, text: str | None = None, status: int = 400) -> None:
        """These are refused, in this line if it is given, and nothing is made or queued."""
        if text is not None and status == 400:
            text = f"406 PRECONDITION_FAILED - {text}"
        answer = self.post("x", "key", "refused", properties=properties)
        self.assert_refused(answer, status, text)
        self.assertNotIn("refused", self.queue_names())
