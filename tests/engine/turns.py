"""Operations that run at the same time, and the search for an order that explains their answers.

What is asked for in one turn is concurrent: nobody has been answered when the last one is asked.
So any order of the operations is legal, as long as the answers of all fit one and the same order;
only reserves are first come, first served.
``explain`` tries them all on the model (``tests.engine.model``) and returns every state the queues
may be in; none means that the engine did something it must not.

Two things happen beside the operations: a waiting reserve is served, or its time is up. Nobody goes
on waiting for messages that are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from tests.engine.letters import Illegal
from tests.engine.model import Key, Model, Waiter
from tests.engine.operations import PENDING, UNKNOWN, Operation, Reserve, handed_out


@attrs.define(eq=False)
class Call:
    """An operation that was issued, and its answer once it is there."""

    number: int
    operation: Operation
    deferred: Deferred[Any]
    answer: object = PENDING

    def waits(self) -> bool:
        """May it wait on, without an answer?"""
        return isinstance(self.operation, Reserve) and self.operation.wait > 0


@attrs.define
class Search:
    """The search for all orders of a turn's operations that explain the answers."""

    answers: Mapping[int, object]
    #: The server fell over: each operation may have happened or not.
    crashed: bool
    found: dict[str, Model] = attrs.Factory(dict)
    #: Why the orders that were tried are none.
    reasons: list[str] = attrs.Factory(list)

    def go(self, model: Model, calls: Sequence[Call]) -> None:
        """Find every end that can be reached from here."""
        model = self.without_those_whose_time_is_up(model)
        if self.lost(calls) if self.crashed else not (calls or self.unsettled(model)):
            self.found[model.signature()] = model
        for call in calls:
            if self.is_next(model, call, calls):
                rest = [other for other in calls if other is not call]
                answer = self.answers[call.number]
                for after in self.legal(call.operation.outcomes(model, call.number, answer)):
                    self.go(after, rest)
        for after in self.legal(self.by_itself(model)):
            self.go(after, calls)

    def without_those_whose_time_is_up(self, model: Model) -> Model:
        """Waiters who were answered with nothing, rightly so, leave the line at once.

        Some could stand in it for a while yet, but all that they could do is stand in the way.
        """
        left = [it for it in model.line if not (over(model, it) and self.answers[it.call] == [])]
        if len(left) == len(model.line):
            return model
        after = model.copy()
        after.line = left
        return after

    def is_next(self, model: Model, call: Call, calls: Sequence[Call]) -> bool:
        """Can this one be carried out now? Reserves of one queue are, as they came."""
        if not isinstance(call.operation, Reserve):
            return True
        rivals = [it for it in calls if isinstance(it.operation, Reserve)]
        earlier = next(it for it in rivals if it.operation.key == call.operation.key)
        return earlier is call and not next_in_line(model, call.operation.key)

    def lost(self, calls: Sequence[Call]) -> bool:
        """Can it be that the crash came before any of these was carried out?"""
        return all(self.answers[call.number] is UNKNOWN for call in calls)

    def legal(self, models: Iterable[Model]) -> Iterator[Model]:
        """Leave out what is not legal, and note why it is not."""
        try:
            yield from models
        except Illegal as reason:
            self.reasons.append(str(reason))

    def by_itself(self, model: Model) -> Iterator[Model]:
        """The next waiter is served, or goes away empty because its time is up."""
        for key in {waiter.key for waiter in model.line}:
            waiter = next_in_line(model, key)
            if waiter and self.answers[waiter.call] is UNKNOWN and over(model, waiter):
                yield without(model, waiter)
            if waiter and self.answers[waiter.call] not in ([], PENDING):
                yield from handed_out(without(model, waiter), waiter, self.answers[waiter.call])

    def unsettled(self, model: Model) -> bool:
        """Is there someone who cannot be left as he is now?"""
        for waiter in model.line:
            if next_in_line(model, waiter.key):
                self.reasons.append(f"{next_in_line(model, waiter.key)} was not served")
                return True
            if self.answers[waiter.call] is not PENDING:
                self.reasons.append(f"{waiter} got {self.answers[waiter.call]} out of turn")
                return True
            if over(model, waiter):
                self.reasons.append(f"{waiter} waits for too long")
                return True
        return False


def over(model: Model, waiter: Waiter) -> bool:
    """Has it waited long enough?"""
    return waiter.until <= model.now or model.draining


def next_in_line(model: Model, key: Key) -> Waiter | None:
    """Who is to be served next on this queue, if there is anything to be served with."""
    waiters = [waiter for waiter in model.line if waiter.key == key]
    return waiters[0] if waiters and model.ready(key) else None


def without(model: Model, waiter: Waiter) -> Model:
    """The same, but this one is not in line any more."""
    after = model.copy()
    after.line.remove(waiter)
    return after


def explain(
    models: Sequence[Model], calls: Sequence[Call], waiting: Sequence[Call], crashed: bool = False
) -> list[Model]:
    """What the queues may be like after a turn, given what they may have been like before.

    ``calls`` are those of this turn, ``waiting`` those of earlier ones that were still waiting.
    Raises AssertionError if there is no explanation.
    """
    answers = {call.number: call.answer for call in [*calls, *waiting]}
    search = Search(answers, crashed)
    for model in models:
        search.go(model, calls)
    if not search.found:
        lines = [f"{it.number}: {it.operation} -> {it.answer!r}" for it in [*waiting, *calls]]
        raise AssertionError("\n".join(["no order explains:", *lines, "", *search.reasons[-8:]]))
    return list(search.found.values())
