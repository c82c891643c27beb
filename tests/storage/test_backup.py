"""An older file is upgraded, and copied first, unless its operator wants it otherwise."""

from __future__ import annotations

import os
import sqlite3

from twisted.logger import capturedLogs

from mqgate.storage.interface import StoreError
from mqgate.storage.sqlite import schema
from mqgate.storage.sqlite.backup import Backups
from tests.storage.test_sqlite import Files

#: The schema that this version makes.
NEWEST = len(schema.migrations())
#: A step to the next one.
MORE = "CREATE TABLE novelty(x); INSERT INTO novelty VALUES(1);"


class MigrationTests(Files):
    """An older file is upgraded, with a copy put aside first."""

    def test_an_older_file_is_upgraded_after_a_backup(self) -> None:
        self.make()
        steps = [*schema.migrations(), MORE]
        connection = schema.open_file(self.path, steps)
        self.assertEqual(connection.execute("SELECT x FROM novelty").fetchall(), [(1,)])
        connection.close()
        old = sqlite3.connect(f"{self.path}.schema-{NEWEST}")
        self.assertEqual(old.execute("PRAGMA user_version").fetchall(), [(NEWEST,)])
        old.close()

    def test_every_upgrade_has_a_backup_of_its_own(self) -> None:
        self.make()
        with open(f"{self.path}.schema-{NEWEST}.part", "w") as left:
            left.write("of a start that was cut short")
        schema.open_file(self.path, [*schema.migrations(), MORE]).close()
        self.execute(f"PRAGMA user_version = {NEWEST}")
        self.execute("DROP TABLE novelty")
        schema.open_file(self.path, [*schema.migrations(), MORE]).close()
        backups = [name for name in os.listdir(self.folder) if ".schema-" in name]
        first = f"queues.db.schema-{NEWEST}"
        self.assertEqual(sorted(backups), [first, f"{first}.2"])
        mode = os.stat(os.path.join(self.folder, backups[0])).st_mode
        self.assertEqual(mode & 0o777, 0o600)

    def test_a_step_that_fails_leaves_the_file_as_it_was(self) -> None:
        self.make()
        with self.assertRaises(StoreError):
            schema.open_file(self.path, [*schema.migrations(), MORE + "bad;"])
        self.make()

    def test_a_new_file_needs_no_backup(self) -> None:
        self.make()
        self.assertEqual(sorted(os.listdir(self.folder)), ["queues.db", "queues.db.lock"])


class BackupTests(Files):
    """Which files are copied, and what happens where there is no room for it."""

    def setUp(self) -> None:
        super().setUp()
        self.make()
        #: Bytes in the file, and those that can still be written beside it.
        self.size = os.path.getsize(self.path)
        self.free = 2 * self.size

    def upgrade(self, wanted: object = True, small: int = 10**9) -> None:
        backups = Backups(wanted, small, lambda folder: self.free)  # type: ignore[arg-type]
        schema.open_file(self.path, [*schema.migrations(), MORE], backups=backups).close()

    def copies(self) -> int:
        return sum(".schema-" in name for name in os.listdir(self.folder))

    def version(self) -> int:
        connection = sqlite3.connect(self.path)
        self.addCleanup(connection.close)
        found: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return found

    def test_where_there_is_no_room_for_the_copy_nothing_is_done(self) -> None:
        self.free = self.size
        with self.assertRaises(StoreError) as caught:
            self.upgrade()
        line = str(caught.exception)
        self.assertIn(f"{self.path} has to be upgraded, and there is no room", line)
        self.assertIn("1 MB are needed, 0 MB are free", line)
        self.assertIn("set backup_before_upgrade = false", line)
        self.assertNotIn("\n", line)
        self.assertEqual((self.copies(), self.version()), (0, NEWEST))
        self.free = self.size + self.size // 4
        self.upgrade()
        self.assertEqual((self.copies(), self.version()), (1, NEWEST + 1))

    def test_no_copy_is_made_where_none_is_wanted(self) -> None:
        self.free = 0
        with capturedLogs() as events:
            self.upgrade(wanted=False)
        self.assertEqual((self.copies(), self.version()), (0, NEWEST + 1))
        self.assertEqual([event["log_level"].name for event in events], ["warn"])

    def test_a_small_file_is_copied_where_only_those_are(self) -> None:
        self.upgrade(wanted="small", small=self.size)
        self.assertEqual(self.copies(), 1)

    def test_a_large_one_is_not_and_needs_no_room(self) -> None:
        self.free = 0
        self.upgrade(wanted="small", small=self.size - 1)
        self.assertEqual((self.copies(), self.version()), (0, NEWEST + 1))

    def test_a_copy_that_cannot_be_finished_leaves_nothing_behind(self) -> None:
        connection = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(connection.close)
        connection.execute("BEGIN")  # inside a transaction no copy can be made
        with self.assertRaises(sqlite3.OperationalError):
            Backups().make(connection, self.path, NEWEST)
        self.assertEqual(self.copies(), 0)
