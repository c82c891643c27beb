"""All figures of one process, as text."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.defer import TimeoutError as Late
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mqgate.metrics.exposition import Exposition
from mqgate.metrics.queues import UNREAD, QueueReader, Queues

#: How long reading the queues may take; Prometheus itself waits for ten seconds.
READING_SECONDS = 3.0


class Figures:
    """Reads what there is to tell when it is asked for."""

    def __init__(self, exposition: Exposition, reader: QueueReader, clock: IReactorTime) -> None:
        self._exposition = exposition
        self._reader = reader
        self._clock = clock

    def text(self, with_queues: bool = True) -> Deferred[bytes]:
        """All of it. Figures of queues are left out while the database does not answer."""
        reading = succeed(UNREAD)
        if with_queues:
            reading = self._reader.read().addTimeout(READING_SECONDS, self._clock)
        return reading.addErrback(_unread).addCallback(self._exposition.text)


def _unread(failure: Failure) -> Queues:
    failure.trap(Late)
    return UNREAD
