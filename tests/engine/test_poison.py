"""63 good callers beside a poisonous one: only that one fails, whatever it asks for.

The poison works inside the database: a trigger refuses the statement, as a full index page or a bug
in the engine's statements would, and takes the whole batch's transaction with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred

from mqgate.engine.errors import OperationFailed
from mqgate.engine.values import NewMessage
from mqgate.storage.statements.texts import plain
from tests import stores
from tests.engine.case import EngineCase

ROUNDS = 25
POISON = b"arsenic"


class PoisonTests(EngineCase):
    """Each caller has a message of its own in the same queue, and one has a poisonous one."""

    def setUp(self) -> None:
        super().setUp()
        self.database.alter(plain("CREATE TABLE venom(id BIGINT PRIMARY KEY)"))
        self.database.poison("INSERT", stores.begins_with("NEW.data", POISON))
        for event, row in (("UPDATE", "NEW"), ("DELETE", "OLD")):
            self.database.poison(event, plain(f"EXISTS (SELECT 1 FROM venom WHERE id = {row}.id)"))

    def message(self, body: bytes) -> Deferred[list[int]]:
        return self.engine.post(self.world, "q", [NewMessage(body)], policy="place")

    def all_at_once(
        self,
        good: Sequence[Callable[[], Deferred[Any]]],
        bad: Callable[[], Deferred[Any]],
        place: int,
    ) -> list[Any]:
        """Ask for all in one turn, for the bad one in between; what the good ones are answered."""
        asked = [ask() for ask in good[:place]]
        culprit = bad()
        asked += [ask() for ask in good[place:]]
        for _ in range(80):  # one after the other, if it has to be
            self.turn()
        self.failureResultOf(culprit, OperationFailed)
        self.assertEqual(len(self.flushLoggedErrors(self.database.refusal)), 1)
        return [self.successResultOf(deferred) for deferred in asked]

    def assert_sound(self) -> None:
        self.assertEqual(self.database.problems(), [])

    def test_a_poisonous_post_fails_alone(self) -> None:
        """Every other message is on the queue once, in the order in which they were posted."""
        posted: list[bytes] = []
        for number in range(ROUNDS):
            bodies = [b"%d-%d" % (number, caller) for caller in range(63)]
            good = [partial(self.message, body) for body in bodies]
            ids = self.all_at_once(good, partial(self.message, POISON), number * 63 // ROUNDS)
            self.assertEqual(ids, sorted(ids))
            posted += bodies
        found = [body for _ in range(ROUNDS) for body in self.take(63)]
        self.assertEqual(found, posted)
        self.assertEqual(self.take(), [])
        self.assert_sound()

    def poisoned(self, queue: str = "q") -> tuple[list[int], int]:
        """63 messages that are held, and one that nothing can be done to any more."""
        ids = self.post(*(b"good" for _ in range(63)), b"bad", policy="place", queue=queue)
        self.take(64, queue=queue)
        self.database.change("INSERT INTO venom VALUES(?)", ids[-1])
        return ids[:-1], ids[-1]

    def test_a_poisonous_delete_fails_alone(self) -> None:
        """Nobody else's acknowledgement is lost with it."""
        for number in range(ROUNDS):
            ids, venom = self.poisoned()
            deletes = [partial(self.engine.delete, self.world, "q", [it]) for it in ids]
            poison = partial(self.engine.delete, self.world, "q", [venom])
            gone = self.all_at_once(deletes, poison, number)
            self.assertEqual(gone, [frozenset([it]) for it in ids])
            self.assertEqual(self.done(self.engine.info(self.world, "q")).size, number + 1)
        self.assert_sound()

    def test_a_poisonous_release_fails_alone(self) -> None:
        """All else of the turn is done, of whatever kind, and waiters are served by it."""
        for number in range(ROUNDS):
            queue = f"q{number}"
            ids, venom = self.poisoned(queue)
            answers = self.poll(queue=queue)
            acts: list[Callable[..., Deferred[Any]]] = [
                self.engine.release,
                self.engine.touch,
                self.delete_one,
            ]
            good = [partial(acts[n % 3], self.world, queue, it) for n, it in enumerate(ids)]
            self.all_at_once(good, partial(self.engine.release, self.world, queue, venom), number)
            self.assertEqual(answers, [[b"good"]])
            self.assertEqual(len(self.take(64, queue=queue)), 20)
            self.assertEqual(self.done(self.engine.info(self.world, queue)).size, 43)
        self.assert_sound()

    def delete_one(self, world: int, queue: str, message_id: int) -> Deferred[frozenset[int]]:
        return self.engine.delete(world, queue, [message_id])
