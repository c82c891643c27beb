"""Reading the sizes of queues, through the engine as any client would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import attrs
from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

from mqgate.engine.engine import Engine
from mqgate.engine.errors import EngineError
from mqgate.engine.values import QueueInfo, QueueName

T = TypeVar("T")


@attrs.frozen
class Queues:
    """The queues of all worlds, as far as they were read."""

    #: By the world's name.
    infos: Mapping[str, list[QueueInfo]]
    #: Whether there are no others.
    complete: bool


class QueueReader:
    """Reads the first queues of each world, by name, up to a number for all worlds together."""

    def __init__(self, engine: Engine, worlds: Mapping[str, int], limit: int) -> None:
        self._engine = engine
        self._worlds = worlds
        self._limit = limit

    async def read(self) -> Queues:
        """The queues as they are now; what the engine cannot tell is left out."""
        infos: dict[str, list[QueueInfo]] = {}
        left, complete = self._limit, True
        for name, world in self._worlds.items():
            # One more than is shown tells whether there are others.
            queues = await self._names(world, left + 1)
            found = await self._infos(world, (queues or [])[:left])
            complete = complete and queues is not None and len(queues) <= left
            infos[name] = found
            left -= min(left, len(queues or ()))
        return Queues(infos, complete)

    def _names(self, world: int, limit: int) -> Deferred[list[QueueName] | None]:
        names = self._engine.list_queues(world, offset=0, limit=limit)
        return names.addErrback(_none)

    async def _infos(self, world: int, queues: list[QueueName]) -> list[QueueInfo]:
        """All of them in one batch. One that was deleted meanwhile is no matter."""
        asked = [self._engine.info(world, each.name).addErrback(_none) for each in queues]
        found: list[QueueInfo | None] = await gatherResults(asked, consumeErrors=True)
        return [info for info in found if info is not None]


def _none(failure: Failure) -> None:
    failure.trap(EngineError)
