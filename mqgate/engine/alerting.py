"""The verbs on a queue's alerts, and the rules for which it can have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mqgate.engine.alarms import Find, alert_of
from mqgate.engine.errors import (
    AlertRepeated,
    AlertsInRing,
    AlertsNotPossible,
    TooManyAlerts,
)
from mqgate.engine.planning import Plan
from mqgate.engine.values import Alert, Alerting, NewAlert
from mqgate.engine.verbs import OnQueue
from mqgate.storage import interface as store
from mqgate.storage.interface import QueueRow

#: Progressive alerts are followed over so many queues; more than that count as a ring.
FOLLOWED = 1000


def shown(queue: QueueRow) -> tuple[Alert, ...]:
    """A queue's alerts, as the engine's users see them."""
    return tuple(map(alert_of, queue.alerts))


def check_settings(plan: Plan, queue: QueueRow, settings: Mapping[str, object]) -> None:
    """Raise `AlertsNotPossible` if this queue's alerts forbid that it has these settings."""
    for alert in queue.alerts:
        _check_possible(plan.policy_named(alert.policy).alerting, settings)


class SetAlerts(OnQueue[None]):
    """Give a queue alerts, making it where it is missing: in place of its own, or beside them."""

    __slots__ = ("alerts", "policy", "replace")

    def __init__(
        self, world: int, queue: str, alerts: Sequence[NewAlert], policy: str, *, replace: bool
    ) -> None:
        super().__init__(world, queue)
        self.alerts = alerts
        self.policy = policy
        self.replace = replace

    def plan(self, plan: Plan) -> store.Check:
        draft = plan.draft(self.world)
        queue = draft.find(self.queue)
        if queue is None:
            plan.need_room()
        kept = () if queue is None or self.replace else queue.alerts
        rules = plan.policy_named(self.policy).alerting
        if self.alerts:
            _check_possible(rules, {} if queue is None else queue.settings)
        _check(self.queue, kept, self.alerts, rules.at_most, draft.find)
        made = tuple(_stored(plan.new_id(), alert, self.policy) for alert in self.alerts)
        plan.set_alerts(plan.make_queue(self.world, self.queue, self.policy, {}), kept + made)
        return store.Check()

    def settle(self, result: object) -> None:
        self.deferred.callback(None)


class RemoveAlerts(OnQueue[frozenset[int]]):
    """Take alerts from a queue: those with these ids, or all."""

    __slots__ = ("_removed", "ids")

    def __init__(self, world: int, queue: str, ids: Sequence[int] | None) -> None:
        super().__init__(world, queue)
        self.ids = None if ids is None else frozenset(ids)

    def plan(self, plan: Plan) -> store.Check:
        queue = plan.queue(self.world, self.queue)
        gone = [each for each in queue.alerts if self.ids is None or each.id in self.ids]
        self._removed = frozenset(each.id for each in gone)
        plan.set_alerts(queue, tuple(each for each in queue.alerts if each not in gone))
        return store.Check()

    def settle(self, result: Any) -> None:
        self.deferred.callback(self._removed)


def _stored(id_: int, alert: NewAlert, policy: str) -> store.Alert:
    return store.Alert(
        id_,
        alert.progressive,
        alert.descending,
        alert.threshold,
        alert.target,
        alert.snooze,
        policy,
    )


def _check_possible(rules: Alerting, settings: Mapping[str, object]) -> None:
    if not rules.possible(settings):
        raise AlertsNotPossible("a queue with these settings cannot have alerts")


def _check(
    queue: str,
    kept: Sequence[store.Alert],
    new: Sequence[NewAlert],
    at_most: int,
    find: Find,
) -> None:
    """Raise one of `AlertsRefused` unless the queue can have the new ones beside the kept."""
    there = {(each.progressive, each.descending, each.threshold) for each in kept}
    if any((each.progressive, each.descending, each.threshold) in there for each in new):
        raise AlertRepeated("the queue has such an alert already")
    if len(kept) + len(new) > at_most:
        raise TooManyAlerts(f"a queue can have {at_most} alerts at most")
    if _leads_to(queue, [each.target for each in new if each.progressive], find):
        raise AlertsInRing("progressive alerts would set each other off in a ring")


def _leads_to(queue: str, targets: Iterable[str], find: Find) -> bool:
    """Whether progressive alerts lead to this queue from these, or too far to be followed."""
    line = list(targets)
    seen: set[str] = set()
    while line:
        target = line.pop()
        if target == queue or len(seen) > FOLLOWED:
            return True
        if target not in seen:
            seen.add(target)
            row = find(target)
            alerts = () if row is None else row.alerts
            line += [alert.target for alert in alerts if alert.progressive]
    return False
