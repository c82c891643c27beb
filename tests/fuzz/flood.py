"""What a flood of hostile requests is made of, for a server that is running."""

from __future__ import annotations

from tests.fuzz.answers import check
from tests.fuzz.crowd import converse
from tests.fuzz.hostile import SMUGGLING
from tests.fuzz.rig import request
from tests.live.server import Server

_BODIES = [
    b"", b"{", b"[]", b"null", b'{"messages":[]}', b'{"messages":[{"body":1}]}', b"\xff\0",
    b'{"messages":[{"body":"\\ud800"}]}', b'{"messages":[{"body":"x","delay":-1}]}',
    b"[" * 20_000, b'{"a":' * 5_000, b'{"messages":' + b"9" * 5000 + b"}",
]  # fmt: skip


class Flood:
    """Rounds of hostile requests, none like the one before: all of them are to be refused."""

    def __init__(self, server: Server) -> None:
        self._server = server
        project, token = server.project()
        self._authorized = f"Authorization: OAuth {token}".encode()
        self._queues = f"/1/projects/{project}/queues"
        self._sent = 0

    def pour(self, count: int) -> None:
        """Send that many; raises `AssertionError` unless each gets the right kind of answer."""
        enough = self._sent + count
        while self._sent < enough:
            self._converse(*self._survived())
            for deadly in self._deadly():
                self._converse(deadly)

    def _survived(self) -> list[bytes]:
        """Requests after whose refusal a connection goes on."""
        queue = f"{self._queues}/{self._sent}"
        stranger = f"Authorization: OAuth {self._sent}".encode()
        return [
            *(request("POST", f"{queue}/messages", body, self._authorized) for body in _BODIES),
            request("POST", f"{queue}/messages", b"x" * 300_000, self._authorized),
            request("GET", f"{queue}/messages?n=-{self._sent}", None, self._authorized),
            request("GET", f"{queue}/messages?n=1", None, stranger),
            request("GET", f"{queue}/messages?oauth={self._sent}"),
            request("GET", queue, None, self._authorized),
            request("DELETE", f"{queue}/messages/{self._sent}", None, self._authorized),
            request(f"X{self._sent}", queue, None, self._authorized),
            request("GET", f"/{self._sent}/projects", None, self._authorized),
            request("GET", f"/x{self._sent}", None, f"X{self._sent}: x".encode()),
            request("GET", f"{queue}%00", None, self._authorized),
        ]

    def _deadly(self) -> list[bytes]:
        """Requests whose refusal is the last answer of a connection."""
        line = f"POST {self._queues}/{self._sent}/messages HTTP/1.1\r\n".encode()
        rest = sorted(SMUGGLING.values())[self._sent % len(SMUGGLING)]
        return [
            line + self._authorized + b"\r\n" + rest.replace(b"{smuggled}", b"GET / HTTP/1.1\r\n"),
            b"\x16\x03\x01%d" % self._sent,
            request("GET", f"{self._queues}?{'n' * 70_000}{self._sent}", None, self._authorized),
            request("POST", self._queues, None, b"Content-Length: %d" % (10**17 + self._sent)),
        ]

    def _converse(self, *requests: bytes) -> None:
        answers = converse(self._server, *requests)
        assert len(answers) == len(requests), (requests, answers)
        for answer in answers:
            assert answer.status >= 400, answer
            check(answer, dialect=False)
        self._sent += len(requests)
