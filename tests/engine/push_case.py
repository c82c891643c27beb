"""An engine whose queues push, and a carrier that is told by hand what becomes of each try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mqgate.engine.deliveries import (
    Accepted,
    Delivered,
    Delivery,
    DeliveryStatus,
    Failed,
    Outcome,
    Pushing,
    PushLimits,
    Target,
)
from mqgate.engine.values import NewMessage, Policy
from tests.engine.case import EngineCase

RETRY_SECONDS = 60
DONE, LATER, NO = Delivered(200), Accepted(202), Failed(503, "not now")


def target(name: str) -> Target:
    """The first letter of its name is its lane."""
    return Target(name, name[0], f"data of {name}")


def pushing(settings: Mapping[str, Any]) -> Pushing | None:
    """Settings are ``{"to": [["a"], ["b", "c"]], "retries": 1, "errors": "queue"}``."""
    if "to" not in settings:
        return None
    return Pushing(
        [
            tuple(Target(name, name[0], f"data of {name}") for name in each)
            for each in settings["to"]
        ],
        settings.get("retries", 1),
        RETRY_SECONDS * 1000,
        settings.get("errors"),
    )


POLICIES = {
    "push": Policy(remembers_for=600_000, pushing=pushing),
    "push, forgets": Policy(pushing=pushing),
}


@attrs.define(eq=False)
class Try:
    """One try under way."""

    delivery: Delivery
    deferred: Deferred[Outcome]
    cancelled: bool = False

    @property
    def to(self) -> str:
        """Where it goes."""
        return self.delivery.target.address


class Carrier:
    """Keeps each try until it is told what became of it."""

    def __init__(self) -> None:
        self.tries: list[Try] = []
        self.errors: list[tuple[Delivery, Sequence[Failed]]] = []

    def carry(self, delivery: Delivery) -> Deferred[Outcome]:
        """See `mqgate.engine.deliveries.Carrier`."""
        found = Try(delivery, Deferred())
        found.deferred.addErrback(self._cancelled, found)
        self.tries.append(found)
        return found.deferred

    def _cancelled(self, failure: Failure, found: Try) -> Failure:
        found.cancelled = bool(failure.check(CancelledError))
        return failure

    def error_message(self, delivery: Delivery, failures: Sequence[Failed]) -> NewMessage:
        """See `mqgate.engine.deliveries.Carrier`."""
        self.errors.append((delivery, failures))
        return NewMessage(f"{delivery.message_id} failed".encode(), expires_in=86_400_000)


class PushCase(EngineCase):
    """An engine with a pushing queue ``q``."""

    limits_of_pushes = PushLimits()
    policies = POLICIES

    def start(self) -> None:
        super().start()
        self.carrier = Carrier()
        self.engine.pushes.start(self.carrier, self.limits_of_pushes, "push")
        self.turns()

    def finish(self) -> None:
        """Nothing of what the tests do leaves the database in disorder."""
        self.stop_pushing()
        super().finish()
        self.assertEqual(self.database.problems(), [])

    def stop_pushing(self) -> None:
        """Stop, without waiting for answers."""
        stopped = self.engine.pushes.stop()
        self.turns()
        self.clock.advance(1)
        self.turns()
        self.successResultOf(stopped)

    def restart(self, *, kill: bool = False) -> None:
        """End the engine, in good order or not, and start another one."""
        if kill:
            now, self.clock = self.clock.seconds(), Clock()  # the old one stands still for ever
            self.clock.advance(now)
        else:
            self.stop_pushing()
            self.engine.stop()
            self.turns()
        self.store.close()
        self.start()

    def turns(self) -> None:
        """Let everything be done that is to be done now."""
        for _ in range(40):
            self.clock.advance(0)

    def later(self, seconds: float) -> None:
        """Let time pass, and what it brings be done."""
        self.clock.advance(seconds)
        self.turns()

    def make(self, *to: Sequence[str], queue: str = "q", **settings: Any) -> None:
        """A queue that pushes to these."""
        settings = {"to": [list(each) for each in to], **settings}
        self.done(self.engine.update(self.world, queue, settings, policy="push"))

    def push(self, *bodies: bytes, queue: str = "q", **how: Any) -> list[int]:
        """Post messages, and let them be pushed."""
        ids = self.post(*bodies, queue=queue, policy="push", **how)
        self.turns()
        return ids

    def under_way(self) -> list[str]:
        """Where tries are under way to."""
        return [each.to for each in self.carrier.tries]

    def answer(self, outcome: Outcome, to: str | None = None) -> Delivery:
        """Tell the oldest try that is under way, to somebody or to anybody, what became of it."""
        found = next(each for each in self.carrier.tries if to in (None, each.to))
        self.carrier.tries.remove(found)
        found.deferred.callback(outcome)
        self.turns()
        return found.delivery

    def status(self, message: int, queue: str = "q") -> list[DeliveryStatus]:
        """How far a message is."""
        return self.done(self.engine.pushes.deliveries(self.world, queue, message))

    def states(self, message: int, queue: str = "q") -> list[int]:
        """The states of its deliveries."""
        return [each.status for each in self.status(message, queue)]

    def size(self, queue: str = "q") -> int:
        """How many messages a queue has."""
        return self.done(self.engine.info(self.world, queue)).size

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """What is in the database."""
        return self.database.rows(query)
