"""The three methods of ``/topics/{topic}/messages``: what each asks of the engine.

Whatever a handler raises, or its Deferred fails with, is turned into a reply by `errors`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from mqgate.dialects.rocketmq import wire
from mqgate.dialects.rocketmq.access import Instance
from mqgate.dialects.rocketmq.properties import read_properties
from mqgate.dialects.rocketmq.refusal import Refused, group_unknown, invalid, topic_unknown
from mqgate.dialects.rocketmq.settings import Settings
from mqgate.dialects.rocketmq.target import Parameters
from mqgate.dialects.rocketmq.xml import Element, Reading
from mqgate.engine.engine import Engine
from mqgate.engine.errors import TopicNotFound
from mqgate.engine.groups import Delivery, Outcome, TopicMessage
from mqgate.web.values import Asked, Reply

#: The name under which the engine knows how our topics and groups treat their messages.
POLICY = "rocketmq"
XML = b"text/xml;charset=utf-8"

_INVALID = ("ReceiptHandleError", "The receipt handle is not valid.")
_LATE = ("MessageNotExist", "The receipt handle's time is over.")


@attrs.define(eq=False)
class Call:
    """A request that was let in, with what its request line names."""

    asked: Asked
    engine: Engine
    clock: IReactorTime
    #: The engine's time when it came, in milliseconds.
    now: int
    settings: Settings
    instance: Instance
    topic: str
    parameters: Parameters
    #: The headers that every reply has.
    headers: tuple[tuple[bytes, bytes], ...]

    def reply(
        self, status: int, body: bytes = b"", unsent: Callable[[], object] | None = None
    ) -> Reply:
        """A reply with a document, or without one."""
        return Reply(status, body, XML, self.headers, unsent)

    def may_make(self, group: str | None = None) -> bool:
        """Whether the topic, and the group if there is one, may be made where it is missing."""
        if self.instance.auto_create:
            return True
        groups = self.instance.declared.get(self.topic)
        return groups is not None and (group is None or group in groups)

    async def known(self, group: str | None = None) -> None:
        """Raises `Refused` for a topic, or group, that is not there and may not be made."""
        if self.may_make(group):
            return
        try:
            await self.engine.groups.known(self.instance.world, self.topic, group)
        except TopicNotFound:
            # One that was declared is there, even if the database has not seen it yet.
            raise (
                group_unknown(f"{group}") if self.may_make() else topic_unknown(self.topic)
            ) from None

    async def document(self) -> Element:
        """The request's body. Others have their turn while a long one is read."""
        reading = Reading(self.asked.body)
        for _ in reading.steps():
            if reading.long:
                await deferLater(self.clock, 0)
        return reading.root


Handler = Callable[[Call], Coroutine[Deferred[Any], Any, Reply]]


async def publish(call: Call) -> Reply:
    """Publish a message, or store a half message."""
    call.asked.operation = "publish"
    settings = call.settings
    publication = wire.publication(await call.document())
    if len(publication.properties.encode()) > settings.max_properties_bytes:
        raise invalid(f"The properties have more than {settings.max_properties_bytes} bytes.")
    properties = read_properties(publication.properties)
    check_seconds = properties.check_seconds()
    delay = properties.delay(call.now, settings.max_delay_seconds * 1000)
    special = delay or check_seconds is not None
    limit = settings.max_special_body_bytes if special else settings.max_body_bytes
    if len(publication.body) > limit:
        raise invalid(f"The message body has more than {limit} bytes.")
    message = TopicMessage(
        publication.body,
        wire.pack(publication.tag, properties.text),
        publication.tag.strip() or None,
        properties.shard,
        delay,
    )
    if check_seconds is None:
        return await _publish(call, message)
    return await _prepare(call, message, check_seconds)


async def _publish(call: Call, message: TopicMessage) -> Reply:
    (origin,) = await call.engine.groups.publish(
        call.instance.world, call.topic, [message], policy=POLICY, create=call.may_make()
    )
    return call.reply(201, wire.published(origin, message.body, None))


async def _prepare(call: Call, message: TopicMessage, check_seconds: int) -> Reply:
    call.asked.operation = "prepare"
    prepared = await call.engine.groups.prepare(
        call.instance.world,
        call.topic,
        message,
        check_after=check_seconds * 1000,
        decide_within=call.settings.half_decide_seconds * 1000,
        policy=POLICY,
        create=call.may_make(),
    )
    return call.reply(201, wire.published(prepared.id, message.body, prepared.receipt))


async def consume(call: Call) -> Reply:
    """Hand out messages, or half messages to be checked."""
    parameters, settings = call.parameters, call.settings
    group = parameters.group()
    n = parameters.count(settings.max_batch)
    wait = parameters.wait_seconds(settings.max_wait_seconds) * 1000
    kind = parameters.kind("order", "pop")
    call.asked.operation = kind or "consume"
    await call.known(group)
    groups, world = call.engine.groups, call.instance.world
    if kind == "pop":
        lease = settings.half_check_seconds * 1000
        found = groups.pop(world, call.topic, n, lease=lease, wait=wait)
        return await _consumed(call, found, None, wait)
    ordered = kind == "order"
    seconds = settings.ordered_visibility_seconds if ordered else settings.visibility_seconds
    found = groups.consume(
        *(world, call.topic, group, n),
        lease=seconds * 1000,
        wait=wait,
        tags=parameters.tags(),
        ordered=ordered,
        policy=POLICY,
        create=call.may_make(group),
    )
    return await _consumed(call, found, group, wait)


async def _consumed(
    call: Call, found: Deferred[list[Delivery]], group: str | None, wait: int
) -> Reply:
    if wait:
        call.asked.when_lost(found.cancel)
    deliveries = await found
    if not deliveries:
        raise Refused(404, "MessageNotExist", "There is no message.")
    give_back = partial(
        call.engine.groups.give_back, call.instance.world, call.topic, group, deliveries
    )
    messages = (
        wire.Consumed(
            each.origin,
            each.body,
            each.props,
            each.receipt,
            each.published_at,
            each.first_at,
            each.due_at,
            each.count,
        )
        for each in deliveries
    )
    return call.reply(200, wire.consumed(messages), give_back)


async def acknowledge(call: Call) -> Reply:
    """Acknowledge messages, or decide half messages."""
    group = call.parameters.group()
    kind = call.parameters.kind("commit", "rollback")
    call.asked.operation = kind or "acknowledge"
    if not call.asked.body:
        raise wire.no_handle()
    handles = wire.handles(await call.document())
    await call.known(group)
    groups, world = call.engine.groups, call.instance.world
    if kind == "commit":
        outcomes = await groups.commit(world, call.topic, handles)
    elif kind == "rollback":
        outcomes = await groups.rollback(world, call.topic, handles)
    else:
        outcomes = await groups.acknowledge(world, call.topic, group, handles)
    failed = [
        (handle, *(_LATE if outcome is Outcome.LATE else _INVALID))
        for handle, outcome in zip(handles, outcomes, strict=True)
        if outcome is not Outcome.DONE
    ]
    return call.reply(404, wire.handle_errors(failed)) if failed else call.reply(204)


METHODS: Mapping[bytes, Handler] = {b"POST": publish, b"GET": consume, b"DELETE": acknowledge}
