"""Topic values against a model: two gateways, batches of several, restarts."""

from __future__ import annotations

import tempfile
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mqgate.engine.engine import Engine
from mqgate.engine.errors import TopicsFull
from mqgate.engine.intake import Limits
from tests import stores
from tests.engine.topic_model import Topics

MOST = 6
TOPICS = st.sampled_from(["a", "b", "a/a", "a/b", "b/a", "b/b", "$s", "$s/a", "a/b/a", "a/b/b"])
PATTERNS = st.one_of(
    TOPICS, st.sampled_from(["#", "+", "a/+", "a/#", "+/a", "+/+", "+/#", "$s/#", "+/b/+", "a/+/a"])
)
PUBLISH = st.tuples(TOPICS, st.sampled_from([b"", b"x", b"y"]), st.booleans())
READ = st.tuples(PATTERNS, st.booleans())
#: As many turns are enough for whatever is asked here.
MANY = 60


class TopicMachine(RuleBasedStateMachine):
    """Publishes and reads, asked of one gateway at once or of the other one."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.database = stores.new(self.folder.name)
        self.clock = Clock()
        self.clock.advance(1_800_000_000)
        self.model = Topics(MOST)
        self.serial = 0
        self.start()

    def start(self) -> None:
        self.stores = [self.database.store(beside=beside) for beside in (False, True)]
        opened = [store.open() for store in self.stores]
        (self.world,) = self.stores[0].worlds([["one"]])
        now = lambda: int(self.clock.seconds() * 1000)  # noqa: E731
        self.engines = [
            Engine(store, self.clock, now, {}, Limits(topics=MOST), opened=each)
            for store, each in zip(self.stores, opened, strict=True)
        ]

    def outcome(self, deferred: Deferred[Any]) -> Any:
        outcomes: list[Any] = []
        deferred.addBoth(outcomes.append)
        for _ in range(MANY):
            if outcomes:
                break
            self.clock.advance(0)
        (outcome,) = outcomes
        if isinstance(outcome, Failure):
            outcome.trap(TopicsFull)
        return outcome

    @rule(steps=st.lists(st.one_of(PUBLISH, READ), min_size=1, max_size=8), which=st.integers(0, 1))
    def do(self, steps: list[tuple[Any, ...]], which: int) -> None:
        """All at once, so in one batch: a read may see what comes after it, too."""
        topics = self.engines[which].topics
        states = [self.model.copy()]
        asked: list[tuple[Deferred[Any], int, tuple[Any, ...], bool]] = []
        for step in steps:
            state = states[-1].copy()
            if len(step) == 3:
                topic, data, retained = step
                self.serial += 1
                data = data and b"%s%d" % (data, self.serial)
                had_room = state.publish(topic, data, retained)
                deferred: Deferred[Any] = topics.publish(self.world, topic, data, retained=retained)
                asked.append((deferred, len(states), step, had_room))
            else:
                pattern, retained = step
                deferred = topics.read(self.world, pattern, retained=retained)
                asked.append((deferred, len(states) - 1, step, True))
            states.append(state)
        for deferred, since, step, had_room in asked:
            outcome = self.outcome(deferred)
            if len(step) == 3:
                assert isinstance(outcome, Failure) != had_room, (step, outcome)
            else:
                legal = {state.read(*step) for state in states[since:]}
                assert outcome in legal, (step, outcome, legal)
        self.model = states[-1]

    @rule(step=READ, which=st.integers(0, 1))
    def read(self, step: tuple[str, bool], which: int) -> None:
        """Alone, so there is one answer."""
        pattern, retained = step
        deferred = self.engines[which].topics.read(self.world, pattern, retained=retained)
        assert self.outcome(deferred) == self.model.read(pattern, retained)

    @rule()
    def restart(self) -> None:
        """Both of them; nothing was under way."""
        for store in self.stores:
            store.close()
        self.start()

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        problems = self.database.problems()
        self.database.close()
        self.folder.cleanup()
        assert not problems, problems


class TopicModelTests(SynchronousTestCase):
    def test_the_engine_does_what_the_model_does(self) -> None:
        run_state_machine_as_test(
            TopicMachine,
            settings=settings(
                max_examples=stores.examples(60),
                stateful_step_count=25,
                deadline=None,
                database=None,
                print_blob=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
