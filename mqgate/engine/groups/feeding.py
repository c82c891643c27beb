"""How groups come to have what their topics keep, and what becomes of dead letters.

A group is *live*, and gets what is published at once, or it is catching up: then its topic's log
is copied to it, a little by each poll and more in the background, until there is no more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from mqgate.engine.commits import GroupCommit
from mqgate.engine.errors import EngineError, StoreUnavailable
from mqgate.engine.groups.publishing import GroupOf, Target
from mqgate.engine.intake import Limits
from mqgate.engine.names import log_name, parts_of
from mqgate.engine.planning import Plan
from mqgate.engine.tidings import Tidings
from mqgate.engine.upkeep import PAUSE_SECONDS, Chore
from mqgate.engine.values import Policy
from mqgate.engine.verbs import ExpiryNote, OnQueue
from mqgate.engine.waiting import LineKey, in_order
from mqgate.storage import interface as store

T = TypeVar("T")

#: A chore the database could not do is tried again after so many seconds.
RETRY_SECONDS = 1.0
#: It is written down once in so many milliseconds that a live group is polled.
NOTED_EVERY = 60_000
#: A group rests when it was not polled for its retention and this. What it was given before is
#: gone by then, whether it was acknowledged or not.
MARGIN = 3_600_000
#: So many dead letters are moved in one step.
BURIED_AT_ONCE = 100


class CatchUp(OnQueue[store.CaughtUp]):
    """Copy the next messages to a group, or note that it is polled."""

    __slots__ = ("group", "rows")

    def __init__(self, group: GroupOf, limit: int) -> None:
        super().__init__(group.world, group.queue)
        self.group = group
        self.rows = limit

    def plan(self, plan: Plan) -> store.CatchUp:
        log, queue = self.group.rows(plan)
        return store.CatchUp(
            store.Topic(self.world, log.number, log.shelf, ()),
            self.group.group,
            store.Fed(queue.number, queue.shelf),
            tuple(plan.new_ids(self.rows)),
        )

    def settle(self, result: Any) -> None:
        self.deferred.callback(result)


class Rest(OnQueue[None]):
    """A group that nobody polls leaves its messages behind, and begins again when it is polled."""

    __slots__ = ("_shelf", "polled_at")

    def __init__(self, idle: store.IdleGroup) -> None:
        super().__init__(idle.world, idle.queue)
        self.polled_at = idle.polled_at
        self._shelf = 0

    def plan(self, plan: Plan) -> store.Rest | store.Check:
        topic, group = parts_of(self.queue)
        queue = plan.queue(self.world, self.queue)
        log = plan.queue(self.world, log_name(topic))
        retention = plan.policy(queue).retention
        if not retention or self.polled_at > plan.now - retention - MARGIN:
            return store.Check()
        if self._shelf and queue.shelf != self._shelf:
            return store.Check()  # planned again, as another gateway has let it rest meanwhile
        self._shelf = queue.shelf
        plan.draft(self.world).clear(queue)
        return store.Rest(self.world, log.number, group or "")

    def settle(self, result: object) -> None:
        self.deferred.callback(None)


class Bury(OnQueue[int]):
    """Move dead letters to where they go. Fires with how many were moved."""

    __slots__ = ("_expires", "_expiry_note", "_lines", "_wake", "rows")

    def __init__(
        self, world: int, queue: str, expiry_note: ExpiryNote, wake: Callable[[LineKey], None]
    ) -> None:
        super().__init__(world, queue)
        self.rows = BURIED_AT_ONCE
        self._expiry_note = expiry_note
        self._wake = wake

    def plan(self, plan: Plan) -> store.Bury | store.Check:
        queue = plan.queue(self.world, self.queue)
        policy = plan.policy(queue)
        topic, group = parts_of(self.queue)
        # Who is behind them may be glad, in whichever line.
        self._lines = [self.key, in_order(self.key)]
        self._expires = plan.now + policy.retention
        if not policy.maximum:
            return store.Check()
        target, ids = None, (store.Copies(0, ()),) * BURIED_AT_ONCE
        # A dead letter that dies again is dropped by its group: its topic keeps it.
        if policy.dead_letters and not topic.startswith(policy.dead_letters):
            name = policy.dead_letters + (group or "")
            where = Target(plan, self._dead_letters(plan, name, queue.policy))
            self._lines += where.lines
            target, ids = where.topic, tuple(where.copies() for _ in range(BURIED_AT_ONCE))
        return store.Bury(self.world, queue.shelf, policy.maximum, target, ids, self._expires)

    def _dead_letters(self, plan: Plan, topic: str, policy: str) -> store.QueueRow:
        """Their log, made in spite of a limit of queues: where they are they block their keys."""
        draft = plan.draft(self.world)
        return draft.find(log_name(topic)) or draft.make(log_name(topic), policy, {})

    def settle(self, result: Any) -> None:
        if result:
            self._expiry_note(self._expires)
            for line in self._lines:
                self._wake(line)
        self.deferred.callback(result or 0)


@attrs.define
class _Group:
    """What is known of a group: less than the database knows."""

    live: bool = False
    #: A copy is on its way to the store.
    copying: bool = False
    #: The next one, in the background.
    call: IDelayedCall | None = None
    noted_at: int = 0
    #: Where its queue stood when it was polled last; 0 = not polled yet.
    shelf: int = 0


class Feeding:
    """Sees to it that groups have something to consume."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        now: Callable[[], int],
        commits: GroupCommit,
        tidings: Tidings,
        policies: Mapping[str, Policy],
        limits: Limits,
        expects: ExpiryNote,
        left_a_shelf: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._now = now
        self._commits = commits
        self._tidings = tidings
        self._limits = limits
        self._expects = expects
        self._left_a_shelf = left_a_shelf
        self._retention = min(
            (each.retention for each in policies.values() if each.retention), default=0
        )
        self._groups: dict[LineKey, _Group] = {}
        self._burials: dict[tuple[LineKey, int], IDelayedCall] = {}
        self._round_call: IDelayedCall | None = None
        self._running = True

    def start(self) -> None:
        """Look after groups that nobody polls."""
        if self._retention:
            self._round_call = self._clock.callLater(NOTED_EVERY / 1000, self._round)

    def stop(self) -> None:
        """Do nothing more; what is at the store already comes to its end."""
        self._running = False
        calls = [self._round_call, *self._burials.values()]
        calls += [group.call for group in self._groups.values()]
        for call in calls:
            if call is not None and call.active():
                call.cancel()

    # -- catching up

    def polled(self, group: GroupOf, n: int) -> None:
        """A group is about to be polled for ``n``: see that there is something, if there can be.

        What this asks of the store is done before what is asked after it.
        """
        key = (group.world, group.queue)
        known = self._groups.get(key)
        if known is None:
            known = self._groups[key] = _Group()
        if known.copying:
            return
        if not known.live:
            self._copy(group, known, max(n, self._limits.copied_for_a_poll))
        elif self._now() - known.noted_at >= NOTED_EVERY:
            self._copy(group, known, 0)

    def found(self, group: GroupOf, shelf: int) -> None:
        """A poll has found the group's queue there."""
        known = self._groups.get((group.world, group.queue))
        if known is None:
            return
        moved = known.shelf not in (0, shelf)
        known.shelf = shelf
        if moved and known.live:
            # Another gateway, which nobody polls for it, has let it rest: it begins again.
            known.live = False
            if not known.copying:
                self._copy(group, known, self._limits.copied_for_a_poll)

    def _copy(self, group: GroupOf, known: _Group, limit: int) -> None:
        key = (group.world, group.queue)
        if known.call is not None:
            known.call.cancel()
            known.call = None
        known.copying = True
        verb = CatchUp(group, limit)

        def copied(result: store.CaughtUp) -> None:
            known.copying = False
            known.live = result.live
            known.noted_at = self._now()
            if result.copied:
                self._tidings.wake(key)
                self._tidings.wake(in_order(key))
            if not result.live:
                self._copy_after(PAUSE_SECONDS, group, known)

        def not_copied(failure: Failure) -> None:
            known.copying = False
            if failure.check(StoreUnavailable) and key in self._groups:
                self._copy_after(RETRY_SECONDS, group, known)
            else:  # it is not there
                failure.trap(EngineError)
                self._groups.pop(key, None)

        verb.deferred.addCallbacks(copied, not_copied).addErrback(self._failed)
        self._commits.enter_again(verb)

    def _copy_after(self, seconds: float, group: GroupOf, known: _Group) -> None:
        def copy() -> None:
            known.call = None
            self._copy(group._replace(create=False), known, self._limits.copied_at_once)

        if self._running:
            known.call = self._clock.callLater(seconds, copy)

    # -- groups that nobody polls

    def _round(self) -> None:
        self._round_call = self._clock.callLater(NOTED_EVERY / 1000, self._round)
        chore = Chore(store.Idle(self._now() - self._retention - MARGIN))
        chore.deferred.addCallback(self._let_rest).addErrback(self._failed)
        self._commits.enter_again(chore)

    def _let_rest(self, idle: Sequence[store.IdleGroup]) -> None:
        for each in idle if self._running else ():
            key = (each.world, each.queue)
            known = self._groups.get(key)
            if known is not None and known.copying:
                # It is being polled again: what it is about to be given is not to be cleared away.
                continue
            self._groups.pop(key, None)
            verb = Rest(each)
            verb.deferred.addCallback(lambda _: self._left_a_shelf()).addErrback(self._failed)
            self._commits.enter_again(verb)

    # -- dead letters

    def last_delivery(self, world: int, queue: str, due: int) -> None:
        """Messages of a group's queue are dead letters then, unless they are acknowledged."""
        second = -(-due // 1000)
        self._bury_after(max(second - self._now() / 1000, 0), (world, queue), second)

    def _bury_after(self, seconds: float, key: LineKey, second: int) -> None:
        if self._running and (key, second) not in self._burials:
            self._burials[key, second] = self._clock.callLater(seconds, self._bury, key, second)

    def _bury(self, key: LineKey, second: int) -> None:
        def buried(n: int) -> None:
            del self._burials[key, second]
            if n == BURIED_AT_ONCE:
                self._bury_after(PAUSE_SECONDS, key, second)  # that was not all

        def not_buried(failure: Failure) -> None:
            del self._burials[key, second]  # the next poll sees to it
            self._failed(failure)

        verb = Bury(*key, self._expects, self._tidings.wake)
        verb.deferred.addCallbacks(buried, not_buried).addErrback(self._failed)
        self._commits.enter_again(verb)

    def _failed(self, failure: Failure) -> None:
        if not failure.check(StoreUnavailable):  # else the log has it already
            self._log.failure("Looking after groups failed", failure)
