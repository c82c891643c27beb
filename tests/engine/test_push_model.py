"""Pushing beside a model of it: whatever is answered, however often the server is killed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st
from twisted.internet.defer import fail
from twisted.internet.task import Clock

from mqgate.engine.deliveries import (
    DELIVERED,
    FAILED,
    QUEUED,
    RESERVED,
    RETRYING,
    Accepted,
    Delivered,
    Failed,
    Outcome,
)
from mqgate.engine.errors import MessageNotFound
from mqgate.engine.values import DELETED, PUSHED
from mqgate.storage.interface import Unavailable
from tests import stores
from tests.engine.case import START
from tests.engine.push_case import DONE, LATER, NO, RETRY_SECONDS, PushCase, Try

#: A claim lasts so long, and an accepted message may be acknowledged for so long.
CLAIM_SECONDS = 90
TIMEOUT_SECONDS = 40
REMEMBERED_SECONDS = 600
RETRIES = 1
LIFE_SECONDS = 400
LONG_LIFE_SECONDS = 100_000

#: The queues there are, with the targets of each delivery.
QUEUES: dict[str, list[list[str]]] = {
    "one": [["a"]],
    "many": [["a"], ["b"], ["c"]],
    "any": [["a", "b"]],
}


@attrs.define
class Entry:
    """What is expected of one delivery."""

    targets: int
    next_at: float
    status: int = QUEUED
    code: int = 0
    tries: int = 0
    step: int = 0
    #: Whether a carrier is at it.
    under_way: bool = False
    #: Learned from the engine.
    id: int = 0

    @property
    def is_open(self) -> bool:
        return self.status < DELIVERED

    def begin(self, now: float) -> None:
        """It is claimed."""
        self.tries += self.step == 0
        self.status, self.under_way, self.next_at = RESERVED, True, now + CLAIM_SECONDS

    def give_up(self, now: float) -> None:
        """The claim is as if it had not been."""
        self.tries -= self.step == 0
        self.status = RETRYING if self.tries or self.step else QUEUED
        self.under_way, self.next_at = False, now

    def end(self, outcome: Outcome, now: float) -> bool:
        """A try came to its end; has the delivery failed?"""
        self.under_way = False
        self.code = outcome.code
        if isinstance(outcome, Delivered):
            self.status = DELIVERED
        elif isinstance(outcome, Accepted):
            self.status, self.next_at = RESERVED, now + TIMEOUT_SECONDS
        elif self.step + 1 < self.targets:
            self.status, self.next_at = RETRYING, now
            self.step += 1
        elif self.tries > RETRIES:
            self.status = FAILED
        else:
            self.status, self.next_at = RETRYING, now + RETRY_SECONDS
            self.step = 0
        return self.status == FAILED


@attrs.define
class Letter:
    """What is expected of one message."""

    id: int
    queue: str
    expires_at: float
    entries: list[Entry]
    deleted: bool = False

    @property
    def is_pushed(self) -> bool:
        return not self.deleted and any(entry.is_open for entry in self.entries)

    def see_the_end(self, now: float) -> None:
        """It may have been its last entry."""
        if not self.deleted and not self.is_pushed:
            self.deleted = True
            if all(entry.status != FAILED for entry in self.entries):
                self.expires_at = min(self.expires_at, now + REMEMBERED_SECONDS)


Step = tuple[str, Any]
which = st.integers(0, 7)
outcomes = st.sampled_from([DONE, DONE, LATER, NO, NO, Failed(0, "no answer")])
steps: st.SearchStrategy[Step] = st.one_of(
    st.tuples(
        st.just("post"),
        st.tuples(
            st.sampled_from(sorted(QUEUES)),
            st.sampled_from([0, 0, 0, 30]),
            st.sampled_from([LONG_LIFE_SECONDS, LONG_LIFE_SECONDS, LIFE_SECONDS]),
        ),
    ),
    st.tuples(st.just("answer"), st.tuples(which, outcomes)),
    st.tuples(st.just("answer"), st.tuples(which, outcomes)),
    st.tuples(st.just("acknowledge"), which),
    st.tuples(st.just("delete"), which),
    st.tuples(st.just("pass_time"), st.sampled_from([1, 30, 60, 90, 200, 700])),
    st.tuples(st.just("kill"), st.none()),
    st.tuples(st.just("kill_before_it_is_written"), st.tuples(which, outcomes)),
    st.tuples(st.just("stop"), st.none()),
    st.tuples(st.just("clear"), st.sampled_from(sorted(QUEUES))),
)


class PushModelTests(PushCase):
    """One engine after the other over one database, and the model of all its messages."""

    def setUp(self) -> None:
        """Nothing: each example has an engine of its own."""

    def begin(self) -> None:
        """A new database."""
        self.clock = Clock()
        self.clock.advance(START)
        folder = self.mktemp()
        os.makedirs(folder)
        self.database = stores.new(folder)
        self.letters: list[Letter] = []
        self.errors = 0
        self.start()
        for queue, to in QUEUES.items():
            self.make(*to, queue=queue, retries=RETRIES, errors="errors")

    # -- steps

    def post_one(self, what: tuple[str, int, int]) -> None:
        queue, delay, life = what
        now = self.clock.seconds()
        times = {"delay": delay * 1000, "timeout": TIMEOUT_SECONDS * 1000}
        (id_,) = self.push(b"m", queue=queue, expires_in=life * 1000, **times)
        entries = [Entry(len(each), now + delay) for each in QUEUES[queue]]
        for entry, status in zip(entries, self.status(id_, queue), strict=True):
            entry.id = status.id
        self.letters.append(Letter(id_, queue, now + life, entries))

    def answer_one(self, what: tuple[int, Outcome]) -> None:
        index, outcome = what
        if self.carrier.tries:
            found = self.carrier.tries.pop(index := index % len(self.carrier.tries))
            later = {each.delivery.id for each in self.carrier.tries[index:]}
            if found.delivery.id not in later:  # or its claim has run out
                self.tell_model(found, outcome)
            found.deferred.callback(outcome)
            self.turns()

    def tell_model(self, found: Try, outcome: Outcome) -> None:
        for letter, entry in self.alive():
            if entry.id == found.delivery.id and entry.under_way:
                self.errors += entry.end(outcome, self.clock.seconds())
                letter.see_the_end(self.clock.seconds())

    def acknowledge_one(self, index: int) -> None:
        known = [(letter, entry) for letter in self.letters for entry in letter.entries]
        if known:
            letter, entry = known[-1 - index % len(known)]
            done = self.engine.pushes.acknowledge(self.world, letter.queue, letter.id, entry.id)
            self.turns()
            if letter.expires_at <= self.clock.seconds():
                self.failureResultOf(done, MessageNotFound)
                return
            self.successResultOf(done)
            if not letter.deleted and entry.is_open:
                entry.status, entry.under_way = DELIVERED, False
                letter.see_the_end(self.clock.seconds())

    def delete_one(self, index: int) -> None:
        if self.letters:
            letter = self.letters[-1 - index % len(self.letters)]
            there = letter.is_pushed and letter.expires_at > self.clock.seconds()
            gone = self.done(self.engine.delete(self.world, letter.queue, [letter.id]))
            self.assertEqual(bool(gone), there)
            if there:
                for entry in letter.entries:
                    entry.status, entry.under_way = max(entry.status, DELIVERED), False
                letter.deleted = True
                now = self.clock.seconds()
                letter.expires_at = min(letter.expires_at, now + REMEMBERED_SECONDS)

    def clear_one(self, queue: str) -> None:
        self.done(self.engine.clear(self.world, queue))
        self.letters = [each for each in self.letters if each.queue != queue or each.deleted]

    def pass_time_by(self, seconds: int) -> None:
        """Stop wherever something happens."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            now = self.clock.seconds()
            instants = [entry.next_at for _, entry in self.alive() if entry.is_open]
            instants += [letter.expires_at for letter in self.letters]
            self.later(min([end, *(each for each in instants if each > now)]) - now)
            self.come_due()
        self.later(1)  # what has expired is removed within half a second

    def kill_it(self) -> None:
        self.restart(kill=True)
        self.given_up()

    def kill_before_writing(self, what: tuple[int, Outcome]) -> None:
        """The carrier has an answer, but nobody will know."""
        index, outcome = what
        if self.carrier.tries:
            found = self.carrier.tries[index % len(self.carrier.tries)]
            self.store.instead = lambda batch: fail(Unavailable("the disk is full"))
            found.deferred.callback(outcome)
            self.turns()
        self.kill_it()

    def stop_it(self) -> None:
        self.restart()
        self.come_due()
        self.given_up()

    # -- the model

    def alive(self) -> list[tuple[Letter, Entry]]:
        now = self.clock.seconds()
        return [
            (letter, entry)
            for letter in self.letters
            if not letter.deleted and letter.expires_at > now
            for entry in letter.entries
        ]

    def given_up(self) -> None:
        """Another server goes on."""
        for _, entry in self.alive():
            if entry.under_way:
                entry.give_up(self.clock.seconds())

    def come_due(self) -> None:
        """What happens by itself at this instant."""
        now = self.clock.seconds()
        due = True
        while due:
            due = False
            for letter, entry in self.alive():
                if not entry.is_open or entry.next_at > now:
                    continue
                due = True
                if entry.status != RESERVED:
                    entry.begin(now)
                    continue
                code = 0 if entry.under_way else entry.code
                self.errors += entry.end(Failed(code, ""), now)
                letter.see_the_end(now)

    def compare(self) -> None:
        """The engine is as the model says."""
        self.come_due()
        now = self.clock.seconds()
        for letter in self.letters:
            if letter.expires_at <= now:
                refused = self.engine.pushes.deliveries(self.world, letter.queue, letter.id)
                self.refused(refused, MessageNotFound)
                continue
            found = [
                (each.id, each.status, each.code, each.tries)
                for each in self.status(letter.id, letter.queue)
            ]
            wanted = [(each.id, each.status, each.code, each.tries) for each in letter.entries]
            self.assertEqual(found, wanted)
            state = self.done(self.engine.get(self.world, letter.queue, letter.id)).state
            self.assertEqual(state, PUSHED if letter.is_pushed else DELETED)
        for queue in QUEUES:
            there = [each for each in self.letters if each.queue == queue and each.is_pushed]
            self.assertEqual(self.size(queue), sum(each.expires_at > now for each in there))
        under_way = {entry.id for _, entry in self.alive() if entry.under_way}
        self.assertLessEqual(under_way, {each.delivery.id for each in self.carrier.tries})
        if self.errors:
            self.assertEqual(self.size("errors"), self.errors)

    STEPS: Mapping[str, Callable[[PushModelTests, Any], None]] = {
        "post": post_one,
        "answer": answer_one,
        "acknowledge": acknowledge_one,
        "delete": delete_one,
        "clear": clear_one,
        "pass_time": pass_time_by,
        "kill": lambda self, _: self.kill_it(),
        "kill_before_it_is_written": kill_before_writing,
        "stop": lambda self, _: self.stop_it(),
    }

    @settings(
        deadline=None,
        max_examples=stores.examples(int(os.environ.get("MQGATE_PUSH_EXAMPLES", "60"))),
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(st.lists(steps, min_size=4, max_size=25))
    @example([("post", ("one", 0, LONG_LIFE_SECONDS)), ("pass_time", 200), ("answer", (0, DONE))])
    @example([("post", ("any", 0, LONG_LIFE_SECONDS)), ("kill", None), ("answer", (0, NO))])
    def test_it_goes_as_the_model_says(self, asked: Sequence[Step]) -> None:
        self.begin()
        note(asked)
        for name, what in asked:
            self.STEPS[name](self, what)
            self.compare()
        self.finish()
        self.database.close()
