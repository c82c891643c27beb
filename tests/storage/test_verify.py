"""What does not add up is found, whatever it is."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import psycopg
from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage import interface as ops
from mqgate.storage.copying import copy
from mqgate.storage.databases import choose
from mqgate.storage.interface import Batch, Change, Memory, QueueRow
from mqgate.storage.sqlite import Inline, SQLiteStore
from mqgate.storage.verify import problems_in, verify
from tests.postgresql.databases import database as new_database
from tests.storage.contract import MEMORY, NOW, SHELF, row
from tests.storage.contract_pushes import entry

#: What somebody does to the file, and how it is told.
DAMAGE = (
    ("UPDATE qstat SET n = 9, total = 9", "counts 9 messages but has 3"),
    ("UPDATE qstat SET total = 1", "only 1 were ever posted"),
    ("DELETE FROM queue", "has counters, but no queue"),
    ("UPDATE body SET refs = 2", "is used 1 times but counts 2"),
    ("UPDATE msg SET body = 7 WHERE id = 2", "body 2 is used 0 times but counts 1"),
    ("DELETE FROM body", "message 2 has no body"),
    ("UPDATE msg SET data = NULL WHERE id = 1", "message 1 has no body"),
    ("UPDATE msg SET data = x'00' WHERE id = 2", "message 2 uses body 2 and has one of its own"),
    ("UPDATE msg SET queue = 99 WHERE id = 1", "message 1 stands on shelf 99"),
    ("UPDATE msg SET due = 1 WHERE id = 1", "message 1 has state 0 and due time 1"),
    ("UPDATE gateway SET high = 2", "message 3 has an id above 2"),
    ("DELETE FROM remembered", "message 3 is deleted, and nobody is going to remove it"),
    ("UPDATE msg SET aged = 0, expires = 1 WHERE id = 1", "message 1 has grown old, or soon"),
    ("UPDATE remembered SET n = 2", "a note of 2 deleted messages lists 1"),
    ("UPDATE push SET message = 99 WHERE message = 4", "entry 5 of message 99 is there, but"),
    ("UPDATE msg SET state = 0 WHERE id = 4", "entry 5 of message 4 is open, but"),
    ("UPDATE push SET status = 3 WHERE message = 4", "message 4 is being pushed, but has no open"),
    ("UPDATE push SET claim = 7 WHERE message = 4", "entry 5 of message 4 is claimed, but has"),
    ("DELETE FROM push_remembered", "entry 7 of message 6 has ended, and nobody is going to"),
)
#: PostgreSQL's notes do not say how long they are, and its index of expiries has all messages.
ONLY_IN_A_FILE = (
    "UPDATE msg SET aged = 0, expires = 1 WHERE id = 1",
    "UPDATE remembered SET n = 2",
)


class VerifyTests(SynchronousTestCase):
    """A file with a small message, a large one, a deleted one, and two that were pushed.

    Of those one is delivered.
    """

    def setUp(self) -> None:
        folder = self.mktemp()
        os.makedirs(folder)
        self.path = path = os.path.join(folder, "queues.db")
        store = SQLiteStore(path, Inline())
        store.open()
        (world,) = store.worlds([["a:one"]])
        queue = QueueRow(world, 1, "q", SHELF, "plain", {}, NOW, 0, 1)
        rows = (row(1), row(2, data=b"2" * 1000), row(3), row(4, state=4), row(6, state=4))
        memory = Memory(MEMORY, 9)
        operations = (
            ops.Post(world, SHELF, rows, (entry(4, 5), entry(6, 7))),
            ops.Delete(world, SHELF, (3,), memory),
            ops.AcknowledgePush(ops.PushKey(world, SHELF, 6, 7), memory),
        )
        changes = (Change(world, 1, 10, (queue,), ()),)
        for batch in (
            Batch(NOW, (), changes, operations[:1], 7),
            Batch(NOW, (), (), operations[1:], 0),
        ):
            self.successResultOf(store.run(batch))
        self.successResultOf(store.close())
        self.connection = sqlite3.connect(path)
        self.addCleanup(self.connection.close)

    def test_nothing_is_wrong_with_what_the_store_wrote(self) -> None:
        self.assertEqual(verify(self.connection), [])

    def problems_of(self, statement: str) -> list[str]:
        """What is told of the file after a statement."""
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as damaged:
            self.connection.backup(damaged)
            damaged.execute(statement)
            return verify(damaged)

    def test_each_kind_of_damage_is_told(self) -> None:
        for statement, sentence in DAMAGE:
            with self.subTest(statement=statement):
                problems = self.problems_of(statement)
                self.assertTrue(any(sentence in each for each in problems), problems)

    def test_a_server_is_told_the_same_of_in_the_same_words(self) -> None:
        dsn = new_database()
        server, file = choose(dsn, ""), choose(None, self.path)
        with psycopg.connect(dsn, autocommit=True) as connection:
            for statement, _ in DAMAGE:
                if statement in ONLY_IN_A_FILE:
                    continue
                connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
                with closing(file.source()) as source, closing(server.target()) as target:
                    copy(source, target, lambda rows: None)
                connection.execute(statement.replace("x'00'", r"'\x00'"))
                with self.subTest(statement=statement), closing(server.view()) as view:
                    problems = problems_in(view)
                    self.assertEqual(sorted(problems), sorted(self.problems_of(statement)))

    def test_a_view_is_of_one_moment(self) -> None:
        """The counters and what they count are changed together, and looked at one by one."""
        dsn = new_database()
        server, file = choose(dsn, ""), choose(None, self.path)
        with closing(file.source()) as source, closing(server.target()) as target:
            copy(source, target, lambda rows: None)
        with (
            psycopg.connect(dsn, autocommit=True) as connection,
            closing(server.view()) as before,
        ):
            connection.execute("DELETE FROM msg WHERE id = 1; UPDATE qstat SET n = n - 1")
            self.assertEqual(problems_in(before), [])
            before.renew()
            self.assertEqual(problems_in(before), [])
            connection.execute("DELETE FROM msg WHERE id = 2")
            self.assertEqual(problems_in(before), [])
            before.renew()
            self.assertEqual(len(problems_in(before)), 2)
