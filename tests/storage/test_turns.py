"""Turns at a file that several processes write to."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading

from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage import interface as ops
from mqgate.storage.interface import StoreError, Unavailable
from mqgate.storage.runners import Inline
from mqgate.storage.sqlite import SQLiteStore
from mqgate.storage.sqlite.lock import FileLock
from mqgate.storage.sqlite.places import Place
from mqgate.storage.sqlite.sharing import SharedFile
from mqgate.storage.sqlite.turns import (
    SUFFIX,
    Holder,
    NoTurns,
    TurnWatch,
    VisitorsTurns,
    WorkersTurns,
    turn,
)
from tests.storage.contract import NOW

#: How long a worker may have its turn, in these tests.
TURN = 10.0


class TurnsTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())
        self.now = 100.0

    def worker(self, slot: int) -> WorkersTurns:
        return self.opened(WorkersTurns(self.path, slot, lambda: self.now))

    def opened(self, turns: WorkersTurns) -> WorkersTurns:
        turns.open()
        self.addCleanup(turns.close)
        return turns

    def watch(self) -> TurnWatch:
        watch = TurnWatch(self.path)
        watch.open()
        self.addCleanup(watch.close)
        return watch


class TakingTests(TurnsTestCase):
    def test_one_waits_for_the_other(self) -> None:
        first, second = self.worker(0), self.worker(1)
        order: list[str] = []

        def wait() -> None:
            with turn(second):
                order.append("second")

        first.take()
        first.begun()
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(0.05)
        order.append("first")
        first.leave()
        thread.join()
        self.assertEqual(order, ["first", "second"])

    def test_it_is_seen_whose_turn_it_is_and_since_when(self) -> None:
        watch, worker = self.watch(), self.worker(3)
        self.assertIsNone(watch.look())
        with turn(worker):
            self.now += 5
            self.assertEqual(watch.look(), Holder(3, 100.0))
        self.assertIsNone(watch.look())

    def test_one_that_ends_leaves_its_turn_to_the_others(self) -> None:
        worker = self.worker(0)
        worker.take()
        worker.close()
        self.assertIsNone(self.watch().look())

    def test_a_visitor_leaves_it_once_it_has_sqlites_own_lock(self) -> None:
        """A command may be stopped in the middle of something: workers wait for SQLite's, and not
        for ever."""
        watch, visitor = self.watch(), VisitorsTurns(self.path)
        visitor.open()
        self.addCleanup(visitor.close)
        visitor.take()
        visitor.begun()
        self.assertIsNone(watch.look())
        visitor.leave()

    def test_nobody_else_nothing_to_wait_for(self) -> None:
        alone = NoTurns()
        alone.open()
        with turn(alone), turn(alone):
            alone.begun()
        alone.close()
        self.assertFalse(os.path.exists(self.path + SUFFIX))

    def test_a_folder_that_cannot_be_written_is_told(self) -> None:
        turns = WorkersTurns(os.path.join(self.path, "none", "mqgate.db"), 0, lambda: 0.0)
        error = self.assertRaises(StoreError, turns.open)
        self.assertIn("check its owner and mode", str(error))
        turns.leave()
        turns.close()


class SharedFileTests(TurnsTestCase):
    def shared(self, processes: int = 2) -> SharedFile:
        first = SQLiteStore(self.path, Inline())
        shared = SharedFile(self.path, first, processes, lambda: self.now, TURN)
        self.assertIs(shared.open(), first)
        self.addCleanup(shared.close)
        return shared

    def test_one_that_keeps_its_turn_is_found(self) -> None:
        shared, worker = self.shared(), self.worker(1)
        worker.take()
        self.now += TURN + 1
        self.assertIsNone(shared.stuck())  # it may have been somebody's before
        self.now += 1
        self.assertEqual(shared.stuck(), 1)
        worker.leave()
        self.assertIsNone(shared.stuck())

    def test_those_that_take_turns_are_left_alone_however_busy(self) -> None:
        shared, workers = self.shared(), [self.worker(0), self.worker(1)]
        for number in range(40):
            with turn(workers[number % 2]):
                self.now += TURN / 4
                self.assertIsNone(shared.stuck())

    def test_one_that_has_only_just_got_it_is_not_taken_for_the_one_before(self) -> None:
        shared, before, now = self.shared(), self.worker(0), self.worker(1)
        with turn(before):
            pass
        self.now += 100
        super(WorkersTurns, now).take()  # and has not written that down yet
        self.assertIsNone(shared.stuck())
        now.leave()
        with turn(now):
            self.assertIsNone(shared.stuck())

    def test_a_second_server_is_kept_out(self) -> None:
        self.shared()
        other = SharedFile(self.path, SQLiteStore(self.path, Inline()), 2, lambda: 0.0, TURN)
        self.assertIn("held by another server", str(self.assertRaises(StoreError, other.open)))
        other.close()

    def test_each_hears_with_one_socket_and_tells_each_of_the_others(self) -> None:
        shared = self.shared(3)
        seats = [shared.seat(slot)[0] for slot in range(3)]
        self.assertEqual([seat.slot for seat in seats], [0, 1, 2])
        self.assertEqual(len({seat.inbox for seat in seats}), 3)
        self.assertEqual([len(seat.outlets) for seat in seats], [2, 2, 2])
        for seat in seats:
            self.assertNotIn(seat.inbox, seat.outlets)
            self.assertEqual(shared.seat(seat.slot)[0], seat)  # for whoever replaces it


class FailingTests(TurnsTestCase):
    """A disk that has no room even for whose turn it is."""

    def setUp(self) -> None:
        super().setUp()
        os.symlink("/dev/full", self.path + SUFFIX)

    def test_who_cannot_say_that_it_has_its_turn_does_not_keep_it(self) -> None:
        self.assertRaises(OSError, self.worker(0).take)
        self.assertIsNone(self.watch().look())

    def test_a_batch_may_succeed_later(self) -> None:
        turns = Failing()
        place = Place(0, FileLock(self.path + ".lock"), turns)
        store = SQLiteStore(self.path, Inline(), place=place)
        store.open()
        turns.disk_is_full = True
        probe = ops.Batch(NOW, (), (), (ops.Probe(),), 0)
        self.failureResultOf(store.run(probe), Unavailable)
        turns.disk_is_full = False
        self.assertEqual(self.successResultOf(store.run(probe)), [None])
        store.close()


class Failing(NoTurns):
    """Turns that cannot be had for a while."""

    disk_is_full = False

    def take(self) -> None:
        if self.disk_is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class VisitTests(TurnsTestCase):
    """A command beside a server of several workers."""

    def test_no_worker_is_taken_for_it(self) -> None:
        with turn(self.worker(0)):
            pass
        self.now += 100
        visitor = VisitorsTurns(self.path)
        visitor.open()
        self.addCleanup(visitor.close)
        with turn(visitor):
            self.assertIsNone(self.watch().look())

    def test_it_waits_its_turn_and_is_waited_for_no_longer_than_sqlite_does(self) -> None:
        server = SQLiteStore(self.path, Inline())
        server.open()
        command = SQLiteStore(self.path, Inline(), beside=True)
        command.open()
        worker = self.worker(0)
        probe = ops.Batch(NOW, (), (), (ops.Probe(),), 0)
        waited = threading.Event()

        def write() -> None:
            command.run_now(probe)
            waited.set()

        with turn(worker):
            thread = threading.Thread(target=write)
            thread.start()
            self.assertFalse(waited.wait(0.05))
        thread.join()
        self.assertTrue(waited.is_set())
        stopped = sqlite3.connect(self.path, isolation_level=None)
        stopped.execute("BEGIN IMMEDIATE")
        server._opened().execute("PRAGMA busy_timeout = 10")
        self.failureResultOf(server.run(probe), Unavailable)
        stopped.close()
        command.close()
        server.close()
