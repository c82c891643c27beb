"""Push queues of the IronMQ dialect, with receivers that answer by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed

from mqgate.dialects.ironmq.access import Access
from mqgate.dialects.ironmq.push import Pusher, PushService, push_limits
from mqgate.dialects.ironmq.sending import Answer, NoAnswer
from tests.dialects.ironmq_case import IronMQCase

URL = "https://receiver.example.org/hook"
OTHER_URL = "http://other.example.org:8080/hook?a=b"
#: So long a try is tried again after, unless a queue says otherwise.
DELAY_SECONDS = 60


@attrs.define(eq=False)
class Sent:
    """A request to a receiver, under way."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    answer: Deferred[Answer] = attrs.field(factory=Deferred)


class Receivers:
    """What requests are sent by; they stay until they are answered."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.closed = False

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """See `mqgate.dialects.ironmq.sending.Sender`."""
        request = Sent(url, headers, body)
        self.sent.append(request)
        return await request.answer

    def close(self) -> Deferred[None]:
        """See `mqgate.dialects.ironmq.sending.Sender`."""
        self.closed = True
        return succeed(None)


class PushCase(IronMQCase):
    """A server that pushes."""

    def setUp(self) -> None:
        super().setUp()
        self.receivers = Receivers()
        access = Access(self.grants)
        pusher = Pusher(self.receivers, access)
        limits = push_limits(self.settings)
        self.service = PushService(self.engine, pusher, self.receivers, limits)
        self.service.start()
        self.settle()
        self.addCleanup(self.stop_pushing)

    def stop_pushing(self) -> None:
        """End it; the database has to be in order."""
        stopped = self.service.stop()
        self.settle()
        self.pass_time(1)
        self.successResultOf(stopped)
        self.assertEqual(self.database.problems(), [])

    # -- what clients do

    def push_queue(self, *urls: str, queue: str = "q", **settings: Any) -> dict[str, Any]:
        """Make a queue that pushes to these; the queue object."""
        asked = {"subscribers": [{"url": url} for url in urls], **settings}
        answer = self.call("POST", f"queues/{queue}", asked)
        self.assertEqual(answer.status, 201, answer.json)
        shown: dict[str, Any] = answer.json
        return shown

    def shown(self, queue: str = "q") -> dict[str, Any]:
        """The queue object."""
        shown: dict[str, Any] = self.call("GET", f"queues/{queue}").json
        return shown

    def statuses(self, message: str, queue: str = "q") -> list[dict[str, Any]]:
        """How far the pushes of a message are."""
        answer = self.call("GET", f"queues/{queue}/messages/{message}/subscribers")
        self.assertEqual(answer.status, 200, answer.json)
        statuses: list[dict[str, Any]] = answer.json["subscribers"]
        return statuses

    def status(self, message: str, queue: str = "q") -> str:
        """How far the only push of a message is."""
        (status,) = self.statuses(message, queue)
        word: str = status["status"]
        return word

    # -- what receivers do

    def under_way(self) -> list[str]:
        """Where requests are under way to."""
        return [each.url for each in self.receivers.sent]

    def answer(self, code: int, url: str | None = None, phrase: str = "") -> Sent:
        """Answer the oldest request, to a URL or to any."""
        sent = self._take(url)
        sent.answer.callback(Answer(code, phrase))
        self.settle()
        return sent

    def fail_to_answer(self, why: str = "no answer in time", url: str | None = None) -> Sent:
        """Have the oldest request fail."""
        sent = self._take(url)
        sent.answer.errback(NoAnswer(why))
        self.settle()
        return sent

    def _take(self, url: str | None) -> Sent:
        sent = next(each for each in self.receivers.sent if url in (None, each.url))
        self.receivers.sent.remove(sent)
        return sent
