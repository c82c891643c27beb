"""The shiftr dialect over the real engine, a real file and our own site, beside RoboMQ's."""

from __future__ import annotations

from collections.abc import Mapping

from mqgate.dialects.declaration import Grant, Opening
from mqgate.dialects.shiftr import DECLARATION
from mqgate.dialects.shiftr.settings import Namespace, Settings, Token
from mqgate.web.front import Front
from mqgate.web.site import GateSite
from tests.dialects.robomq.case import Answer, Healthy, RoboMQCase, basic, request

#: The instance that shares its world with RoboMQ's vhost of the same name, and another one.
SECTION = Namespace(
    instances=["demo", "demo-2"],
    tokens=[
        Token(secret="s3cret"),
        Token(secret="reader", access="read-only"),
        Token(secret="p:\u00e4", key="k3y"),
    ],
)
#: Another namespace's.
OTHER_SECTION = Namespace(instances=["far"], tokens=[Token(secret="far-secret")])

DEMO = basic("demo", "s3cret")
PLAIN = "text/plain"


class ShiftrCase(RoboMQCase):
    """A server with two namespaces; asked as the instance ``demo`` unless said otherwise."""

    shiftr = Settings()

    def setUp(self) -> None:
        super().setUp()
        self.open(self.shiftr)

    def open(self, settings: Settings) -> None:
        """Have the dialect opened, with these settings."""
        opening = Opening(self.engine, settings, self.grants())
        self.shiftr_door = DECLARATION.open(opening)
        self.site = GateSite(Front([self.door, self.shiftr_door], Healthy()), self.clock)
        self.addCleanup(self.site.drain)
        self.opening = opening

    def grants(self) -> list[Grant]:
        """What the namespaces give to the dialect."""
        store = self.store
        demo_2, far = store.worlds([["shiftr/demo-2"], ["shiftr/far"]])
        self.instances: Mapping[str, int] = {"demo": self.worlds["demo"], "demo-2": demo_2}
        return [Grant(SECTION, self.instances), Grant(OTHER_SECTION, {"far": far})]

    # -- asking

    def broker(
        self,
        method: str,
        topic: str | bytes,
        body: bytes | None = None,
        *headers: str,
        who: str | None = DEMO,
    ) -> Answer:
        """Ask below the prefix."""
        path = topic if isinstance(topic, bytes) else topic.encode()
        return self.ask(method, b"/broker/" + path, body, *headers, who=who)

    def publish(self, topic: str, body: bytes = b"x", who: str = DEMO) -> None:
        """Publish something; it must succeed."""
        answer = self.broker("POST", topic, body, who=who)
        self.assertEqual((answer.status, answer.body), (200, b"OK"))
        self.assertEqual(answer.headers["Content-Type"], PLAIN)

    def value(self, topic: str, who: str = DEMO) -> bytes | None:
        """What is read; None is a 404 without a byte."""
        answer = self.broker("GET", topic, who=who)
        if answer.status == 404:
            self.assertEqual(answer.body, b"")
            return None
        self.assertEqual(answer.status, 200, answer)
        return answer.body

    def raw(self, method: str, path: str, *headers: str) -> Answer:
        """Ask something as it stands, without credentials."""
        return self.client().ask(request(method, path, None, *headers))

    def assert_error(self, answer: Answer, status: int, word: str) -> None:
        """It is an error of the service's: the first word of a line of plain text is its name."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], PLAIN)
        self.assertEqual(answer.headers["Access-Control-Allow-Origin"], "*")
        self.assertEqual(answer.text.split(":")[0], word)
        self.assertTrue(answer.text.isprintable())
