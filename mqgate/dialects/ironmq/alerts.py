"""Alerts of pull queues: what is asked, and what the engine is told of it."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred, succeed

from mqgate.dialects.ironmq import limits
from mqgate.dialects.ironmq.alert_wire import alert_number, known_ids, letter, new_alerts
from mqgate.dialects.ironmq.call import POLICY, Call, fixed, saying
from mqgate.dialects.ironmq.refusal import unknown
from mqgate.engine.values import Alerting
from mqgate.web.values import Reply

_ADDED = saying("Alerts were added.")
_REPLACED = saying("Alerts were replaced.")[200]
_DELETED = saying("Alerts were deleted.")[200]


def is_pull(settings: Mapping[str, object]) -> bool:
    """Whether a queue with these settings is a pull queue: only those have alerts."""
    return settings.get("push_type", "pull") == "pull"


#: How our queues tell of their sizes.
ALERTING = Alerting(limits.ALERTS, is_pull, letter)


def add_alerts(call: Call) -> Deferred[Reply]:
    """Give the queue these alerts beside those it has; make it where it is missing."""
    alerts = new_alerts(call.asked.body)
    reply = _ADDED[call.post_status]
    if alerts is None:
        return succeed(reply)
    done = call.engine.add_alerts(call.project.world, call.queue, alerts, policy=POLICY)
    return done.addCallback(fixed, reply)


def replace_alerts(call: Call) -> Deferred[Reply]:
    """Give the queue these alerts in place of those it has; make it where it is missing."""
    alerts = new_alerts(call.asked.body)
    if alerts is None:
        return succeed(_REPLACED)
    done = call.engine.replace_alerts(call.project.world, call.queue, alerts, policy=POLICY)
    return done.addCallback(fixed, _REPLACED)


def delete_alerts(call: Call) -> Deferred[Reply]:
    """Take the alerts that the body names from the queue; without a body, all."""
    ids = known_ids(call.asked.body)
    done = call.engine.remove_alerts(call.project.world, call.queue, ids)
    return done.addCallback(fixed, _DELETED)


def delete_alert(call: Call) -> Deferred[Reply]:
    """Take one alert from the queue. A body means nothing."""
    number = alert_number(call.item)
    ids = [] if number is None else [number]
    done = call.engine.remove_alerts(call.project.world, call.queue, ids)
    return done.addCallback(_deleted)


def _deleted(there: frozenset[int]) -> Reply:
    if not there:
        raise unknown("Alert not found")
    return _DELETED
