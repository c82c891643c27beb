"""The endpoints: what each asks of the engine, and the reply made of the result.

A handler is one verb of the engine and one function of `wire`; whatever it raises, or its
Deferred fails with, is turned into a reply by `errors`.
"""

from __future__ import annotations

from functools import partial

from twisted.internet.defer import Deferred

from mqgate.dialects.ironmq import alerts, push_routes, target, wire
from mqgate.dialects.ironmq.call import POLICY, Call, Handler, fixed, saying
from mqgate.dialects.ironmq.routing import plant
from mqgate.engine.errors import MessageNotFound
from mqgate.engine.values import Message, NewMessage, QueueInfo, QueueName
from mqgate.web.values import Reply

_CLEARED = saying("Cleared")
_TOUCHED = saying("Touched")
_RELEASED = saying("Released")
_MESSAGES_DELETED = saying("Deleted")[200]
#: With a full stop: the .NET client compares.
_QUEUE_DELETED = saying("Deleted.")[200]


def list_queues(call: Call) -> Deferred[Reply]:
    """A page of the project's queues, by name."""
    offset, limit = target.paging(call.asked.query)
    names = call.engine.list_queues(call.project.world, offset=offset, limit=limit)
    return names.addCallback(_listed, call.project.id)


def show_queue(call: Call) -> Deferred[Reply]:
    """The queue object."""
    info = call.engine.info(call.project.world, call.queue)
    return info.addCallback(_shown, 200, call.project.id)


def delete_queue(call: Call) -> Deferred[Reply]:
    """Delete the queue and all in it."""
    done = call.engine.delete_queue(call.project.world, call.queue)
    return done.addCallback(fixed, _QUEUE_DELETED)


def clear_queue(call: Call) -> Deferred[Reply]:
    """Delete all messages, reserved ones too. A body means nothing."""
    done = call.engine.clear(call.project.world, call.queue)
    return done.addCallback(fixed, _CLEARED[call.post_status])


def post_messages(call: Call) -> Deferred[Reply]:
    """Post messages, all or none."""
    return _post(call, wire.new_messages(call.asked.body))


def post_webhook(call: Call) -> Deferred[Reply]:
    """Post the request body as one message."""
    return _post(call, [wire.webhook_message(call.asked.body)])


def get_messages(call: Call) -> Deferred[Reply]:
    """Reserve messages, waiting for the first if asked to; or take them for good."""
    options = target.get_options(call.asked.query)
    messages = call.engine.reserve(
        call.project.world,
        call.queue,
        options.n,
        lease=options.lease,
        wait=options.wait,
        remove=options.remove,
    )
    if options.wait:
        call.asked.when_lost(messages.cancel)
    return messages.addCallback(_reserved, call, options.remove)


def peek_messages(call: Call) -> Deferred[Reply]:
    """Look at the next messages without reserving them."""
    count = target.peek_count(call.asked.query)
    return call.engine.peek(call.project.world, call.queue, count).addCallback(_peeked, call)


def delete_messages(call: Call) -> Deferred[Reply]:
    """Delete the messages that the body lists; those that are not there are no matter."""
    ids = wire.known_ids(call.asked.body)
    done = call.engine.delete(call.project.world, call.queue, ids)
    return done.addCallback(fixed, _MESSAGES_DELETED)


def show_message(call: Call) -> Deferred[Reply]:
    """A message by its id, also one deleted a while ago."""
    found = call.engine.get(call.project.world, call.queue, call.message_id())
    return found.addCallback(_found)


def delete_message(call: Call) -> Deferred[Reply]:
    """Delete one message, reserved or not."""
    done = call.engine.delete(call.project.world, call.queue, (call.message_id(),))
    return done.addCallback(_deleted)


def touch_message(call: Call) -> Deferred[Reply]:
    """Start the reservation's clock again, with the message's own timeout. A body means nothing."""
    done = call.engine.touch(call.project.world, call.queue, call.message_id())
    return done.addCallback(fixed, _TOUCHED[call.post_status])


def release_message(call: Call) -> Deferred[Reply]:
    """Put a message back, at once or after a delay."""
    message, delay = call.message_id(), wire.release_delay(call.asked.body)
    done = call.engine.release(call.project.world, call.queue, message, delay=delay)
    return done.addCallback(fixed, _RELEASED[call.post_status])


#: Verb, path below ``/1/projects/{project}/``, handler.
ROUTES: tuple[tuple[bytes, bytes, Handler], ...] = (
    (b"GET", b"queues", list_queues),
    (b"GET", b"queues/{queue}", show_queue),
    (b"POST", b"queues/{queue}", push_routes.update_queue),
    (b"DELETE", b"queues/{queue}", delete_queue),
    (b"POST", b"queues/{queue}/clear", clear_queue),
    (b"POST", b"queues/{queue}/alerts", alerts.add_alerts),
    (b"PUT", b"queues/{queue}/alerts", alerts.replace_alerts),
    (b"DELETE", b"queues/{queue}/alerts", alerts.delete_alerts),
    (b"DELETE", b"queues/{queue}/alerts/{alert}", alerts.delete_alert),
    (b"GET", b"queues/{queue}/messages", get_messages),
    (b"POST", b"queues/{queue}/messages", post_messages),
    (b"DELETE", b"queues/{queue}/messages", delete_messages),
    (b"GET", b"queues/{queue}/messages/peek", peek_messages),
    (b"POST", b"queues/{queue}/messages/webhook", post_webhook),
    (b"GET", b"queues/{queue}/messages/{message}", show_message),
    (b"DELETE", b"queues/{queue}/messages/{message}", delete_message),
    (b"POST", b"queues/{queue}/messages/{message}/touch", touch_message),
    (b"POST", b"queues/{queue}/messages/{message}/release", release_message),
    *push_routes.ROUTES,
)
TREE = plant(ROUTES)


def _post(call: Call, messages: list[NewMessage]) -> Deferred[Reply]:
    world = call.project.world
    ids = call.engine.post(world, call.queue, messages, policy=POLICY, via=call.via)
    return ids.addCallback(_posted, call.post_status)


def _listed(names: list[QueueName], project: str) -> Reply:
    return Reply(200, wire.queues(project, names))


def _shown(info: QueueInfo, status: int, project: str) -> Reply:
    return Reply(status, wire.queue(project, info))


def _posted(ids: list[int], status: int) -> Reply:
    return Reply(status, wire.posted(ids))


def _reserved(messages: list[Message], call: Call, removed: bool) -> Reply:
    if not messages:
        return _NOTHING
    world, queue, engine = call.project.world, call.queue, call.engine
    give_back = partial(engine.give_back, world, queue, messages, removed=removed)
    status = wire.push_status(engine.settings(world, queue))
    return Reply(200, wire.reserved(messages, status), unsent=give_back)


def _peeked(messages: list[Message], call: Call) -> Reply:
    status = wire.push_status(call.engine.settings(call.project.world, call.queue))
    return Reply(200, wire.peeked(messages, status))


def _found(message: Message) -> Reply:
    return Reply(200, wire.found(message))


def _deleted(there: frozenset[int]) -> Reply:
    if not there:
        raise MessageNotFound
    return _MESSAGES_DELETED


_NOTHING = Reply(200, wire.reserved(()))
