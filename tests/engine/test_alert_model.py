"""Alerts against a naive model: random changes in random batches, with crashes in between."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mqgate.engine.engine import Engine
from mqgate.engine.errors import AlertsRefused, QueueNotFound
from mqgate.engine.intake import Limits
from mqgate.engine.values import Alert, Alerting, Letter, Message, NewAlert, NewMessage, Policy
from mqgate.storage.interface import Batch, Results, Store
from mqgate.storage.statements.texts import Statement, plain
from tests import stores
from tests.engine import alert_model
from tests.engine.alert_model import Model
from tests.engine.rig import QUANTUM, BrittleStore, Rig

QUICK = settings(
    max_examples=stores.examples(60),
    stateful_step_count=40,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)

#: What alerts have posted, in the order of ids, and where: written down by the file itself.
_BELL = stores.begins_with("NEW.data", b"bell ")
_POSTED = "INSERT INTO posted VALUES(NEW.id, NEW.world, NEW.queue, NEW.data)"
LOG = Statement(
    sqlite=f"""
    CREATE TABLE posted(id INTEGER PRIMARY KEY, world INTEGER, shelf INTEGER, body BLOB);
    CREATE TRIGGER posted AFTER INSERT ON msg WHEN {_BELL.sqlite}
        BEGIN {_POSTED.replace("INSERT", "INSERT OR IGNORE")}; END;
    """,
    postgresql=f"""
    CREATE TABLE posted(id bigint PRIMARY KEY, world bigint, shelf bigint, body bytea);
    CREATE FUNCTION posted() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN {_POSTED} ON CONFLICT DO NOTHING; RETURN NEW; END $$;
    CREATE TRIGGER posted AFTER INSERT ON msg FOR EACH ROW WHEN ({_BELL.postgresql})
        EXECUTE FUNCTION posted();
    """,
)
NO_LOG = plain("DROP TABLE posted")
#: How long a letter lives.
LIFE = 6 * QUANTUM


def _letter(queue: str, alert: Alert, now: int) -> Letter:
    whole = alert_model.body(queue, alert.target, alert.id, now, 0)
    return Letter(whole[:-1], b"", expires_in=LIFE)


POLICIES = {
    name: Policy(remembers_for=remembers_for, alerting=Alerting(letter=_letter))
    for name, remembers_for in (("forgets", 0), ("remembers", 4 * QUANTUM))
}


class WitnessStore:
    """A store that notes what was committed, with the results."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.committed: list[tuple[Batch, list[Any]]] = []

    def run(self, batch: Batch) -> Deferred[Results]:
        return self._store.run(batch).addCallback(self._note, batch)

    def _note(self, results: Results, batch: Batch) -> Results:
        if isinstance(results, list):
            self.committed.append((batch, list(results)))
        return results

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class AlertRig(Rig):
    """One engine after the other, with small batches."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._limits = limits
        self.witness: WitnessStore | None = None
        super().__init__(folder, POLICIES)

    def start(self, after: int = 0, limits: Limits | None = None) -> None:
        self.clock.rightNow += after / 1000
        fresh = self.witness is None
        self.witness = WitnessStore(self.database.store())
        self.store = BrittleStore(self.witness)
        opened = self.store.open()
        if fresh:
            self.database.alter(LOG, NO_LOG)
        self.worlds = self.store.worlds([["first"], ["second"]])
        self.engine = Engine(
            self.store, self.clock, self.now, POLICIES, limits or self._limits, opened=opened
        )
        self.engine.start()
        self.settle()


#: Mostly one queue, whose alerts post to the others.
keys = st.sampled_from([*[(0, "a")] * 6, (0, "b"), (0, "c"), (1, "a")])
rare = st.sampled_from([*[(0, "b")] * 3, (0, "c"), (0, "d"), (0, "a"), (1, "a")])
counts = st.integers(1, 4)
which = st.integers(0, 30)
ends = st.sampled_from([True, False, False])
lives = st.sampled_from([None, None, *(quanta * QUANTUM for quanta in range(1, 6))])
alerts = st.builds(
    NewAlert,
    progressive=st.booleans(),
    descending=st.booleans(),
    threshold=st.integers(1, 4),
    target=st.sampled_from("aabbbcd"),
    snooze=st.sampled_from([0, 0, 0, QUANTUM, 3 * QUANTUM]),
)


class AlertMachine(RuleBasedStateMachine):
    """The engine beside the model."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="mqgate-alerts-")
        self.model = Model()
        self.ids: list[tuple[tuple[int, str], int]] = []
        self.taken: list[tuple[tuple[int, str], Sequence[Message]]] = []
        self.seen = 0

    @initialize(
        rows=st.sampled_from([1, 2, 7, 1000]),
        first=st.lists(alerts, min_size=1, max_size=4),
        second=st.lists(alerts, max_size=2),
    )
    def begin(self, rows: int, first: Sequence[NewAlert], second: Sequence[NewAlert]) -> None:
        self.rig = AlertRig(Path(self.folder.name), Limits(batch_rows=rows))
        self.replace_alerts((0, "a"), first, True)
        self.replace_alerts((0, "b"), second, True)

    # -- steps

    def ask(self, asked: Deferred[Any], end: bool, *refusals: type[Exception]) -> None:
        """Ask, and see at the end of the turn what has come of it."""
        asked.addErrback(self.refused, *refusals)
        if end:
            self.end_turn()

    def refused(self, failure: Failure, *refusals: type[Exception]) -> None:
        failure.trap(QueueNotFound, *refusals)

    def end_turn(self) -> None:
        self.rig.settle()
        self.compare()

    def compare(self) -> None:
        """What was posted is what the model says, letter by letter."""
        assert self.rig.witness is not None
        committed, self.rig.witness.committed = self.rig.witness.committed, []
        query = f"SELECT id, world, shelf, body FROM posted WHERE id > {self.seen} ORDER BY id"
        posted = self.rig.database.rows(query)
        for batch, results in committed:
            expected = self.model.commit(batch, results)
            found, posted = posted[: len(expected)], posted[len(expected) :]
            assert [row[1:] for row in found] == expected, (found, expected, batch)
            for letter, (id_, *_) in zip(expected, found, strict=True):
                self.model.learn(letter, id_, batch.now + LIFE)
                self.seen = id_
        assert not posted, posted

    def place(self, key: tuple[int, str]) -> tuple[int, str]:
        return self.rig.worlds[key[0]], key[1]

    # -- what clients do

    @rule(key=keys, count=counts, life=lives, end=ends, policy=st.sampled_from(sorted(POLICIES)))
    def post(self, key: Any, count: int, life: int | None, end: bool, policy: str) -> None:
        messages = [NewMessage(b"x", expires_in=life)] * count
        asked = self.rig.engine.post(*self.place(key), messages, policy=policy)
        asked.addCallback(lambda ids: self.ids.extend((key, id_) for id_ in ids))
        self.ask(asked, end)

    @rule(changes=st.lists(st.tuples(keys, st.integers(-4, 4)), min_size=8, max_size=32))
    def change_sizes(self, changes: Sequence[tuple[Any, int]]) -> None:
        """Post and delete; a 0 ends the turn."""
        for key, change in changes:
            mine = [id_ for at, id_ in self.ids if at == key]
            if change > 0:
                self.post(key, change, None, False, "forgets")
            elif change and mine:
                ids = mine[change:]
                self.ids = [each for each in self.ids if each[1] not in ids]
                self.ask(self.rig.engine.delete(*self.place(key), ids), False)
            elif not change:
                self.end_turn()
        self.end_turn()

    @precondition(lambda self: self.ids)
    @rule(picked=st.lists(which, min_size=1, max_size=4), end=ends)
    def delete(self, picked: Sequence[int], end: bool) -> None:
        chosen = [self.ids[-1 - each % len(self.ids)] for each in picked]
        key = chosen[0][0]
        ids = [id_ for _, id_ in chosen]
        self.ask(self.rig.engine.delete(*self.place(key), ids), end)

    @rule(key=keys, n=counts, end=ends)
    def remove(self, key: Any, n: int, end: bool) -> None:
        asked = self.rig.engine.reserve(*self.place(key), n, remove=True)
        self.ask(asked.addCallback(self.took, key), end)

    def took(self, messages: Sequence[Message], key: tuple[int, str]) -> None:
        if messages:
            self.taken.append((key, messages))

    @rule(key=keys, n=counts, end=ends)
    def reserve(self, key: Any, n: int, end: bool) -> None:
        self.ask(self.rig.engine.reserve(*self.place(key), n, lease=QUANTUM), end)

    @rule(key=keys, wait=st.integers(1, 8), end=ends)
    def wait(self, key: Any, wait: int, end: bool) -> None:
        asked = self.rig.engine.reserve(*self.place(key), wait=wait * QUANTUM, remove=True)
        self.ask(asked, end)

    @precondition(lambda self: self.taken)
    @rule(end=ends)
    def give_back(self, end: bool) -> None:
        key, messages = self.taken.pop()
        self.rig.engine.give_back(*self.place(key), messages, removed=True)
        if end:
            self.end_turn()

    @rule(key=rare, end=ends)
    def clear(self, key: Any, end: bool) -> None:
        self.ask(self.rig.engine.clear(*self.place(key)), end)

    @rule(key=rare, end=ends)
    def delete_queue(self, key: Any, end: bool) -> None:
        self.ask(self.rig.engine.delete_queue(*self.place(key)), end)

    @rule(key=rare, new=st.lists(alerts, min_size=1, max_size=3), end=ends)
    def add_alerts(self, key: Any, new: Sequence[NewAlert], end: bool) -> None:
        asked = self.rig.engine.add_alerts(*self.place(key), new, policy="forgets")
        self.ask(asked, end, AlertsRefused)

    @rule(key=keys, new=st.lists(alerts, max_size=5), end=ends)
    def replace_alerts(self, key: Any, new: Sequence[NewAlert], end: bool) -> None:
        asked = self.rig.engine.replace_alerts(*self.place(key), new, policy="forgets")
        self.ask(asked, end, AlertsRefused)

    @rule(key=rare, end=ends)
    def remove_alerts(self, key: Any, end: bool) -> None:
        self.ask(self.rig.engine.remove_alerts(*self.place(key)), end)

    @rule(key=keys)
    def count(self, key: Any) -> None:
        """The size is what the model says, expired ones apart."""
        self.end_turn()
        sizes: list[int] = []
        asked = self.rig.engine.info(*self.place(key))
        asked.addCallback(lambda info: sizes.append(info.size))
        self.ask(asked, True)
        world, name = self.place(key)
        known = [
            sum(expires > self.rig.now() for expires, _ in queue.messages.values())
            for (in_world, _), queue in self.model.queues.items()
            if (in_world, queue.row.name) == (world, name)
        ]
        assert sizes == known, (sizes, known)

    # -- what happens to it

    @rule(quanta=st.sampled_from([1, 1, 2, 3, 8]))
    def pass_time(self, quanta: int) -> None:
        self.end_turn()
        until = self.rig.now() + quanta * QUANTUM
        while self.rig.now() < until:
            due = [it for it in self.rig.timers() if it > self.rig.now()]
            self.rig.advance_to(min([*due, until]))
            self.compare()

    @rule(committed=st.booleans(), luck=st.integers(0, 3))
    def crash(self, committed: bool, luck: int) -> None:
        if luck:
            return
        self.rig.crash(committed)
        self.compare()
        self.taken.clear()
        self.rig.start(QUANTUM)
        self.compare()

    def teardown(self) -> None:
        if hasattr(self, "rig"):
            self.rig.stop()
            self.rig.close()
        self.folder.cleanup()


class AlertModelTests(SynchronousTestCase):
    """Whatever changes sizes, in whatever batches: the letters that have to be there are there."""

    def test_alerts_post_what_the_model_says(self) -> None:
        run_state_machine_as_test(AlertMachine, settings=QUICK)
