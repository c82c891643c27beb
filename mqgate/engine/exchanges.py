"""Exchanges: which queues a published message goes to.

A routing table belongs to one exchange, and is changed binding by binding: it is never made anew.
The default exchange has none: there, a key is the name of a queue.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

from mqgate.engine.patterns import AMQP, PatternTree, Steps
from mqgate.engine.values import DIRECT, FANOUT, TOPIC

#: A binding of an exchange: the number of the queue, and the key.
Bound = tuple[int, str]


class Routes(Protocol):
    """The bindings of one exchange, and where they lead."""

    def bind(self, queue: int, key: str) -> None:
        """Add a binding, which is not there yet."""

    def unbind(self, queue: int, key: str) -> None:
        """Remove a binding, if it is there."""

    def lead(self, keys: Iterable[str], without: Collection[Bound], steps: Steps) -> set[int]:
        """The queues that the keys lead to, by number, as if some bindings were not there.

        Raises `TooManyPatterns` if that takes more steps than there are.
        """


class TopicRoutes:
    """A binding's key is a pattern."""

    def __init__(self) -> None:
        self._tree: PatternTree[Bound] = PatternTree(AMQP)

    def bind(self, queue: int, key: str) -> None:
        self._tree.add(key, (queue, key))

    def unbind(self, queue: int, key: str) -> None:
        self._tree.discard(key, (queue, key))

    def lead(self, keys: Iterable[str], without: Collection[Bound], steps: Steps) -> set[int]:
        found = self._tree.match(*keys, steps=steps)
        return {bound[0] for bound in found if bound not in without}


class DirectRoutes:
    """A binding's key is the key itself."""

    def __init__(self) -> None:
        self._queues: dict[str, set[int]] = {}

    def bind(self, queue: int, key: str) -> None:
        self._queues.setdefault(key, set()).add(queue)

    def unbind(self, queue: int, key: str) -> None:
        queues = self._queues.get(key, set())
        queues.discard(queue)
        if not queues:
            self._queues.pop(key, None)

    def lead(self, keys: Iterable[str], without: Collection[Bound], steps: Steps) -> set[int]:
        return {
            queue
            for key in keys
            for queue in self._queues.get(key, ())
            if (queue, key) not in without
        }


class FanoutRoutes:
    """All bindings lead to their queues, whatever the key."""

    def __init__(self) -> None:
        self._keys: dict[int, set[str]] = {}

    def bind(self, queue: int, key: str) -> None:
        self._keys.setdefault(queue, set()).add(key)

    def unbind(self, queue: int, key: str) -> None:
        keys = self._keys.get(queue, set())
        keys.discard(key)
        if not keys:
            self._keys.pop(queue, None)

    def lead(self, keys: Iterable[str], without: Collection[Bound], steps: Steps) -> set[int]:
        if not without:
            return set(self._keys)
        return {
            queue
            for queue, keys in self._keys.items()
            if any((queue, each) not in without for each in keys)
        }


#: How each type of exchange routes.
ROUTES: Mapping[str, Callable[[], Routes]] = {
    TOPIC: TopicRoutes,
    DIRECT: DirectRoutes,
    FANOUT: FanoutRoutes,
}
