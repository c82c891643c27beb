"""The whole server but for sockets: bytes in, bytes out, over the real engine and a real file."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import attrs
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from mqgate.dialects.declaration import Grant, Opening
from mqgate.dialects.ironmq import DECLARATION
from mqgate.dialects.ironmq.settings import Namespace, Settings
from mqgate.dialects.robomq import DECLARATION as ROBOMQ
from mqgate.dialects.robomq.settings import Namespace as RobomqNamespace
from mqgate.dialects.robomq.settings import Settings as RobomqSettings
from mqgate.dialects.robomq.settings import TokenHeader, User
from mqgate.dialects.shiftr import DECLARATION as SHIFTR
from mqgate.dialects.shiftr.settings import Namespace as ShiftrNamespace
from mqgate.dialects.shiftr.settings import Settings as ShiftrSettings
from mqgate.dialects.shiftr.settings import Token as ShiftrToken
from mqgate.engine.engine import Engine
from mqgate.web.front import Front
from mqgate.web.site import GateSite
from tests import stores
from tests.fuzz.answers import Answer, read_answers
from tests.web.world import Connection

PROJECT = "4fd2729368a0197d1102056b"
TOKEN = "abc4c7c627376858"
SUSPENDED = "50eb546d3264140e8638a7e5"
#: Where the queues are; there is one, ``q``, with three messages.
QUEUES = f"/1/projects/{PROJECT}/queues"

#: What RoboMQ has: a vhost, and a user with a token.
REST = RobomqNamespace(
    vhosts=["demo"],
    users=[User(name="demo", password="secret", rights=["configure", "write", "read"])],
    token_headers=[TokenHeader(header="X-Secret-Token", value=TOKEN, user="demo")],
)
#: What shiftr has: an instance, and a token.
BROKER = ShiftrNamespace(instances=["demo"], tokens=[ShiftrToken(secret="secret")])

#: Some day in 2023, in seconds.
START = 1_700_000_000
#: What every deadline of the HTTP room, and the longest wait, are over after: in seconds.
ALL_DEADLINES = 200
#: Ids are set aside in blocks before they are given out; a block left unused is no change. How far
#: messages have grown old is a matter of time.
_NOT_OBSERVABLE = {"gateway", "aging", "msg.aged"}


class AlwaysReady:
    """The health of a server that works."""

    def ready(self) -> str | None:
        """See `Health`."""
        return None


@attrs.frozen
class Exchange:
    """What was sent on one connection, and what came of it."""

    sent: bytes
    answers: Sequence[Answer]
    #: Whether the server had ended the connection before any time passed.
    closed: bool
    #: Whether the database is other than it was.
    changed: bool

    @property
    def refused(self) -> bool:
        """Whether nothing that was sent was granted."""
        return all(answer.status >= 400 for answer in self.answers)


class World:
    """A server with one project, in it a queue of three messages, and one empty vhost.

    The vhost is an instance, too.
    """

    def __init__(self, folder: str) -> None:
        os.makedirs(folder)
        self.clock = Clock()
        self.clock.advance(START)
        self._database = stores.new(folder)
        self._store = self._database.store()
        settings = Settings()
        opened = self._store.open()
        self._engine = Engine(
            self._store,
            self.clock,
            lambda: round(self.clock.seconds() * 1000),
            {**DECLARATION.policies(settings), **ROBOMQ.policies(RobomqSettings())},
            opened=opened,
        )
        section = Namespace(projects=[PROJECT, SUSPENDED], tokens=[TOKEN], suspended=[SUSPENDED])
        names = [*section.projects, *REST.vhosts]
        worlds = dict(zip(names, self._store.worlds([[name] for name in names]), strict=True))
        grants = [Grant(section, {name: worlds[name] for name in section.projects})]
        rest = [Grant(REST, {name: worlds[name] for name in REST.vhosts})]
        shared = {name: worlds[name] for name in BROKER.instances}
        self._engine.start()
        doors = [
            DECLARATION.open(Opening(self._engine, settings, grants)),
            ROBOMQ.open(Opening(self._engine, RobomqSettings(), rest)),
            SHIFTR.open(Opening(self._engine, ShiftrSettings(), [Grant(BROKER, shared)])),
        ]
        self._site = GateSite(Front(doors, AlwaysReady()), self.clock)
        body = json.dumps({"messages": [{"body": text} for text in ("one", "two", "three")]})
        posted = self.exchange(post("/q/messages", body.encode())).answers[0]
        self.ids: list[str] = posted.json["ids"]

    def close(self) -> None:
        """Stop everything."""
        self._engine.stop()
        self._settle()
        self._store.close()
        self._database.close()

    def exchange(
        self, *pieces: bytes, every: int = 0, seconds: int = 0, compared: bool = True
    ) -> Exchange:
        """Send these pieces on a new connection, one ``every`` so many seconds, and look.

        ``seconds`` are to pass after the last one. The database is not ``compared`` where it grows
        with each exchange, since all of it is read for that.
        """
        before = self.rows() if compared else {}
        connection = Connection(self._site, StringTransport())
        for piece in pieces:
            if connection.closing or connection.aborted:
                break
            connection.send(piece)
            self._pass(every)
        self._pass(seconds)
        closed = connection.closing or connection.aborted
        connection.lose()
        self._settle()
        sent = b"".join(pieces)
        answers = read_answers(connection.transport.value(), b"HEAD" in sent)
        return Exchange(sent, answers, closed, compared and self.rows() != before)

    def rows(self) -> dict[str, list[Any]]:
        """Everything in the database that a client could ever notice."""
        return self._database.contents(without=_NOT_OBSERVABLE)

    def _pass(self, seconds: int) -> None:
        self._settle()
        for _ in range(seconds):
            self.clock.advance(1)
            self._settle()

    def _settle(self) -> None:
        """Let the engine do all that it can do at this instant."""
        while any(c.getTime() <= self.clock.seconds() for c in self.clock.getDelayedCalls()):
            self.clock.advance(0)


def request(
    verb: str, target: str, body: bytes | None = None, *headers: bytes, version: str = "1.1"
) -> bytes:
    """A request with these headers alone, and the length of the body if there is one."""
    lines = [f"{verb} {target} HTTP/{version}".encode(), b"Host: h", *headers]
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body or b""])


AUTHORIZED = f"Authorization: OAuth {TOKEN}".encode()


def get(below: str, *headers: bytes) -> bytes:
    """A get below `QUEUES`, with the token."""
    return request("GET", QUEUES + below, None, AUTHORIZED, *headers)


def post(below: str, body: bytes, *headers: bytes) -> bytes:
    """A post below `QUEUES`, with the token."""
    return request("POST", QUEUES + below, body, AUTHORIZED, *headers)
