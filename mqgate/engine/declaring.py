"""The verbs on exchanges and bindings themselves."""

from __future__ import annotations

from mqgate.engine.catalogue import Draft
from mqgate.engine.errors import (
    ExchangeDiffers,
    ExchangeNotFound,
    ReservedName,
)
from mqgate.engine.planning import Plan, Verb
from mqgate.engine.publishing import not_bound
from mqgate.engine.values import Topology, is_reserved
from mqgate.engine.verbs import OnQueue
from mqgate.storage import interface as store


class Declare(Verb[None]):
    """Make what is missing of exchanges, queues and bindings."""

    __slots__ = ("topology", "world")

    def __init__(self, world: int, topology: Topology) -> None:
        super().__init__()
        self.world = world
        self.topology = topology

    def plan(self, plan: Plan) -> store.Check:
        draft = plan.draft(self.world)
        self._make_exchanges(draft)
        for name, policy in self.topology.queues.items():
            if draft.find(name) is None and is_reserved(name):
                raise ReservedName("queue", name)
            plan.make_queue(self.world, name, policy, {})
        for exchange, queue, key in self.topology.bindings:
            if draft.wiring.type_of(exchange) is None:
                raise ExchangeNotFound(f"there is no exchange {exchange!r}")
            draft.wiring.bind(exchange, plan.queue(self.world, queue).number, key)
        return store.Check()

    def _make_exchanges(self, draft: Draft) -> None:
        for name, type_ in self.topology.exchanges.items():
            there = draft.wiring.type_of(name)
            if there is None and is_reserved(name):
                raise ReservedName("exchange", name)
            if there is None:
                draft.wiring.make(name, type_)
            elif there != type_:
                raise ExchangeDiffers(
                    f"exchange {name!r} is of type {there} already, not {type_}:"
                    f" declare it as {there}, or use another name"
                )

    def settle(self, result: object) -> None:
        self.deferred.callback(None)


class Unbind(OnQueue[None]):
    """Remove a binding."""

    __slots__ = ("exchange", "routing_key")

    def __init__(self, world: int, exchange: str, queue: str, routing_key: str) -> None:
        super().__init__(world, queue)
        self.exchange = exchange
        self.routing_key = routing_key

    def plan(self, plan: Plan) -> store.Check:
        wiring = plan.draft(self.world).wiring
        if wiring.type_of(self.exchange) is None:
            raise ExchangeNotFound(f"there is no exchange {self.exchange!r}")
        queue = plan.queue(self.world, self.queue)
        if not wiring.is_bound(self.exchange, queue.number, self.routing_key):
            raise not_bound(self.exchange, self.queue, self.routing_key)
        wiring.unbind(self.exchange, queue.number, self.routing_key)
        return store.Check()

    def settle(self, result: object) -> None:
        self.deferred.callback(None)
