"""An engine on a clock that stands still until it is told to go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mqgate.engine.allowance import Allowance
from mqgate.engine.commits import Observer
from mqgate.engine.engine import Engine
from mqgate.engine.intake import Limits
from mqgate.engine.values import NewMessage, Policy
from mqgate.storage.interface import Batch, Results, Store
from tests import stores

T = TypeVar("T")

#: When these tests take place, in seconds since 1970.
START = 1_800_000_000.0

POLICIES = {
    "back": Policy(remembers_for=600_000),
    "place": Policy(keeps_place=True),
}


class WatchedStore:
    """A store that counts batches, and does something else in their place when told to."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.batches: list[Batch] = []
        self.room = True
        #: Asked first; None from it means that the batch is carried out.
        self.instead: Callable[[Batch], Deferred[Any] | None] = lambda batch: None

    def run(self, batch: Batch) -> Deferred[Results]:
        self.batches.append(batch)
        return self.instead(batch) or self._store.run(batch)

    def run_now(self, batch: Batch) -> Results:
        self.batches.append(batch)
        return self._store.run_now(batch)

    def has_room(self) -> bool:
        return self.room

    def tidy(self) -> Deferred[bool]:
        return self._store.tidy()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class EngineCase(SynchronousTestCase):
    """One engine with one world on a fresh database."""

    limits = Limits()
    policies: Mapping[str, Policy] = POLICIES
    observer: Observer | None = None
    #: What the world may hold; None = as much as comes.
    allowed: Allowance | None = None

    def setUp(self) -> None:
        self.database = stores.for_test(self)
        self.clock = Clock()
        self.clock.advance(START)
        self.start()
        self.addCleanup(self.finish)

    def start(self) -> None:
        self.store = WatchedStore(self.database.store())
        opened = self.store.open()
        (self.world,) = self.store.worlds([["a:one"]])
        self.engine = Engine(
            self.store,
            self.clock,
            self.now,
            self.policies,
            self.limits,
            opened=opened,
            allowances={} if self.allowed is None else {self.world: self.allowed},
            observer=self.observer,
        )
        self.engine.start()
        # The first batch of a world finds that its catalogue is still to be read.
        self.done(self.engine.list_queues(self.world, offset=0, limit=1))
        self.store.batches.clear()

    def finish(self) -> None:
        stopped = self.engine.stop()
        self.clock.advance(0)
        self.clock.advance(0)
        self.successResultOf(stopped)
        self.store.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def now(self) -> int:
        return int(self.clock.seconds() * 1000)

    def hold_next_batch(self) -> Deferred[None]:
        """Keep the store from the next batch until the Deferred is fired."""
        held: Deferred[None] = Deferred()

        def hold(batch: Batch) -> Deferred[Any]:
            self.store.instead = lambda batch: None
            self.store.batches.pop()
            return held.addCallback(lambda _: self.store.run(batch))

        self.store.instead = hold
        return held

    # -- steps

    def turn(self) -> None:
        """Let the reactor's turn end: what was asked in it is carried out."""
        self.clock.advance(0)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and what it brings be done."""
        self.clock.advance(seconds)
        self.clock.advance(0)

    def done(self, deferred: Deferred[T]) -> T:
        for _ in range(4):  # others' batches may come first, however small they are
            self.turn()
        result: T = self.successResultOf(deferred)
        return result

    def refused(self, deferred: Deferred[Any], *kinds: type[Exception]) -> str:
        self.turn()
        return str(self.failureResultOf(deferred, *kinds).value)

    def post(self, *bodies: bytes, queue: str = "q", policy: str = "back", **how: Any) -> list[int]:
        messages = [NewMessage(body, **how) for body in bodies]
        return self.done(self.engine.post(self.world, queue, messages, policy=policy))

    def take(self, n: int = 1, queue: str = "q", **how: Any) -> list[bytes]:
        return [m.body for m in self.done(self.engine.reserve(self.world, queue, n, **how))]

    def poll(self, n: int = 1, queue: str = "q", wait: int = 30_000, **how: Any) -> list[Any]:
        """A poll that waits; its answer's bodies are appended to the list when it comes."""
        answers: list[Any] = []
        deferred = self.engine.reserve(self.world, queue, n, wait=wait, **how)
        deferred.addCallbacks(lambda found: answers.append([m.body for m in found]), answers.append)
        self.turn()
        self.last_poll = deferred
        return answers
