"""RocketMQ's life cycle: publish, consume, acknowledge, each request signed."""

from __future__ import annotations

import hmac
import re
import time
from base64 import b64encode
from email.utils import formatdate

import attrs

from benchmarks.figures import BenchmarkFailed
from benchmarks.scripts import Script, Work
from benchmarks.wire import Answer, Target

_HANDLE = re.compile(rb"<ReceiptHandle>([^<]+)</ReceiptHandle>")
#: How clients poll and acknowledge.
_GROUP = "consumer=GID_bench"
_POLL = f"{_GROUP}&numOfMessages=1"


@attrs.frozen
class Topic(Target):
    """Where a topic is. ``queue`` is the path of its messages, ``credentials`` the key's id."""

    secret: str = attrs.field(repr=False)

    def signed(self, method: str, query: str, body: bytes = b"") -> bytes:
        """A signed request, as the SDKs send it; it is good for a quarter of an hour."""
        target = f"{self.queue}?{query}"
        kind = "text/xml;charset=utf-8" if body else ""
        date = formatdate(time.time(), usegmt=True)
        text = f"{method}\n\n{kind}\n{date}\nx-mq-version:2015-06-06\n{target}"
        digest = hmac.digest(self.secret.encode(), text.encode(), "sha1")
        head = (
            f"{method} {target} HTTP/1.1\r\n"
            f"Host: localhost:{self.port}\r\n"
            "User-Agent: mqgate-benchmarks\r\n"
            "x-mq-version: 2015-06-06\r\n"
            f"Date: {date}\r\n"
            f"Authorization: MQ {self.credentials}:{b64encode(digest).decode()}\r\n"
        )
        if body:
            head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        return f"{head}\r\n".encode() + body


def topic(work: Work) -> Script:
    """Publish a message, consume one, acknowledge it."""
    target = work.target
    assert isinstance(target, Topic)
    body = b"<Message><MessageBody>%b</MessageBody></Message>" % (b"x" * work.size)
    publish, poll = target.signed("POST", "", body), target.signed("GET", _POLL)
    while True:
        _expect((yield publish), 201)
        work.tally.posted += 1
        answer = _expect((yield poll), 200)
        handles = b"<ReceiptHandles>%b</ReceiptHandles>" % b"".join(
            each[0] for each in _HANDLE.finditer(answer.body)
        )
        _expect((yield target.signed("DELETE", _GROUP, handles)), 204)
        work.tally.deleted += 1
        work.tally.finish(1)


def _expect(answer: Answer, status: int) -> Answer:
    if answer.status != status:
        raise BenchmarkFailed(f"status {answer.status}: {answer.body[:200]!r}")
    return answer
