"""What is SQLite's own: the file."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mqgate.storage import interface as ops
from mqgate.storage import statements
from mqgate.storage.interface import Batch, Damaged, Moved, StoreError, Unavailable
from mqgate.storage.sqlite import CallThread, Inline, SQLiteStore
from mqgate.storage.statements import catalogue
from tests.storage.contract import NOW, SHELF, row


class Files(SynchronousTestCase):
    """A folder with a database that has been used once."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.makedirs(self.folder)
        self.path = os.path.join(self.folder, "queues.db")

    def make(self) -> None:
        store = SQLiteStore(self.path, Inline())
        store.open()
        store.close()

    def execute(self, statement: str) -> None:
        connection = sqlite3.connect(self.path)
        connection.execute(statement)
        connection.commit()
        connection.close()

    def refusal(self) -> str:
        store = SQLiteStore(self.path, Inline())
        with self.assertRaises(StoreError) as caught:
            store.open()
        text = str(caught.exception)
        self.assertNotIn("\n", text)
        self.assertIn(self.path, text)
        return text


class OpeningTests(Files):
    """What the operator is told when the file cannot be used."""

    def test_a_second_server_is_told_who_has_the_file(self) -> None:
        store = SQLiteStore(self.path, Inline())
        store.open()
        self.addCleanup(store.close)
        self.assertIn(f"held by another server (process {os.getpid()})", self.refusal())

    def test_a_closed_store_can_be_opened_by_another(self) -> None:
        self.make()
        self.make()

    def test_a_damaged_file_is_called_damaged(self) -> None:
        with open(self.path, "wb") as file:
            file.write(b"not a database at all, " * 500)
        self.assertIn("is damaged", self.refusal())

    def test_a_refused_file_is_let_go_of(self) -> None:
        with open(self.path, "wb") as file:
            file.write(b"x" * 5000)
        self.refusal()
        os.remove(self.path)
        self.make()

    def test_a_newer_schema_is_refused(self) -> None:
        self.make()
        self.execute("PRAGMA user_version = 99")
        self.assertIn("newer mqgate (schema 99", self.refusal())

    def test_what_is_run_now_beside_another_program_that_holds_the_file_is_refused(self) -> None:
        store = SQLiteStore(self.path, Inline())
        store.open()
        self.addCleanup(store.close)
        store._connection.execute("PRAGMA busy_timeout = 1")  # type: ignore[union-attr]
        holder = sqlite3.connect(self.path)
        self.addCleanup(holder.close)
        holder.execute("BEGIN EXCLUSIVE")
        with self.assertRaises(StoreError) as caught:
            store.run_now(Batch(NOW, (), (), (ops.Probe(),), 1))
        self.assertIn(f"{self.path} cannot be used: database is locked", str(caught.exception))

    def test_its_settings_are_in_force_on_a_new_file_and_on_an_old_one(self) -> None:
        for _ in range(2):
            store = SQLiteStore(self.path, Inline())
            store.open()
            connection = store._connection
            assert connection is not None
            found = {
                name: connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in (
                    *("journal_mode", "synchronous", "auto_vacuum"),
                    *("page_size", "secure_delete"),
                )
            }
            store.close()
            self.assertEqual(
                found,
                {
                    "journal_mode": "wal",
                    "synchronous": 2,
                    "auto_vacuum": 2,
                    "page_size": 8192,
                    "secure_delete": 0,
                },
            )

    def test_another_programs_database_is_refused(self) -> None:
        self.execute("CREATE TABLE x(y)")
        self.assertIn("another program", self.refusal())

    def test_a_read_only_file_is_refused(self) -> None:
        self.make()
        os.chmod(self.path, 0o444)
        os.chmod(self.folder, 0o755)
        os.remove(self.path + ".lock")
        with open(self.path + ".lock", "w") as lock:
            os.fchmod(lock.fileno(), 0o666)
        self.become_nobody()
        self.assertIn("cannot be written", self.refusal())

    def become_nobody(self) -> None:
        """Root may write anything, so that user has to step down for the test."""
        if os.geteuid() == 0:
            parents = os.path.abspath(self.folder).split(os.sep)
            for end in range(2, len(parents) + 1):
                folder = os.sep.join(parents[:end])
                mode = os.stat(folder).st_mode
                if not mode & 0o001:
                    os.chmod(folder, mode | 0o001)
                    self.addCleanup(os.chmod, folder, mode)
            os.seteuid(65534)
            self.addCleanup(os.seteuid, 0)

    def test_a_missing_folder_is_named(self) -> None:
        self.path = os.path.join(self.folder, "no", "queues.db")
        self.assertIn("cannot be written", self.refusal())

    def test_the_file_is_nobody_elses_to_read(self) -> None:
        self.make()
        os.chmod(self.path, 0o644)  # a copy that was put back
        self.make()
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)


class CommandTests(Files):
    """The store of an operator's command, beside a running server's."""

    def test_both_work_side_by_side_with_ids_of_their_own(self) -> None:
        server = SQLiteStore(self.path, Inline())
        self.addCleanup(server.close)
        command = SQLiteStore(self.path, Inline(), beside=True)
        self.assertEqual((server.open().slot, command.open().slot), (0, 1023))
        (world,) = server.worlds([["x"]])
        post = Batch(NOW, (), (), (ops.Post(world, SHELF, (row(1),)),), 0)
        self.successResultOf(command.run(post))
        count = Batch(NOW, (), (), (ops.Count(world, SHELF),), 0)
        self.assertEqual(self.successResultOf(server.run(count)), [(1, 1)])
        with self.assertRaises(StoreError) as caught:
            SQLiteStore(self.path, Inline(), beside=True).open()
        self.assertIn("held by another command", str(caught.exception))
        command.close()

    def test_who_lost_its_slot_takes_one_again_and_is_told_from_where_to_go_on(self) -> None:
        store = SQLiteStore(self.path, Inline())
        self.addCleanup(store.close)
        store.open()
        (world,) = store.worlds([["x"]])
        self.execute("UPDATE gateway SET owner = 'another', high = 77")
        post = Batch(NOW, (), (), (ops.Post(world, SHELF, (row(1),)),), 50)
        self.assertEqual(self.successResultOf(store.run(post)), Moved(0, 77))
        count = ops.Count(world, SHELF)
        looking = post._replace(operations=(count,), high=0)
        self.assertEqual(self.successResultOf(store.run(looking)), [(0, 0)])
        self.assertEqual(self.successResultOf(store.run(post)), [None])
        self.assertEqual(self.successResultOf(store.run(looking)), [(1, 1)])

    def test_it_makes_and_upgrades_nothing(self) -> None:
        command = SQLiteStore(self.path, Inline(), beside=True)
        with self.assertRaises(StoreError) as caught:
            command.open()
        self.assertIn("there is no database", str(caught.exception))
        self.assertEqual(os.listdir(self.folder), [])
        self.make()
        self.execute("PRAGMA user_version = 0")
        with self.assertRaises(StoreError) as caught:
            SQLiteStore(self.path, Inline(), beside=True).open()
        self.assertIn("start the server once", str(caught.exception))


class DiskTests(Files):
    """A full disk, and the space that is given back."""

    def setUp(self) -> None:
        super().setUp()
        self.free = 1000
        self.store = SQLiteStore(
            self.path, Inline(), free_space_minimum=500, free_space=lambda folder: self.free
        )
        self.store.open()
        self.addCleanup(self.store.close)
        (self.world,) = self.store.worlds([["x"]])

    def test_damage_at_run_time_is_told_apart_from_what_may_pass(self) -> None:
        self.successResultOf(self.post(1, 4000))
        self.store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
        with open(self.path, "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            for page in range(size // 8192, size // 4096):
                file.seek(page * 4096)
                file.write(b"\xff" * 4096)
        self.store.close()
        self.store = SQLiteStore(self.path, Inline())
        self.store.open()
        self.addCleanup(self.store.close)
        peek = ops.Peek(self.world, SHELF, 100, 1 << 30, False)
        failure = self.failureResultOf(self.run_batch(peek), Damaged)
        self.assertIn("put a backup in its place", failure.getErrorMessage())

    def test_a_lock_held_beside_it_is_unavailability_for_writes_alone(self) -> None:
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        self.pragma("busy_timeout = 1")
        other.execute("BEGIN IMMEDIATE")
        self.failureResultOf(self.post(1, 10), Unavailable)
        get = ops.Get(self.world, SHELF, 1, 5)
        self.assertEqual(self.successResultOf(self.run_batch(get)), [None])
        other.execute("ROLLBACK")
        self.successResultOf(self.post(1, 10))

    def test_there_is_room_above_the_minimum_only(self) -> None:
        self.assertTrue(self.store.has_room())
        self.free = 499
        self.assertFalse(self.store.has_room())
        self.free = 500
        self.assertTrue(self.store.has_room())

    def test_little_room_is_told_once_and_so_is_its_end(self) -> None:
        with capturedLogs() as events:
            for self.free in (600, 400, 300, 600, 700):
                self.store.has_room()
        levels = [event["log_level"].name for event in events]
        self.assertEqual(levels, ["warn", "info"])

    def run_batch(self, *operations: ops.Operation) -> Deferred[Any]:
        return self.store.run(Batch(NOW, (), (), operations, 0))

    def post(self, first: int, size: int) -> Deferred[Any]:
        rows = tuple(row(first + i, data=b"x" * size) for i in range(100))
        return self.run_batch(ops.Post(self.world, SHELF, rows))

    def pragma(self, text: str) -> Any:
        connection = self.store._connection
        assert connection is not None
        return connection.execute(f"PRAGMA {text}").fetchone()[0]

    def test_a_full_disk_is_unavailability_and_passes(self) -> None:
        pages = self.pragma("page_count")
        self.pragma(f"max_page_count = {pages + 20}")
        self.failureResultOf(self.post(1, 4000), Unavailable)
        self.assertEqual(
            self.successResultOf(self.run_batch(ops.Count(self.world, SHELF))), [(0, 0)]
        )
        self.pragma("max_page_count = 1000000")
        self.successResultOf(self.post(1, 4000))

    def test_unused_space_is_given_back_in_slices(self) -> None:
        for i in range(50):
            self.successResultOf(self.post(1 + 100 * i, 4000))
        full = self.pragma("page_count")
        self.successResultOf(
            self.run_batch(ops.Delete(self.world, SHELF, tuple(range(1, 5001)), None))
        )
        slices = 1
        while self.successResultOf(self.store.tidy()):
            slices += 1
        self.assertGreater(slices, 2)
        self.assertLess(self.pragma("page_count"), full / 3)
        self.assertFalse(self.successResultOf(self.store.tidy()))


class PlanTests(Files):
    """Every hot statement walks the index made for it, whatever the statistics say."""

    def setUp(self) -> None:
        super().setUp()
        self.make()
        self.connection = sqlite3.connect(self.path)
        self.addCleanup(self.connection.close)

    def plan(self, statement: str) -> str:
        parameters = [1] * statement.count("?")
        rows = self.connection.execute("EXPLAIN QUERY PLAN " + statement, parameters)
        return " | ".join(text for *_, text in rows)

    def assert_plan(self, statement: str, *indexes: str) -> None:
        plan = self.plan(statement)
        for index in indexes:
            self.assertIn(index, plan)
        self.assertNotIn("TEMP B-TREE", plan)
        self.assertNotIn("SCAN m", plan)

    def test_plans(self) -> None:
        for statement, indexes in (
            (
                statements.READY.sqlite,
                ["msg_ready (world=? AND queue=?)", "body USING INTEGER PRIMARY KEY"],
            ),
            (statements.PROMOTE_TO_BACK.sqlite, ["msg_held (world=? AND queue=? AND due<?)"]),
            (statements.PROMOTE_IN_PLACE.sqlite, ["msg_held (world=? AND queue=? AND due<?)"]),
            (statements.NEXT_DUE.sqlite, ["msg_held (world=? AND queue=?)"]),
            (statements.EXPIRED.sqlite, ["msg_exp (expires<?)"]),
            (statements.NEXT_EXPIRY.sqlite, ["msg_exp"]),
            (statements.DELETE.sqlite, ["PRIMARY KEY (rowid=?)"]),
            (statements.MARK_DELETED, ["PRIMARY KEY (rowid=?)"]),
            (statements.FORGET_SMALL, ["PRIMARY KEY (rowid=?)"]),
            *(
                (statements.by_run(statement), ["PRIMARY KEY (rowid>? AND rowid<?)"])
                for statement in (
                    *(statements.RESERVE.sqlite, statements.MARK_DELETED, statements.DELETE_SMALL),
                    *(
                        statements.FORGET_SMALL,
                        statements.REMOVE.sqlite,
                        statements.DROP_BODIES.sqlite,
                    ),
                )
            ),
            (statements.LAPSED.sqlite, ["remembered_until (until<?)"]),
            (statements.NEXT_LAPSE.sqlite, ["remembered_until"]),
            (statements.TOUCH.sqlite, ["PRIMARY KEY (rowid=?)"]),
            (statements.THESE.sqlite, ["PRIMARY KEY (rowid=?)"]),
            (statements.RELEASE_TO.sqlite, ["PRIMARY KEY (rowid=?)"]),
            (statements.GIVE_BACK.sqlite, ["PRIMARY KEY (rowid=?)"]),
            (statements.GET.sqlite, ["PRIMARY KEY (rowid=?)"]),
            (statements.REMOVE.sqlite, ["PRIMARY KEY (rowid=?)"]),
            (statements.DROP_BODIES.sqlite, ["PRIMARY KEY (rowid=?)"]),
            (statements.SHELF_READY.sqlite, ["msg_ready (world=? AND queue=?)"]),
            (statements.SHELF_HELD.sqlite, ["msg_held (world=? AND queue=?)"]),
            (statements.OLDEST_READY.sqlite, ["msg_ready (world=? AND queue=?)"]),
            (statements.OLDEST_HELD.sqlite, ["msg_held (world=? AND queue=?)"]),
            (catalogue.USAGE.sqlite, ["PRIMARY KEY (world=?)"]),
        ):
            with self.subTest(statement=statement):
                self.assert_plan(statement, *indexes)


class CallThreadTests(TestCase):
    """The same store with a thread of its own."""

    def test_results_and_failures_come_back_in_order(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.drive())

    async def drive(self) -> None:
        path = self.mktemp()
        store = SQLiteStore(path, CallThread(reactor))  # type: ignore[arg-type]
        store.open()
        (world,) = store.worlds([["x"]])
        post = ops.Post(world, SHELF, (row(1),))
        first = store.run(Batch(NOW, (), (), (post,), 0))
        second = store.run(Batch(NOW, (), (), (post,), 0))
        third = store.run(Batch(NOW, (), (), (ops.Count(world, SHELF),), 0))
        self.assertEqual(await first, [None])
        await self.assertFailure(second, sqlite3.IntegrityError)
        self.assertEqual(await third, [(1, 1)])
        await store.close()
