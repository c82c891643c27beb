"""The endpoints of push queues; see `mqgate.dialects.ironmq.routes`."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from mqgate.dialects.ironmq import push_wire, subscribers, target, wire
from mqgate.dialects.ironmq.call import POLICY, Call, Handler, fixed, saying
from mqgate.dialects.ironmq.subscribers import Revision
from mqgate.engine.deliveries import DeliveryStatus
from mqgate.engine.errors import MessageNotFound
from mqgate.engine.values import QueueInfo
from mqgate.web.values import Reply

_ACKNOWLEDGED = saying("Deleted")[200]


def update_queue(call: Call) -> Deferred[Reply]:
    """Change what the body says, making the queue if there is none."""
    return _revise(call, subscribers.update(call.asked.body, call.project.id, call.queue))


def add_subscribers(call: Call) -> Deferred[Reply]:
    """Add subscribers, or give those that are there other headers. Makes a push queue."""
    return _revise(call, subscribers.addition(call.asked.body, call.project.id, call.queue))


def remove_subscribers(call: Call) -> Deferred[Reply]:
    """Remove subscribers; those that are not there are no matter."""
    return _revise(call, subscribers.removal(call.asked.body), status=200)


def show_pushes(call: Call) -> Deferred[Reply]:
    """How far the pushes of a message are."""
    found = call.engine.pushes.deliveries(call.project.world, call.queue, call.message_id())
    return found.addCallback(_pushes)


def acknowledge_push(call: Call) -> Deferred[Reply]:
    """A receiver is done with a message that it has accepted; or with any, at any time."""
    delivery = target.message_id(call.part)
    if delivery is None:
        raise MessageNotFound
    done = call.engine.pushes.acknowledge(
        call.project.world, call.queue, call.message_id(), delivery
    )
    return done.addCallback(fixed, _ACKNOWLEDGED)


#: As `mqgate.dialects.ironmq.routes.ROUTES`, of which they are a part.
ROUTES: tuple[tuple[bytes, bytes, Handler], ...] = (
    (b"POST", b"queues/{queue}/subscribers", add_subscribers),
    (b"DELETE", b"queues/{queue}/subscribers", remove_subscribers),
    (b"GET", b"queues/{queue}/messages/{message}/subscribers", show_pushes),
    (b"DELETE", b"queues/{queue}/messages/{message}/subscribers/{subscriber}", acknowledge_push),
)


def _revise(call: Call, revision: Revision, status: int | None = None) -> Deferred[Reply]:
    info = call.engine.update(call.project.world, call.queue, revision, policy=POLICY)
    return info.addCallback(_shown, status or call.post_status, call.project.id)


def _shown(info: QueueInfo, status: int, project: str) -> Reply:
    return Reply(status, wire.queue(project, info))


def _pushes(deliveries: list[DeliveryStatus]) -> Reply:
    return Reply(200, push_wire.push_statuses(deliveries))
