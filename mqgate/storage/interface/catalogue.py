"""A world's catalogue as it is stored: what queues there are, and what changes among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class QueueRow(NamedTuple):
    """A queue as the catalogue holds it; ``removed`` is the instant of its removal, or 0."""

    world: int
    number: int
    name: str
    shelf: int
    policy: str
    settings: Mapping[str, object]
    created: int
    removed: int
    version: int


class Reshelf(NamedTuple):
    """A queue left ``old``: its messages go, its counters start again at ``new``.

    The total of messages ever posted goes along; with ``new`` None the queue is gone.
    """

    world: int
    old: int
    new: int | None


class Change(NamedTuple):
    """A world's catalogue moves from one version to the next, with these rows."""

    world: int
    version: int
    next_number: int
    queues: tuple[QueueRow, ...]
    reshelved: tuple[Reshelf, ...]


class WorldRows(NamedTuple):
    """A world's catalogue, or what changed in it since the version that was asked about."""

    world: int
    version: int
    next_number: int
    #: Whether these are all its rows, rather than the newer ones alone.
    complete: bool
    queues: tuple[QueueRow, ...]


class Stale(NamedTuple):
    """The batch was planned with an outdated catalogue and not carried out; this is newer."""

    worlds: tuple[WorldRows, ...]
