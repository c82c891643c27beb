"""Several gateways at work on one PostgreSQL database at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage.interface import Store
from tests.postgresql.chosen import PostgreSQL
from tests.storage.contract import StoreContract

T = TypeVar("T")
Steps = TypeVar("Steps", bound=StoreContract)

#: A test that takes longer has come to a stop.
SECONDS = 60.0
#: Work that goes on as long as there is time goes on so long.
ROUND_SECONDS = 1.5


def result_of(deferred: Deferred[T]) -> T:
    """What has come of a call that was made on the spot; raises what it failed with."""
    results: list[T | Failure] = []
    deferred.addBoth(results.append)
    (result,) = results
    if isinstance(result, Failure):
        result.raiseException()
    return result


@attrs.define
class Until:
    """For how long some work goes on."""

    seconds: float
    began: float = attrs.field(factory=time.monotonic)

    def goes_on(self) -> bool:
        """Whether there is time."""
        return time.monotonic() < self.began + self.seconds


class GatewaysTestCase(SynchronousTestCase):
    """A database, and as many gateways on it as a test opens."""

    def setUp(self) -> None:
        self.database = PostgreSQL()
        self.addCleanup(self.database.close)

    def store(self) -> Store:
        """One more gateway's, whose calls are made in the thread that makes them; to be opened."""
        store = self.database.store()
        self.addCleanup(lambda: result_of(store.close()))
        return store

    def opened(self) -> Store:
        """The same, open."""
        store = self.store()
        store.open()
        return store

    def assert_adds_up(self) -> None:
        """Nothing is wrong with what is stored."""
        self.assertEqual(self.database.problems(), [])

    def gateways(self, steps: type[Steps], count: int) -> list[Steps]:
        """Gateways with the steps of a contract: the first one has made what it begins with."""
        made: list[Steps] = []
        for number in range(count):
            gateway = steps()
            gateway.wait = result_of  # type: ignore[method-assign]
            gateway.make_store = self.store  # type: ignore[method-assign]
            if number:
                gateway.__dict__ |= {**made[0].__dict__, "store": self.opened()}
            else:
                gateway.setUp()
            made.append(gateway)
        return made

    def side_by_side(self, *works: Callable[[], Any]) -> None:
        """Do all of this at the same time, each in a thread; all of it has to come to an end."""
        failures: list[BaseException] = []

        def do(work: Callable[[], Any]) -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - told below
                failures.append(error)

        threads = [threading.Thread(target=do, args=(work,), daemon=True) for work in works]
        for thread in threads:
            thread.start()
        end = time.monotonic() + SECONDS
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        if failures:
            raise failures[0]
        self.assertFalse(any(thread.is_alive() for thread in threads), "somebody still waits")
