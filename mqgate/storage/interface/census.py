"""A look at how much is in the queues, apart from batches."""

from __future__ import annotations

from typing import NamedTuple


class QueueFigures(NamedTuple):
    """How many messages a queue has, by state; what has expired but was not swept up counts."""

    world: int
    name: str
    ready: int
    reserved: int
    delayed: int
    #: Messages ever posted to it.
    total: int
    #: Messages on their way to receivers.
    pushed: int = 0


class Census(NamedTuple):
    """The largest queues, and how many queues there are in all."""

    queues: tuple[QueueFigures, ...]
    in_all: int
