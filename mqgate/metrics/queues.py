"""Reading how much is in the queues."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mqgate.engine.engine import Engine
from mqgate.engine.errors import EngineError
from mqgate.engine.values import Census, QueueFigures


@attrs.frozen
class Queues:
    """The fullest queues, as far as they could be read."""

    #: With the names of their worlds.
    figures: list[tuple[str, QueueFigures]]
    #: How many queues there are; None if that could not be read.
    count: int | None


#: What is shown while nothing can be read.
UNREAD = Queues([], None)


class QueueReader:
    """Reads the fullest queues of all worlds together, up to a number."""

    def __init__(self, engine: Engine, worlds: Mapping[str, int], limit: int) -> None:
        self._engine = engine
        self._names = {world: name for name, world in worlds.items()}
        self._limit = limit

    def read(self) -> Deferred[Queues]:
        """The queues as they are now; nothing while the engine cannot tell."""
        taken = self._engine.census(list(self._names), self._limit)
        return taken.addCallbacks(self._named, _unread)

    def _named(self, census: Census) -> Queues:
        return Queues([(self._names[each.world], each) for each in census.queues], census.in_all)


def _unread(failure: Failure) -> Queues:
    failure.trap(EngineError)
    return UNREAD
