"""Messages that live for long enter the index of expiries when they have grown old."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage import interface as ops
from mqgate.storage.interface import (
    EPOCH,
    INSTANT_SHIFT,
    Batch,
    Change,
    Memory,
    Operation,
    PostRow,
    QueueRow,
    Swept,
)
from mqgate.storage.sqlite import Inline, SQLiteStore
from mqgate.storage.sqlite.aging import AT_ONCE, LONG, YOUNG
from mqgate.storage.verify import verify
from tests.storage.contract import MEMORY, NOW, SHELF, row

MINUTE = 60_000
#: The lowest id of this instant.
ID = (NOW - EPOCH) << INSTANT_SHIFT
OLD = NOW + YOUNG + MINUTE
EXPIRES = NOW + LONG


def message(number: int = 0, expires: int = EXPIRES) -> PostRow:
    return row(ID + number, expires=expires)


class AgingTests(SynchronousTestCase):
    """One queue, and messages posted at `NOW`."""

    def setUp(self) -> None:
        folder = self.mktemp()
        os.makedirs(folder)
        self.path = os.path.join(folder, "queues.db")
        self.open()
        (self.world,) = self.store.worlds([["a:one"]])
        queue = QueueRow(self.world, 1, "q", SHELF, "plain", {}, NOW, 0, 1)
        self.run_batch(changes=(Change(self.world, 1, 10, (queue,), ()),), high=ID + 10 * AT_ONCE)

    def open(self) -> None:
        self.store = SQLiteStore(self.path, Inline())
        self.store.open()
        self.addCleanup(self.store.close)

    def reopen(self) -> None:
        self.store.close()
        self.open()

    def run_batch(self, *operations: Operation, now: int = NOW, **other: Any) -> Any:
        batch = Batch(now, (), (), operations, 0)._replace(**other)
        return self.successResultOf(self.store.run(batch))

    def one(self, operation: Operation, now: int = NOW) -> Any:
        return self.run_batch(operation, now=now)[0]

    def post(self, *rows: PostRow) -> None:
        self.one(ops.Post(self.world, SHELF, rows))

    def visit(self, now: int) -> None:
        """A command counts beside the server; by its clock it is now."""
        command = SQLiteStore(self.path, Inline(), beside=True)
        command.open()
        batch = Batch(now, (), (), (ops.Count(self.world, SHELF),), 0)
        self.successResultOf(command.run(batch))
        command.close()

    def test_a_command_whose_clock_is_ahead_makes_nothing_live_for_ever(self) -> None:
        """As it is where this machine's clock was set after the server's start."""
        self.visit(NOW + 3 * LONG)
        self.post(message(1))
        self.sweep(OLD)
        self.sweep(EXPIRES + 1)
        self.assertEqual(self.count(EXPIRES + 1)[0], 0)

    def sweep(self, now: int) -> Swept:
        swept: Swept = self.one(ops.Sweep(9), now)
        with closing(sqlite3.connect(self.path)) as connection:
            self.assertEqual(verify(connection), [])
        return swept

    def count(self, now: int) -> tuple[int, int]:
        counts: tuple[int, int] = self.one(ops.Count(self.world, SHELF), now)
        return counts

    def in_index(self) -> int:
        """How many messages the index of expiries has."""
        with closing(sqlite3.connect(self.path)) as connection:
            (n,) = connection.execute(
                "SELECT count(*) FROM msg INDEXED BY msg_exp WHERE state <> 3 AND aged = 1"
            ).fetchone()
        found: int = n
        return found

    def test_one_that_is_old_is_in_the_index(self) -> None:
        self.post(message())
        self.assertEqual(self.sweep(NOW + YOUNG - 1), Swept(0, None))
        self.assertEqual(self.in_index(), 0)
        self.assertEqual(self.sweep(OLD), Swept(0, EXPIRES))
        self.assertEqual(self.in_index(), 1)
        self.assertEqual(self.sweep(EXPIRES), Swept(1, None))

    def test_one_that_lives_for_less_is_never_young(self) -> None:
        self.post(message(expires=EXPIRES - 1))
        self.assertEqual(self.sweep(NOW), Swept(0, EXPIRES - 1))

    def test_what_expired_during_a_long_time_off_is_found(self) -> None:
        self.post(message(), message(1))
        self.reopen()
        self.assertEqual(self.count(EXPIRES), (0, 2))

    def test_one_that_was_put_back_expires_in_its_time(self) -> None:
        self.post(message())
        reserve = ops.Reserve(self.world, SHELF, 1, 99, None, True, Memory(MEMORY, LONG), False)
        taken = self.one(reserve, NOW).rows
        self.sweep(OLD)  # which has nothing to do with deleted ones
        self.one(ops.PutBack(self.world, SHELF, taken), OLD)
        self.assertEqual(self.sweep(OLD), Swept(0, EXPIRES))
        self.assertEqual(self.sweep(EXPIRES), Swept(1, None))

    def test_many_grow_old_in_slices(self) -> None:
        self.post(*map(message, range(AT_ONCE + 1)))
        self.assertEqual(self.sweep(OLD), Swept(0, 0))  # which is to say: look again soon
        self.assertEqual(self.in_index(), AT_ONCE)
        self.assertEqual(self.sweep(OLD), Swept(0, EXPIRES))
        self.assertEqual(self.in_index(), AT_ONCE + 1)

    def test_ids_from_before_what_has_grown_old_are_not_young(self) -> None:
        self.sweep(OLD)
        self.post(message())
        self.assertEqual(self.sweep(OLD), Swept(0, EXPIRES))
        self.reopen()
        self.post(message(1))
        self.assertEqual(self.in_index(), 2)

    def test_one_that_was_deleted_is_not_entered_any_more(self) -> None:
        self.post(message())
        self.one(ops.Delete(self.world, SHELF, (ID,), Memory(MEMORY, 2 * YOUNG)), NOW)
        self.sweep(OLD)
        self.assertEqual(self.in_index(), 0)
        self.assertEqual(self.sweep(NOW + 2 * YOUNG).removed, 1)
