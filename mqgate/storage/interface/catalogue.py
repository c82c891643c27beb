"""A world's catalogue as it is stored: queues, exchanges, bindings, and what changes in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mqgate.storage.interface.alerts import Alert


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
    alerts: tuple[Alert, ...] = ()


class ExchangeRow(NamedTuple):
    """An exchange as the catalogue holds it; ``removed`` is as for a queue."""

    world: int
    name: str
    type: str
    removed: int
    version: int


class BindingRow(NamedTuple):
    """A queue is bound to an exchange; ``queue`` is its number.

    A queue that is removed takes its bindings along: their rows stay as they are until they are
    forgotten with it.
    """

    world: int
    exchange: str
    queue: int
    key: str
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
    exchanges: tuple[ExchangeRow, ...] = ()
    bindings: tuple[BindingRow, ...] = ()
    #: Those of ``queues``, by number, whose alerts are not what they were.
    alerts_of: tuple[int, ...] = ()


class WorldRows(NamedTuple):
    """A world's catalogue, or what changed in it since the version that was asked about."""

    world: int
    version: int
    next_number: int
    #: Whether these are all its rows, rather than the newer ones alone.
    complete: bool
    queues: tuple[QueueRow, ...]
    exchanges: tuple[ExchangeRow, ...] = ()
    bindings: tuple[BindingRow, ...] = ()


class Stale(NamedTuple):
    """The batch was not carried out: it was planned with an outdated catalogue; this is newer.

    Or nothing is newer, but there have to be queues of these (world, name) as well.
    """

    worlds: tuple[WorldRows, ...]
    missing: tuple[tuple[int, str], ...] = ()
