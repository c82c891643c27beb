"""The part of the engine's face that is about exchanges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred

from mqgate.engine.catalogue import Catalogue
from mqgate.engine.checks import names_in
from mqgate.engine.declaring import Declare, Unbind
from mqgate.engine.giving_back import GivingBack
from mqgate.engine.names import check_names
from mqgate.engine.planning import Verb
from mqgate.engine.publishing import Publish, Take
from mqgate.engine.topic_values import TopicValues, Value
from mqgate.engine.values import TOPIC_EXCHANGE, NewMessage, Taken, Topology, Wiring
from mqgate.engine.verbs import DueNote, ExpiryNote, PushNote

T = TypeVar("T")


class ExchangeVerbs(GivingBack):
    """Mixed into `Engine`, whose verbs these are like all others."""

    topics: TopicValues
    _catalogue: Catalogue
    _notes: tuple[DueNote, ExpiryNote, PushNote]

    def publish(
        self,
        world: int,
        exchange: str,
        keys: Sequence[str],
        message: NewMessage,
        *,
        wiring: Wiring | None = None,
        mandatory: bool = False,
    ) -> Deferred[int]:
        """Put a message on every queue that its keys lead to, all or none; how many they are.

        A queue gets one copy, whatever leads to it. What ``wiring`` needs is made first; it names
        the same exchange. Fails with `ExchangeNotFound`, with what `Wiring` may not make, or, if
        it is ``mandatory`` to reach a queue, with `Unroutable`; then nothing is made either.
        """
        value = None
        if exchange == TOPIC_EXCHANGE and keys:
            value = self.topics.value_of(world, keys[0], message)
        return self._publish(world, exchange, keys, message, value, wiring, mandatory)

    def take(
        self, world: int, queue: str, *, wiring: Wiring | None = None
    ) -> Deferred[Taken | None]:
        """Hand the next message out for good; None if there is none.

        What ``wiring`` needs is made first; it names the same queue. Fails with `QueueNotFound`,
        or with what `Wiring` may not make. Cancel the Deferred when the client has gone: it then
        takes nothing. What it took already is for `give_back`, as removed.
        """
        verb = Take(world, queue, wiring, self._taken_for_nobody, self._upkeep.expects)
        return self._enter_checked(verb, queue, *names_in(wiring))

    def unbind(self, world: int, exchange: str, queue: str, key: str) -> Deferred[None]:
        """Remove a binding.

        Fails with `ExchangeNotFound`, `QueueNotFound` or `BindingNotFound`.
        """
        return self._enter_checked(Unbind(world, exchange, queue, key), exchange, queue, key)

    def declare(self, world: int, topology: Topology) -> None:
        """Make what is missing of it. Blocking; before the reactor runs.

        Raises `ExchangeDiffers`, `ReservedName`, `ExchangeNotFound`, `QueueNotFound`, or the
        store's `StoreError`; then nothing is made.
        """
        for names in (topology.exchanges, topology.queues, *topology.bindings):
            check_names(*names)
        self._commits.carry_out_now(Declare(world, topology))

    # -- inside

    def _publish(
        self,
        world: int,
        exchange: str,
        keys: Sequence[str],
        message: NewMessage,
        value: Value | None,
        wiring: Wiring | None = None,
        mandatory: bool = False,
    ) -> Deferred[int]:
        what = (world, exchange, keys, message, wiring, mandatory, value)
        verb = Publish(*what, self._catalogue, *self._notes)
        return self._enter_checked(verb, *names_in(wiring))

    def _enter_checked(self, verb: Verb[T], *names: str) -> Deferred[T]:
        raise NotImplementedError
