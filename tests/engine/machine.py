"""A state machine that does to the engine whatever comes to hypothesis' mind, beside the model."""

from __future__ import annotations

import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.python.failure import Failure

from mqgate.engine.intake import Limits
from mqgate.engine.values import DELETED, Message, NewMessage, Policy
from mqgate.storage.sqlite.session import SMALL
from tests.engine import operations as ask
from tests.engine.model import Key, Model
from tests.engine.operations import PENDING, UNKNOWN
from tests.engine.rig import QUANTUM, START, Rig
from tests.engine.turns import Call, explain

T = TypeVar("T")

POLICIES = {
    "back": Policy(),
    "back, remembers": Policy(remembers_for=40 * QUANTUM),
    "place": Policy(keeps_place=True),
    "place, remembers": Policy(keeps_place=True, remembers_for=40 * QUANTUM),
}
#: So many operations at the same time at most: the search tries all orders of them.
AT_ONCE = 4
#: Longer than anything lasts, in milliseconds.
LONG = 12 * 3_600_000
#: So long the engine's timers are followed one by one.
LEISURE = 2000
#: Of the twelve ways to pick a message, so many pick one that is there.
MOSTLY = 9
#: How long a server is down. Ids go on above all that the one before may have given out, which
#: is up to a tenth of a second ahead of the clock: places in the order are exact after that.
DOWNTIME = QUANTUM

#: Durations: mostly a few quanta, so that things meet; sometimes hours.
SHORT = [quanta * QUANTUM for quanta in range(1, 9)]
HOURS = [2_000_000, 10_000_000]
durations = st.sampled_from([*SHORT * 3, *HOURS])
delays = st.sampled_from([*[0] * 10, *SHORT, *HOURS])
leases = st.sampled_from([*[None] * 8, *SHORT])
expiries = st.sampled_from([*[None] * 20, *SHORT, *HOURS])
keys = st.sampled_from([*[(0, "a")] * 6, (0, "b"), (1, "a")])
policies = st.sampled_from(sorted(POLICIES))
counts = st.integers(1, 4)
which = st.integers(0, 11)
#: How much may share a batch: everything, or not even what one turn brings.
batch_rows = st.sampled_from([1000, 1000, 2, 1])
#: What comes between an operation and the next: an end of the turn, nothing, or a begin of work.
pauses = st.sampled_from(["settle", "settle", "none", "breathe"])


@st.composite
def drafts(draw: st.DrawFn) -> NewMessage:
    """A message; its body is filled in later."""
    return NewMessage(
        b"",
        timeout=draw(durations),
        delay=draw(delays),
        expires_in=draw(expiries),
        props=draw(st.sampled_from([None, b"", b"\x00p"])),
    )


def pick(items: Sequence[T], index: int) -> T:
    """One of these, the latest first."""
    return items[-1 - index % len(items)]


class EngineMachine(RuleBasedStateMachine):
    """The engine beside the model, compared after each turn."""

    #: What the last machine that failed ended with. Hypothesis keeps it to itself if the same steps
    #: went well before, and says only that something is not the same.
    trouble = ""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="mqgate-model-")
        self.rig = Rig(Path(self.folder.name), POLICIES)
        #: All that the queues may be like, by what has been answered.
        self.models = [Model(POLICIES, now=START * 1000)]
        self.turn = 0
        #: The last number given to anything, and the one before the present server's first.
        self.numbered = self.started = 0
        #: Calls of this turn; those of earlier ones that wait.
        self.calls: list[Call] = []
        self.waiting: list[Call] = []
        #: What clients know: ids, and what they were handed.
        self.ids: list[tuple[Key, int]] = []
        self.handed: list[tuple[Key, Sequence[Message], bool]] = []

    # ---------------------------------------------------------------- the turns

    def number(self) -> int:
        """A number not used before."""
        self.numbered += 1
        return self.numbered

    def ask(self, operation: ask.Operation, pause: str) -> None:
        """Ask the engine, and end the turn or not."""
        key = (self.rig.worlds[operation.key[0]], operation.key[1])
        deferred = operation.issue(self.rig.engine, key)
        calls = [Call(self.number(), part, deferred) for part in operation.parts()]
        self.calls += calls
        deferred.addBoth(self.answered, calls)
        if pause == "settle" or len(self.calls) >= AT_ONCE:
            self.end_turn()
        elif pause == "breathe":
            self.rig.breathe()

    def answered(self, answer: object, calls: Sequence[Call]) -> None:
        """A call has been answered, or has failed, or was cancelled."""
        for call in calls:
            if call.answer is PENDING:
                call.answer = answer.value if isinstance(answer, Failure) else answer
                self.learn(call)

    def learn(self, call: Call) -> None:
        """Keep what a client can use later."""
        key, operation, answer = call.operation.key, call.operation, call.answer
        if isinstance(operation, ask.Post) and isinstance(answer, list):
            self.ids.extend((key, it) for it in answer)
        if isinstance(operation, ask.Reserve) and isinstance(answer, list) and answer:
            self.ids.extend((key, it.id) for it in answer)
            self.handed.append((key, answer, operation.remove))

    def end_turn(self) -> None:
        """Let the engine finish what it was asked for, and compare its answers with the model."""
        self.rig.settle()
        self.compare()

    def compare(self, crashed: bool = False) -> None:
        """Find out what the queues may be like now."""
        self.turn += 1
        for model in self.models:
            model.begin(self.turn, self.rig.now())
        if self.calls or self.waiting:
            self.models = explain(self.models, self.calls, self.waiting, crashed)
        left = [*self.waiting, *self.calls]
        self.calls, self.waiting = [], [call for call in left if call.answer is PENDING]

    def known(self, index: int) -> tuple[Key, int]:
        """A message that a client knows: mostly one that is there, else any that ever was."""
        there = [
            (key, it.id)
            for key, queue in self.models[0].queues.items()
            for it in queue.letters
            if it.id is not None and it.state != DELETED
        ]
        return pick(there if there and index < MOSTLY else self.ids, index)

    def pass_time(self, until: int) -> None:
        """Let time pass, stopping wherever something happens."""
        self.end_turn()
        # In a short time every timer of the engine goes off when it should. Hours are not lived
        # through second by second: only at instants that matter, timers in between are late.
        at_leisure = until - self.rig.now() <= LEISURE
        while self.rig.now() < until:
            instants = [it for model in self.models for it in model.instants()]
            instants += self.rig.timers() if at_leisure else []
            coming = [instant for instant in instants if instant > self.rig.now()]
            self.rig.advance_to(min([*coming, until]))
            self.compare()

    # ---------------------------------------------------------------- what clients do

    @rule(key=keys, items=st.lists(drafts(), min_size=1, max_size=3), policy=policies, pause=pauses)
    def post(self, key: Key, items: Sequence[NewMessage], policy: str, pause: str) -> None:
        self.ask(ask.Post(key, [self.filled(item) for item in items], policy), pause)

    @rule(key=keys, count=counts, policy=policies, pause=pauses)
    def post_plainly(self, key: Key, count: int, policy: str, pause: str) -> None:
        items = [NewMessage(b"", timeout=8 * QUANTUM) for _ in range(count)]
        self.post(key, items, policy, pause)

    def filled(self, item: NewMessage) -> NewMessage:
        """The same with a body of its own, one in four too large for its message's row."""
        number = self.number()
        body = b"%d" % number + (number % 4 == 0) * b"." * SMALL
        return NewMessage(body, item.timeout, item.delay, item.expires_in, item.props)

    @rule(key=keys, n=counts, lease=leases, pause=pauses)
    def reserve(self, key: Key, n: int, lease: int | None, pause: str) -> None:
        self.ask(ask.Reserve(key, n, lease, 0, remove=False), pause)

    @rule(key=keys, n=counts, wait=durations, lease=leases, pause=pauses)
    def wait(self, key: Key, n: int, wait: int, lease: int | None, pause: str) -> None:
        self.ask(ask.Reserve(key, n, lease, wait, remove=False), pause)

    @rule(key=keys, n=counts, wait=delays, pause=pauses)
    def remove(self, key: Key, n: int, wait: int, pause: str) -> None:
        self.ask(ask.Reserve(key, n, None, wait, remove=True), pause)

    @precondition(lambda self: any(call.waits() for call in [*self.waiting, *self.calls]))
    @rule(index=which, pause=pauses)
    def cancel(self, index: int, pause: str) -> None:
        call = pick([it for it in [*self.waiting, *self.calls] if it.waits()], index)
        operation = call.operation
        assert isinstance(operation, ask.Reserve)
        if call.answer is PENDING:
            call.answer = UNKNOWN
            self.ask(ask.Cancel(operation.key, call.number, call.deferred, operation.remove), pause)

    @precondition(lambda self: self.handed)
    @rule(index=which, pause=pauses)
    def give_back(self, index: int, pause: str) -> None:
        handed = pick(self.handed, index)
        self.handed.remove(handed)
        self.ask(ask.GiveBack(*handed), pause)

    @precondition(lambda self: self.ids)
    @rule(index=which, pause=pauses)
    def touch(self, index: int, pause: str) -> None:
        self.ask(ask.Touch(*self.known(index)), pause)

    @precondition(lambda self: self.ids)
    @rule(index=which, delay=delays, pause=pauses)
    def release(self, index: int, delay: int, pause: str) -> None:
        self.ask(ask.Release(*self.known(index), delay), pause)

    @precondition(lambda self: self.ids)
    @rule(indices=st.lists(which, min_size=1, max_size=3), pause=pauses)
    def delete(self, indices: Sequence[int], pause: str) -> None:
        picked = [self.known(index) for index in indices]
        self.ask(ask.Delete(picked[0][0], [message_id for _, message_id in picked]), pause)

    @precondition(lambda self: self.ids)
    @rule(index=which, elsewhere=st.sampled_from([None, None, None, (0, "b")]), pause=pauses)
    def get(self, index: int, elsewhere: Key | None, pause: str) -> None:
        key, message_id = self.known(index)
        self.ask(ask.Get(elsewhere or key, message_id), pause)

    @rule(key=keys, n=st.integers(1, 10), pause=pauses)
    def peek(self, key: Key, n: int, pause: str) -> None:
        self.ask(ask.Peek(key, n), pause)

    @rule(key=keys, pause=pauses)
    def info(self, key: Key, pause: str) -> None:
        self.ask(ask.Info(key), pause)

    @rule(key=keys, what=st.sampled_from(["list", "update", "clear", "delete"]), pause=pauses)
    def keep_house(self, key: Key, what: str, pause: str) -> None:
        if what == "list":
            self.ask(ask.ListQueues(key, offset=self.turn % 2, limit=2), pause)
        elif what == "update":
            self.ask(ask.Update(key, {f"key {self.turn % 3}": self.turn}, "back"), pause)
        else:
            self.ask(ask.Clear(key) if what == "clear" else ask.DeleteQueue(key), pause)

    # ---------------------------------------------------------------- what happens to them

    @rule(duration=durations)
    def sleep(self, duration: int) -> None:
        self.pass_time(self.rig.now() + duration)

    @precondition(lambda self: self.numbered > self.started)
    @rule(how=st.sampled_from(["restart", "crash", "crash after the commit"]), rows=batch_rows)
    def fall(self, how: str, rows: int) -> None:
        """The server is restarted, or falls over; the next one may make smaller batches."""
        if how == "restart":
            self.shut_down()
        else:
            self.crash(committed=how != "crash")
        for model in self.models:
            model.draining, model.line = False, []
        self.started = self.numbered
        self.rig.start(after=DOWNTIME, limits=Limits(batch_rows=rows))

    def crash(self, committed: bool) -> None:
        """What had been answered holds, what not may hold or not."""
        for call in [*self.calls, *self.waiting]:
            # What is asked for without an answer has not been answered either.
            if call.answer in (PENDING, None):
                call.answer = UNKNOWN
        self.rig.crash(committed)
        self.compare(crashed=True)

    def shut_down(self) -> None:
        """The server is stopped as it should be: nobody is left without an answer."""
        self.rig.engine.drain()
        for model in self.models:
            model.draining = True
        self.end_turn()
        assert not self.waiting, self.waiting
        self.rig.stop()

    def teardown(self) -> None:
        """Look at what is left at the end, unless the end is a failure."""
        try:
            if sys.exception() is None:
                self.look_around()
                self.shut_down()
        finally:
            if isinstance(sys.exception(), Exception):
                EngineMachine.trouble = traceback.format_exc()
            self.rig.close()
            self.folder.cleanup()

    def look_around(self) -> None:
        """Compare all that can be seen, now and when all that is held has come back."""
        queues: list[Key] = [(0, "a"), (0, "b"), (1, "a")]
        self.end_turn()
        for key in queues:
            self.ask(ask.Info(key), "settle")
            self.ask(ask.Peek(key, 100), "settle")
        self.pass_time(self.rig.now() + LONG)
        for key in queues:
            self.ask(ask.Reserve(key, 100, None, 0, remove=True), "settle")
            self.ask(ask.Info(key), "settle")


def run(how: settings) -> None:
    """Try the machine. Raises what went wrong, and says it where hypothesis does not."""
    EngineMachine.trouble = ""
    try:
        run_state_machine_as_test(EngineMachine, settings=how)
    except Flaky as error:
        told = EngineMachine.trouble or "No machine failed."
        raise AssertionError(
            f"{error}\nThe last machine that failed ended with:\n{told}"
        ) from error
