"""Exchanges against a model: publish, take, bind, unbind, give back, expiry, restarts and crashes.

What is asked for in one turn enters one batch: keys lead where bindings lead at that point of the
turn, and takes are served last. The model says so in lists and sets, and knows no more.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mqgate.engine.errors import (
    BindingNotFound,
    EngineError,
    ExchangeNotFound,
    QueueNotFound,
    Unroutable,
)
from mqgate.engine.patterns import AMQP
from mqgate.engine.values import PREDECLARED, Message, NewMessage, Policy, Taken, Topology, Wiring
from tests.engine.rig import QUANTUM, Rig
from tests.engine.test_patterns import naive

POLICIES = {"place": Policy(keeps_place=True)}
FOREVER = 1 << 62
DOWNTIME = 8 * QUANTUM

exchanges = st.sampled_from(["", "t", "new", "d", "f", "amq.topic"])
queues = st.sampled_from(["a", "b", "c"])
keys = st.sampled_from(["", "a", "b", "a.b", "a.*", "#", "*.b", "a.#"])
lives = st.sampled_from([None, None, None, 0, QUANTUM, 20 * QUANTUM])
#: Rarely does somebody ask who may not make what he needs, or for what he does not name.
rights = st.sampled_from(
    [*[(True, True)] * 6, (True, False), (False, True), (False, False), None, None]
)
rarely = st.sampled_from([False] * 5 + [True])
which = st.integers(0, 1000)


@attrs.define(eq=False)
class Letter:
    """A copy of a message in a queue."""

    body: bytes
    expires_at: int
    place: tuple[int, int]
    count: int = 0


@attrs.define(eq=False)
class Queue:
    """A queue: its letters, in no particular order."""

    letters: list[Letter] = attrs.Factory(list)

    def ready(self, now: int) -> list[Letter]:
        """Those that live, in their order."""
        living = [letter for letter in self.letters if letter.expires_at > now]
        return sorted(living, key=lambda letter: letter.place)


@attrs.define
class Model:
    """One world."""

    exchanges: dict[str, str] = attrs.Factory(lambda: dict(PREDECLARED))
    queues: dict[str, Queue] = attrs.Factory(dict)
    bindings: set[tuple[str, str, str]] = attrs.Factory(set)
    published: int = 0

    def wire(self, wiring: Wiring | None) -> None:
        """Make what is missing, or nothing."""
        if wiring is None:
            return
        exchange, queue, key = wiring.exchange, wiring.queue, wiring.key
        if exchange and exchange not in self.exchanges and not wiring.may_declare:
            raise ExchangeNotFound
        if queue not in self.queues and not wiring.may_declare:
            raise QueueNotFound
        if exchange and (exchange, queue, key) not in self.bindings and not wiring.may_bind:
            raise BindingNotFound
        self.queues.setdefault(queue, Queue())
        if exchange:
            self.exchanges.setdefault(exchange, "topic")
            self.bindings.add((exchange, queue, key))

    def matches(self, exchange: str, bound: str, key: str) -> bool:
        """Whether a binding's key lets a message's key through."""
        match self.exchanges[exchange]:
            case "topic":
                return naive(AMQP, AMQP.words(bound), AMQP.words(key))
            case "direct":
                return bound == key
        return True

    def reached(self, exchange: str, sent: Sequence[str]) -> set[str]:
        """The names of the queues that these keys lead to."""
        if not exchange:
            return self.queues.keys() & set(sent)
        if exchange not in self.exchanges:
            raise ExchangeNotFound
        return {
            queue
            for source, queue, bound in self.bindings
            if source == exchange and any(self.matches(exchange, bound, key) for key in sent)
        }

    def copy(self) -> Model:
        """Another one with the same queues, to see what a wiring would do."""
        return Model(dict(self.exchanges), dict(self.queues), set(self.bindings))

    def publish(
        self, exchange: str, sent: Sequence[str], message: NewMessage, wiring: Wiring | None,
        mandatory: bool, now: int,
    ) -> int:  # fmt: skip
        """One copy for each queue that is reached; how many."""
        tried = self.copy()
        tried.wire(wiring)
        if mandatory and not tried.reached(exchange, sent):
            raise Unroutable
        self.wire(wiring)
        names = self.reached(exchange, sent)
        self.published += 1
        life = message.expires_in
        expires_at = FOREVER if life is None else now + life
        for name in names:
            letter = Letter(message.body, expires_at, (self.published, 0))
            self.queues[name].letters.append(letter)
        return len(names)

    def find(self, name: str) -> Queue:
        """A queue that is there."""
        if name not in self.queues:
            raise QueueNotFound
        return self.queues[name]

    def unbind(self, exchange: str, queue: str, key: str) -> None:
        """A binding is no more."""
        if exchange not in self.exchanges:
            raise ExchangeNotFound
        self.find(queue)
        if (exchange, queue, key) not in self.bindings:
            raise BindingNotFound
        self.bindings.remove((exchange, queue, key))

    def delete(self, name: str) -> None:
        """A queue and its bindings are no more."""
        self.find(name)
        del self.queues[name]
        self.bindings = {it for it in self.bindings if it[1] != name}


@attrs.frozen
class Call:
    """What was asked for in this turn: its answer, and what the model says to it.

    ``later`` is for what only happens once all else of the turn has.
    """

    outcome: list[Any]
    now: Callable[[], Any]
    later: Callable[[Any, Any], None] = lambda answer, planned: None


class ExchangeMachine(RuleBasedStateMachine):
    """Clients of one world, their server, and the model."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.rig = Rig(Path(self.folder.name), POLICIES)
        self.model = Model()
        self.calls: list[Call] = []
        self.handed: list[tuple[str, Queue, Letter, Message]] = []
        self.bodies = 0

    @initialize(bindings=st.lists(st.tuples(st.sampled_from("dft"), queues, keys), max_size=8))
    def begin(self, bindings: list[tuple[str, str, str]]) -> None:
        """Exchanges of other types than topic are there by declaration only."""
        types = {"d": "direct", "f": "fanout", "t": "topic"}
        names = {queue for _, queue, _ in bindings}
        topology = Topology(types, dict.fromkeys(names, "place"), bindings)
        self.rig.engine.declare(self.world, topology)
        self.model.exchanges |= types
        self.model.queues |= {name: Queue() for name in names}
        self.model.bindings |= set(bindings)

    @property
    def world(self) -> int:
        return self.rig.worlds[0]

    def ask(self, deferred: Deferred[Any], now: Callable[[], Any], later: Any = None) -> None:
        """Something is asked of the engine, and later of the model."""
        outcome: list[Any] = []
        deferred.addBoth(outcome.append)
        self.calls.append(Call(outcome, now, later or (lambda answer, planned: None)))

    def end_turn(self) -> None:
        """Let the engine answer, and compare."""
        calls, self.calls = self.calls, []
        self.rig.settle()
        planned = [self.planned(call) for call in calls]
        for call, wanted in zip(calls, planned, strict=True):
            (answer,) = call.outcome
            if isinstance(wanted, EngineError):
                assert isinstance(answer, Failure), (answer, wanted)
                assert isinstance(answer.value, type(wanted)), (answer, wanted)
            else:
                assert not isinstance(answer, Failure), (answer, wanted)
                call.later(answer, wanted)

    def planned(self, call: Call) -> Any:
        try:
            return call.now()
        except EngineError as error:
            return error

    # -- what clients do

    @rule(
        exchange=exchanges, queue=queues, key=keys, more=st.lists(keys, max_size=2), life=lives,
        may=rights, mandatory=rarely,
    )  # fmt: skip
    def publish(
        self, exchange: str, queue: str, key: str, more: list[str], life: int | None,
        may: tuple[bool, bool] | None, mandatory: bool,
    ) -> None:  # fmt: skip
        wiring = None if may is None else Wiring(exchange, queue, key, "place", *may)
        self.bodies += 1
        message = NewMessage(b"%d" % self.bodies, expires_in=life)
        sent = [key if exchange else queue, *more]
        self.ask(
            self.rig.engine.publish(
                self.world, exchange, sent, message, wiring=wiring, mandatory=mandatory
            ),
            lambda: self.model.publish(
                exchange, sent, message, wiring, mandatory, self.rig.now()
            ),
            self.check_equal,
        )  # fmt: skip

    @rule(exchange=st.sampled_from("dftt"), key=keys, life=lives)
    def publish_plainly(self, exchange: str, key: str, life: int | None) -> None:
        """To whatever is bound."""
        self.publish(exchange, "a", key, [], life, None, mandatory=False)

    def check_equal(self, answer: Any, wanted: Any) -> None:
        assert answer == wanted, (answer, wanted)

    @rule(exchange=exchanges, queue=queues, key=keys, may=rights)
    def take(self, exchange: str, queue: str, key: str, may: tuple[bool, bool] | None) -> None:
        wiring = None if may is None else Wiring(exchange, queue, key, "place", *may)

        def planned() -> Queue:
            self.model.wire(wiring)
            return self.model.find(queue)

        def served(answer: Taken | None, there: Queue) -> None:
            ready = there.ready(self.rig.now())
            if not ready:
                assert answer is None, answer
                return
            letter = ready[0]
            letter.count += 1
            there.letters.remove(letter)
            assert answer is not None, letter
            told = (answer.message.body, answer.left, answer.redelivered)
            assert told == (letter.body, len(ready) - 1, letter.count > 1), (answer, letter)
            self.handed.append((queue, there, letter, answer.message))

        self.ask(self.rig.engine.take(self.world, queue, wiring=wiring), planned, served)

    @precondition(lambda self: self.handed)
    @rule(index=which)
    def give_back(self, index: int) -> None:
        """Acknowledgements come before anything else of their turn: so in a turn of their own."""
        self.end_turn()
        queue, there, letter, message = self.handed.pop(index % len(self.handed))
        self.rig.engine.give_back(self.world, queue, [message], removed=True)
        if self.model.queues.get(queue) is there:
            there.letters.append(letter)
        self.end_turn()

    @rule(exchange=exchanges, queue=queues, key=keys, there=st.booleans(), index=which)
    def unbind(self, exchange: str, queue: str, key: str, there: bool, index: int) -> None:
        bindings = sorted(self.model.bindings)
        if there and bindings:
            exchange, queue, key = bindings[index % len(bindings)]
        asked = self.rig.engine.unbind(self.world, exchange, queue, key)
        self.ask(asked, lambda: self.model.unbind(exchange, queue, key))

    @rule(queue=queues)
    def delete_queue(self, queue: str) -> None:
        asked = self.rig.engine.delete_queue(self.world, queue)
        self.ask(asked, lambda: self.model.delete(queue))

    # -- what happens to them

    @rule()
    def settle(self) -> None:
        self.end_turn()

    @rule(quanta=st.sampled_from([1, 3, 30, 8 * 3700]))
    def sleep(self, quanta: int) -> None:
        self.end_turn()
        self.rig.advance_to(self.rig.now() + quanta * QUANTUM)

    @rule(how=st.sampled_from(["restart", "crash", "crash after the commit"]))
    def fall(self, how: str) -> None:
        """The server is restarted, or falls over with all of a turn's work done, or none."""
        if how == "restart":
            self.end_turn()
            self.rig.stop()
        else:
            self.rig.crash(committed=how != "crash")
            self.remember(how != "crash")
        self.rig.start(after=DOWNTIME)
        # The first batch only finds that the catalogue is to be read.
        self.rig.engine.list_queues(self.world, offset=0, limit=1)
        self.rig.settle()

    def remember(self, committed: bool) -> None:
        """What was committed but not answered has been done all the same."""
        calls, self.calls = self.calls, []
        if not committed:
            return
        planned = [(call, self.planned(call)) for call in calls]
        for _, wanted in planned:
            if isinstance(wanted, Queue) and (ready := wanted.ready(self.rig.now())):
                wanted.letters.remove(ready[0])

    def teardown(self) -> None:
        """Look at all that is left, unless the end is a failure."""
        try:
            if sys.exception() is None:
                self.look_around()
                self.rig.stop()
        finally:
            self.rig.close()
            self.folder.cleanup()

    def look_around(self) -> None:
        self.end_turn()
        for name, queue in self.model.queues.items():
            for _ in range(len(queue.letters) + 1):
                self.take("", name, "", None)
                self.end_turn()
