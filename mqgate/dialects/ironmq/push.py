"""Push queues' carrier: one try is one request to a receiver, or one post to a queue here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs
from twisted.internet.defer import Deferred

from mqgate.dialects.ironmq import addresses, limits, push_wire
from mqgate.dialects.ironmq.access import Access
from mqgate.dialects.ironmq.addresses import BadAddress, Elsewhere, Here, Web
from mqgate.dialects.ironmq.call import POLICY
from mqgate.dialects.ironmq.refusal import Refused
from mqgate.dialects.ironmq.sending import Answer, NoAnswer
from mqgate.dialects.ironmq.settings import Settings
from mqgate.engine.deliveries import (
    Accepted,
    Delivered,
    Delivery,
    Failed,
    Forwarded,
    Outcome,
    PushLimits,
)
from mqgate.engine.engine import Engine
from mqgate.engine.values import NewMessage

#: Over so many queues of this server a message is passed on: queues may push to each other in a
#: ring, and each may push to several.
MOST_HOPS = 8
#: What receivers say who are going to acknowledge a message later.
ACCEPTED = 202
#: How much longer than a try can take it is claimed for: what came of it is to be written down.
SPARE_SECONDS = 30


class Sends(Protocol):
    """What requests are sent by; see `mqgate.dialects.ironmq.sending.Sender`."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request and read its answer, whatever it is. Raises `NoAnswer`."""

    def close(self) -> Deferred[None]:
        """Close the connections that are not used."""


class Pusher:
    """Carries messages to subscribers; a `mqgate.engine.deliveries.Carrier`."""

    def __init__(self, sender: Sends, access: Access) -> None:
        self._sender = sender
        self._access = access

    def carry(self, delivery: Delivery) -> Deferred[Outcome]:
        """Make one try."""
        return Deferred.fromCoroutine(self._carry(delivery))

    def error_message(self, delivery: Delivery, failures: Sequence[Failed]) -> NewMessage:
        """What the error queue is told."""
        return push_wire.error_message(delivery, failures)

    async def _carry(self, delivery: Delivery) -> Outcome:
        try:
            address = addresses.parse(delivery.target.address)
            match address:
                case Web():
                    return await self._send(address, delivery)
                case Elsewhere():
                    return await self._send_elsewhere(address, delivery)
                case Here():
                    return self._forward(address, delivery)
        except NoAnswer as error:
            return Failed(0, str(error))
        except BadAddress as error:  # it was none when it was taken, so to an older version
            return Failed(0, str(error))
        except Refused as error:
            return Failed(error.status, error.text)
        return Failed(0, "there is no IronWorker here")

    async def _send(self, address: Web, delivery: Delivery) -> Outcome:
        headers = push_wire.headers_to(address, delivery, self._access.project_id(delivery.world))
        answer = await self._sender.post(address.url, headers, delivery.body)
        if answer.code == ACCEPTED:
            return Accepted(answer.code)
        return _outcome(answer)

    async def _send_elsewhere(self, address: Elsewhere, delivery: Delivery) -> Outcome:
        headers = {
            "Authorization": f"OAuth {address.token}",
            "Content-Type": "application/json",
            "User-Agent": push_wire.USER_AGENT,
        }
        body = push_wire.post_of(delivery.body)
        return _outcome(await self._sender.post(address.url, headers, body))

    def _forward(self, address: Here, delivery: Delivery) -> Outcome:
        """Raises `Refused` if the URL's token does not open the project."""
        hops = push_wire.hops_of(delivery.via) + 1
        if hops > MOST_HOPS:
            return Failed(0, f"it came over {MOST_HOPS} queues already")
        world = delivery.world
        if address.project is not None:
            world = self._access.open(address.project, address.token).world
        message = NewMessage(delivery.body, expires_in=limits.EXPIRES_IN.default * 1000)
        project_url = push_wire.project_url_of(delivery.via)
        via = push_wire.via(hops, project_url if world == delivery.world else "")
        return Forwarded(200, world, address.queue, message, via)


def _outcome(answer: Answer) -> Outcome:
    if 200 <= answer.code < 300:
        return Delivered(answer.code)
    return Failed(answer.code, answer.phrase or f"status {answer.code}")


def push_limits(settings: Settings) -> PushLimits:
    """How much is under way at once, and for how long it is nobody else's."""
    claim = settings.push_timeout_seconds + SPARE_SECONDS
    return PushLimits(settings.push_at_once, settings.push_at_once_per_host, claim * 1000)


@attrs.define
class PushService:
    """Pushing as a part of the server that is started and stopped."""

    engine: Engine
    pusher: Pusher
    sender: Sends
    limits: PushLimits

    def start(self) -> None:
        """Begin to push what is due."""
        self.engine.pushes.start(self.pusher, self.limits, POLICY)

    def stop(self) -> Deferred[None]:
        """Push nothing more; fires when nothing is under way and all connections are closed."""
        return self.engine.pushes.stop().addCallback(lambda _: self.sender.close())
