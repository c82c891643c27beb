"""What stands behind the listener for metrics."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as Late
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mqgate.metrics.exposition import CONTENT_TYPE, Exposition
from mqgate.metrics.queues import UNREAD, QueueReader, Queues
from mqgate.web.front import plain_refusal, plain_text
from mqgate.web.values import Asked, Fault, Reply

#: How long reading the queues may take; Prometheus itself waits for ten seconds.
READING_SECONDS = 3.0


class MetricsRoom:
    """Answers ``GET /metrics`` and nothing else; a `mqgate.web.front.Room`."""

    def __init__(self, exposition: Exposition, reader: QueueReader, clock: IReactorTime) -> None:
        self._exposition = exposition
        self._reader = reader
        self._clock = clock

    def answer(self, asked: Asked) -> Reply | Deferred[Reply]:
        """Show all figures. Those of queues are left out while the database does not answer."""
        if asked.path != b"/metrics":
            return plain_text(404, "Not found")
        if asked.method not in (b"GET", b"HEAD"):
            return plain_text(405, "Only GET and HEAD", (b"Allow", b"GET, HEAD"))
        reading = self._reader.read()
        reading.addTimeout(READING_SECONDS, self._clock)
        return reading.addErrback(_unread).addCallback(self._shown)

    def refuse(self, path: bytes, fault: Fault) -> Reply:
        """See `Room`."""
        return plain_refusal(fault)

    def body_limit(self, path: bytes) -> int:
        """See `Room`."""
        return 0

    def owner(self, path: bytes) -> str:
        """See `Room`."""
        return "metrics"

    def _shown(self, queues: Queues) -> Reply:
        return Reply(200, self._exposition.text(queues), CONTENT_TYPE)


def _unread(failure: Failure) -> Queues:
    failure.trap(Late)
    return UNREAD
