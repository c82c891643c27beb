"""An engine with topics and groups, on a clock that stands still until it is told to go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail

from mqgate.engine.groups import Delivery, Groups, Outcome, Prepared, TopicMessage
from mqgate.engine.values import Policy
from mqgate.storage.interface import Batch, Operation, Unavailable
from tests.engine.case import EngineCase

#: Three days, as RocketMQ has it.
RETENTION = 259_200_000
MAXIMUM = 289
LEASE = 60_000

POLICY = "keeps"


class GroupsCase(EngineCase):
    """One engine with one world on a fresh file, and short words for what is done with topics."""

    policies = {
        "back": Policy(),
        POLICY: Policy(
            keeps_place=True, retention=RETENTION, maximum=MAXIMUM, dead_letters="%DLQ%"
        ),
        "strict": Policy(keeps_place=True, retention=RETENTION, maximum=2, dead_letters="%DLQ%"),
    }

    policy = POLICY
    #: The last poll that waits.
    last: Deferred[list[Delivery]]

    @property
    def groups(self) -> Groups:
        return self.engine.groups

    def finish(self) -> None:
        super().finish()
        self.assertEqual(self.problems(), [])

    def start_again(self) -> None:
        """Stop the engine in good order, and start one on the same file."""
        super().finish()
        self.start()

    def fail_next(self, kind: type[Operation]) -> None:
        """The database cannot be used, for once: when it comes to such an operation."""

        def away(batch: Batch) -> Deferred[Any] | None:
            if not any(isinstance(each, kind) for each in batch.operations):
                return None
            self.store.instead = lambda batch: None
            return fail(Unavailable("for a test"))

        self.store.instead = away

    def message(self, tag: str) -> TopicMessage:
        """A message whose body is its tag."""
        return TopicMessage(tag.encode(), tag=tag)

    def problems(self) -> list[str]:
        """What does not add up in the database."""
        return self.database.problems()

    def publish(self, *bodies: bytes, topic: str = "t", **how: Any) -> list[int]:
        messages = [TopicMessage(body, **how) for body in bodies]
        return self.done(self.groups.publish(self.world, topic, messages, policy=self.policy))

    def consume(
        self, n: int = 1, group: str = "g", topic: str = "t", lease: int = LEASE, **how: Any
    ) -> list[Delivery]:
        how = {"policy": self.policy, **how}
        return self.done(self.groups.consume(self.world, topic, group, n, lease=lease, **how))

    def bodies(self, n: int = 1, **how: Any) -> list[bytes]:
        """The same, as the bodies of what came."""
        return [each.body for each in self.consume(n, **how)]

    def waiting(self, n: int = 1, group: str = "g", topic: str = "t", **how: Any) -> list[Any]:
        """A poll that waits; its answer's bodies are appended to the list when it comes."""
        answers: list[Any] = []
        how = {"policy": self.policy, "lease": LEASE, "wait": 30_000, **how}
        deferred = self.groups.consume(self.world, topic, group, n, **how)
        deferred.addCallbacks(lambda found: answers.append([m.body for m in found]), answers.append)
        for _ in range(4):
            self.turn()
        self.last = deferred
        return answers

    def acknowledge(
        self, *deliveries: Delivery | str, group: str = "g", topic: str = "t"
    ) -> list[Outcome]:
        receipts = [each if isinstance(each, str) else each.receipt for each in deliveries]
        return self.done(self.groups.acknowledge(self.world, topic, group, receipts))

    def prepare(
        self, body: bytes = b"half", topic: str = "t", check_after: int = 10_000, **how: Any
    ) -> Prepared:
        return self.done(
            self.groups.prepare(
                self.world,
                topic,
                TopicMessage(body, **how),
                check_after=check_after,
                decide_within=86_400_000,
                policy=self.policy,
            )
        )

    def pop(
        self, n: int = 1, topic: str = "t", lease: int = 10_000, wait: int = 0
    ) -> list[Delivery]:
        return self.done(self.groups.pop(self.world, topic, n, lease=lease, wait=wait))

    def commit(self, *receipts: str, topic: str = "t") -> list[Outcome]:
        return self.done(self.groups.commit(self.world, topic, receipts))

    def rollback(self, *receipts: str, topic: str = "t") -> list[Outcome]:
        return self.done(self.groups.rollback(self.world, topic, receipts))

    def rows(self, statement: str, *values: object) -> Sequence[Any]:
        """What a statement finds in the database."""
        return self.database.rows(statement, *values)
