"""The database that workers share, made ready for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from mqgate.allowances import settle_worlds
from mqgate.config.values import Configuration
from mqgate.dialects.declaration import Declaration
from mqgate.engine.ids import AHEAD
from mqgate.engine.time import SteadyTime
from mqgate.listening import Lent
from mqgate.storage.sharing import Sharing
from mqgate.workers.task import Task


class SharedDatabase:
    """Implements `mqgate.workers.crew.Shared`.

    ``wall`` and ``monotonic`` tell seconds, the second the same in all processes.
    """

    def __init__(
        self,
        configuration: Configuration,
        declarations: Sequence[Declaration],
        sharing: Sharing,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        # What is asked of their parent is not for them.
        self._configuration = attrs.evolve(configuration, scraping=None)
        self._declarations = declarations
        self._sharing = sharing
        self._wall = wall
        self._monotonic = monotonic
        self._time_began: float | None = None

    def open(self) -> None:
        """Keep other servers out, make or upgrade it, and settle its worlds; see `Sharing`."""
        first = self._sharing.open()
        if first is None:
            return
        opened = first.open()
        try:
            settle_worlds(first, self._configuration, self._declarations)
        finally:
            first.close()
        now = SteadyTime(self._wall, self._monotonic, opened.high, AHEAD)
        self._time_began = now() / 1000 - self._monotonic()

    def task(self, slot: int, lent: Lent) -> tuple[bytes, Sequence[int]]:
        """What a worker is told, and the descriptors that it inherits for that."""
        seat, descriptors = self._sharing.seat(slot)
        return Task(seat, self._configuration, lent, self._time_began).packed(), descriptors

    def stuck(self) -> int | None:
        """See `Sharing`."""
        return self._sharing.stuck()

    def close(self) -> None:
        """See `Sharing`."""
        self._sharing.close()
