"""What this gateway knows of a world's exchanges and bindings, and drafts of what is to change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable

from mqgate.engine.exchanges import ROUTES, Bound, Routes
from mqgate.engine.patterns import Steps
from mqgate.engine.values import DEFAULT_EXCHANGE, PREDECLARED
from mqgate.storage.interface import BindingRow, ExchangeRow, QueueRow


class Exchanges:
    """Exchanges and bindings, as of a version of their world. Queues are known by number."""

    def __init__(self) -> None:
        #: The type of each, but for those that every world has.
        self.types: dict[str, str] = {}
        #: By queue, its bindings as (exchange, key).
        self.bindings: dict[int, set[tuple[str, str]]] = {}
        #: How many queues the last publish to an exchange reached, if there was one.
        self.reach: dict[str, int] = {}
        self._routes: dict[str, Routes] = {}

    def type_of(self, exchange: str) -> str | None:
        """An exchange's type; None if there is none."""
        return PREDECLARED.get(exchange) or self.types.get(exchange)

    def is_bound(self, exchange: str, queue: int, key: str) -> bool:
        """Whether there is such a binding."""
        return (exchange, key) in self.bindings.get(queue, ())

    def lead(
        self, exchange: str, keys: Iterable[str], steps: Steps, without: Collection[Bound] = ()
    ) -> set[int]:
        """The queues that keys lead to, as if some bindings were not there."""
        routes = self._routes.get(exchange)
        return routes.lead(keys, without, steps) if routes is not None else set()

    def apply(
        self,
        exchanges: Iterable[ExchangeRow],
        bindings: Iterable[BindingRow],
        queues: Container[int],
    ) -> None:
        """Take in rows that are newer; of the bindings, those of queues that are there."""
        for exchange in exchanges:
            self.types[exchange.name] = exchange.type
        for row in bindings:
            if row.removed:
                self.unbind(row.exchange, row.queue, row.key)
            elif row.queue in queues:
                type_ = self.type_of(row.exchange)
                assert type_ is not None, "a binding's exchange is older than the binding"
                self.bind(row.exchange, type_, row.queue, row.key)

    def bind(self, exchange: str, type_: str, queue: int, key: str) -> None:
        """Have a binding, of an exchange of that type."""
        routes = self._routes.get(exchange)
        if routes is None:
            routes = self._routes[exchange] = ROUTES[type_]()
        routes.bind(queue, key)
        self.bindings.setdefault(queue, set()).add((exchange, key))

    def unbind(self, exchange: str, queue: int, key: str) -> None:
        """Have it no more."""
        bindings = self.bindings.get(queue)
        if bindings is None or (exchange, key) not in bindings:
            return
        bindings.remove((exchange, key))
        if not bindings:
            del self.bindings[queue]
        self._routes[exchange].unbind(queue, key)

    def forget(self, queue: int) -> None:
        """A queue is gone, and its bindings with it."""
        for exchange, key in self.bindings.pop(queue, ()):
            self._routes[exchange].unbind(queue, key)


class WiringDraft:
    """A world's exchanges and bindings as one batch is going to leave them."""

    def __init__(
        self,
        world: int,
        there: Exchanges,
        queue_of: Callable[[int], QueueRow | None],
        now: int,
        version: int,
    ) -> None:
        self._world = world
        self._there = there
        self._queue_of = queue_of
        self._now = now
        self._version = version
        #: What this batch adds; and the bindings that it removes, by exchange.
        self._added = Exchanges()
        self._unbound: dict[str, set[Bound]] = {}
        self._exchanges: dict[str, ExchangeRow] = {}
        self._bindings: dict[tuple[str, int, str], BindingRow] = {}

    def type_of(self, exchange: str) -> str | None:
        """An exchange's type; None if there is none."""
        return self._there.type_of(exchange) or self._added.type_of(exchange)

    def is_bound(self, exchange: str, queue: int, key: str) -> bool:
        """Whether there is such a binding."""
        if (queue, key) in self._unbound.get(exchange, ()):
            return False
        return self._there.is_bound(exchange, queue, key) or self._added.is_bound(
            exchange, queue, key
        )

    def route(self, exchange: str, keys: Collection[str], steps: Steps) -> list[QueueRow]:
        """The queues that these keys lead to, each once, in the order of their numbers.

        Not for the default exchange, which has no bindings. Raises `TooManyPatterns`.
        """
        without = self._unbound.get(exchange, ())
        numbers = self._there.lead(exchange, keys, steps, without)
        numbers |= self._added.lead(exchange, keys, steps)
        found = (self._queue_of(number) for number in sorted(numbers))
        return [queue for queue in found if queue is not None]

    def make(self, exchange: str, type_: str) -> None:
        """A new exchange; there must be none of that name."""
        row = ExchangeRow(self._world, exchange, type_, 0, self._version)
        self._exchanges[exchange] = row
        self._added.types[exchange] = type_

    def bind(self, exchange: str, queue: int, key: str) -> None:
        """Bind a queue to an exchange that is there, unless it is bound already."""
        if exchange == DEFAULT_EXCHANGE or self.is_bound(exchange, queue, key):
            return
        self._unbound.get(exchange, set()).discard((queue, key))
        if not self._there.is_bound(exchange, queue, key):
            type_ = self.type_of(exchange)
            assert type_ is not None
            self._added.bind(exchange, type_, queue, key)
        self._note(exchange, queue, key, removed=0)

    def unbind(self, exchange: str, queue: int, key: str) -> None:
        """Remove a binding that is there."""
        self._added.unbind(exchange, queue, key)
        if self._there.is_bound(exchange, queue, key):
            self._unbound.setdefault(exchange, set()).add((queue, key))
        self._note(exchange, queue, key, removed=self._now)

    def _note(self, exchange: str, queue: int, key: str, removed: int) -> None:
        row = BindingRow(self._world, exchange, queue, key, removed, self._version)
        self._bindings[exchange, queue, key] = row

    def rows(self) -> tuple[tuple[ExchangeRow, ...], tuple[BindingRow, ...]]:
        """What has to be written."""
        return tuple(self._exchanges.values()), tuple(self._bindings.values())
