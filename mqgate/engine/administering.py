"""The verbs on queues themselves: what they are, not what is in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from mqgate.engine.alerting import check_settings, shown
from mqgate.engine.catalogue import Catalogue
from mqgate.engine.planning import Plan, Verb
from mqgate.engine.values import QueueInfo, QueueName
from mqgate.engine.verbs import OnQueue
from mqgate.storage import interface as store


class Info(OnQueue[QueueInfo]):
    """A queue, its settings and its counters."""

    __slots__ = ("_row",)

    def plan(self, plan: Plan) -> store.Count:
        return self._count(plan.queue(self.world, self.queue))

    def _count(self, row: store.QueueRow) -> store.Count:
        self._row = row
        return store.Count(self.world, row.shelf)

    def settle(self, result: Any) -> None:
        row, (size, total) = self._row, result
        self.deferred.callback(
            QueueInfo(
                row.number, row.name, row.created, dict(row.settings), size, total, shown(row)
            )
        )


Settings: TypeAlias = Mapping[str, object]
#: Makes settings of those that a queue has, to be laid over them.
Revision: TypeAlias = Callable[[Settings], Settings]


class Update(Info):
    """Lay settings over a queue's own, making it where it is missing."""

    __slots__ = ("policy", "settings")

    def __init__(self, world: int, queue: str, settings: Settings | Revision, policy: str) -> None:
        super().__init__(world, queue)
        self.settings = settings
        self.policy = policy

    def plan(self, plan: Plan) -> store.Count:
        queue = plan.draft(self.world).find(self.queue)
        settings = self.settings
        if callable(settings):
            settings = settings(queue.settings if queue else {})
        if queue is None:
            plan.need_room()
        elif queue.alerts:
            check_settings(plan, queue, {**queue.settings, **settings})
        queue = plan.make_queue(self.world, self.queue, self.policy, settings)
        return self._count(plan.draft(self.world).set_settings(queue, settings))


class Clear(OnQueue[None]):
    """Take all messages off a queue, whatever their number, in one small transaction."""

    __slots__ = ()

    def plan(self, plan: Plan) -> store.Check | store.Leave:
        queue = plan.queue(self.world, self.queue)
        cleared = plan.draft(self.world).clear(queue)
        if not queue.alerts:
            return store.Check()
        plan.watch(queue)
        plan.watch(cleared)
        return store.Leave(self.world, queue.shelf)

    def settle(self, result: object) -> None:
        self.deferred.callback(None)


class DeleteQueue(OnQueue[None]):
    """Remove a queue with all that is on it."""

    __slots__ = ()

    def plan(self, plan: Plan) -> store.Check:
        plan.draft(self.world).remove(plan.queue(self.world, self.queue))
        return store.Check()

    def settle(self, result: object) -> None:
        self.deferred.callback(None)


class ListQueues(Verb[list[QueueName]]):
    """A world's queues by name, a page of them."""

    __slots__ = ("_catalogue", "limit", "offset", "world")

    def __init__(self, world: int, offset: int, limit: int, catalogue: Catalogue) -> None:
        super().__init__()
        self.world = world
        self.offset = offset
        self.limit = limit
        self._catalogue = catalogue

    def plan(self, plan: Plan) -> store.Check:
        plan.draft(self.world)  # so that the batch sees that our copy is current
        return store.Check()

    def settle(self, result: object) -> None:
        world = self._catalogue.world(self.world)
        page = world.names()[self.offset : self.offset + self.limit]
        rows = (world.queues[name] for name in page)
        self.deferred.callback([QueueName(row.number, row.name, row.created) for row in rows])
