"""The part of the engine's face that undoes deliveries which reached nobody."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.logger import Logger
from twisted.python.failure import Failure

from mqgate.engine.commits import GroupCommit
from mqgate.engine.errors import QueueNotFound, StoreUnavailable
from mqgate.engine.publishing import Take
from mqgate.engine.reserving import Reserve
from mqgate.engine.upkeep import Upkeep
from mqgate.engine.values import Message
from mqgate.engine.verbs import GiveBack


class GivingBack:
    """Mixed into `Engine`, whose verbs these are like all others."""

    _log = Logger()
    _commits: GroupCommit
    _upkeep: Upkeep

    def give_back(
        self, world: int, queue: str, messages: Sequence[Message], *, removed: bool = False
    ) -> None:
        """Undo a delivery whose client went before its answer was written.

        Each message goes to its old place with the count it has; ``removed`` ones are put back.
        """
        verb = GiveBack(world, queue, messages, removed, self._upkeep.expects)
        verb.deferred.addErrback(self._not_given_back, verb)
        self._commits.enter_again(verb)

    def _taken_for_nobody(self, take: Take, message: Message) -> None:
        self.give_back(take.world, take.queue, [message], removed=True)

    def _returned(self, reserve: Reserve, messages: list[Message]) -> None:
        self.give_back(reserve.world, reserve.queue, messages, removed=reserve.remove)

    def _not_given_back(self, failure: Failure, verb: GiveBack) -> None:
        if isinstance(failure.value, StoreUnavailable):
            # What was removed is lost unless this is done; what is reserved comes back later.
            self._upkeep.do_again(
                lambda: self.give_back(verb.world, verb.queue, verb.messages, removed=verb.removed)
            )
        elif not isinstance(failure.value, QueueNotFound):
            self._log.warn(
                "Messages of a client that went away could not be given back: {why}",
                why=failure.getErrorMessage(),
            )
