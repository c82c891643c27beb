"""Group commit: what arrives while the last commit is under way becomes the next batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from mqgate.engine.allowance import Allowance, limit_reached
from mqgate.engine.catalogue import Catalogue
from mqgate.engine.errors import EngineError, OperationFailed, StoreUnavailable
from mqgate.engine.ids import Ids
from mqgate.engine.intake import Intake, Limits
from mqgate.engine.patterns import STEPS_AT_MOST
from mqgate.engine.planning import Plan, Verb
from mqgate.engine.reserving import Reserve
from mqgate.engine.tidings import Tidings
from mqgate.engine.under_way import UnderWay, wrote
from mqgate.engine.values import Policy
from mqgate.engine.waiting import arrival
from mqgate.storage.interface import (
    Batch,
    Damaged,
    Fired,
    Full,
    Moved,
    Results,
    Stale,
    Store,
    Unavailable,
    Watch,
)

#: How often a batch is planned again because another gateway changed the catalogue meanwhile. Where
#: the store keeps the turn for the next plan, that one holds; else one in so many gateways' does.
PLANNED_AT_MOST = 50
_AWAY = "the database cannot be used just now"
_TOO_FAST = "the queues change faster than this can be planned"


class Observer(Protocol):
    """Is told of every batch."""

    def batch_began(self, operations: int) -> None:
        """A batch is handed to the store, perhaps anew: its catalogue was outdated."""

    def batch_ended(self, committed: bool) -> None:
        """It is on disk, or it failed and changed nothing."""


class GroupCommit:
    """Hands verbs to the store, one batch at a time, and settles them after their commit."""

    _log = Logger()

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        now: Callable[[], int],
        ids: Ids,
        catalogue: Catalogue,
        policies: Mapping[str, Policy],
        allowances: Mapping[int, Allowance],
        tidings: Tidings,
        limits: Limits,
        observer: Observer | None = None,
        fired: Callable[[Sequence[Fired]], None] = lambda fired: None,
    ) -> None:
        self._fired = fired
        self._store = store
        self._clock = clock
        self._now = now
        self._ids = ids
        self._catalogue = catalogue
        self._policies = policies
        self._allowances = allowances
        self._tidings = tidings
        self._limits = limits
        self._observer = observer
        self._intake = Intake(limits, catalogue)
        #: Verbs of a batch that failed without a good reason: one of them is the culprit.
        self._suspects: deque[Verb[Any]] = deque()
        self._suspect_last = False
        self._under_way = False
        self._began = 0.0
        self._hand_over_call: IDelayedCall | None = None
        self._idle: list[Deferred[None]] = []
        #: Why the last batch could not be committed; None when it could.
        self.trouble: str | None = None
        #: What part of the database is known to be damaged: that does not pass.
        self.damage: str | None = None

    # -- in

    def enter(self, verb: Verb[Any]) -> None:
        """Let a verb wait for the next batch; raises `Overloaded` when too much waits already."""
        self._intake.check(verb)
        self.enter_again(verb)

    def enter_again(self, verb: Verb[Any]) -> None:
        """The same for what was let in once, or is the engine's own: never refused."""
        self._intake.add(verb)
        self._schedule()

    @property
    def waiting(self) -> int:
        """How many verbs wait for the next batch."""
        return len(self._intake)

    def when_idle(self) -> Deferred[None]:
        """Fires when nothing waits and nothing is under way."""
        deferred: Deferred[None] = Deferred()
        self._idle.append(deferred)
        self._schedule()
        return deferred

    def relieve(self) -> None:
        """Give up what waits behind a batch that the database has had for too long.

        Whether that one is carried out is for the database to say.
        """
        if self._under_way and self._clock.seconds() - self._began >= self._limits.patience:
            self._note_trouble("it does not answer")
            self._fail_all(self._intake.empty(), _AWAY)

    def carry_out_now(self, verb: Verb[Any]) -> None:
        """Do it at once, alone. Blocking; before the reactor runs.

        Raises what `Verb.plan` raises, or `StoreError`; then nothing was changed.
        """
        for _ in range(PLANNED_AT_MOST):
            plan = self._new_plan()
            operation = verb.plan(plan)
            batch = plan.batch((operation,) if operation is not None else ())
            result = self._store.run_now(batch)
            if isinstance(result, list):
                self._note_commit(batch)
                for answer in result:
                    verb.settle(answer)
                return
            self._learn(result)
        raise StoreUnavailable(_TOO_FAST)

    # -- out

    def _schedule(self) -> None:
        # At the end of the reactor's turn, not at the first verb: what else the turn brings
        # comes along, which is a quarter less CPU.
        if not self._under_way and self._hand_over_call is None:
            self._hand_over_call = self._clock.callLater(0, self._hand_over)

    def _hand_over(self) -> None:
        self._hand_over_call = None
        # One that may be to blame and a batch of the others take turns.
        if self._suspects and not self._suspect_last:
            self._send([self._suspects.popleft()], alone=True)
        elif verbs := self._intake.next_verbs():
            self._send(verbs)
        elif self._suspects:
            self._send([self._suspects.popleft()], alone=True)
        else:
            idle, self._idle = self._idle, []
            for deferred in idle:
                deferred.callback(None)

    def _send(
        self,
        verbs: list[Verb[Any]],
        attempt: int = 1,
        *,
        alone: bool = False,
        missing: frozenset[tuple[int, str]] = frozenset(),
    ) -> None:
        self._suspect_last = alone
        self._tidings.planned()
        plan = self._new_plan()
        under_way = UnderWay(attempt, alone, plan, missing)
        self._plan(self._until_long(verbs, plan), plan, under_way)
        # Whoever waits for what this batch makes available is served by the same commit, before
        # those who came later.
        takers = [verb for verb in verbs if isinstance(verb, Reserve)]
        if not alone:
            takers += self._tidings.called(plan)
        takers.sort(key=arrival)
        self._plan(takers, plan, under_way)
        under_way.left.update(self._tidings.left(plan, takers))
        if not under_way.everybody():
            self._schedule_next()
            return
        batch = plan.batch((*under_way.operations, *self._watches(plan, missing)))
        self._under_way = True
        self._began = self._clock.seconds()
        if self._observer is not None:
            self._observer.batch_began(len(batch.operations))
        done = self._store.run(batch)
        done.addCallbacks(
            self._committed,
            self._failed,
            callbackArgs=(under_way, batch),
            errbackArgs=(under_way,),
        ).addErrback(self._lost_track)

    def _new_plan(self) -> Plan:
        return Plan(
            self._now(),
            self._ids,
            self._catalogue,
            self._policies,
            self._allowances,
            self._store.has_room(),
            self._limits.answer_bytes,
        )

    def _plan(self, verbs: Iterable[Verb[Any]], plan: Plan, under_way: UnderWay) -> None:
        for verb in verbs:
            try:
                operation = verb.plan(plan)
            except EngineError as error:
                under_way.refused.append((verb, error))
            except Exception:  # noqa: BLE001 - whatever it is, the others go on
                self._fail_alone(verb, Failure())
            else:
                if operation is not None:
                    under_way.verbs.append(verb)
                    under_way.operations.append(operation)

    def _until_long(self, verbs: list[Verb[Any]], plan: Plan) -> Iterator[Verb[Any]]:
        """Those that take nothing, until it has cost much to plan them; the others wait again."""
        others = [verb for verb in verbs if not isinstance(verb, Reserve)]
        for place, verb in enumerate(others):
            if plan.steps.taken > STEPS_AT_MOST:
                self._intake.put_back(others[place:])
                return
            yield verb

    def _watches(self, plan: Plan, missing: Collection[tuple[int, str]]) -> tuple[Watch, ...]:
        """What the batch has to look out for, behind its operations."""
        try:
            watch = plan.watches(missing)
        except Exception:  # noqa: BLE001 - whatever it is, nobody's request fails for an alert
            self._log.failure("Alerts could not be prepared")
            return ()
        return () if watch is None else (watch,)

    # -- back

    def _committed(self, result: Results, under_way: UnderWay, batch: Batch) -> None:
        self._under_way = False
        if not isinstance(result, list):
            self._outdated(result, under_way)
            return
        if self._observer is not None:
            self._observer.batch_ended(True)
        if self.trouble is not None and wrote(batch):
            self.trouble = None
            self._log.info("The database can be used again")
        self._note_commit(batch)
        fired: Any = result.pop() if len(result) > len(under_way.verbs) else ()
        # All in one turn: spreading them costs half as much CPU again.
        for verb, answer in zip(under_way.verbs, result, strict=True):
            try:
                verb.settle(answer)
            except Exception:  # noqa: BLE001 - whatever it is, the others go on
                self._fail_alone(verb, Failure())
        self._fail_refused(under_way)
        self._fired(fired)
        if under_way.alone:
            for waiter in self._tidings.called(under_way.plan):
                self.enter_again(waiter)
        self._tidings.note(under_way.left)
        self._tidings.send()
        self._schedule_next()

    def _note_commit(self, batch: Batch) -> None:
        self._catalogue.commit(batch.changes)
        if batch.high:
            self._ids.written(batch.high)

    def _learn(self, result: Stale | Moved) -> None:
        """Take in why a batch was not carried out: what it was planned with no longer holds."""
        if isinstance(result, Stale):
            self._catalogue.take(result.worlds)
        else:
            self._log.warn("Another gateway has this one's slot: its ids have another one now")
            self._ids.move(*result)

    def _outdated(self, result: Stale | Moved, under_way: UnderWay) -> None:
        self._learn(result)
        missing = frozenset(result.missing) if isinstance(result, Stale) else frozenset()
        if under_way.attempt < PLANNED_AT_MOST:
            self._send(
                under_way.everybody(),
                under_way.attempt + 1,
                alone=under_way.alone,
                missing=under_way.missing | missing,
            )
        else:
            self._fail_all(under_way.everybody(), _TOO_FAST)
            self._schedule_next()

    def _kept_out(self, full: Full, under_way: UnderWay) -> None:
        """Refuse what would lead beyond a limit, and try again without it."""
        refused = {under_way.verbs[place]: why for place, why in full.refused.items()}
        others = [verb for verb in under_way.everybody() if verb not in refused]
        # Sent first: whoever is refused may ask for something else at once.
        self._send(others, under_way.attempt, alone=under_way.alone, missing=under_way.missing)
        for verb, why in refused.items():
            verb.fail(limit_reached(why))

    def _failed(self, failure: Failure, under_way: UnderWay) -> None:
        self._under_way = False
        if isinstance(failure.value, Full):
            self._kept_out(failure.value, under_way)
            return
        if self._observer is not None:
            self._observer.batch_ended(False)
        error = failure.value
        passing = isinstance(error, Unavailable) and not isinstance(error, Damaged)
        if passing:
            self._note_trouble(failure.getErrorMessage())
            self._fail_all(under_way.everybody(), _AWAY)
            if self._clock.seconds() - self._began >= self._limits.patience / 2:
                self._fail_all(self._intake.empty(), _AWAY)  # they have waited as long
        elif len(under_way.verbs) > 1:
            # One of them is to blame, or needs what is damaged: alone, each shows whether it is
            # the one. Polls that were called for the others' sake wait again meanwhile.
            self._suspects.extend(under_way.everybody())
        else:
            self._fail_culprit(under_way, failure)
        self._schedule_next()

    def _fail_culprit(self, under_way: UnderWay, failure: Failure) -> None:
        if isinstance(failure.value, Damaged):
            self._note_damage(failure.getErrorMessage())
            self._fail_all(under_way.verbs, "the database is damaged")
        else:
            for verb in under_way.verbs:
                self._fail_alone(verb, failure)
        self._fail_refused(under_way)

    def _fail_refused(self, under_way: UnderWay) -> None:
        for verb, error in under_way.refused:
            verb.fail(error)

    def _fail_alone(self, verb: Verb[Any], failure: Failure) -> None:
        self._log.failure("A {verb} could not be done", failure, verb=type(verb).__name__)
        if not verb.deferred.called:
            verb.fail(OperationFailed("this could not be done; the server's log says why"))

    def _lost_track(self, failure: Failure) -> None:
        # A bug in this class: the batch's callers hear nothing, but the next ones are served.
        self._log.failure("A batch could not be settled", failure)
        self._under_way = False
        self._schedule_next()

    def _fail_all(self, verbs: list[Verb[Any]], reason: str) -> None:
        for verb in verbs:
            if not verb.deferred.called:
                verb.fail(StoreUnavailable(reason))

    def _note_trouble(self, reason: str) -> None:
        if self.trouble != reason:
            self.trouble = reason
            self._log.error("The database cannot be used: {reason}", reason=reason)

    def _note_damage(self, reason: str) -> None:
        if self.damage is None:
            self.damage = reason
            self._log.critical("{reason}", reason=reason)

    def _schedule_next(self) -> None:
        if self._hand_over_call is None and (self._intake or self._suspects or self._idle):
            self._hand_over_call = self._clock.callLater(0, self._let_a_turn_pass)

    def _let_a_turn_pass(self) -> None:
        # Those who were just answered ask again meanwhile and come along: at 64 callers batches
        # are twice as large, and a message costs a tenth less CPU.
        self._hand_over_call = self._clock.callLater(0, self._hand_over)
