"""The PostgreSQL store keeps the contract, and what is its own: the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mqgate.storage import interface as ops
from mqgate.storage.interface import Batch, Unavailable
from mqgate.storage.postgresql import PostgreSQLStore
from mqgate.storage.runners import CallThread
from tests.postgresql.databases import give_back, lend
from tests.storage import contract, contract_limits, contract_publishing
from tests.storage.contract import NOW, SHELF, row
from tests.storage.postgresql_database import PostgreSQLDatabase

T = TypeVar("T")


class PostgreSQLContractTests(PostgreSQLDatabase, contract.Contract):
    """The store with its calls made on the spot."""


class BodiesApartContractTests(PostgreSQLContractTests):
    """The same where every body stands apart from its message, as large ones do."""

    small = -1


class PublishingTests(
    PostgreSQLDatabase, contract_publishing.PublishingContract, SynchronousTestCase
):
    """Messages in several queues."""


class WiringTests(PostgreSQLDatabase, contract_publishing.WiringContract, SynchronousTestCase):
    """Exchanges and bindings."""


class PublishLimitTests(PostgreSQLDatabase, contract_publishing.LimitContract, SynchronousTestCase):
    """Limits of what is published."""


class QuotaTests(PostgreSQLDatabase, contract_limits.QuotaContract, SynchronousTestCase):
    """What a world may hold."""


class BytesTests(PostgreSQLDatabase, contract_limits.BytesContract, SynchronousTestCase):
    """Bytes, which are counted only on demand."""


class BoundTests(PostgreSQLDatabase, contract_limits.BoundContract, SynchronousTestCase):
    """How long a queue may get."""


class BodiesApartBytesTests(BytesTests):
    """The same where every body stands apart from its message, as large ones do."""

    small = -1


class BodiesApartBoundTests(BoundTests):
    """The same."""

    small = -1


class Stuck:
    """A runner whose thread does not come back."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor

    def start(self) -> None:
        """Nothing to get ready."""

    def call(self, function: Callable[[], T]) -> Deferred[T]:
        return Deferred()

    def stop(self) -> None:
        """Nothing to wait for."""


class RunnerTests(TestCase):
    """The store with a thread of its own."""

    def setUp(self) -> None:
        self.database = lend()
        self.addCleanup(give_back, self.database)

    async def test_results_and_failures_come_back_in_order(self) -> None:
        store = PostgreSQLStore(
            self.database.dsn,
            CallThread(reactor),  # type: ignore[arg-type]
            observing=CallThread(reactor, "observer"),  # type: ignore[arg-type]
        )
        store.open()
        (world,) = store.worlds([["x"]])
        post = ops.Post(world, SHELF, (row(1),))
        first = store.run(Batch(NOW, (), (), (post,), 0))
        second = store.run(Batch(NOW, (), (), (post,), 0))
        third = store.run(Batch(NOW, (), (), (ops.Count(world, SHELF),), 0))
        self.assertEqual(await first, [None])
        await self.assertFailure(second, psycopg.errors.UniqueViolation)
        self.assertEqual(await third, [(1, 1)])
        self.assertEqual(await store.census([world], NOW, 1), ops.Census((), 0))
        await store.close()

    def test_callers_of_a_thread_that_does_not_come_back_are_told_in_time(self) -> None:
        clock = MemoryReactorClock()
        dsn = self.database.dsn
        store = PostgreSQLStore(dsn, Stuck(clock), seconds=10.0)
        waiting = store.run(Batch(NOW, (), (), (), 0))
        clock.advance(10.5)
        self.assertNoResult(waiting)
        clock.advance(0.5)
        self.failureResultOf(waiting, Unavailable)


del contract.Contract  # else trial would run it without a store
