"""A copy has all of the other database, or nothing of it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage.copying import Holds, copy, holds
from mqgate.storage.copying.settling import settled
from mqgate.storage.copying.tables import TABLES, Table
from mqgate.storage.databases import Database, choose
from mqgate.storage.interface import StoreError
from mqgate.storage.postgresql import PostgreSQLStore
from mqgate.storage.sqlite import Inline, SQLiteStore
from mqgate.storage.sqlite.rows import listed
from mqgate.storage.sqlite.schema import open_file
from mqgate.storage.verify import problems_in
from tests.postgresql.databases import database as new_database
from tests.storage.aged import restore, versions

#: What the columns of random rows hold, by their types in SQLite's schema.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "INTEGER": st.integers(0, 5) | st.integers(-(1 << 62), 1 << 62),
    "TEXT": st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9),
    "BLOB": st.binary(max_size=20) | st.just(bytes(range(256)) * 20),
}
LISTS = ("remembered", "push_remembered")


def unseen(rows: int) -> None:
    """Nobody watches."""


def copied(come_from: Database, go_to: Database) -> dict[str, int]:
    """Copy all of it."""
    with closing(come_from.source()) as source, closing(go_to.target()) as target:
        return copy(source, target, unseen)


def content(database: Database) -> dict[str, list[Any]]:
    """A database's rows, as a copy is to have them."""
    with closing(database.source()) as source:
        return {
            table.name: sorted(settled(table, source.rows(table)), key=repr) for table in TABLES
        }


def problems(database: Database) -> list[str]:
    """What does not add up."""
    with closing(database.view()) as view:
        return problems_in(view)


class CopyCase(SynchronousTestCase):
    """A folder for files, and a file with messages in every state."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.makedirs(self.folder)
        self.path = os.path.join(self.folder, "source.db")
        restore(max(versions()), self.path)
        open_file(self.path).close()
        self.store = SQLiteStore(self.path, Inline())
        self.store.open()  # which makes what a server's start makes
        self.successResultOf(self.store.close())
        self.source = choose(None, self.path)

    def file(self, name: str) -> Database:
        return choose(None, os.path.join(self.folder, name))

    def refused(self, come_from: Database, go_to: Database) -> str:
        return str(self.assertRaises(StoreError, copied, come_from, go_to))


class RoundTripTests(CopyCase):
    def test_there_and_back_it_is_the_same(self) -> None:
        server, back = choose(new_database(), ""), self.file("back.db")
        counts = copied(self.source, server)
        self.assertGreater(counts["msg"], 10)
        self.assertEqual(problems(server), [])
        self.assertEqual(content(server), content(self.source))
        self.assertEqual(copied(server, back), counts)
        self.assertEqual(problems(back), [])
        self.assertEqual(content(back), content(self.source))

    def test_it_goes_from_file_to_file_and_from_server_to_server(self) -> None:
        places = [self.file("one.db"), *(choose(new_database(), "") for _ in range(2))]
        for come_from, go_to in zip([self.source, *places], places, strict=False):
            copied(come_from, go_to)
            self.assertEqual(content(go_to), content(self.source))

    def test_every_table_and_every_column_is_copied(self) -> None:
        """But for what each database has for itself."""
        with closing(sqlite3.connect(self.path)) as connection:
            in_file = connection.execute(
                "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c"
                " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
            ).fetchall()
        dsn = new_database()
        choose(dsn, "").target().close()
        with psycopg.connect(dsn) as connection:
            on_server = connection.execute(
                "SELECT table_name, column_name FROM information_schema.columns"
                " WHERE table_schema = 'public' AND table_name <> 'schema_version'"
            ).fetchall()
        there = {(table.name, column) for table in TABLES for column in table.columns}
        counted = {("qstat", "bytes")}
        alone = {("remembered", "n"), ("msg", "aged"), ("aging", "upto")}
        self.assertEqual(set(in_file) - counted - alone, there - {("remembered", "world")})
        self.assertEqual(set(on_server) - counted - {(name, "note") for name in LISTS}, there)

    def test_random_rows_are_the_same_there_and_back(self) -> None:
        dsn = new_database()
        server, source, back = choose(dsn, ""), self.file("random.db"), self.file("back.db")

        @settings(max_examples=20, deadline=None)
        @given(st.data())
        def check(data: st.DataObject) -> None:
            for database in (source, back):
                if os.path.exists(database.name):  # of the example before
                    os.unlink(database.name)
            fill(source.name, data)
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            copied(source, server)
            copied(server, back)
            self.assertEqual(content(back), content(source))

        check()


def fill(path: str, data: st.DataObject) -> None:
    """Make a file of random rows, which need not make sense."""
    with closing(open_file(path)) as connection:
        connection.execute("BEGIN")
        for table in TABLES:
            if table.name not in LISTS:
                statement = f"INSERT OR IGNORE INTO {table.name}({table.listed}) VALUES"
                for row in data.draw(st.lists(rows_of(connection, table), max_size=4)):
                    connection.execute(f"{statement}({', '.join('?' * len(row))})", row)
        worlds: dict[int, list[int]] = {}
        for world, id_ in connection.execute("SELECT world, id FROM msg").fetchall():
            worlds.setdefault(world, []).append(id_)
        for world, ids in worlds.items():
            until = data.draw(VALUES["INTEGER"])
            connection.execute(
                "INSERT INTO remembered VALUES(?, ?, ?)", (until, len(ids), listed(ids))
            )
            note = (until, world, until, listed(ids))
            connection.execute("INSERT INTO push_remembered VALUES(?, ?, ?, ?)", note)
        connection.execute("COMMIT")


def rows_of(connection: sqlite3.Connection, table: Table) -> st.SearchStrategy[Any]:
    """Rows that may stand in a table."""
    columns = {
        name: VALUES[kind] if required else st.none() | VALUES[kind]
        for _, name, kind, required, *_ in connection.execute(f"PRAGMA table_info({table.name})")
    }
    for key in ("id", "slot"):  # an INTEGER PRIMARY KEY does not say that it is required
        if key in columns:
            columns[key] = VALUES["INTEGER"]
    return st.tuples(*(columns[name] for name in table.columns))


class ApartTests(CopyCase):
    """Nobody else is at work, on either side."""

    def test_a_server_that_has_the_file_is_in_the_way(self) -> None:
        self.store.open()
        server = choose(new_database(), "")
        self.assertIn("is held by another server", self.refused(self.source, server))
        copied_file = self.file("back.db")
        self.successResultOf(self.store.close())
        copied(self.source, copied_file)

    def test_a_file_that_is_copied_cannot_be_opened(self) -> None:
        with closing(self.source.source()):
            self.assertRaises(StoreError, self.store.open)
        with closing(self.file("back.db").target()):
            store = SQLiteStore(os.path.join(self.folder, "back.db"), Inline())
            self.assertRaises(StoreError, store.open)

    def test_gateways_at_work_are_in_the_way(self) -> None:
        dsn = new_database()
        server = choose(dsn, "")
        copied(self.source, server)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO gateway SELECT slot, 'a', (extract(epoch FROM now()) + 20) * 1000,"
                " 0, 0 FROM unnest(ARRAY[3, 5]) AS slot"
            )
            for come_from, go_to in ((server, self.file("back.db")), (self.source, server)):
                line = self.refused(come_from, go_to)
                self.assertIn("is in use by the gateways of slots 3, 5: stop them first", line)
            connection.execute("UPDATE gateway SET lease = 0")
        copied(server, self.file("back.db"))

    def test_no_gateway_gets_a_slot_while_it_is_copied(self) -> None:
        dsn = new_database()
        server = choose(dsn, "")
        copied(self.source, server)
        with closing(server.source()), psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("SET lock_timeout = '50ms'")
            take = "UPDATE gateway SET owner = 'me'"
            self.assertRaises(psycopg.errors.LockNotAvailable, connection.execute, take)


class WholeTests(CopyCase):
    """A copy that does not come to its end leaves nothing behind."""

    def test_what_holds_something_is_left_as_it_is(self) -> None:
        server, file = choose(new_database(), ""), self.file("other.db")
        for database in (server, file):
            copied(self.source, database)
            self.store.open()  # since when the source is another one
            self.successResultOf(self.store.close())
            before = content(database)
            self.assertIn("holds queues or messages already", self.refused(self.source, database))
            self.assertEqual(content(database), before)

    def test_what_a_server_makes_at_its_first_start_is_nothing(self) -> None:
        store = SQLiteStore(os.path.join(self.folder, "other.db"), Inline())
        store.open()
        store.worlds([["a:else"]])
        self.successResultOf(store.close())
        copied(self.source, self.file("other.db"))
        self.assertEqual(content(self.file("other.db")), content(self.source))

    def test_bytes_are_counted_anew_where_a_limit_asks_for_it(self) -> None:
        dsn = new_database()
        self.store.open()
        self.store.meter(True)
        self.successResultOf(self.store.close())
        store = PostgreSQLStore(dsn, Inline())
        store.open()
        store.meter(True)
        self.successResultOf(store.close())
        copied(self.source, choose(dsn, ""))
        for wanted in (False, True):
            store = PostgreSQLStore(dsn, Inline())
            store.open()
            store.meter(wanted)
            self.successResultOf(store.close())
            self.assertEqual(problems(choose(dsn, "")), [])
        statement = "SELECT sum(bytes) FROM qstat"
        with psycopg.connect(dsn) as connection, closing(sqlite3.connect(self.path)) as file:
            found = connection.execute(statement).fetchone()
            self.assertEqual(found, file.execute(statement).fetchone())

    def test_whether_a_copy_is_there_already_can_be_told(self) -> None:
        server, file = choose(new_database(), ""), self.file("other.db")
        for database in (server, file):
            for expected in (Holds.NOTHING, Holds.THIS):
                with (
                    closing(self.source.source()) as source,
                    closing(database.target()) as target,
                ):
                    self.assertIs(holds(source, target), expected)
                    if expected is Holds.NOTHING:
                        copy(source, target, unseen)
        self.store.open()
        self.successResultOf(self.store.close())
        for database in (server, file):
            with closing(self.source.source()) as source, closing(database.target()) as target:
                self.assertIs(holds(source, target), Holds.OTHERS)

    def test_a_row_that_the_other_cannot_hold_is_told_of_and_nothing_is_left(self) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("UPDATE queue SET policy = 'a' || char(0) || 'b'")
        server = choose(new_database(), "")
        self.assertIn("the table queue cannot be copied", self.refused(self.source, server))
        with closing(server.target()) as target:
            self.assertFalse(target.used())

    def test_one_that_breaks_off_leaves_no_file(self) -> None:
        def break_off(rows: Iterator[Any]) -> Iterator[Any]:
            yield next(rows)
            raise KeyboardInterrupt

        table = TABLES[2]
        for _ in range(2):
            with closing(self.source.source()) as source:
                target = self.file("back.db").target()
                target.clear()
                rows = break_off(source.rows(table))
                self.assertRaises(KeyboardInterrupt, target.write, table, rows)
                target.close()
            left = [each for each in os.listdir(self.folder) if "back.db" in each]
            self.assertEqual(sorted(left), ["back.db.command.lock", "back.db.lock"])

    def test_what_was_being_pushed_is_nobodys(self) -> None:
        """Its gateway is gone: the next one goes on, with the try that was begun."""
        push = (1, 1, 1, 1, 1, b"[]", "v", None, 3, 60, 0, "u", "l", 2, 9, 1, 0, 77, None)
        [released] = settled(next(each for each in TABLES if each.name == "push"), iter([push]))
        self.assertEqual(released[13:], (1, 9, 2, 0, 0, None))
