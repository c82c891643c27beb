"""Pushing: what is due is claimed, handed to its carrier, and what became of it is written down.

Nothing here is the truth: that is the database's. A push is under way from its claim to the commit
of its outcome, and of those there are never more than the limits say, so a receiver that is slow,
or a database that is, costs no memory. One timer looks again when the next push comes due.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from mqgate.engine.commits import GroupCommit
from mqgate.engine.deliveries import (
    RESERVED,
    Accepted,
    Carrier,
    Delivered,
    Delivery,
    DeliveryStatus,
    Failed,
    Forwarded,
    Outcome,
    PushLimits,
    PushObserver,
    Target,
)
from mqgate.engine.errors import EngineError, MessageNotFound, StoreUnavailable
from mqgate.engine.ids import LARGEST
from mqgate.engine.names import check_names
from mqgate.engine.pushing import (
    Acknowledge,
    Claim,
    Resume,
    Settle,
    ShowDeliveries,
    WithId,
    is_last,
)
from mqgate.engine.values import NewMessage
from mqgate.engine.verbs import DueNote, ExpiryNote, Post
from mqgate.storage.interface import Claimed, ClaimedPush

#: What the database could not write is tried again after so long.
RETRY_SECONDS = 1.0
#: The least time between looks that find what is of no use.
PAUSE_SECONDS = 0.01
#: It is looked at least so often, for what another gateway has left.
LOOK_SECONDS = 60.0
#: How long a stop waits for answers before it gives their pushes up.
GRACE_SECONDS = 1.0

_OUTCOMES: dict[type, str] = {
    Delivered: "delivered",
    Forwarded: "delivered",
    Accepted: "accepted",
    Failed: "failed",
    type(None): "given up",
}


@attrs.frozen
class Means:
    """What a dispatch works with, of its engine's."""

    commits: GroupCommit
    clock: IReactorTime
    now: Callable[[], int]
    due_note: DueNote
    expiry_note: ExpiryNote
    #: Lets a verb in that a client asks for.
    enter: Callable[[WithId], Deferred[Any]]
    observer: PushObserver | None


class Dispatch:
    """The pushes of one engine: from `start` to `stop`, one carrier carries them."""

    _log = Logger()

    def __init__(self, means: Means) -> None:
        self._means = means
        self._clock = means.clock
        self._carrier: Carrier | None = None
        #: Whether pushes are claimed; whether those under way are broken off.
        self._running = self._giving_up = False
        self._limits = PushLimits()
        self._policy = ""
        #: By lane, the pushes under way.
        self._busy: Counter[str] = Counter()
        self._tries: set[Deferred[Outcome]] = set()
        self._pauses: dict[Deferred[None], IDelayedCall] = {}
        #: Whether a claim is at the store; whether to look again after it; where it came to.
        self._looking = self._look_again = False
        self._after = ""
        #: Whether there is more that is due than may be under way.
        self._left = False
        self._look_call: IDelayedCall | None = None
        self._grace_call: IDelayedCall | None = None
        self._idle: list[Deferred[None]] = []

    # -- life

    def start(self, carrier: Carrier, limits: PushLimits, policy: str) -> None:
        """Begin, with what an earlier run had under way; error queues are made with ``policy``."""
        self._carrier, self._limits, self._policy = carrier, limits, policy
        self._running, self._giving_up = True, False
        self._resume()

    def stop(self) -> Deferred[None]:
        """Push nothing more; fires when nothing is under way.

        What is not answered soon is given up: it is as if it had not been tried.
        """
        self._running = False
        if self._look_call is not None:
            self._look_call.cancel()
            self._look_call = None
        for waiting, call in list(self._pauses.items()):
            call.cancel()
            waiting.callback(None)
        done: Deferred[None] = Deferred()
        self._idle.append(done)
        if self.under_way:
            self._grace_call = self._clock.callLater(GRACE_SECONDS, self._give_up)
        self._check_idle()
        return done

    @property
    def under_way(self) -> int:
        """How many pushes are under way."""
        return self._busy.total()

    def expects(self, instant: int) -> None:
        """Something is to be pushed then."""
        if not self._running:
            return
        wait = (instant - self._means.now()) / 1000
        if wait <= 0:
            self._look()
        else:
            self._look_within(min(wait, LOOK_SECONDS))

    # -- what clients ask

    def deliveries(self, world: int, queue: str, message_id: int) -> Deferred[list[DeliveryStatus]]:
        """How far a message's pushes are; an empty list if it is, or was, not pushed.

        Fails with `MessageNotFound` or `QueueNotFound`.
        """
        return self._means.enter(ShowDeliveries(world, queue, message_id))

    def acknowledge(
        self, world: int, queue: str, message_id: int, delivery_id: int
    ) -> Deferred[None]:
        """The receiver of a push is done with it; harmless if it has ended already.

        Fails with `MessageNotFound` or `QueueNotFound`.
        """
        if not 0 < delivery_id <= LARGEST:
            return fail(MessageNotFound(f"there is no delivery {delivery_id}"))
        note = self._means.expiry_note
        return self._means.enter(Acknowledge(world, queue, message_id, delivery_id, note))

    # -- looking for what is due

    def _resume(self) -> None:
        verb = Resume()
        verb.deferred.addCallbacks(lambda _: self._look(), self._not_resumed)
        self._means.commits.enter_again(verb)

    def _not_resumed(self, failure: Failure) -> None:
        if not isinstance(failure.value, StoreUnavailable):
            self._log.failure("Pushes of an earlier run come later", failure)
            self._look()
        elif self._running:
            self._look_call = self._clock.callLater(RETRY_SECONDS, self._resume_again)

    def _resume_again(self) -> None:
        self._look_call = None
        self._resume()

    def _look_within(self, seconds: float) -> None:
        """Look then, unless it will be looked before."""
        if self._look_call is None:
            self._look_call = self._clock.callLater(seconds, self._timed_look)
        elif self._look_call.getTime() > self._clock.seconds() + seconds:
            self._look_call.reset(seconds)

    def _timed_look(self) -> None:
        self._look_call = None
        self._look()

    def _look(self) -> None:
        """Claim what is due, as far as there is room for it."""
        if not self._running:
            return
        room = self._limits.at_once - self.under_way
        if self._looking:
            self._look_again = True
        elif room <= 0:
            self._left = True
        else:
            self._looking, self._look_again = True, False
            limits, busy = self._limits, tuple(self._busy.items())
            verb = Claim(room, limits.per_lane, limits.claim, busy, self._after)
            verb.deferred.addCallbacks(self._claimed, self._not_claimed)
            verb.deferred.addErrback(self._lost_track)
            self._means.commits.enter_again(verb)

    def _claimed(self, claimed: Claimed) -> None:
        self._looking = False
        self._after, self._left = claimed.after, claimed.left
        for push in claimed.pushes:
            self._begin(push)
        if not self._running:
            self._check_idle()
        elif claimed.again:
            self._look_within(PAUSE_SECONDS)
        elif self._look_again:
            self._look()
        elif claimed.next_due is None:
            self._look_within(LOOK_SECONDS)
        else:
            self.expects(claimed.next_due)

    def _not_claimed(self, failure: Failure) -> None:
        self._looking = False
        if not isinstance(failure.value, StoreUnavailable):
            self._log.failure("Looking for what is to be pushed failed", failure)
        if self._running:
            self._look_within(RETRY_SECONDS)
        self._check_idle()

    # -- one push

    def _begin(self, push: ClaimedPush) -> None:
        lane = push.targets[push.step][1]
        self._busy[lane] += 1
        if self._means.observer is not None:
            self._means.observer.push_began()
        done = Deferred.fromCoroutine(self._push(push))
        done.addErrback(self._lost_track).addBoth(self._ended, lane)

    async def _push(self, push: ClaimedPush) -> None:
        began = self._clock.seconds()
        outcome = await self._outcome(push)
        if self._means.observer is not None:
            seconds = self._clock.seconds() - began
            self._means.observer.push_ended(_OUTCOMES[type(outcome)], seconds)
        await self._settle(push, outcome)

    async def _outcome(self, push: ClaimedPush) -> Outcome | None:
        """What becomes of a try; None if it is not made, or broken off."""
        if push.status == RESERVED:
            return _lapsed(push)
        if not self._running or self._carrier is None:
            return None
        attempt = self._carrier.carry(delivery_of(push))
        self._tries.add(attempt)
        try:
            outcome = await attempt
            return None if self._giving_up and isinstance(outcome, Failed) else outcome
        except CancelledError:
            return None
        except Exception:  # noqa: BLE001 - whatever it is, the others go on
            self._log.failure("A push could not be made")
            return Failed(0, "this could not be pushed")
        finally:
            self._tries.discard(attempt)

    async def _settle(self, push: ClaimedPush, outcome: Outcome | None) -> None:
        """Write it down, as soon as the database can."""
        tells = True
        while True:
            verb = None
            try:
                verb = self._verb(push, outcome, tells)
                self._means.commits.enter_again(verb)
                await verb.deferred
                return
            except StoreUnavailable:
                if not self._running:
                    return  # it is taken up at the next start
                await self._pause()
            except EngineError as error:
                if isinstance(outcome, Forwarded):
                    outcome = Failed(0, str(error))
                elif verb is None or verb.posts:
                    self._log.warn(
                        "A push failed, and {queue} cannot be told: {why}",
                        queue=push.error_queue,
                        why=str(error),
                    )
                    tells = False
                else:
                    raise

    def _verb(self, push: ClaimedPush, outcome: Outcome | None, tells: bool) -> Settle:
        post = None
        if isinstance(outcome, Forwarded):
            post = self._post(outcome.world, outcome.queue, outcome.message, outcome.via, True)
        elif tells and isinstance(outcome, Failed) and push.error_queue and is_last(push):
            # A queue that is its own error queue, or in a ring of them, would go on for ever.
            message = self._error_message(push, outcome)
            post = self._post(push.key.world, push.error_queue, message, "", False)
        return Settle(push, outcome, post, self._means.expiry_note, self.expects)

    def _post(
        self, world: int, queue: str, message: NewMessage, via: str, tells_errors: bool
    ) -> Post:
        check_names(queue)
        notes = (self._means.due_note, self._means.expiry_note, self.expects)
        return Post(world, queue, [message], self._policy, *notes, lambda: via, tells_errors)

    def _error_message(self, push: ClaimedPush, outcome: Failed) -> NewMessage:
        assert self._carrier is not None
        failures = [*(Failed(*each) for each in push.failures), outcome]
        return self._carrier.error_message(delivery_of(push), failures)

    async def _pause(self) -> None:
        waiting: Deferred[None] = Deferred()
        self._pauses[waiting] = self._clock.callLater(RETRY_SECONDS, waiting.callback, None)
        await waiting
        del self._pauses[waiting]

    def _ended(self, _result: object, lane: str) -> None:
        self._busy[lane] -= 1
        if not self._busy[lane]:
            del self._busy[lane]
        if self._left:
            self._look()
        self._check_idle()

    def _lost_track(self, failure: Failure) -> None:
        # A bug, or a database that is damaged: the claim runs out, and then it is tried again.
        self._log.failure("What became of a push could not be written down", failure)

    # -- the end

    def _give_up(self) -> None:
        self._grace_call = None
        self._giving_up = True
        for attempt in list(self._tries):
            attempt.cancel()

    def _check_idle(self) -> None:
        if self._running or self._looking or self.under_way:
            return
        if self._grace_call is not None:
            self._grace_call.cancel()
            self._grace_call = None
        idle, self._idle = self._idle, []
        for deferred in idle:
            deferred.callback(None)


def delivery_of(push: ClaimedPush) -> Delivery:
    """The delivery that was claimed."""
    key = push.key
    return Delivery(
        key.world,
        push.queue,
        key.message,
        key.subscriber,
        [Target(*each) for each in push.targets],
        push.step,
        push.body,
        push.timeout,
        push.via,
    )


def _lapsed(push: ClaimedPush) -> Failed:
    """What is written down of an entry whose time has run out."""
    if push.claimed:
        return Failed(0, "the try was broken off")
    return Failed(push.code, "it was not acknowledged in time")
