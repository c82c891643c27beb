"""What the configuration wants to be watched, and who watches it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mqgate.config.values import Configuration
from mqgate.engine.engine import Engine
from mqgate.metrics.access_log import FORMATS, AccessLog
from mqgate.metrics.queues import QueueReader
from mqgate.metrics.tally import Batches, Pushes, Requests, Watches
from mqgate.web.front import Room
from mqgate.web.values import Watch

if TYPE_CHECKING:
    from mqgate.metrics.figures import Figures


class Monitoring:
    """The watches of one server. Where nothing is to be watched, there are none."""

    def __init__(
        self,
        configuration: Configuration,
        clock: IReactorTime,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._metrics = configuration.server.metrics
        self._requests: Requests | None = None
        #: The engine's observers.
        self.batches: Batches | None = None
        self.pushes: Pushes | None = None
        self._log: AccessLog | None = None
        watches: list[Watch] = []
        if self._metrics is not None:
            self._requests, self.batches = Requests(), Batches(monotonic)
            self.pushes = Pushes()
            watches.append(self._requests)
        table = configuration.server.access_log
        if table is not None:
            path = os.path.join(configuration.folder, table.file)
            self._log = AccessLog(path, FORMATS[table.format], clock, wall)
            watches.append(self._log)
        #: For the sites.
        self.watch = Watches(monotonic, watches) if watches else None

    def open(self) -> None:
        """Begin; raises `OSError` if the access log cannot be written to."""
        if self._log is not None:
            self._log.open()

    def figures(self, engine: Engine, worlds: Mapping[str, int]) -> Figures | None:
        """What is told to Prometheus, if anything is."""
        if self._metrics is None:
            return None
        # Imported only where it is wanted: it takes a tenth of a second and some megabytes.
        from prometheus_client import CollectorRegistry

        from mqgate.metrics.exposition import Exposition, Gauges
        from mqgate.metrics.figures import Figures

        assert self._requests is not None
        assert self.batches is not None and self.pushes is not None
        gauges = Gauges(
            polls=lambda: engine.waiting,
            entering=lambda: engine.entering,
            trouble=lambda: engine.trouble() is not None,
        )
        exposition = Exposition(
            CollectorRegistry(), self._requests, self.batches, self.pushes, gauges
        )
        reader = QueueReader(engine, worlds, self._metrics.queues)
        return Figures(exposition, reader, self._clock)

    def close(self) -> None:
        """Write down what was not written yet."""
        if self._log is not None:
            self._log.close()


def metrics_room(text: Callable[[], Deferred[bytes]]) -> Room:
    """What stands behind the listener for metrics, and shows this text."""
    from mqgate.metrics.room import MetricsRoom

    return MetricsRoom(text)
