"""The IronMQ dialect over the real engine and a real file, under a clock that is set by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.web.http_headers import Headers

from mqgate.dialects.declaration import Grant, Opening
from mqgate.dialects.ironmq import DECLARATION
from mqgate.dialects.ironmq.settings import Namespace, Settings
from mqgate.engine.engine import Engine
from mqgate.web.values import Asked, Dialect, Reply
from tests.dialects.case import DialectCase

#: The project and token of the vendor's examples.
PROJECT = "4fd2729368a0197d1102056b"
TOKEN = "abc4c7c627376858"
#: A project of the same namespace, closed by its operator.
SUSPENDED = "50eb546d3264140e8638a7e5"
#: A project of another namespace, with a token of its own.
OTHER_PROJECT = "4ccf55250948510894024119"
OTHER_TOKEN = "5eee546df4a4140e8638a7e5"


@attrs.frozen
class Answer:
    """A reply, with its JSON read."""

    reply: Reply
    status: int
    json: Any


@attrs.define(eq=False)
class Request:
    """A request under way."""

    asked: Asked
    replies: list[Reply] = attrs.field(factory=list)

    @property
    def answered(self) -> bool:
        """Whether there is a reply already."""
        return bool(self.replies)

    def answer(self) -> Answer:
        """The reply; it must be there."""
        (reply,) = self.replies
        return Answer(reply, reply.status, json.loads(reply.body) if reply.body else None)


def asking(
    method: str,
    target: str,
    body: object = b"",
    *,
    headers: Mapping[str, str] | None = None,
) -> Asked:
    """A request as the HTTP room hands it over; a body that is not bytes is sent as JSON."""
    path, _, query = target.partition("?")
    return Asked(
        method.encode(),
        path.encode(),
        query.encode(),
        Headers({name: [value] for name, value in (headers or {}).items()}),
        body if isinstance(body, bytes) else json.dumps(body).encode(),
        True,
        "192.0.2.1",
    )


def authorized(token: str = TOKEN) -> dict[str, str]:
    """The header that the clients send."""
    return {"Authorization": f"OAuth {token}"}


class IronMQCase(DialectCase):
    """A server with two namespaces."""

    settings = Settings()

    def setUp(self) -> None:
        super().setUp()
        store = self.database.store()
        policies = DECLARATION.policies(self.settings)
        opened = store.open()
        self.addCleanup(store.close)
        self.engine = Engine(store, self.clock, self.now, policies, opened=opened)
        sections = [
            Namespace(projects=[PROJECT, SUSPENDED], tokens=[TOKEN], suspended=[SUSPENDED]),
            Namespace(projects=[OTHER_PROJECT], tokens=["unused", OTHER_TOKEN]),
        ]
        names = [name for section in sections for name in DECLARATION.claims(section)]
        #: By project.
        self.worlds = dict(zip(names, store.worlds([[name] for name in names]), strict=True))
        self.grants = [
            Grant(section, {name: self.worlds[name] for name in section.projects})
            for section in sections
        ]
        self.engine.start()
        self.addCleanup(self.stop)
        self.dialect: Dialect = DECLARATION.open(Opening(self.engine, self.settings, self.grants))

    def stop(self) -> None:
        """Stop the engine; no timer may be left."""
        super().stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def send(self, asked: Asked) -> Request:
        """Hand a request over and let the engine work on it."""
        request = Request(asked)
        reply = self.dialect.answer(asked)
        if isinstance(reply, Deferred):
            reply.addCallback(request.replies.append)
        else:
            request.replies.append(reply)
        self.settle()
        return request

    def begin(
        self,
        method: str,
        below: str,
        body: object = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Request:
        """Start a request to a path below the project, with the token, like every client."""
        return self.send(
            asking(
                method,
                f"/1/projects/{PROJECT}/{below}",
                body,
                headers={**authorized(), **(headers or {})},
            )
        )

    def call(
        self,
        method: str,
        below: str,
        body: object = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The same, for a request that is answered at once."""
        return self.begin(method, below, body, headers).answer()

    def post(self, *bodies: str, queue: str = "q", **options: int) -> list[str]:
        """Post messages; their ids."""
        messages = [{"body": body, **options} for body in bodies]
        answer = self.call("POST", f"queues/{queue}/messages", {"messages": messages})
        self.assertEqual(answer.status, self.settings.post_status, answer.json)
        ids: list[str] = answer.json["ids"]
        return ids

    def get(self, query: str = "", queue: str = "q") -> list[dict[str, Any]]:
        """Get messages."""
        answer = self.call("GET", f"queues/{queue}/messages{query}")
        self.assertEqual(answer.status, 200, answer.json)
        messages: list[dict[str, Any]] = answer.json["messages"]
        return messages

    def bodies(self, query: str = "", queue: str = "q") -> list[str]:
        """Get messages; their bodies."""
        return [message["body"] for message in self.get(query, queue)]

    def size(self, queue: str = "q") -> int:
        """The size of a queue."""
        size: int = self.call("GET", f"queues/{queue}").json["size"]
        return size

    def assert_refused(self, answer: Answer, status: int, text: str | None = None) -> None:
        """It is an error in the vendor's form, with this text if one is given."""
        self.assertEqual(answer.status, status, answer.json)
        self.assertEqual(answer.reply.content_type, b"application/json")
        self.assertEqual(list(answer.json), ["msg"])
        self.assertIsInstance(answer.json["msg"], str)
        self.assertNotEqual(answer.json["msg"], "")
        if text is not None:
            self.assertEqual(answer.json["msg"], text)
