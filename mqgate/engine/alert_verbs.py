"""The part of the engine's face that is about alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred

from mqgate.engine.alerting import RemoveAlerts, SetAlerts
from mqgate.engine.checks import check_alerts
from mqgate.engine.errors import InvalidRequest
from mqgate.engine.values import NewAlert
from mqgate.engine.verbs import OnQueue

T = TypeVar("T")


class AlertVerbs:
    """Mixed into `Engine`, whose verbs these are like all others."""

    def add_alerts(
        self, world: int, queue: str, alerts: Sequence[NewAlert], *, policy: str
    ) -> Deferred[None]:
        """Give a queue these alerts beside those it has, all or none.

        A missing queue is made. The named policy says what their messages are like, and is that of
        the queues that are made for them. Fails with one of `AlertsRefused`, or `LimitReached`.
        """
        return self._set_alerts(SetAlerts(world, queue, alerts, policy, replace=False))

    def replace_alerts(
        self, world: int, queue: str, alerts: Sequence[NewAlert], *, policy: str
    ) -> Deferred[None]:
        """The same in place of those it has."""
        return self._set_alerts(SetAlerts(world, queue, alerts, policy, replace=True))

    def remove_alerts(
        self, world: int, queue: str, ids: Sequence[int] | None = None
    ) -> Deferred[frozenset[int]]:
        """Take alerts from a queue, all if none are named; the ids of those that it had.

        Fails with `QueueNotFound`.
        """
        return self._enter_named(RemoveAlerts(world, queue, ids))

    def _set_alerts(self, verb: SetAlerts) -> Deferred[None]:
        try:
            check_alerts(verb.alerts)
        except InvalidRequest as error:
            verb.fail(error)
            return verb.deferred
        return self._enter_named(verb)

    def _enter_named(self, verb: OnQueue[T]) -> Deferred[T]:
        raise NotImplementedError
