"""The two things that can be asked: to get a message, and to publish one.

Both first see to it that exchange, queue and binding are there, within the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mqgate.dialects.robomq.access import Rights, User
from mqgate.dialects.robomq.drafts import Drafts
from mqgate.dialects.robomq.refusal import Refused, access_refused, precondition_failed
from mqgate.dialects.robomq.replies import Replies
from mqgate.dialects.robomq.target import Target
from mqgate.engine.engine import Engine
from mqgate.engine.errors import BindingNotFound, ExchangeNotFound, QueueNotFound
from mqgate.engine.values import PREDECLARED, NewMessage, Taken, Wiring, is_reserved
from mqgate.web.values import Asked, Reply

#: The name under which the engine knows how our queues treat their messages.
POLICY = "robomq"


@attrs.define(eq=False)
class Call:
    """A request that was let in, with what its path names."""

    asked: Asked
    engine: Engine
    replies: Replies
    user: User
    world: int
    rights: Rights
    target: Target
    drafts: Drafts

    def wiring(self) -> Wiring:
        """What has to be there. Raises `Refused` for a name that nobody may have."""
        target = self.target
        _check_names(target)
        rights = self.rights
        return Wiring(
            target.exchange,
            target.queue,
            target.key,
            POLICY,
            may_declare=rights.configure,
            may_bind=rights.bind,
        )

    def refused(self, kind: str) -> Refused:
        """The user may not do with that exchange or queue what he wants to."""
        name = self.target.exchange if kind == "exchange" else self.target.queue
        where = f"{kind} '{name}' in vhost '{self.target.vhost}'"
        return access_refused(f"access to {where} refused for user '{self.user.name}'")


Handler = Callable[[Call], Deferred[Reply]]


def get_message(call: Call) -> Deferred[Reply]:
    """Take the next message for good. If its client goes before it gets it, it is put back."""
    if not call.rights.read:
        raise call.refused("queue")
    taken = call.engine.take(call.world, call.target.queue, wiring=call.wiring())
    return taken.addCallbacks(_taken, _not_wired, callbackArgs=(call,), errbackArgs=(call,))


def post_message(call: Call) -> Deferred[Reply]:
    """Publish the body, whatever its ``Content-Type``, as a message."""
    if not call.rights.write:
        raise call.refused("exchange")
    target, wiring = call.target, call.wiring()
    draft = call.drafts.read(_properties(call.asked), call.user.name)
    message = NewMessage(
        call.asked.body,
        expires_in=draft.expires_in,
        props=call.drafts.pack(draft, target.exchange, target.key),
    )
    reached = call.engine.publish(
        call.world,
        target.exchange,
        (target.key, *draft.copies),
        message,
        wiring=wiring,
        mandatory=draft.mandatory,
    )
    return reached.addCallbacks(_published, _not_wired, callbackArgs=(call,), errbackArgs=(call,))


HANDLERS: Mapping[bytes, Handler] = {b"GET": get_message, b"POST": post_message}


def _check_names(target: Target) -> None:
    if is_reserved(target.exchange) and target.exchange not in PREDECLARED:
        raise _reserved("exchange", target.exchange)
    if is_reserved(target.queue):
        raise _reserved("queue", target.queue)


def _reserved(kind: str, name: str) -> Refused:
    return access_refused(f"{kind} name '{name}' contains reserved prefix 'amq.*'")


def _properties(asked: Asked) -> bytes | None:
    """The one header of that name, if there is one."""
    values = asked.headers.getRawHeaders(b"x-amqp-properties") or (None,)
    if len(values) > 1:
        raise precondition_failed("X-AMQP-Properties is given more than once")
    return values[0]


def _taken(taken: Taken | None, call: Call) -> Reply:
    if taken is None:
        return call.replies.empty
    queue = call.target.queue
    put_back = partial(call.engine.give_back, call.world, queue, (taken.message,), removed=True)
    return call.replies.message(taken, queue, put_back)


def _published(_reached: int, call: Call) -> Reply:
    return call.replies.published


def _not_wired(failure: Failure, call: Call) -> Reply:
    """What is missing, and may not be made, is refused as AMQP would refuse to make it."""
    match failure.value:
        case ExchangeNotFound():
            raise call.refused("exchange")
        case QueueNotFound() | BindingNotFound():
            raise call.refused("queue")
    failure.raiseException()
